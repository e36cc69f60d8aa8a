"""Jumps into stubs, and into the jumps that lead there, at every byte."""

import pytest

from tests.hostile.running import DIVERGENCE, LAG, SLACK, Attempt

#: Bytes of the stub of a site with three short instructions behind it, and of the patch.
STUB, PATCH = 35, 5


@pytest.mark.parametrize("who", ["leader", "follower"])
@pytest.mark.parametrize(
    ("place", "offset"),
    [("stub", offset) for offset in range(STUB)] + [("site", offset) for offset in range(PATCH)],
)
def test_in_one_variant(place: str, offset: int, who: str, attack: Attempt) -> None:
    result = attack("stub", who, place, str(offset))
    assert "ready\n" in result.stdout, str(result)
    assert result.status in (0, DIVERGENCE), str(result)
    assert result.seconds < LAG + SLACK, str(result)


@pytest.mark.parametrize("place", ["stub", "site"])
def test_in_all_variants(place: str, attack: Attempt) -> None:
    result = attack("stub", "all", place, "each", timeout=60)
    assert "ready\n" in result.stdout, str(result)
    assert result.status in (0, DIVERGENCE), str(result)
