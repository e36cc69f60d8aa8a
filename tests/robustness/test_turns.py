"""Threads that answer each other, in short; the long run is `python -m tests.robustness.turns`."""

from pathlib import Path

import pytest

from tests.robustness.turns import build, measure

ROUNDS = 10_000


#: Calls in the monitor: those of the beginning, and what comes of a thread that is late now and then.
FEW = ROUNDS / 10


@pytest.mark.parametrize("variants", [2, 3])
def test_threads_that_answer_each_other_stay_together(variants: int, tmp_path: Path) -> None:
    measured = measure(build(tmp_path), tmp_path, ROUNDS, variants)
    assert not measured.wrong, f"{measured}\n{measured.wrong}"
    assert measured.in_monitor < FEW, measured
