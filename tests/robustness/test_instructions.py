"""A signal at every instruction of stub and agent, in short; see `tests.robustness.instructions`."""

from pathlib import Path

import pytest

from tests.robustness.injected import LOCKSTEP
from tests.robustness.instructions import SECOND, Way, build, inject

#: By their numbers in the program: a query, a read that waits, a write.
KINDS = (0, 2, 6)


@pytest.mark.parametrize(
    "way",
    [
        Way(1, "balanced", stride=2),
        Way(2, "balanced", stride=2),
        Way(3, LOCKSTEP, stride=5),
        Way(2, "fast", watched=1, stride=5),
        Way(2, LOCKSTEP, second=SECOND, stride=5),
    ],
    ids=str,
)
def test_none_is_lost_and_no_result_changes(way: Way, tmp_path: Path) -> None:
    kinds = inject(build(tmp_path), tmp_path, way, KINDS, timeout=100)
    assert len(kinds) == len(KINDS)
    for kind in kinds:
        print(kind)
        assert not kind.problems(way), kind.problems(way)
