"""What `stretto bench work` makes of figures, shown with figures made by hand."""

import subprocess
import xml.etree.ElementTree as ElementTree
from io import StringIO

import pytest
from rich.console import Console

from stretto.benchmarks.work import LIMITS, Counts, Times, Work, cost, counts
from stretto.benchmarks.workloads import WORKLOADS, Sizes, surroundings
from stretto.reporters import bench, plot

SVG = "{http://www.w3.org/2000/svg}"
#: Seconds: native, copies, tier 1, tier 2.
SLOW = Times(100, 150, 1234.5, 153)
COUNTED: Counts = {
    "processes": 1001,
    "tasks": 1003,
    "calls": 135_000,
    "in_process": 12_345_678,
    "startup": 31.4,
}


def document() -> Work:
    """All rows, within the limits."""
    return {
        "benchmark": "work",
        "machine": {"processor": "<A & B>", "cpus": 2, "kernel": "6.1"},
        "variants": 2,
        "rounds": 1,
        "sizes": {},
        "limits": LIMITS,
        "within_limit": True,
        "left_out": {},
        "work": [cost(row, [SLOW], COUNTED) for row in WORKLOADS],
    }


def printed(figures: Work, color: bool = False) -> str:
    text = StringIO()
    console = Console(file=text, width=80, force_terminal=color, color_system="standard" if color else None)
    bench.show(figures, console)
    return text.getvalue()


def test_medians_and_ratios() -> None:
    rounds = [Times(1, 2, 10, 3), Times(2, 4, 30, 4), Times(3, 6, 60, 30)]
    row = cost("cat", rounds, COUNTED)
    assert [row["native"], row["copies"], row["tier1"], row["tier2"]] == [2, 4, 30, 4]
    assert (row["tier2_to_native"], row["tier2_to_copies"], row["tier1_to_tier2"]) == (3, 1.5, 10 / 3)


@pytest.mark.parametrize(
    ("row", "tier2", "beyond"),
    [
        ("cat", 1.5, []),
        ("tar", 1.51, ["tier2_to_copies"]),
        ("sqlite3", 1.51, ["tier2_to_copies"]),
        ("compute", 1.03, []),
        ("compute", 1.04, ["tier2_to_copies"]),
        ("forks", 1000, []),
    ],
)
def test_limits(row: str, tier2: float, beyond: list[str]) -> None:
    assert cost(row, [Times(1, 1, 1, tier2)], COUNTED)["beyond"] == beyond


def test_counts_are_those_of_the_run() -> None:
    phases = [{"name": "spawn", "ms": 5.0}, {"name": "layout", "ms": 31.4}]
    others = {"signals": 1, "patched": 2, "seconds": 3.0, "refused_sites": {}, "warnings": []}
    numbers = {name: number for name, number in COUNTED.items() if name != "startup"}
    assert counts({**numbers, **others, "phases": phases}) == COUNTED


def test_tables_fit_a_terminal() -> None:
    *tables, processor, verdict = printed(document()).splitlines()
    assert max(map(len, tables)) <= 80
    for described in WORKLOADS.values():
        assert sum(described.label in line for line in tables) == 2
    assert sum("1234.5" in line and "1.53x" in line and "1.02x" in line for line in tables) == 8
    assert sum("1,001" in line and "12,345,678" in line and " 31 " in line for line in tables) == 8
    assert processor == "<A & B>, 2 CPUs, Linux 6.1"
    assert verdict == (
        "within the limit: tier 2 at most 1.5 times the copies for cat|sha256sum, tar|zstd, sqlite3; "
        "1.03 times the copies for compute"
    )


def test_what_is_beyond_is_red() -> None:
    figures = document()
    assert "\x1b[31m" not in printed(figures, color=True)
    figures["work"][4]["beyond"] = ["tier2_to_copies"]
    figures["within_limit"] = False
    text = printed(figures, color=True)
    assert text.count("\x1b[31m") == 1
    assert "BEYOND the limit" in text
    assert printed(figures).endswith("\nbeyond it: cat|sha256sum (tier 2 / copies 1.02x)\n")


def test_what_is_left_out_is_one_line() -> None:
    figures = document()
    figures["left_out"] = {"git": "git", "tar": "tar, zstd"}
    assert "\nleft out: git log (missing: git), tar|zstd (missing: tar, zstd)\n" in printed(figures)


def test_rows_without_limits() -> None:
    figures = document()
    figures["work"] = figures["work"][:1]
    assert printed(figures).endswith("within the limit: none for these rows\n")


def test_the_plot_has_four_bars_a_row() -> None:
    picture = ElementTree.fromstring(plot.render(document()))
    kinds = [
        rectangle.get("class")
        for rectangle in picture.iter(f"{SVG}rect")
        if rectangle.get("x") == str(plot.LEFT)
    ]
    assert kinds == ["native", "copies", "tier2", "tier1"] * len(WORKLOADS)
    words = [text.text for text in picture.iter(f"{SVG}text")]
    for word in ("tar|zstd", "2 copies", "tier 1", "100 s", "1234 s"):
        assert word in words


def test_settings_of_the_user_do_not_count(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("STRETTO_VARIANTS", "8")
    home = tmp_path_factory.mktemp("home")
    environ = surroundings(home)
    assert environ["HOME"] == str(home)
    assert not {"GIT_DIR", "STRETTO_VARIANTS"} & set(environ)


def test_a_fork_for_every_turn(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("home")
    command = WORKLOADS["forks"].prepare(home, Sizes(forks=3))
    assert "i < 3" in command[-1]
    assert subprocess.run(command, env=surroundings(home), timeout=20).returncode == 0
