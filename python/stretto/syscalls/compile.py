"""Compiles the descriptions to the binary table that the core interprets.

`python -m stretto.syscalls.compile OUTPUT` writes the built-in table; the build of the core does so. Only the
standard library is needed.
"""

from __future__ import annotations

import importlib
import runpy
import struct
import sys
from pathlib import Path

from stretto.syscalls.builder import NONE, Builder, DescriptionError, Scope
from stretto.syscalls.language import CALLS, MECHANISMS, Description
from stretto.syscalls.types import Integer

MAGIC = b"STRETTO\0"
VERSION = 1
FAMILIES = (
    "files descriptors memory processes signals sockets time identity system"
    " ioctls fcntls prctls options refused"
).split()
CATEGORIES = (
    "other file descriptor memory process signal network clock identity system refused"  # as in abi/table.rs
).split()


def load() -> dict[str, Description]:
    """All built-in descriptions."""
    for name in FAMILIES:
        importlib.import_module(f"stretto.syscalls.families.{name}")
    return CALLS


class _Rows:
    """The sections that hold calls."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.calls: list[bytes] = []
        self.subrows: list[bytes] = []

    def add(self, description: Description) -> int:
        """Appends a call and its sub-commands; returns its row."""
        row = len(self.calls)
        self.calls.append(b"")
        first, count = self._commands(description)
        try:
            self.calls[row] = self._pack(description, first, count)
        except DescriptionError as error:
            raise DescriptionError(f"{description.name}: {error}") from error
        return row

    def _commands(self, description: Description) -> tuple[int, int]:
        commands = sorted(description.commands.items())
        packed = [struct.pack("<QII", value, self.add(command), 0) for value, command in commands]
        first = len(self.subrows)
        self.subrows += packed
        return first, len(packed)

    def _pack(self, description: Description, first: int, count: int) -> bytes:
        builder = self.builder
        arguments = description.arguments
        scope = Scope(
            {
                name: (index, kind.width if isinstance(kind, Integer) else 8)
                for index, (name, kind) in enumerate(arguments)
            }
        )

        def expression(text: str | None) -> int:
            return NONE if text is None else builder.expression(text, scope)

        nodes = [kind.build(builder, scope) for _, kind in arguments]
        names = [builder.string(name) for name, _ in arguments]
        return struct.pack(
            "<II6I6IBBBBIIIIIIIII",
            description.number,
            builder.string(description.name),
            *(nodes + [NONE] * 6)[:6],
            *(names + [0] * 6)[:6],
            description.who,
            MECHANISMS.index(description.mechanism),
            description.result.kind,
            CATEGORIES.index(description.category),
            description.flags,
            description.errno,
            expression(description.selector),
            first,
            count,
            expression(description.cloexec),
            expression(description.mask),
            builder.string(description.note),
            0,
        )


def compile_table(calls: dict[str, Description]) -> bytes:
    """The binary table of these descriptions.

    Raises:
        DescriptionError: one of them can't be said; the message names it.
    """
    builder = Builder()
    rows = _Rows(builder)
    index: dict[int, int] = {}
    for description in sorted(calls.values(), key=lambda description: description.number):
        index[description.number] = rows.add(description)
    numbers = [struct.pack("<I", index.get(number, NONE)) for number in range(max(index) + 1)]
    sections = [(len(part), b"".join(part)) for part in (numbers, rows.calls, rows.subrows)]
    sections += builder.sections()
    header = MAGIC + struct.pack("<I", VERSION)
    header += b"".join(struct.pack("<I", count) for count, _ in sections)
    return header.ljust(64, b"\0") + b"".join(part for _, part in sections)


def compile_files(files: list[str]) -> bytes:
    """The table with the descriptions in the user's `files` added or overriding.

    Raises:
        OSError: a file can't be read.
        DescriptionError: a description in it can't be said.
    """
    calls = load()
    for path in files:
        runpy.run_path(path)
    return compile_table(calls)


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(compile_table(load()))
