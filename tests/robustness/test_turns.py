"""Threads that answer each other, in short; the long run is `python -m tests.robustness.turns`."""

from pathlib import Path

import pytest

from tests.robustness.turns import build, measure

ROUNDS = 10_000


@pytest.mark.parametrize("variants", [2, 3])
def test_threads_that_answer_each_other_stay_together(variants: int, tmp_path: Path) -> None:
    figures, wrong = measure(build(tmp_path), tmp_path, ROUNDS, variants)
    assert not wrong, f"{figures}\n{wrong}"
