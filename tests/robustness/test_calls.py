"""Very many calls in one process, in short; the long one is `python -m tests.robustness.calls`."""

from pathlib import Path

import pytest

from tests.robustness.calls import build, measure, problems
from tests.support.runner import NATIVE

CALLS = 100_000


@pytest.mark.parametrize("variants", [2, 3])
@pytest.mark.parametrize("policy", ["balanced", "fast"])
def test_every_result_is_right_and_nothing_grows(policy: str, variants: int, tmp_path: Path) -> None:
    program = build(tmp_path)
    figures = measure(program, tmp_path, CALLS, variants, "--policy", policy)
    assert not problems(figures, CALLS), str(figures)


def test_natively(tmp_path: Path) -> None:
    """What the program checks holds on this kernel."""
    assert measure(build(tmp_path), tmp_path, CALLS, NATIVE).seconds > 0
