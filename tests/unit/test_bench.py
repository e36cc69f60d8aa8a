"""What `stretto bench` makes of figures, shown with figures made by hand."""

import sys
import types
import xml.etree.ElementTree as ElementTree
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from stretto import policy
from stretto.benchmarks.calls import KINDS, LIMITS, MODES, Calls, Cost, Times, _cost
from stretto.benchmarks.guarded import uniform
from stretto.errors import StrettoError
from stretto.reporters import bench, plot

SVG = "{http://www.w3.org/2000/svg}"
#: Nanoseconds: native, bare tracer, tier 1, bare ring, tier 2.
SMALL = Times(100, 8000, 10_000, 500, 700)
LARGE = Times(1000, 40_000, 60_000, 4000, 5000)


def document() -> Calls:
    """All rows, within the limits."""
    costs: list[Cost] = []
    for kind, described in KINDS.items():
        for mode in MODES:
            costs.append(_cost(kind, mode, [LARGE if described.large else SMALL]))
    return {
        "benchmark": "calls",
        "machine": {"processor": "<A & B>", "cpus": 2, "kernel": "6.1"},
        "variants": 2,
        "iterations": 10,
        "rounds": 1,
        "limits": LIMITS,
        "within_limit": True,
        "line": {"lowest": 48.1, "median": 50.2, "highest": 389.0},
        "places": None,
        "calls": costs,
    }


def printed(figures: Calls, color: bool = False) -> str:
    text = StringIO()
    console = Console(file=text, width=80, force_terminal=color, color_system="standard" if color else None)
    bench.show(figures, console)
    return text.getvalue()


def test_medians_and_ratios() -> None:
    rounds = [Times(1, 10, 10, 2, 3), Times(2, 20, 30, 4, 4), Times(3, 30, 60, 6, 30)]
    cost = _cost("read", "ahead", rounds)
    medians = [cost["native"], cost["bare_tracer"], cost["tier1"], cost["bare_ring"], cost["tier2"]]
    assert medians == [2, 20, 30, 4, 4]
    assert (cost["tier1_to_bare_tracer"], cost["tier2_to_bare_ring"]) == (1.5, 1.5)
    assert (cost["tier1_to_tier2"], cost["tier2_to_native"]) == (10 / 3, 3)
    assert cost["bare_ring_to_native"] == 2


@pytest.mark.parametrize(
    ("kind", "times", "beyond"),
    [
        ("read", Times(1, 100, 160, 10, 13), []),
        ("read", Times(1, 100, 190, 10, 15), ["tier1_to_bare_tracer"]),
        ("read", Times(1, 1000, 1600, 10, 16), ["tier2_to_bare_ring"]),
        ("read64k", Times(1, 1000, 1600, 10, 14), ["tier2_to_bare_ring"]),
        ("read", Times(1, 100, 119, 10, 10), ["tier1_to_tier2"]),
        ("read64k", Times(1, 100, 119, 10, 10), []),
    ],
)
def test_limits(kind: str, times: Times, beyond: list[str]) -> None:
    assert _cost(kind, "lockstep", [times])["beyond"] == beyond


def test_tables_fit_a_terminal() -> None:
    *tables, processor, line, verdict = printed(document()).splitlines()
    assert max(map(len, tables)) <= 80
    assert sum("lockstep" in line for line in tables) == sum("ahead" in line for line in tables) == 10
    assert any("8,000" in line and "700" in line for line in tables)
    assert any("1.40x" in line and "14.3x" in line for line in tables)
    assert processor == "<A & B>, 2 CPUs, Linux 6.1"
    assert line == "a cache line takes 50 ns (48 to 389) to the other CPU and back"
    assert verdict.startswith(
        "within the limit: tier 1 at most 1.6 times the bare tracer; tier 2 at most 1.5 "
    )
    assert verdict.endswith("at least 12 times cheaper than tier 1")


def test_what_sharing_a_cpu_costs_is_told_where_variants_do() -> None:
    crowded = document() | {"places": {"lowest": 1900.0, "median": 2200.0, "highest": 2500.0}}
    *_, places, _ = printed(crowded).splitlines()
    assert places.startswith("variants that share a CPU take 2200 ns (1900 to 2500) to change places")


def test_what_is_beyond_is_red() -> None:
    figures = document()
    assert "\x1b[31m" not in printed(figures, color=True)
    figures["calls"][0]["beyond"] = ["tier2_to_bare_ring"]
    figures["within_limit"] = False
    text = printed(figures, color=True)
    assert text.count("\x1b[31m") == 1
    assert "BEYOND the limit" in text
    assert printed(figures).endswith("\nbeyond it: getpid lockstep (tier 2 / bare ring 1.40x)\n")


def test_bars_are_logarithmic() -> None:
    picture = ElementTree.fromstring(plot.render(document()))
    bars: dict[str, list[float]] = {}
    for rectangle in picture.iter(f"{SVG}rect"):
        if rectangle.get("x") == str(plot.LEFT):
            bars.setdefault(rectangle.get("class", ""), []).append(float(rectangle.get("width", "")))
    assert {kind: len(widths) for kind, widths in bars.items()} == {
        "native": 5,
        "tracer": 5,
        "tier1": 5,
        "ring": 10,
        "tier2": 10,
    }
    decade = (plot.RIGHT - plot.LEFT) / 3  # 100 ns to 100 us
    assert bars["native"][0] == 0
    assert bars["native"][3] == pytest.approx(decade, abs=0.1)
    assert bars["tier1"][0] == pytest.approx(2 * decade, abs=0.1)


def test_the_plot_says_what_is_measured_where() -> None:
    picture = plot.render(document())
    texts = list(ElementTree.fromstring(picture).iter(f"{SVG}text"))
    words = [text.text for text in texts]
    for word in ("getpid", "write 64 KiB", "tier 2, lockstep", "bare ring, ahead", "500 ns", "8 us", "60 us"):
        assert word in words
    ticks = [text.text for text in texts if text.get("class") == "quiet middle"]
    assert ticks == ["100 ns", "1 us", "10 us", "100 us"]
    assert "<A & B>, 2 CPUs, Linux 6.1" in words
    assert "<script" not in picture


def test_svg_is_written(tmp_path: Path) -> None:
    path = str(tmp_path / "calls.SVG")
    plot.check(path)
    plot.save(document(), path)
    assert Path(path).read_text() == plot.render(document())


def test_png_is_written_if_a_library_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = types.ModuleType("vl_convert")
    library.svg_to_png = lambda svg, scale: b"\x89PNG" + svg[:4].encode()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vl_convert", library)
    path = str(tmp_path / "calls.png")
    plot.check(path)
    plot.save(document(), path)
    assert Path(path).read_bytes() == b"\x89PNG<svg"


def test_refusals_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    for path, words in (
        ("x.png", r"pip install 'stretto\[bench\]'"),
        ("x", r"\.svg or a \.png"),
        ("no-such-folder/x.svg", "no such folder"),
    ):
        with pytest.raises(StrettoError, match=words) as refused:
            plot.check(path)
        assert "\n" not in str(refused.value)
    with pytest.raises(StrettoError, match="directory"):
        plot.save(document(), f"{tmp_path}/")


def test_one_mode_for_all_that_the_monitor_does_not_see() -> None:
    mixed = bytes([policy.MONITORED, policy.LOCKSTEP, policy.AHEAD, policy.APPROVED])
    assert list(uniform(mixed, "ahead")) == [policy.MONITORED, policy.AHEAD, policy.AHEAD, policy.APPROVED]
    assert list(uniform(mixed, "lockstep"))[1:3] == [policy.LOCKSTEP] * 2
