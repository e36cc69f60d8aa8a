"""What is drawn of a benchmark: which bars, in which groups."""

from typing import NamedTuple

from ..benchmarks.calls import KINDS, MODES, Calls
from ..benchmarks.work import Work
from ..benchmarks.workloads import WORKLOADS

Drawable = Calls | Work
#: How bars are filled: what Stretto is compared with pale, Stretto full.
NATIVE, COPIES, TRACER, TIER1, RING, TIER2 = "native", "copies", "tracer", "tier1", "ring", "tier2"


class Time(NamedTuple):
    """One bar; `kind` is how it is filled."""

    label: str
    kind: str
    nanoseconds: float


class Chart(NamedTuple):
    """Everything that is drawn, but for the machine."""

    title: str
    note: str
    legend: dict[str, str]
    groups: dict[str, list[Time]]


def chart(document: Drawable) -> Chart:
    """The chart of a benchmark's document."""
    return calls(document) if document["benchmark"] == "calls" else work(document)


def calls(document: Calls) -> Chart:
    """A bar for each way to make a call, a group for each call."""
    return Chart(
        f"Time of a call, {document['variants']} variants, medians of {document['rounds']} rounds",
        "The axis is logarithmic. Yardsticks are pale: they do the least that a tier can do with.",
        {NATIVE: "native", RING: "bare ring", TIER2: "tier 2", TRACER: "bare tracer", TIER1: "tier 1"},
        {described.label: _ways(document, kind) for kind, described in KINDS.items()},
    )


def _ways(document: Calls, kind: str) -> list[Time]:
    costs = {cost["mode"]: cost for cost in document["calls"] if cost["kind"] == kind}
    times = []
    for mode in reversed(MODES):
        times.append(Time(f"bare ring, {mode}", RING, costs[mode]["bare_ring"]))
        times.append(Time(f"tier 2, {mode}", TIER2, costs[mode]["tier2"]))
    once = costs[MODES[0]]
    before, behind = Time("native", NATIVE, once["native"]), Time("bare tracer", TRACER, once["bare_tracer"])
    return [before, *times, behind, Time("tier 1", TIER1, once["tier1"])]


def work(document: Work) -> Chart:
    """A bar for each column, a group for each row."""
    copies = f"{document['variants']} copies"
    return Chart(
        f"Time of work, {document['variants']} variants, medians of {document['rounds']} rounds",
        f"The axis is logarithmic. {copies}: unmonitored, at the same time, until all have ended.",
        {NATIVE: "native", COPIES: copies, TIER2: "tier 2", TIER1: "tier 1"},
        {
            WORKLOADS[cost["row"]].label: [
                Time("native", NATIVE, cost["native"] * 1e9),
                Time(copies, COPIES, cost["copies"] * 1e9),
                Time("tier 2", TIER2, cost["tier2"] * 1e9),
                Time("tier 1", TIER1, cost["tier1"] * 1e9),
            ]
            for cost in document["work"]
        },
    )
