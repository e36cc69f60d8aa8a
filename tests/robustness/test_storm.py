"""A storm of patches in short; the long one is `python -m tests.robustness.storm`."""

from pathlib import Path

import pytest

from tests.robustness.storm import build, measure, problems
from tests.support.runner import NATIVE

BLOCKS = 8
SECONDS = {"tier1": 1, "tier2": 2}


@pytest.mark.parametrize(
    ("variants", "policy"), [(1, "tier2"), (2, "tier2"), (3, "tier2"), (1, "tier1"), (2, "tier1")]
)
def test_threads_run_while_their_code_is_patched(variants: int, policy: str, tmp_path: Path) -> None:
    figures = measure(build(tmp_path), tmp_path, variants, policy, SECONDS[policy], BLOCKS)
    assert not problems(figures, BLOCKS), f"{figures}\n{problems(figures, BLOCKS)}"


def test_natively(tmp_path: Path) -> None:
    """What the program checks holds on this kernel."""
    assert not measure(build(tmp_path), tmp_path, NATIVE, "tier1", 1, BLOCKS).wrong
