"""The words in which a system call is described.

    @leader(effect="transfer", blocks=True)
    def read(fd: Fd, buf: Out[Bytes["ret"]], count: Size): ...

The decorator says who executes the call and what effect it has; the annotations say what its arguments and
its memory are, and its result where that is more than a number (`-> NewFd`). A call with sub-commands is
described by `parent`, each sub-command by `sub`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field

from stretto.syscalls.numbers import NUMBERS
from stretto.syscalls.types import Type

REFUSED, LEADER, EACH, LOCAL = range(4)
WHO = ("refused", "leader", "every variant", "local")

BLOCKS, MAY_SIGNAL, STARTS_TASK, PARTIAL, TAKES_NO_MEMORY, GIVES_NO_MEMORY = 1, 2, 4, 8, 16, 32

#: What a call does outside of the program: it changes something, only asks, moves data or a position, or does
#: nothing there: threads of the program wait for each other.
CONTROL, QUERY, TRANSFER, WITHIN = EFFECTS = "control", "query", "transfer", "within"

#: The order is that of the numbers in the table.
CATEGORIES = "other file descriptor memory process signal network clock identity system refused".split()

MECHANISMS = (
    "plain mmap munmap mremap brk fork exec exit wait sigreturn sigsuspend open recvfds restart swallow"
    " cpus-shown cpus-chosen set-dumpable get-dumpable set-gs filters by-descriptor duplicate"
).split()

EPERM, EINVAL, ENOTTY, ENOSYS, ENOPROTOOPT = 1, 22, 25, 38, 92


@dataclass(frozen=True)
class Result:
    """What a call returns: plain 0, new descriptor 1, address 2, task id 3.

    `most` is an expression: no call with these arguments gives more, but for errors.
    """

    kind: int
    name: str
    most: str | None = None


Number = Result(0, "number")
NewFd = Result(1, "new descriptor")
NewAddress = Result(2, "address")
TaskId = Result(3, "task id")


class _AtMost:
    def __getitem__(self, most: str) -> Result:
        return Result(0, f"number, at most {most}", most)


#: `-> AtMost["count"]`
AtMost = _AtMost()


@dataclass
class Description:
    """One call or sub-command."""

    name: str
    number: int
    arguments: list[tuple[str, Type]]
    who: int
    result: Result = Number
    mechanism: str = "plain"
    effect: str = CONTROL
    flags: int = 0
    errno: int = 0
    cloexec: str | None = None
    mask: str | None = None
    note: str = ""
    category: str = ""
    selector: str | None = None
    commands: dict[int, Description] = field(default_factory=dict)


CALLS: dict[str, Description] = {}
_category = ["other"]

Signature = Callable[..., object]


def family(name: str) -> None:
    """Names the category of the descriptions that follow."""
    if name not in CATEGORIES:
        raise ValueError(f"family must be one of {', '.join(CATEGORIES)}, got {name!r}")
    _category[0] = name


def _number(name: str) -> int:
    if name not in NUMBERS:
        raise ValueError(f"{name}: no such system call in Linux 6.18 on x86-64")
    return NUMBERS[name]


def _describe(function: Signature, who: int, options: dict[str, object]) -> Description:
    signature = inspect.signature(function, eval_str=True)
    flags = sum(
        bit
        for word, bit in (("blocks", BLOCKS), ("may_signal", MAY_SIGNAL), ("starts_task", STARTS_TASK))
        if options.pop(word, False)
    )
    note = str(options.pop("partial", ""))
    category = str(options.pop("category", _category[0]))
    if options.get("effect", CONTROL) not in EFFECTS:
        raise ValueError(f"effect must be one of {', '.join(EFFECTS)}, got {options['effect']!r}")
    result = Number if signature.return_annotation is signature.empty else signature.return_annotation
    if not isinstance(result, Result):
        raise ValueError(
            f"{function.__name__}: the result must be Number, AtMost[...], NewFd, NewAddress or TaskId"
        )
    return Description(
        name=function.__name__.rstrip("_"),
        number=-1,
        arguments=[(name, parameter.annotation) for name, parameter in signature.parameters.items()],
        who=who,
        result=result,
        flags=flags | (PARTIAL if note else 0),
        note=note,
        category=category,
        **options,  # type: ignore[arg-type]
    )


def _call(who: int, options: dict[str, object]) -> Callable[[Signature], Description]:
    def register(function: Signature) -> Description:
        description = _describe(function, who, dict(options))
        description.number = _number(description.name)
        CALLS[description.name] = description
        return description

    return register


def leader(**options: object) -> Callable[[Signature], Description]:
    """Executed by the leader; followers get its result and its out-data."""
    return _call(LEADER, options)


def each(**options: object) -> Callable[[Signature], Description]:
    """Executed by every variant; the results must agree."""
    return _call(EACH, options)


def local(**options: object) -> Callable[[Signature], Description]:
    """Executed by every variant at its own pace; not compared."""
    return _call(LOCAL, options)


def refuse(names: str, errno: int, why: str) -> None:
    """The calls in `names` give `errno` in every variant, because of `why`."""
    for name in names.split():
        CALLS[name] = Description(
            name, _number(name), [], REFUSED, errno=errno, note=why, category=_category[0]
        )


def parent(selector: str, errno: int) -> Callable[[Signature], Description]:
    """A call whose sub-command is told by `selector`; an undescribed one gives `errno`."""

    def register(function: Signature) -> Description:
        description = _describe(function, REFUSED, {"errno": errno, "selector": selector})
        description.number = _number(description.name)
        description.note = "sub-commands are described one by one; an unknown one gives an error"
        CALLS[description.name] = description
        return description

    return register


def sub(
    call: Description, values: dict[str, int], who: int, /, **options: object
) -> Callable[[Signature], None]:
    """Describes sub-commands (name to value) of a call that share one signature."""

    def register(function: Signature) -> None:
        for name, value in values.items():
            description = _describe(function, who, dict(options))
            description.name = f"{call.name} {name}"
            description.number = call.number
            call.commands[value] = description

    return register


def forbid(call: Description, values: dict[str, int], errno: int, why: str) -> None:
    """Sub-commands that give `errno` in every variant."""
    for name, value in values.items():
        call.commands[value] = Description(
            f"{call.name} {name}", call.number, [], REFUSED, errno=errno, note=why, category=_category[0]
        )
