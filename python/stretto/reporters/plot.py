"""Times as a picture: groups of bars on a logarithmic axis."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from ..benchmarks.machine import where
from ..errors import StrettoError
from .charts import Chart, Drawable, chart

WIDTH = 860
#: Where bars begin, and where the longest may end.
LEFT, RIGHT = 190, 780
TOP, BAR, GAP, BELOW = 70, 13, 16, 70
#: Dots for each of the picture's in a PNG.
SCALE = 2.0


class Bar(NamedTuple):
    """One bar: `kind` is how it is filled."""

    label: str
    kind: str
    value: str
    y: float
    width: float


class Group(NamedTuple):
    """Bars that belong together."""

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


def save(document: Drawable, path: str) -> None:
    """Writes the plot; the ending of `path` says how."""
    picture = render(document)
    try:
        if path.lower().endswith(".png"):
            Path(path).write_bytes(_converter()(picture, scale=SCALE))
        else:
            Path(path).write_text(picture, encoding="utf-8")
    except OSError as error:
        raise StrettoError(f"bench: {path}: {error.strerror}") from None


def render(document: Drawable) -> str:
    """The plot as SVG: no script, no file beside it."""
    drawn = chart(document)
    groups, bottom = _groups(drawn)
    environment = Environment(
        loader=PackageLoader("stretto.reporters"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("bars.svg.j2").render(
        width=WIDTH,
        height=bottom + BELOW,
        left=LEFT,
        bar=BAR,
        top=TOP - 8,
        bottom=bottom,
        title=drawn.title,
        note=drawn.note,
        machine=where(document["machine"]),
        legend=list(drawn.legend.items()),
        ticks=_ticks(drawn),
        groups=groups,
    )


def _groups(drawn: Chart) -> tuple[list[Group], float]:
    """All bars, and where they end."""
    y: float = TOP
    groups = []
    for title, times in drawn.groups.items():
        bars = []
        start = y
        for time in times:
            width = round(_x(drawn, time.nanoseconds) - LEFT, 1)
            bars.append(Bar(time.label, time.kind, _shown(time.nanoseconds), y, width))
            y += BAR
        groups.append(Group(title, start, bars))
        y += GAP
    return groups, y - GAP + 4


def _span(drawn: Chart) -> tuple[int, int]:
    """Powers of ten below the shortest time and above the longest."""
    times = [time.nanoseconds for group in drawn.groups.values() for time in group]
    low, high = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times)))
    return low, max(high, low + 1)


def _x(drawn: Chart, time: float) -> float:
    low, high = _span(drawn)
    return LEFT + (math.log10(time) - low) / (high - low) * (RIGHT - LEFT)


def _ticks(drawn: Chart) -> list[Tick]:
    low, high = _span(drawn)
    return [Tick(_shown(10.0**power), round(_x(drawn, 10.0**power), 1)) for power in range(low, high + 1)]


def _shown(time: float) -> str:
    """Two digits or three: `96 ns`, `9.6 us`, `960 us`."""
    for unit in ("ns", "us", "ms"):
        if time < 999.5:
            return f"{time:.2g} {unit}" if time < 9.95 else f"{time:.0f} {unit}"
        time /= 1000
    return f"{time:.2g} s" if time < 9.95 else f"{time:.0f} s"


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
