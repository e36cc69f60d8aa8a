"""The sections of the binary table (layout: the crate `abi`, module `table`), filled without duplicates."""

from __future__ import annotations

import ast
import struct
from dataclasses import dataclass, field

NONE = 0xFFFF_FFFF


class DescriptionError(ValueError):
    """A description says something that the table can't hold; the message names the call."""


@dataclass(frozen=True)
class Scope:
    """What expressions may name: arguments (position, width) and fields of the enclosing structure."""

    arguments: dict[str, tuple[int, int]]
    fields: dict[str, tuple[int, int]] = field(default_factory=dict)

    def inside(self, fields: dict[str, tuple[int, int]]) -> Scope:
        """The scope inside a structure."""
        return Scope(self.arguments, fields)


class Builder:
    """Collects nodes, fields, cases, expressions and strings."""

    def __init__(self) -> None:
        self._nodes: dict[bytes, int] = {}
        self._expressions: dict[bytes, int] = {}
        self._fields = bytearray()
        self._cases = bytearray()
        self._strings = bytearray(b"\0")
        self._string_at = {"": 0}
        self._fields_at: dict[bytes, int] = {}
        self._cases_at: dict[bytes, int] = {}

    def string(self, text: str) -> int:
        """Byte offset of a string."""
        if text not in self._string_at:
            self._string_at[text] = len(self._strings)
            self._strings += text.encode() + b"\0"
        return self._string_at[text]

    def node(
        self,
        kind: int,
        direction: int = 0,
        width: int = 0,
        flags: int = 0,
        a: int = 0,
        b: int | None = None,
        c: int | None = 0,
        display: str = "",
    ) -> int:
        """Index of a node with these values."""
        packed = struct.pack(
            "<BBBBIIII",
            kind,
            direction,
            width,
            flags,
            a,
            NONE if b is None else b,
            NONE if c is None else c,
            self.string(display),
        )
        return self._nodes.setdefault(packed, len(self._nodes))

    def fields(self, fields: list[tuple[int, int, int, int]]) -> int:
        """Index of the first of these consecutive fields."""
        packed = b"".join(struct.pack("<IIII", *item) for item in fields)
        if packed not in self._fields_at:
            self._fields_at[packed] = len(self._fields) // 16
            self._fields += packed
        return self._fields_at[packed]

    def cases(self, cases: list[tuple[int, int]]) -> int:
        """Index of the first of these consecutive cases."""
        packed = b"".join(struct.pack("<QII", value, node, 0) for value, node in cases)
        if packed not in self._cases_at:
            self._cases_at[packed] = len(self._cases) // 16
            self._cases += packed
        return self._cases_at[packed]

    def _add(self, op: int, a: int = 0, b: int = 0) -> int:
        packed = struct.pack("<IIQ", op, a, b)
        return self._expressions.setdefault(packed, len(self._expressions))

    def expression(self, text: str, scope: Scope) -> int:
        """Index of the expression that `text` says.

        Raises:
            DescriptionError: it names something that isn't there, or uses another operator.
        """
        try:
            return self._translate(ast.parse(text, mode="eval").body, scope)
        except (SyntaxError, KeyError, ValueError) as error:
            raise DescriptionError(f"expression {text!r}: {error}") from error

    def _translate(self, tree: ast.expr, scope: Scope) -> int:
        match tree:
            case ast.Constant(value=int(value)):
                return self._add(0, b=value)
            case ast.Name(id="ret"):
                return self._add(2)
            case ast.Name(id=name):
                return self._add(1, *scope.arguments[name])
            case ast.Attribute(value=ast.Name(id="this"), attr=name):
                return self._add(5, *scope.fields[name])
            case ast.Attribute(value=ast.Name(id="then"), attr=name):
                return self._add(6, *scope.fields[name])
            case ast.Call(func=ast.Name(id=function), args=arguments):
                return self._call(function, arguments, scope)
            case ast.BinOp(left=left, op=operator, right=right):
                return self._binary(operator, self._translate(left, scope), right, scope)
        raise ValueError(f"can't say {ast.unparse(tree)}")

    def _call(self, function: str, arguments: list[ast.expr], scope: Scope) -> int:
        if function in ("now", "was"):
            name, width = arguments[0], 4
            if len(arguments) == 2 and isinstance(arguments[1], ast.Constant):
                width = int(str(arguments[1].value))
            if not isinstance(name, ast.Name):
                raise ValueError("now() and was() take an argument's name")
            return self._add(3 if function == "now" else 4, scope.arguments[name.id][0], width)
        if function == "total":
            vectors, count = arguments
            if not isinstance(vectors, ast.Name):
                raise ValueError("total() takes an argument's name and an expression")
            return self._add(14, scope.arguments[vectors.id][0], self._translate(count, scope))
        parts = [self._translate(argument, scope) for argument in arguments]
        if function == "min":
            return self._add(8, *parts)
        if function == "pair":
            return self._add(13, *parts)
        raise ValueError(f"unknown function {function}")

    def _binary(self, operator: ast.operator, left: int, right: ast.expr, scope: Scope) -> int:
        if isinstance(operator, ast.Mult):
            return self._add(7, left, self._translate(right, scope))
        if isinstance(operator, ast.Add):
            return self._add(9, left, self._translate(right, scope))
        constants = {ast.BitAnd: 10, ast.RShift: 11, ast.FloorDiv: 12}
        op = constants.get(type(operator))
        if op is None or not isinstance(right, ast.Constant) or not isinstance(right.value, int):
            raise ValueError("only *, +, & constant, >> constant, // constant (rounded up)")
        return self._add(op, left, right.value)

    def sections(self) -> list[tuple[int, bytes]]:
        """Count and bytes of nodes, fields, cases, expressions and strings, in the order of the file."""
        strings = bytes(self._strings)
        return [
            (len(self._nodes), b"".join(self._nodes)),
            (len(self._fields) // 16, bytes(self._fields)),
            (len(self._cases) // 16, bytes(self._cases)),
            (len(self._expressions), b"".join(self._expressions)),
            (len(strings), strings),
        ]
