"""Bytes around the first difference, of every variant, aligned at that difference."""

from dataclasses import dataclass
from typing import Any

ROW = 16


@dataclass(frozen=True)
class Byte:
    """One byte of a hexdump; `value` is None where a variant has no byte to show."""

    value: int | None
    differs: bool
    first: bool = False

    @property
    def hex(self) -> str:
        return "  " if self.value is None else f"{self.value:02x}"

    @property
    def char(self) -> str:
        return " " if self.value is None else chr(self.value) if 32 <= self.value < 127 else "."


@dataclass(frozen=True)
class HexRow:
    """Up to sixteen bytes at one offset, of every variant that has the argument."""

    label: str
    bytes: tuple[tuple[Byte, ...], ...]


def hexdump(document: dict[str, Any]) -> tuple[tuple[int, ...], tuple[HexRow, ...], str]:
    """Rows of bytes around the first differing one, aligned at it; labels are offsets in the argument."""
    windows: list[tuple[int, int, bytes]] = []
    for variant in document.get("variants") or []:
        difference = variant.get("difference")
        if difference and difference.get("hex"):
            shift = int(difference["start"]) - int(difference["address"])
            windows.append((int(variant["variant"]), shift, bytes.fromhex(difference["hex"])))
    if not windows:
        return (), (), ""
    offset = int((document.get("argument") or {}).get("offset") or 0)
    low = offset + min(shift for _, shift, _ in windows)
    high = offset + max(shift + len(data) for _, shift, data in windows)
    rows = []
    for start in range(low - low % ROW, high, ROW):
        columns = [
            [_at(data, position - offset - shift) for position in range(start, start + ROW)]
            for _, shift, data in windows
        ]
        marked = tuple(
            tuple(_marked(columns, v, i, start + i == offset) for i in range(ROW))
            for v in range(len(windows))
        )
        rows.append(HexRow(f"{start:04x}" if start >= 0 else f"-{-start:03x}", marked))
    first = [(number_, _at(data, -shift)) for number_, shift, data in windows]
    return tuple(n for n, _, _ in windows), tuple(rows), _first(first)


def _at(data: bytes, index: int) -> int | None:
    return data[index] if 0 <= index < len(data) else None


def _marked(columns: list[list[int | None]], variant: int, index: int, first: bool) -> Byte:
    values = {column[index] for column in columns}
    return Byte(columns[variant][index], len(values) > 1, first)


def _first(values: list[tuple[int, int | None]]) -> str:
    words = []
    for variant, value in values:
        if value is None:
            words.append(f"nothing in variant {variant}")
        else:
            char = f" {chr(value)!r}" if 32 <= value < 127 else ""
            words.append(f"{value:#04x}{char} in variant {variant}")
    return ", ".join(words)
