"""What calls cost as a picture: a bar for each way to make a call, on a logarithmic axis."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from ..benchmarks.calls import KINDS, MODES, Calls
from ..errors import StrettoError

WIDTH = 860
#: Where bars begin, and where the longest may end.
LEFT, RIGHT = 190, 780
TOP, BAR, GAP, BELOW = 70, 13, 16, 70
#: Dots for each of the picture's in a PNG.
SCALE = 2.0
#: How bars are filled: yardsticks pale, Stretto full.
NATIVE, PALE_1, FULL_1, PALE_2, FULL_2 = "native", "tracer", "tier1", "ring", "tier2"
LEGEND = {
    NATIVE: "native",
    PALE_2: "bare ring",
    FULL_2: "tier 2",
    PALE_1: "bare tracer",
    FULL_1: "tier 1",
}


class Bar(NamedTuple):
    """One bar: `kind` is how it is filled."""

    label: str
    kind: str
    value: str
    y: float
    width: float


class Group(NamedTuple):
    """The bars of one call."""

    label: str
    y: float
    bars: list[Bar]


class Tick(NamedTuple):
    """A line of the axis."""

    label: str
    x: float


def check(path: str) -> None:
    """Refuses, before anything is measured, what `save` could not write."""
    ending = Path(path).suffix.lower()
    if ending not in (".svg", ".png"):
        raise StrettoError(f"bench: {path}: a plot is an .svg or a .png file")
    if not Path(path).absolute().parent.is_dir():
        raise StrettoError(f"bench: {path}: there is no such folder")
    if ending == ".png":
        _converter()


def save(document: Calls, path: str) -> None:
    """Writes the plot; the ending of `path` says how."""
    picture = render(document)
    try:
        if path.lower().endswith(".png"):
            Path(path).write_bytes(_converter()(picture, scale=SCALE))
        else:
            Path(path).write_text(picture, encoding="utf-8")
    except OSError as error:
        raise StrettoError(f"bench: {path}: {error.strerror}") from None


def render(document: Calls) -> str:
    """The plot as SVG: no script, no file beside it."""
    groups, bottom = _groups(document)
    environment = Environment(
        loader=PackageLoader("stretto.reporters"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    where = document["machine"]
    return environment.get_template("calls.svg.j2").render(
        width=WIDTH,
        height=bottom + BELOW,
        left=LEFT,
        bar=BAR,
        top=TOP - 8,
        bottom=bottom,
        title=f"Time of a call, {document['variants']} variants, medians of {document['rounds']} rounds",
        machine=f"{where['processor']}, {where['cpus']} CPUs, Linux {where['kernel']}",
        legend=list(LEGEND.items()),
        ticks=_ticks(document),
        groups=groups,
    )


def _rows(document: Calls, kind: str) -> list[tuple[str, str, float]]:
    """Label, filling and time of each bar of one kind of call."""
    costs = {cost["mode"]: cost for cost in document["calls"] if cost["kind"] == kind}
    rows = []
    for mode in reversed(MODES):
        rows.append((f"bare ring, {mode}", PALE_2, costs[mode]["bare_ring"]))
        rows.append((f"tier 2, {mode}", FULL_2, costs[mode]["tier2"]))
    once = costs[MODES[0]]
    before, behind = ("native", NATIVE, once["native"]), ("bare tracer", PALE_1, once["bare_tracer"])
    return [before, *rows, behind, ("tier 1", FULL_1, once["tier1"])]


def _groups(document: Calls) -> tuple[list[Group], float]:
    """All bars, and where they end."""
    y: float = TOP
    groups = []
    for kind, described in KINDS.items():
        bars = []
        start = y
        for label, filling, time in _rows(document, kind):
            bars.append(Bar(label, filling, _shown(time), y, round(_x(document, time) - LEFT, 1)))
            y += BAR
        groups.append(Group(described.label, start, bars))
        y += GAP
    return groups, y - GAP + 4


def _span(document: Calls) -> tuple[int, int]:
    """Powers of ten below the shortest time and above the longest."""
    times = [time for kind in KINDS for _, _, time in _rows(document, kind)]
    low, high = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times)))
    return low, max(high, low + 1)


def _x(document: Calls, time: float) -> float:
    low, high = _span(document)
    return LEFT + (math.log10(time) - low) / (high - low) * (RIGHT - LEFT)


def _ticks(document: Calls) -> list[Tick]:
    low, high = _span(document)
    return [Tick(_shown(10.0**power), round(_x(document, 10.0**power), 1)) for power in range(low, high + 1)]


def _shown(time: float) -> str:
    """Two digits or three: `96 ns`, `9.6 us`, `960 us`."""
    for unit in ("ns", "us", "ms"):
        if time < 999.5:
            return f"{time:.2g} {unit}" if time < 9.95 else f"{time:.0f} {unit}"
        time /= 1000
    return f"{time:.2g} s"


def _converter() -> Callable[..., bytes]:
    """What turns SVG into PNG."""
    try:
        from vl_convert import svg_to_png
    except ImportError:
        raise StrettoError(
            "bench: no library to write PNG files with: pip install 'stretto[bench]', or ask for an .svg file"
        ) from None
    converter: Callable[..., bytes] = svg_to_png
    return converter
