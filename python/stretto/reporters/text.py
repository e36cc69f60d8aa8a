"""The report for a terminal: first what happened, where, and which byte; then as much detail as fits."""

import io
import os
from collections.abc import Iterator

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from .hexdump import Byte, HexRow
from .view import Document, Variant, View, view

#: Rows of detail where nothing limits the height.
FRAMES, HISTORY = 16, 64
#: Lines around the rows of the history: heading, titles, rule.
HISTORY_FRAME = 3
WIDTH = 110


def render_text(
    document: Document,
    *,
    maps: bool = False,
    width: int | None = None,
    height: int | None = None,
    history: int = HISTORY,
    color: bool = False,
) -> str:
    """One divergence as text; `height` is that of the terminal, None for no limit but `history` rows."""
    shown = view(document)
    buffer = io.StringIO()
    console = Console(
        file=buffer,
        width=width or int(os.environ.get("COLUMNS") or WIDTH),
        force_terminal=color,
        color_system="standard" if color else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    head = list(_head(shown, console.width, short=height is not None))
    for part in head:
        console.print(part)
    left = None if height is None else height - buffer.getvalue().count("\n") - 1  # the prompt
    for part in _detail(shown, console.width, left, history):
        console.print(part)
    if maps:
        for variant in shown.variants:
            console.print(_heading(f"memory maps of {variant.title}"))
            console.print(Text(variant.maps), no_wrap=True, overflow="ignore", crop=False)
    lines = (line.rstrip() for line in buffer.getvalue().splitlines())
    return "\n".join(line for line in lines if line) + "\n"


def _heading(text: str) -> Text:
    return Text(text, style="bold cyan")


def _head(shown: View, width: int, short: bool) -> Iterator[RenderableType]:
    yield Text.assemble(("DIVERGENCE ", "bold red"), (shown.summary, "bold"))
    yield Text(f"{shown.kind}: {shown.kind_meaning}".rstrip(": "), style="dim")
    yield _facts(shown)
    yield _asked(shown)
    if shown.hexdump:
        yield _heading("bytes around the first difference, by offset")
        rows = _near(shown.hexdump) if short else shown.hexdump
        yield from _hexdump(rows, shown.hex_variants, width)


def _facts(shown: View) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, value in (
        ("program", shown.command),
        ("call", shown.call),
        ("argument", shown.argument),
        ("first byte", shown.first_difference),
        ("", ", ".join(f"{name} {value}" for name, value in shown.facts if name != "kind")),
    ):
        if value:
            table.add_row(Text(name, style="dim"), Text(value))
    return table


def _asked(shown: View) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for variant in shown.variants:
        style = "bold red" if variant.odd else "green"
        where = _first_line_of_code(variant)
        table.add_row(Text(variant.title, style=style), Text(variant.asked), Text(where, style="dim"))
    return table


def _first_line_of_code(variant: Variant) -> str:
    """The innermost frame with a symbol outside the C library: the program's own part in it."""
    named = [frame for frame in variant.frames if frame.symbol]
    own = [frame for frame in named if "/libc" not in frame.place and "/ld-" not in frame.place]
    best = (own or named or list(variant.frames))[:1]
    return f"at {best[0].symbol or best[0].place}" if best else f"at {variant.site}" if variant.site else ""


def _near(rows: tuple[HexRow, ...]) -> tuple[HexRow, ...]:
    """The row with the first differing byte and its neighbours."""
    index = next((i for i, row in enumerate(rows) if any(byte.first for byte in row.bytes[0])), 0)
    return rows[max(index - 1, 0) : index + 2]


def _hexdump(rows: tuple[HexRow, ...], numbers: tuple[int, ...], width: int) -> Iterator[Text]:
    """All variants in one line where the terminal is wide enough, else one below the other."""
    column = 16 * 3 + 16 + 3
    beside = 6 + column * len(numbers) <= width
    if beside:
        titles = "".join(f"variant {number}".ljust(column) for number in numbers)
        yield Text(" " * 6 + titles.rstrip(), style="dim")
    for row in rows:
        parts = [_hex_line(variant) for variant in row.bytes]
        label = Text(f"{row.label}  ", style="dim")
        if beside:
            yield Text.assemble(label, *parts)
            continue
        for number, part in zip(numbers, parts, strict=True):
            yield Text.assemble(label if number == numbers[0] else " " * 6, (f"{number} ", "dim"), part)


def _hex_line(row: tuple[Byte, ...]) -> Text:
    line = Text()
    for byte in row:
        line.append(byte.hex, style=_style(byte))
        line.append(" ")
    line.append("|", style="dim")
    for byte in row:
        line.append(byte.char, style=_style(byte))
    line.append("| ", style="dim")
    return line


def _style(byte: Byte) -> str:
    if byte.first:
        return "bold white on red"
    return "bold red" if byte.differs else ""


def _detail(shown: View, width: int, left: int | None, history: int) -> Iterator[RenderableType]:
    """Back-traces and histories; with a limited height the two share what is left."""
    beside = width // max(len(shown.variants), 1) >= 48
    frames, calls = FRAMES, history
    if left is not None:
        blocks = 1 if beside else max(len(shown.variants), 1)
        deepest = max((len(variant.frames) for variant in shown.variants), default=0)
        frames = min(deepest, max((left - HISTORY_FRAME) // (2 * blocks) - 2, 1))
        calls = max(left - 1 - blocks * (frames + 2) - HISTORY_FRAME, 0)
    if any(variant.frames for variant in shown.variants):
        yield _heading("back-traces")
        yield _columns([_trace(variant, frames) for variant in shown.variants], beside)
    if shown.history and calls:
        rows = shown.history[-calls:]
        yield _heading(f"last {len(rows)} of {len(shown.history)} recorded calls, the newest at the bottom")
        yield _history(shown, calls)


def _trace(variant: Variant, frames: int) -> Text:
    text = Text(variant.title, style="bold red" if variant.odd else "green")
    for index, frame in enumerate(variant.frames[:frames]):
        text.append(f"\n{index:2} ", style="dim not bold")
        name = frame.symbol or frame.place
        text.append(name, style="not bold default")
        if frame.symbol:
            text.append(f"  {frame.place}", style="dim not bold default")
    if len(variant.frames) > frames:
        text.append(f"\n   {len(variant.frames) - frames} more", style="dim not bold")
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _columns(parts: list[Text], beside: bool) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), expand=beside)
    if beside:
        for _ in parts:
            table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        table.add_row(*parts)
    else:
        table.add_column(no_wrap=True, overflow="ellipsis")
        for part in parts:
            table.add_row(part)
    return table


def _history(shown: View, calls: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), expand=True, show_edge=False)
    for variant in shown.variants:
        table.add_column(Text(f"variant {variant.number}"), ratio=1, no_wrap=True, overflow="ellipsis")
    for row in shown.history[-calls:]:
        style = "" if row.same else "bold red"
        table.add_row(*(Text(cell, style=style) for cell in row.cells))
    return table
