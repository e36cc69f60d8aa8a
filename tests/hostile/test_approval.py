"""What the monitor approves at the gate is what all followers have agreed to, once for a record."""

import pytest

from tests.hostile.running import DIVERGENCE, LAG, SLACK, Attempt


@pytest.mark.parametrize("variants", [2, 3])
@pytest.mark.parametrize(
    "what",
    ["again", "rewound", "other", "overwritten", "own", "post", "shared", "withdrawn", "claimed"],
)
def test_nothing_else_happens(what: str, variants: int, attack: Attempt) -> None:
    result = attack("approved", what, variants=variants)
    assert "ready\n" in result.stdout, str(result)
    assert result.status == DIVERGENCE, str(result)
    assert "after" not in result.stdout, str(result)
    assert not result.files & {"owned", "other!"}, str(result)
    assert "agreed" not in result.files or what not in ("own", "post", "shared"), str(result)
    assert result.seconds < LAG + SLACK, str(result)


def test_what_all_have_agreed_to_happens(attack: Attempt) -> None:
    """That the leader came to the gate without its agent makes no difference to anybody."""
    result = attack("approved", "same")
    assert "agreed" in result.files, str(result)
    assert "after" not in result.stdout, str(result)
