"""Types of arguments and memory. Each knows how to become nodes of the binary table.

Lengths, counts and selectors are written as expressions over argument names: `"count"`, `"ret"`,
`"ret * 12"`, `"min(was(addrlen), now(addrlen))"`, `"total(vec, vlen)"` (the bytes of so many vectors); inside
a structure `this.len` is a field as it is now, `then.len` as it was before the call. What a call writes has a
length with a bound (`bounds.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stretto.syscalls.builder import Builder, Scope

DIRECTION_IN = 1
DIRECTION_OUT = 2
ON_ERROR = 1
MADE_FD = 2


class Type:
    """Anything that a signature may name."""

    size = 8

    def build(self, builder: Builder, scope: Scope) -> int:
        """Adds the node; returns its index."""
        raise NotImplementedError

    def parts(self) -> Iterable[Type]:
        """What it consists of, or leads to."""
        return ()


def everything(kind: Type) -> Iterator[Type]:
    """`kind`, its parts and theirs."""
    yield kind
    for part in kind.parts():
        yield from everything(part)


@dataclass(frozen=True)
class Integer(Type):
    """An integer of `width` bytes; only these are compared (the kernel ignores the upper half of an int)."""

    width: int
    display: str = ""
    made: bool = False
    """The number of a descriptor that the call has made, in memory that it writes."""

    @property
    def size(self) -> int:  # type: ignore[override]
        """Bytes in memory."""
        return self.width

    def build(self, builder: Builder, scope: Scope) -> int:
        return builder.node(0, width=self.width, flags=MADE_FD if self.made else 0, display=self.display)


@dataclass(frozen=True)
class Plain(Type):
    """A value whose kind says it all: ignored (1), address (2), opaque (3)."""

    kind: int
    display: str = ""

    def build(self, builder: Builder, scope: Scope) -> int:
        return builder.node(self.kind, width=8, display=self.display)


@dataclass(frozen=True)
class Named(Type):
    """`size` bytes that only expressions look at: neither compared nor replicated."""

    size: int

    def build(self, builder: Builder, scope: Scope) -> int:
        return builder.node(1, width=8)


@dataclass(frozen=True)
class Pointer(Type):
    """A pointer; direction 0 looks only at whether it is NULL."""

    target: Type | None
    direction: int = 0
    on_error: bool = False

    def parts(self) -> Iterable[Type]:
        return (self.target,) if self.target is not None else ()

    def build(self, builder: Builder, scope: Scope) -> int:
        target = self.target.build(builder, scope) if self.target is not None and self.direction else 0
        flags = ON_ERROR if self.on_error else 0
        return builder.node(4, direction=self.direction, width=8, flags=flags, a=target)


class Direction:
    """`In[T]`, `Out[T]`, `InOut[T]`: a pointer to T."""

    def __init__(self, direction: int, on_error: bool = False) -> None:
        self.direction = direction
        self.on_error = on_error

    def __getitem__(self, target: Type) -> Pointer:
        return Pointer(target, self.direction, self.on_error)


@dataclass(frozen=True)
class BytesType(Type):
    """So many bytes."""

    length: str

    def build(self, builder: Builder, scope: Scope) -> int:
        return builder.node(5, b=builder.expression(self.length, scope))


class _Sized:
    def __init__(self, kind: type[Any]) -> None:
        self.kind = kind

    def __getitem__(self, length: str | int) -> Any:
        return self.kind(str(length))


@dataclass(frozen=True)
class String(Type):
    """NUL-ended string (6) or NULL-ended vector of them (7)."""

    kind: int = 6

    def build(self, builder: Builder, scope: Scope) -> int:
        return builder.node(self.kind)


@dataclass(frozen=True)
class ControlType(Type):
    """Socket control data (cmsg(3))."""

    length: str

    def build(self, builder: Builder, scope: Scope) -> int:
        return builder.node(12, b=builder.expression(self.length, scope))


@dataclass(frozen=True)
class Field:
    """A field of a structure; direction 0 is that of the enclosing pointer."""

    name: str
    offset: int
    type: Type
    direction: int = 0


@dataclass(frozen=True)
class Struct(Type):
    """A structure; what no field covers is padding and neither compared nor replicated."""

    name: str
    bytes: int
    fields: tuple[Field, ...] = field(default=())

    @property
    def size(self) -> int:  # type: ignore[override]
        """Bytes in memory."""
        return self.bytes

    def parts(self) -> Iterable[Type]:
        return (item.type for item in self.fields)

    def build(self, builder: Builder, scope: Scope) -> int:
        inner = scope.inside({item.name: (item.offset, item.type.size) for item in self.fields})
        built = [
            (item.offset, item.type.build(builder, inner), builder.string(item.name), item.direction)
            for item in self.fields
        ]
        return builder.node(8, a=builder.fields(built), b=len(built), c=self.bytes, display=self.name)


@dataclass(frozen=True)
class Array(Type):
    """`count` elements."""

    element: Type
    count: str

    def parts(self) -> Iterable[Type]:
        return (self.element,)

    def build(self, builder: Builder, scope: Scope) -> int:
        count = builder.expression(self.count, scope)
        return builder.node(9, a=self.element.build(builder, scope), b=count, c=self.element.size)


@dataclass(frozen=True)
class Vectors(Type):
    """An array of `struct iovec`, over which `budget` bytes are spread (all, if there is none)."""

    count: str
    budget: str | None = None

    def build(self, builder: Builder, scope: Scope) -> int:
        budget = builder.expression(self.budget, scope) if self.budget else None
        return builder.node(10, b=builder.expression(self.count, scope), c=budget)


@dataclass(frozen=True)
class Union(Type):
    """The type that `selector` chooses; none: nothing is looked at."""

    selector: str
    cases: tuple[tuple[int, Type], ...]

    def parts(self) -> Iterable[Type]:
        return (case for _, case in self.cases)

    def build(self, builder: Builder, scope: Scope) -> int:
        built = [(value, case.build(builder, scope)) for value, case in self.cases]
        return builder.node(
            11, a=builder.cases(built), b=builder.expression(self.selector, scope), c=len(built)
        )


def struct(name: str, size: int, /, **fields: Any) -> Struct:
    """A structure from `name=(offset, type)` or `name=(offset, type, direction)`."""
    return Struct(name, size, tuple(Field(key, *value) for key, value in fields.items()))


In = Direction(DIRECTION_IN)
Out = Direction(DIRECTION_OUT)
InOut = Direction(DIRECTION_IN | DIRECTION_OUT)
OutAlways = Direction(DIRECTION_OUT, on_error=True)
InOutAlways = Direction(DIRECTION_IN | DIRECTION_OUT, on_error=True)
Bytes = _Sized(BytesType)
Control = _Sized(ControlType)

Int = Integer(4)
Fd = Integer(4, "fd")
MadeFd = Integer(4, "fd", made=True)
Pid = Integer(4, "pid")
Signal = Integer(4, "signal")
Mode = Integer(4, "mode")
Flags = Integer(4, "hex")
U8 = Integer(1)
U16 = Integer(2)
U32 = Integer(4)
U64 = Integer(8)
Long = Integer(8)
Size = Integer(8)
Offset = Integer(8)
Unused = Plain(1)
Address = Plain(2, "address")
Opaque = Plain(3, "address")
Anything = Pointer(None)
Path = In[String(6)]
Strings = In[String(7)]
