"""`stretto bench` runs, adds up and judges; `stretto bench calls --check` holds Stretto to the limits."""

import json
import shutil
import subprocess
import sys

import pytest

from stretto.__main__ import main
from stretto.benchmarks import calls, startup

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
#: Far above the limit of 1.6, for a short measurement on a machine that does other things too.
LOOSE = 3.0


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    """Runs `stretto bench`."""
    command = [sys.executable, "-m", "stretto", "bench", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=110)


@needs_compiler
@pytest.mark.parametrize("variants", [1, 2, 3])
def test_calls(variants: int) -> None:
    done = bench("calls", "--json", "--iterations=500", "--rounds=3", f"--variants={variants}")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert (document["benchmark"], document["variants"], document["rounds"]) == ("calls", variants, 3)
    assert document["limit"] == calls.LIMIT == 1.6
    assert [cost["kind"] for cost in document["calls"]] == ["getpid", "read", "write"]
    for cost in document["calls"]:
        assert 10 < cost["native"] < cost["bare"], cost
        assert cost["native"] < cost["stretto"], cost
        # Variants that share a CPU take turns, at the mercy of the scheduler.
        assert variants > document["machine"]["cpus"] or cost["stretto_to_bare"] < LOOSE, cost
        assert cost["stretto_to_native"] > cost["stretto_to_bare"], cost
    within = all(cost["stretto_to_bare"] <= 1.6 for cost in document["calls"])
    assert document["within_limit"] == within


@needs_compiler
def test_table() -> None:
    done = bench("calls", "--iterations=200", "--rounds=1")
    assert (done.returncode, done.stderr) == (0, "")
    for word in ("getpid", "read 4 KiB", "write 4 KiB", "bare tracer", "Stretto", "the limit: at most 1.6"):
        assert word in done.stdout


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
    monkeypatch.setattr(calls, "LIMIT", limit)
    monkeypatch.setattr(startup, "LIMIT", limit)
    assert main(["bench", "calls", "--iterations=100", "--rounds=1", "--check"]) == code
    assert main(["bench", "startup", "--rounds=1", "--check"]) == code
    assert ("BEYOND" if code else "within") in capsys.readouterr().out


def test_medians_and_ratios() -> None:
    cost = calls._cost("read", [(1.0, 10.0, 10.0), (2.0, 20.0, 30.0), (3.0, 30.0, 60.0)])
    assert (cost["native"], cost["bare"], cost["stretto"]) == (2.0, 20.0, 30.0)
    assert (cost["bare_to_native"], cost["stretto_to_native"], cost["stretto_to_bare"]) == (10.0, 15.0, 1.5)


@pytest.mark.parametrize(
    "words",
    [(), ("nothing",), ("calls", "--variants=9"), ("calls", "--iterations=0"), ("startup", "--rounds=-1")],
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
