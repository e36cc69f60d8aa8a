"""Tables of what `stretto bench` has measured."""

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..benchmarks.calls import KINDS, Calls, Cost, Limits
from ..benchmarks.startup import Startup

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
BEYOND = "red"


def show(document: Calls | Startup, console: Console) -> None:
    """Prints the figures, what they were measured on, and whether they are within the limits."""
    if document["benchmark"] == "calls":
        table, limits = calls(document), _limits(document["limits"])
    else:
        table, limits = startup(document), f"at most {document['limit']:.0f} ms added"
    where = document["machine"]
    console.print(table)
    console.print(f"{where['processor']}, {where['cpus']} CPUs, Linux {where['kernel']}", markup=False)
    verdict = "within" if document["within_limit"] else "BEYOND"
    console.print(f"{verdict} the limit: {limits}", markup=False, soft_wrap=True)


def calls(document: Calls) -> RenderableType:
    """Two tables with the same rows, each narrow enough for a terminal."""
    times = _table(document, TIMES)
    ratios = _table(document, RATIOS)
    times.title = f"{document['variants']} variants, {document['rounds']} rounds, medians in nanoseconds"
    for cost in document["calls"]:
        head = [KINDS[cost["kind"]].label, cost["mode"]]
        figures: dict[str, float] = {
            name: value for name, value in cost.items() if isinstance(value, (int, float))
        }
        times.add_row(*head, *(f"{figures[name]:,.0f}" for name in TIMES))
        ratios.add_row(*head, *(_ratio(cost, name, figures[name]) for name in RATIOS))
    return Group(times, ratios)


def startup(document: Startup) -> RenderableType:
    """One row."""
    table = Table(title=f"{document['variants']} variants, {document['rounds']} rounds, medians")
    for heading in ("native", "Stretto", "added"):
        table.add_column(heading, justify="right")
    figures = (document["native"], document["stretto"], document["added"])
    style = None if document["within_limit"] else BEYOND
    table.add_row(*(f"{figure:.1f} ms" for figure in figures), style=style)
    return table


def _table(document: Calls, columns: dict[str, str]) -> Table:
    table = Table()
    table.add_column("call", no_wrap=True)
    table.add_column("mode")
    for heading in columns.values():
        table.add_column(heading, justify="right")
    return table


def _ratio(cost: Cost, name: str, value: float) -> Text:
    text = f"{value:.1f}x" if value >= 10 else f"{value:.2f}x"
    return Text(text, style=BEYOND if name in cost["beyond"] else "")


def _limits(limits: Limits) -> str:
    return (
        f"tier 1 at most {limits['tier1_to_bare_tracer']:g} times the bare tracer; "
        f"tier 2 at most {limits['tier2_to_bare_ring']:g} times the bare ring, "
        f"{limits['tier2_to_bare_ring_large']:g} times for 64 KiB, "
        f"and at least {limits['tier1_to_tier2']:g} times cheaper than tier 1"
    )
