"""A type in words, for people: nested structures become indented lines."""

from collections.abc import Iterator

from .types import (
    DIRECTION_IN,
    DIRECTION_OUT,
    Array,
    BytesType,
    ControlType,
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

_DIRECTIONS = {
    DIRECTION_IN: "points at input",
    DIRECTION_OUT: "points at output",
    DIRECTION_IN | DIRECTION_OUT: "points at input and output",
}
_PLAIN = {1: "not looked at", 2: "an address", 3: "a value that may be an address"}
_STRINGS = {6: "string", 7: "strings, up to a NULL"}


def phrase(kind: Type) -> str:
    """What `kind` is, without what is nested in it."""
    match kind:
        case Integer():
            return f"{8 * kind.width} bits" + (f" ({kind.display})" if kind.display else "")
        case Plain():
            return _PLAIN[kind.kind]
        case Named():
            return "tells what follows; not compared"
        case Pointer(target=None) | Pointer(direction=0):
            return "an address, compared only with NULL"
        case Pointer():
            return _DIRECTIONS[kind.direction] + (", also after an error" if kind.on_error else "")
        case String():
            return _STRINGS[kind.kind]
        case BytesType():
            return f"bytes, {kind.length} of them"
        case ControlType():
            return f"control data (cmsg(3)), {kind.length} bytes"
        case Struct():
            return f"struct {kind.name}, {kind.bytes} bytes"
        case Array():
            return f"array, {kind.count} elements"
        case Vectors():
            return f"struct iovec, {kind.count} of them" + (f", {kind.budget} bytes" if kind.budget else "")
        case Union():
            return f"depends on {kind.selector}"
    return type(kind).__name__.lower()


def lines(name: str, kind: Type, indent: str = "") -> Iterator[str]:
    """`name: what it is`, then a line for everything that is nested in it, four spaces further in."""
    said = [phrase(kind)]
    while isinstance(kind, Pointer) and kind.target is not None and kind.direction:
        kind = kind.target
        said.append(phrase(kind))
    yield f"{indent}{name}: {': '.join(said)}"
    indent += "    "
    if isinstance(kind, Struct):
        for field in kind.fields:
            yield from lines(f"{field.name} at {field.offset}", field.type, indent)
    elif isinstance(kind, Array):
        yield from lines("each", kind.element, indent)
    elif isinstance(kind, Union):
        for value, case in kind.cases:
            yield from lines(f"{value:#x}", case, indent)
