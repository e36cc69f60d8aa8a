"""Compiles the descriptions to the binary table that the core interprets.

`python -m stretto.syscalls.compile OUTPUT` writes the built-in table, and the policies beside it; the build
of the core does so. Only the standard library is needed.
"""

from __future__ import annotations

import importlib
import runpy
import struct
import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FrameType

from stretto.syscalls import bounds
from stretto.syscalls.builder import NONE, Builder, DescriptionError, Scope
from stretto.syscalls.language import (
    CALLS,
    CATEGORIES,
    GIVES_NO_MEMORY,
    MECHANISMS,
    TAKES_NO_MEMORY,
    Description,
    family,
)
from stretto.syscalls.types import BytesType, Integer, Named, Plain, Pointer, String, Type, everything

MAGIC = b"STRETTO\0"
VERSION = 3
HEADER = 80
FAMILIES = (
    "files descriptors memory processes signals sockets time identity system"
    " ioctls fcntls prctls options refused"
).split()


def load(files: Iterable[str] = ()) -> dict[str, Description]:
    """All built-in descriptions, with those in the user's `files` added or overriding.

    Raises:
        DescriptionError: a file can't be read, or something in it is wrong; the message names file and line.
    """
    for name in FAMILIES:
        importlib.import_module(f"stretto.syscalls.families.{name}")
    for path in files:
        family("other")
        _run(path)
    return CALLS


def _run(path: str) -> None:
    try:
        runpy.run_path(path)
    except OSError as error:
        raise DescriptionError(f"{path}: {(error.strerror or 'error').lower()}") from error
    except SyntaxError as error:
        raise DescriptionError(f"{path}:{error.lineno}: {error.msg}") from error
    except Exception as error:  # whatever the user's code raises
        lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if _is_of(frame, path)]
        raise DescriptionError(f"{path}:{lines[-1] if lines else 1}: {error}") from error


def _is_of(frame: FrameType, path: str) -> bool:
    return frame.f_code.co_filename == path


def rows(calls: dict[str, Description]) -> Iterator[Description]:
    """Calls and sub-commands in the order in which the table numbers them."""
    for call in sorted(calls.values(), key=lambda call: call.number):
        yield call
        yield from (command for _, command in sorted(call.commands.items()))


class _Rows:
    """The sections that hold calls."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.calls: list[bytes] = []
        self.subrows: list[bytes] = []

    def add(self, description: Description) -> None:
        """Appends a row; those of its sub-commands are to follow it."""
        first = len(self.subrows)
        for row, value in enumerate(sorted(description.commands), len(self.calls) + 1):
            self.subrows.append(struct.pack("<QII", value, row, 0))
        try:
            self.calls.append(self._pack(description, first, len(description.commands)))
        except DescriptionError as error:
            raise DescriptionError(f"{description.name}: {error}") from error

    def _pack(self, description: Description, first: int, count: int) -> bytes:
        builder = self.builder
        arguments = description.arguments
        if description.mechanism != "recvfds" and makes_in_memory(description):
            raise DescriptionError('calls that say MadeFd need mechanism="recvfds"')
        for reason in bounds.missing(description):
            raise DescriptionError(reason)
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
            description.flags | memory_flags(description),
            description.errno,
            expression(description.selector),
            first,
            count,
            expression(description.cloexec),
            expression(description.mask),
            builder.string(description.note),
            expression(description.result.most),
        )


def makes_in_memory(description: Description) -> bool:
    """Whether numbers of new descriptors stand in what the call writes."""
    parts = (part for _, kind in description.arguments for part in everything(kind))
    return any(isinstance(part, Integer) and part.made for part in parts)


def memory_flags(description: Description) -> int:
    """What the arguments say at a glance, so that an agent need not look at each."""
    kinds = [kind for _, kind in description.arguments]
    flags = 0
    if not any(isinstance(kind, Pointer) and kind.direction == 1 for kind in kinds):
        flags |= TAKES_NO_MEMORY
    if not any(_may_give(kind) for kind in kinds):
        flags |= GIVES_NO_MEMORY
    return flags


def _may_give(kind: Type) -> bool:
    match kind:
        case Integer() | Named() | Plain() | Pointer(target=None) | Pointer(direction=0):
            return False
        case Pointer(direction=1, target=BytesType() | String()):
            return False
    return True


def compile_table(calls: dict[str, Description]) -> bytes:
    """The binary table of these descriptions.

    Raises:
        DescriptionError: one of them can't be said; the message names it.
    """
    builder = Builder()
    packed = _Rows(builder)
    index: dict[int, int] = {}
    for row, description in enumerate(rows(calls)):
        index.setdefault(description.number, row)
        packed.add(description)
    numbers = [struct.pack("<I", index.get(number, NONE)) for number in range(max(index) + 1)]
    sections = [(len(part), b"".join(part)) for part in (numbers, packed.calls, packed.subrows)]
    sections += builder.sections()
    header, at = MAGIC + struct.pack("<I", VERSION), HEADER
    for count, part in sections:
        header += struct.pack("<II", at, count)
        at += len(part)
    return header.ljust(HEADER, b"\0") + b"".join(part for _, part in sections)


def write(output: Path) -> None:
    """Writes the built-in table to `output`, and into the same folder `NAME.policy` for each policy."""
    from stretto import policy

    calls = load()
    output.write_bytes(compile_table(calls))
    for name in policy.COMPILED:
        output.with_name(f"{name}.policy").write_bytes(policy.compile(calls, name))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
