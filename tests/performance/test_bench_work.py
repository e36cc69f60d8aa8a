"""`stretto bench work` at a small scale, on the real programs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stretto.__main__ import main
from stretto.benchmarks import work, workloads
from stretto.benchmarks.workloads import WORKLOADS, Sizes
from stretto.errors import StrettoError

FILES = 20
SIZES = Sizes(mebibytes=4, commits=10, forks=5, inserts=500, steps=1_000_000)


@pytest.fixture
def sizes(tmp_path: Path) -> Sizes:
    """Work of a few milliseconds."""
    for number in range(FILES):
        (tmp_path / f"{number}.h").write_text(f"int number_{number};\n" * 50)
    return SIZES._replace(archived=tmp_path)


@pytest.mark.parametrize("row", WORKLOADS)
def test_row(row: str, sizes: Sizes) -> None:
    if lacking := workloads.missing(row, sizes):
        pytest.skip(f"{lacking} is missing")
    said: list[str] = []
    document = work.measure(2, 1, said.append, [row], sizes)
    label = WORKLOADS[row].label
    assert said == [f"making inputs: {label}", f"round 1 of 1: {label}", "counting"]
    assert document["left_out"] == {}
    (cost,) = document["work"]
    assert cost["row"] == row
    times = [cost["native"], cost["copies"], cost["tier1"], cost["tier2"]]
    assert all(0.0005 < seconds < 60 for seconds in times), cost
    assert cost["tier2_to_native"] == pytest.approx(cost["tier2"] / cost["native"])
    assert cost["tier2_to_copies"] == pytest.approx(cost["tier2"] / cost["copies"])
    assert cost["tier1_to_tier2"] == pytest.approx(cost["tier1"] / cost["tier2"])
    counted = cost["counted"]
    assert 1 <= counted["processes"] <= counted["tasks"]
    assert counted["calls"] > 10 and counted["in_process"] >= 0 < counted["startup"]
    if row == "forks":
        assert counted["processes"] == sizes.forks + 1
    if row in ("cat", "tar"):
        assert counted["processes"] == 3
    if row == "cat":  # blocks of 128 KiB, read and written, and read again
        assert counted["in_process"] > 3 * 4 * 8 / 2


def test_one_and_three_variants(sizes: Sizes) -> None:
    for variants in (1, 3):
        document = work.measure(variants, 1, lambda text: None, ["python3"], sizes)
        assert (document["variants"], len(document["work"])) == (variants, 1)


def test_command(tmp_path: Path) -> None:
    plot = tmp_path / "work.svg"
    words = ["--rounds=1", "--only=cat", "--only=python3", "--size=4", "--json", f"--plot={plot}"]
    command = [sys.executable, "-m", "stretto", "bench", "work", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert (document["benchmark"], document["rounds"], document["sizes"]["mebibytes"]) == ("work", 1, 4)
    assert [cost["row"] for cost in document["work"]] == ["python3", "cat"]
    assert document["limits"] == work.LIMITS
    assert document["within_limit"] == (document["work"][1]["beyond"] == [])
    assert "cat|sha256sum" in plot.read_text()


@pytest.mark.parametrize(("limit", "code"), [(0.0, 1), (1e9, 0)])
def test_check_judges(
    limit: float, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(work.LIMITS, "python3", limit)
    assert main(["bench", "work", "--only=python3", "--rounds=1", "--check"]) == code
    assert ("BEYOND" if code else "within") + " the limit: tier 2 at most" in capsys.readouterr().out


def test_what_is_missing_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = WORKLOADS["sqlite3"]._replace(needs=("no-such-program",))
    monkeypatch.setitem(WORKLOADS, "sqlite3", absent)
    assert main(["bench", "work", "--only=python3", "--only=sqlite3", "--rounds=1"]) == 0
    assert "\nleft out: sqlite3 (missing: no-such-program)\n" in capsys.readouterr().out
    assert main(["bench", "work", "--only=sqlite3"]) == 125
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert "missing: no-such-program" in said.err
    assert "not-a-folder" in workloads.missing("tar", SIZES._replace(archived=Path("not-a-folder")))


def test_columns_must_print_the_same(monkeypatch: pytest.MonkeyPatch, sizes: Sizes) -> None:
    counter = WORKLOADS["python3"]._replace(
        prepare=lambda folder, sizes: ["sh", "-c", f"echo >> {folder}/runs; wc -l < {folder}/runs"]
    )
    monkeypatch.setitem(WORKLOADS, "python3", counter)
    with pytest.raises(StrettoError, match="did not always print the same"):
        work.measure(2, 1, lambda text: None, ["python3"], sizes)


def test_input_that_can_not_be_made(monkeypatch: pytest.MonkeyPatch, sizes: Sizes) -> None:
    def full(folder: Path, sizes: Sizes) -> list[str]:
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(WORKLOADS, "cat", WORKLOADS["cat"]._replace(prepare=full))
    with pytest.raises(StrettoError, match=r"input of cat\|sha256sum can't be made: .*No space"):
        work.measure(2, 1, lambda text: None, ["cat"], sizes)


@pytest.mark.parametrize(
    "words",
    [("--only=nothing",), ("--size=0",), ("--rounds=0",), ("--plot=x.pdf",)],
)
def test_bad_input_is_one_line(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "work", *words]) == 125
    assert main(["bench", "startup", "--only=cat"]) == 125
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 2)
