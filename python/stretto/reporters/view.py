"""What every report shows, computed once: the text and the page only differ in how they draw it."""

import signal
from dataclasses import dataclass, field
from typing import Any

from ..errors import printable
from .calls import format_call, number
from .hexdump import HexRow, hexdump
from .history import HistoryRow, align
from .places import Places

Document = dict[str, Any]

#: What each kind of divergence means, for those who see the word for the first time.
KINDS = {
    "call": "the variants asked for different calls",
    "argument": "the same call, asked for with different arguments",
    "result": "the same call had different results",
    "fault": "a variant accessed memory, or executed bytes, that it does not have",
    "death": "a variant ended while the others went on",
    "ring": "somebody has written what an agent does not write",
    "timeout": "a variant did not arrive where the others waited",
}


@dataclass(frozen=True)
class Frame:
    """One line of a back-trace."""

    address: str
    place: str
    symbol: str


@dataclass(frozen=True)
class Variant:
    """One variant at the moment of the divergence."""

    number: int
    role: str
    odd: bool
    ids: str
    asked: str
    site: str
    frames: tuple[Frame, ...]
    registers: tuple[tuple[str, str], ...]
    maps: str

    @property
    def title(self) -> str:
        return f"variant {self.number} ({self.role})"


@dataclass(frozen=True)
class View:
    """A divergence, ready to be drawn."""

    summary: str
    kind: str
    kind_meaning: str
    command: str
    call: str
    argument: str
    first_difference: str
    facts: tuple[tuple[str, str], ...]
    variants: tuple[Variant, ...]
    hex_variants: tuple[int, ...]
    hexdump: tuple[HexRow, ...]
    history: tuple[HistoryRow, ...] = field(default=())


def view(document: Document) -> View:
    """Computes what there is to show; missing parts of a document are left out, not errors."""
    variants = document.get("variants") or []
    odd = set(document.get("odd") or [])
    kind = str(document.get("kind") or "unknown")
    numbers, rows, first = hexdump(document)
    places = Places(variants)
    return View(
        summary=printable(str(document.get("summary") or "the variants disagreed")),
        kind=printable(kind),
        kind_meaning=KINDS.get(kind, ""),
        command=printable(" ".join(_quoted(word) for word in document.get("command") or [])),
        call=_call(document),
        argument=_argument(document.get("argument")),
        first_difference=first,
        facts=_facts(document),
        variants=tuple(_variant(variant, odd, places) for variant in variants),
        hex_variants=numbers,
        hexdump=rows,
        history=align([variant.get("history") or [] for variant in variants]),
    )


def _quoted(word: object) -> str:
    import shlex

    return shlex.quote(str(word))


def _call(document: Document) -> str:
    call = document.get("call")
    return f"{printable(str(call.get('name')))} (call {call.get('nr')})" if call else ""


def _argument(argument: dict[str, Any] | None) -> str:
    if not argument:
        return ""
    name = printable(str(argument.get("name") or ""))
    offset = argument.get("offset")
    place = f", byte {offset}" if isinstance(offset, int) else ""
    return f"argument {argument.get('index')}{f' ({name})' if name else ''}{place}"


def _facts(document: Document) -> tuple[tuple[str, str], ...]:
    facts = [
        ("kind", str(document.get("kind"))),
        ("process", str(document.get("process"))),
        ("task", str(document.get("task"))),
        ("variants", str(document.get("variants_total"))),
        ("layout", str(document.get("layout"))),
        ("Stretto", str(document.get("stretto"))),
    ]
    return tuple((name, printable(value)) for name, value in facts if value != "None")


def _variant(variant: dict[str, Any], odd: set[int], places: Places) -> Variant:
    event = variant.get("event") or {}
    process, task = variant.get("pid"), variant.get("tid")
    site = event.get("site")
    number_ = int(variant.get("variant", 0))
    return Variant(
        number=number_,
        role=printable(str(variant.get("role") or "follower")),
        odd=variant.get("variant") in odd,
        ids=f"pid {process}" + (f", tid {task}" if task != process else ""),
        asked=_event(event) + places.elsewhere(event.get("address"), number_),
        site=places.describe(site, number_) if isinstance(site, int) else "",
        frames=tuple(_frame(frame) for frame in variant.get("backtrace") or []),
        registers=tuple(
            (printable(name), f"{value:#018x}") for name, value in (variant.get("registers") or {}).items()
        ),
        maps=_lines(variant.get("maps") or ""),
    )


def _lines(text: str) -> str:
    return "\n".join(printable(line) for line in text.splitlines())


def _event(event: dict[str, Any]) -> str:
    match event.get("type"):
        case "call":
            return format_call(event["nr"], str(event.get("name")), event.get("args") or [], None)
        case "signal":
            address = event.get("address")
            return f"got {_signal(event)}" + (f" at address {address:#x}" if isinstance(address, int) else "")
        case "death":
            return f"was ended by {_signal(event)}"
        case "result":
            result = event.get("result")
            shown = number(result) if isinstance(result, int) else "unknown"
            return f"{printable(str(event.get('name')))} gave {shown}"
        case "timestamp":
            return "read the time stamp"
        case "exit":
            return f"ended with status {printable(str(event.get('status')))}"
        case "missing":
            return "did not arrive"
        case other:
            return printable(str(other or "nothing known"))


def _signal(event: dict[str, Any]) -> str:
    if event.get("name"):
        return printable(str(event["name"]))
    try:
        return signal.Signals(int(event.get("signal") or 0)).name
    except ValueError:
        return f"signal {event.get('signal')}"


def _frame(frame: dict[str, Any]) -> Frame:
    module, offset = frame.get("module"), frame.get("offset")
    symbol, inside = frame.get("symbol"), frame.get("symbol_offset")
    place = f"{frame.get('address', 0):#x}, outside any file"
    if module:
        place = printable(str(module)) + (f"+{offset:#x}" if isinstance(offset, int) else "")
    name = printable(str(symbol)) if symbol else ""
    if name and isinstance(inside, int) and inside:
        name += f"+{inside:#x}"
    return Frame(address=f"{frame.get('address', 0):#x}", place=place, symbol=name)
