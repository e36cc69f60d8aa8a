"""Which calls can be handled inside a variant, without the monitor or with its approval.

That is a question to the description alone.
"""

from .language import (
    EACH,
    LEADER,
    LOCAL,
    MAY_SIGNAL,
    REFUSED,
    STARTS_TASK,
    WITHIN,
    Description,
    NewFd,
    Number,
    TaskId,
)
from .types import (
    Address,
    Array,
    BytesType,
    Integer,
    Named,
    Plain,
    Pointer,
    String,
    Struct,
    Type,
    Union,
    Vectors,
)

_NOT_THE_LEADERS = {
    REFUSED: "nobody executes it",
    LOCAL: "every variant executes it at its own pace",
}


def in_process(description: Description) -> str:
    """Why a call can't be handled inside a variant; empty if it can."""
    return _kind(description) or _signals(description) or _arguments(description)


def approvable(description: Description) -> bool:
    """Whether a call can be handled inside, but for the approval of the leader's by the monitor.

    Followers do no more than take its result over, and hold a placeholder for a new descriptor.
    """
    return (
        description.who == LEADER
        and not description.commands
        and description.mechanism in ("plain", "open")
        and not description.flags & STARTS_TASK
        and description.result.kind in (Number.kind, NewFd.kind)
        and not _signals(description)
        and not _arguments(description)
    )


def _kind(description: Description) -> str:
    if description.commands:
        return "that depends on the sub-command"
    if description.who in _NOT_THE_LEADERS:
        return _NOT_THE_LEADERS[description.who]
    if description.mechanism != "plain":
        return "the monitor takes part in it"
    if description.flags & STARTS_TASK:
        return "it starts a task"
    if description.who == EACH and any(isinstance(kind, Pointer) for _, kind in description.arguments):
        return "every variant executes it, and the kernel would read from memory that was not compared"
    if description.result.kind not in (Number.kind, TaskId.kind):
        return f"its result is no plain number: {description.result.name}"
    return ""


def _signals(description: Description) -> str:
    if description.flags & MAY_SIGNAL:
        return "a signal for the caller may follow"
    return "it changes the signal mask" if description.mask is not None else ""


def _arguments(description: Description) -> str:
    for name, kind in description.arguments:
        if description.effect == WITHIN and kind == Address:
            continue  # threads wait there: nothing gets at memory that the program has not got
        problem = _argument(kind)
        if problem:
            return f"{name} {problem}"
    return ""


def _argument(kind: Type) -> str:
    """What is wrong with what a register holds."""
    match kind:
        case Integer() | Named() | Plain(kind=1) | Pointer(target=None) | Pointer(direction=0):
            return ""
        case Pointer(target=Vectors()):
            return ""
        case Pointer(target=Type() as target):
            found = _memory(target)
            return f"leads to {found}" if found else ""
        case Union(cases=cases):
            return next(filter(None, (_argument(case) for _, case in cases)), "")
        case Plain():
            return "is an address"
    return "is of a kind that only the monitor knows"


def _memory(kind: Type) -> str:
    """What is wrong with memory that a pointer leads to: it has to be flat."""
    match kind:
        case Integer() | Named() | Plain() | BytesType() | String(kind=6):
            return ""
        case Array(element=element):
            return _memory(element)
        case Struct(fields=fields):
            return next(filter(None, (_memory(field.type) for field in fields)), "")
        case Union(cases=cases):
            return next(filter(None, (_memory(case) for _, case in cases)), "")
        case Pointer() | String() | Vectors():
            return "further pointers"
    return "data that only the monitor understands"
