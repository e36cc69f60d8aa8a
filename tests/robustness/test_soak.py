"""The soak in short; the long one is `python -m tests.robustness.soak --runs 2000`."""

from pathlib import Path

import pytest

from tests.robustness.soak import Soak


@pytest.mark.timeout(600)
@pytest.mark.parametrize("variants", [(2,), (2, 3, 4)], ids=["two", "by-turns"])
def test_nothing_differs_and_nothing_stays(variants: tuple[int, ...], tmp_path: Path) -> None:
    soak = Soak(tmp_path, variants)
    done = sum(1 for _ in soak.run(3 * len(soak.commands)))
    assert done >= 60
    assert not soak.wrong, "\n".join(soak.wrong)
