"""The last calls of all variants side by side, aligned with those of the leader."""

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from .calls import format_call

Call = dict[str, Any]


@dataclass(frozen=True)
class HistoryRow:
    """Corresponding calls; a variant that has none has an empty cell."""

    cells: tuple[str, ...]
    same: bool


def align(histories: list[list[Call]]) -> tuple[HistoryRow, ...]:
    """Rows of corresponding calls, found by their names: variants need not have recorded equally many."""
    if not histories:
        return ()
    leader, *others = histories
    matches = [_matches(leader, other) for other in others]
    rows: list[list[Call | None]] = []
    for index in range(len(leader) + 1):
        extras = [extra.get(index, []) for _, extra in matches]
        for position in range(max(map(len, extras), default=0)):
            rows.append([None, *(extra[position] if position < len(extra) else None for extra in extras)])
        if index < len(leader):
            rows.append([leader[index], *(matched.get(index) for matched, _ in matches)])
    return tuple(_row(row) for row in rows)


def _matches(leader: list[Call], other: list[Call]) -> tuple[dict[int, Call], dict[int, list[Call]]]:
    """The other's call for each of the leader's, and what the other did before each of them in addition."""
    matched: dict[int, Call] = {}
    extra: dict[int, list[Call]] = {}
    matcher = SequenceMatcher(
        None, [c.get("nr") for c in leader], [c.get("nr") for c in other], autojunk=False
    )
    for tag, low, high, start, end in matcher.get_opcodes():
        if tag == "equal":
            matched.update(zip(range(low, high), other[start:end], strict=True))
        elif start < end:
            extra[high] = other[start:end]
    return matched, extra


def _row(calls: list[Call | None]) -> HistoryRow:
    cells = tuple("" if call is None else _shown(call) for call in calls)
    return HistoryRow(cells, len({call and call.get("nr") for call in calls}) == 1)


def _shown(call: Call) -> str:
    return format_call(call.get("nr", -1), str(call.get("name")), call.get("args") or [], call.get("result"))
