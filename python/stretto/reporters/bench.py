"""Tables of what `stretto bench` has measured."""

from collections.abc import Mapping

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..benchmarks.calls import KINDS, Calls, Cost, Limits, Trips
from ..benchmarks.machine import where
from ..benchmarks.startup import Startup
from ..benchmarks.work import Cost as WorkCost
from ..benchmarks.work import Work, lacking
from ..benchmarks.workloads import WORKLOADS

#: Columns of nanoseconds.
TIMES = {
    "native": "native",
    "bare_tracer": "bare tracer",
    "tier1": "tier 1",
    "bare_ring": "bare ring",
    "tier2": "tier 2",
}
#: Columns of ratios; those with limits first.
RATIOS = {
    "tier1_to_bare_tracer": "tier 1 /\nbare\ntracer",
    "tier2_to_bare_ring": "tier 2 /\nbare\nring",
    "tier1_to_tier2": "tier 1 /\ntier 2",
    "tier2_to_native": "tier 2 /\nnative",
    "bare_ring_to_native": "bare\nring /\nnative",
}
#: Columns of `work`: seconds, ratios, and what was counted.
SECONDS = {"native": "native", "copies": "copies", "tier1": "tier 1", "tier2": "tier 2"}
WORK_RATIOS = {
    "tier2_to_native": "tier 2\n/\nnative",
    "tier2_to_copies": "tier 2\n/\ncopies",
    "tier1_to_tier2": "tier 1\n/\ntier 2",
}
COUNTS = {
    "processes": "processes",
    "tasks": "tasks",
    "calls": "calls in\nthe monitor",
    "in_process": "calls in\nthe variants",
    "startup": "ms of\nstart-up",
}
BEYOND = "red"


def show(document: Calls | Startup | Work, console: Console) -> None:
    """Prints the figures, what they were measured on, and whether they are within the limits."""
    if document["benchmark"] == "calls":
        table, limits = calls(document), _limits(document["limits"])
    elif document["benchmark"] == "startup":
        table, limits = startup(document), f"at most {document['limit']:.0f} ms added"
    else:
        table, limits = work(document), _work_limits(document)
    console.print(table)
    console.print(where(document["machine"]), markup=False)
    if document["benchmark"] == "calls":
        for line in _least(document):
            console.print(line, markup=False, soft_wrap=True)
    if document["benchmark"] == "work" and document["left_out"]:
        console.print(f"left out: {lacking(document['left_out'])}", markup=False, soft_wrap=True)
    verdict = "within" if document["within_limit"] else "BEYOND"
    console.print(f"{verdict} the limit: {limits}", markup=False, soft_wrap=True)
    if exceeded := _exceeded(document):
        console.print(f"beyond it: {exceeded}", markup=False, soft_wrap=True)


def _least(document: Calls) -> list[str]:
    """What no way of comparing calls gets below."""
    lines = []
    if trip := document["line"]:
        lines.append(f"a cache line takes {_range(trip)} to the other CPU and back")
    if places := document["places"]:
        text = f"variants that share a CPU take {_range(places)} to change places"
        lines.append(f"{text}, at least once for a call in lockstep")
    return lines


def _range(trips: Trips) -> str:
    return f"{trips['median']:.0f} ns ({trips['lowest']:.0f} to {trips['highest']:.0f})"


def calls(document: Calls) -> RenderableType:
    """Two tables with the same rows, each narrow enough for a terminal."""
    times = _table(("call", "mode"), TIMES)
    ratios = _table(("call", "mode"), RATIOS)
    times.title = f"{document['variants']} variants, {document['rounds']} rounds, medians in nanoseconds"
    for cost in document["calls"]:
        head = [KINDS[cost["kind"]].label, cost["mode"]]
        figures = _figures(cost)
        times.add_row(*head, *(f"{figures[name]:,.0f}" for name in TIMES))
        ratios.add_row(*head, *(_ratio(cost, name, figures[name]) for name in RATIOS))
    return Group(times, ratios)


