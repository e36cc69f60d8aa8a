"""Whether a description says how much a call may write at most.

A follower takes over what the leader has got. The leader may have been taken over, and claim to have got
more: so every length of what a call writes is bounded by what the follower itself has asked for, that is by
arguments and by memory that the call has not written when the length is looked at, in the order of the
description.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from stretto.syscalls.language import Description
from stretto.syscalls.types import (
    DIRECTION_OUT,
    Array,
    BytesType,
    ControlType,
    Pointer,
    String,
    Struct,
    Type,
    Union,
)


@dataclass
class _Walk:
    """What the walk through a description has come past."""

    most: str | None
    """The bound of the result."""
    arguments: set[str] = field(default_factory=set)
    """Those that lead to memory that has been written."""
    fields: set[str] = field(default_factory=set)
    """Those of the structure that is being walked that have been written."""

    def bounds(self, text: str) -> bool:
        """Whether the expression has a bound that the leader has no say in."""
        return self._is_bound(ast.parse(text, mode="eval").body)

    def _is_bound(self, tree: ast.expr) -> bool:
        match tree:
            case ast.Constant():
                return True
            case ast.Name(id="ret"):
                return self.most is not None and "ret" not in self.most
            case ast.Name():
                return True
            case ast.Attribute(attr=name):
                return name not in self.fields
            case ast.Call(func=ast.Name(id="now" | "was"), args=[ast.Name(id=name), *_]):
                return name not in self.arguments
            case ast.Call(func=ast.Name(id="min"), args=parts):
                return any(map(self._is_bound, parts))
            case ast.BinOp(op=ast.BitAnd()):
                return True
            case ast.BinOp(left=left, right=right):
                return self._is_bound(left) and self._is_bound(right)
        return False


def missing(description: Description) -> Iterator[str]:
    """What is wrong with each length that has no bound."""
    walk = _Walk(description.result.most)
    for name, kind in description.arguments:
        if isinstance(kind, Pointer) and kind.target is not None and kind.direction & DIRECTION_OUT:
            yield from _memory(kind.target, walk)
            walk.arguments.add(name)


def _memory(kind: Type, walk: _Walk) -> Iterator[str]:
    """The same for memory that the call writes."""
    match kind:
        case BytesType(length=text) | ControlType(length=text) | Array(count=text):
            if not walk.bounds(text):
                yield f"{text!r} has no bound: say how much at most: min({text}, size), or -> AtMost[...]"
        case String() | Union():
            yield "what a call writes has a length, and one type"
    match kind:
        case Array(element=element):
            yield from _memory(element, walk)
        case Pointer(target=Type() as target, direction=direction) if direction & DIRECTION_OUT:
            yield from _memory(target, walk)
        case Struct(fields=fields):
            inside = _Walk(walk.most, walk.arguments)
            for item in fields:
                if isinstance(item.type, Pointer) or item.direction in (0, DIRECTION_OUT):
                    yield from _memory(item.type, inside)
                    inside.fields.add(item.name)
        case _:  # Vectors are spread over what their own lengths say
            pass
