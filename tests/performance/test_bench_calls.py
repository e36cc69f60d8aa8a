"""`stretto bench` runs, adds up and judges; `stretto bench calls --check` holds Stretto to the limits."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stretto.__main__ import main
from stretto._core import bare_ring, bare_tracer
from stretto.benchmarks import calls, startup

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
#: Five times the limits, for a short measurement on a machine that does other things too.
LOOSE = {"tier1_to_bare_tracer": 8.0, "tier2_to_bare_ring": 7.5}


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    """Runs `stretto bench`."""
    command = [sys.executable, "-m", "stretto", "bench", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=110)


@needs_compiler
@pytest.mark.parametrize(("variants", "iterations"), [(1, 500), (2, 500), (3, 100), (4, 100)])
def test_calls(variants: int, iterations: int) -> None:
    words = ("--json", f"--iterations={iterations}", "--rounds=3", f"--variants={variants}")
    # Variants that share a CPU take turns, at the mercy of the scheduler; so does everybody on a machine that
    # does other things. What has become slower is slow every time.
    document: dict[str, Any] = {}
    for _ in range(3):
        done = bench("calls", *words)
        assert (done.returncode, done.stderr) == (0, "")
        document = json.loads(done.stdout)
        crowded = variants > document["machine"]["cpus"]
        slow = [cost for cost in document["calls"] if any(cost[name] > most for name, most in LOOSE.items())]
        if crowded or not slow:
            break
    else:
        pytest.fail(f"three times: {slow}")
    assert (document["benchmark"], document["variants"], document["rounds"]) == ("calls", variants, 3)
    assert document["limits"] == calls.LIMITS
    line = document["line"]
    assert (line is None) == (document["machine"]["cpus"] == 1)
    assert line is None or 5 < line["lowest"] <= line["median"] <= line["highest"]
    places = document["places"]
    assert (places is not None) == (document["variants"] > document["machine"]["cpus"])
    assert places is None or 50 < places["lowest"] <= places["median"] <= places["highest"]
    rows = [(cost["kind"], cost["mode"]) for cost in document["calls"]]
    assert rows == [(kind, mode) for kind in calls.KINDS for mode in ("lockstep", "ahead")]
    for cost in document["calls"]:
        assert 10 < cost["native"] < cost["bare_tracer"], cost
        assert cost["native"] < cost["tier1"], cost
        assert min(cost["bare_ring"], cost["tier2"]) > 10, cost
        assert crowded or cost["tier1_to_tier2"] > 1, cost
        assert cost["tier2_to_native"] > 0 < cost["bare_ring_to_native"], cost
    assert document["within_limit"] == (not any(cost["beyond"] for cost in document["calls"]))


@needs_compiler
def test_table_and_plot(tmp_path: Path) -> None:
    plot = tmp_path / "calls.svg"
    done = bench("calls", "--iterations=200", "--rounds=1", f"--plot={plot}")
    assert (done.returncode, done.stderr) == (0, "")
    for word in ("getpid", "write 64 KiB", "lockstep", "tier 2", "the limit: tier 1 at most 1.6 times"):
        assert word in done.stdout
    assert "</svg>" in plot.read_text()


def test_startup() -> None:
    done = bench("startup", "--json", "--rounds=5")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["limit"] == startup.LIMIT == 80
    assert 0 < document["native"] < document["stretto"]
    assert document["within_limit"] == (document["added"] <= 80)
    assert document["added"] < 10 * startup.LIMIT


@needs_compiler
@pytest.mark.parametrize(("limit", "code"), [(0.0, 1), (1e9, 0)])
def test_check_judges(
    limit: float, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in calls.LIMITS:
        monkeypatch.setitem(calls.LIMITS, name, 0.0 if name == "tier1_to_tier2" else limit)
    monkeypatch.setattr(startup, "LIMIT", limit)
    assert main(["bench", "calls", "--iterations=100", "--rounds=1", "--check"]) == code
    assert main(["bench", "startup", "--rounds=1", "--check"]) == code
    assert ("BEYOND" if code else "within") in capsys.readouterr().out


@pytest.mark.parametrize("mode", ["lockstep", "ahead"])
@pytest.mark.parametrize("kind", calls.KINDS)
def test_the_bare_ring_costs_less_than_the_bare_tracer(kind: str, mode: str) -> None:
    assert 10 < bare_ring(kind, mode, 2, 5000) < 3 * bare_tracer(kind, 2, 500)


def test_yardsticks_refuse() -> None:
    for kind, mode, variants, iterations in (
        ("open", "ahead", 2, 10),
        ("read", "monitored", 2, 10),
        ("read", "ahead", 9, 10),
        ("read", "ahead", 2, 0),
    ):
        with pytest.raises(OSError, match=r"no such|needs"):
            bare_ring(kind, mode, variants, iterations)


@pytest.mark.parametrize("mode", ["lockstep", "ahead"])
def test_a_policy_of_its_own(mode: str) -> None:
    command = [sys.executable, "-m", "stretto.benchmarks.guarded", "2", mode, "sh", "-c", "echo $0; exit 3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (3, "sh\n", "")


def test_a_program_that_is_not_there() -> None:
    command = [sys.executable, "-m", "stretto.benchmarks.guarded", "2", "ahead", "./no-such-program"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 127
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("nothing",),
        ("calls", "--variants=9"),
        ("calls", "--iterations=0"),
        ("startup", "--rounds=-1"),
        ("startup", "--plot=x.svg"),
        ("calls", "--plot=x.pdf"),
        ("calls", "--plot=no-such-folder/x.svg"),
    ],
)
def test_bad_input_is_one_line(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *words]) == 125
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("stretto: ")
    assert said.err.count("\n") == 1


def test_missing_compiler_is_explained(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    assert main(["bench", "calls"]) == 125
    said = capsys.readouterr().err
    assert "no C compiler to build the measured program with" in said
    assert said.count("\n") == 1