def work(document: Work) -> RenderableType:
    """All that was measured, and below it, with the same rows, what was counted."""
    times = _table(("work",), SECONDS | WORK_RATIOS)
    counts = _table(("work",), COUNTS)
    times.title = f"{document['variants']} variants, {document['rounds']} rounds, medians in seconds"
    counts.title = "counted in one run in tier 2"
    for cost in document["work"]:
        label = WORKLOADS[cost["row"]].label
        figures = _figures(cost)
        seconds = (_seconds(figures[name]) for name in SECONDS)
        times.add_row(label, *seconds, *(_ratio(cost, name, figures[name]) for name in WORK_RATIOS))
        counted = _figures(cost["counted"])
        counts.add_row(label, *(f"{counted[name]:,.0f}" for name in COUNTS))
    return Group(times, counts)


def startup(document: Startup) -> RenderableType:
    """One row."""
    table = Table(title=f"{document['variants']} variants, {document['rounds']} rounds, medians")
    for heading in ("native", "Stretto", "added"):
        table.add_column(heading, justify="right")
    figures = (document["native"], document["stretto"], document["added"])
    style = None if document["within_limit"] else BEYOND
    table.add_row(*(f"{figure:.1f} ms" for figure in figures), style=style)
    return table


def _table(heads: tuple[str, ...], columns: dict[str, str]) -> Table:
    table = Table()
    for heading in heads:
        table.add_column(heading, no_wrap=True)
    for heading in columns.values():
        table.add_column(heading, justify="right")
    return table


def _figures(row: Mapping[str, object]) -> dict[str, float]:
    return {name: value for name, value in row.items() if isinstance(value, (int, float))}


def _seconds(value: float) -> str:
    return f"{value:.3f}" if value < 100 else f"{value:.1f}"


def _ratio(cost: Cost | WorkCost, name: str, value: float) -> Text:
    return Text(_times(value), style=BEYOND if name in cost["beyond"] else "")


def _times(value: float) -> str:
    return f"{value:.1f}x" if value >= 10 else f"{value:.2f}x"


def _exceeded(document: Calls | Startup | Work) -> str:
    """The rows that are beyond a limit, with their ratios: colours do not reach a file."""
    if document["benchmark"] == "startup":
        return ""
    rows: list[tuple[str, Cost | WorkCost]]
    if document["benchmark"] == "calls":
        rows = [(f"{KINDS[cost['kind']].label} {cost['mode']}", cost) for cost in document["calls"]]
    else:
        rows = [(WORKLOADS[cost["row"]].label, cost) for cost in document["work"]]
    headings = {name: " ".join(heading.split()) for name, heading in (RATIOS | WORK_RATIOS).items()}
    parts = []
    for label, cost in rows:
        figures = _figures(cost)
        if ratios := [f"{headings[name]} {_times(figures[name])}" for name in cost["beyond"]]:
            parts.append(f"{label} ({', '.join(ratios)})")
    return "; ".join(parts)


def _work_limits(document: Work) -> str:
    """The limits of the rows that were measured."""
    limited: dict[float, list[str]] = {}
    for cost in document["work"]:
        if (most := document["limits"].get(cost["row"])) is not None:
            limited.setdefault(most, []).append(WORKLOADS[cost["row"]].label)
    limits = [f"{most:g} times the copies for {', '.join(labels)}" for most, labels in limited.items()]
    return f"tier 2 at most {'; '.join(limits)}" if limits else "none for these rows"


def _limits(limits: Limits) -> str:
    return (
        f"tier 1 at most {limits['tier1_to_bare_tracer']:g} times the bare tracer; "
        f"tier 2 at most {limits['tier2_to_bare_ring']:g} times the bare ring, "
        f"{limits['tier2_to_bare_ring_large']:g} times for 64 KiB, "
        f"and at least {limits['tier1_to_tier2']:g} times cheaper than tier 1"
    )
