"""A leader that a signal ends takes nothing with it that the followers have not agreed to."""

import signal

import pytest

from tests.hostile.running import DIVERGENCE, LAG, SLACK, Attempt


@pytest.mark.parametrize("variants", [2, 3])
@pytest.mark.parametrize("what", ["unseen", "agreed"])
def test_a_call_at_the_gate_ends_nobody(what: str, variants: int, attack: Attempt) -> None:
    """What was written at the gate is out (`test_what_the_policy_lets_pass`); the leader can't leave after
    that by writing to a pipe that nobody reads."""
    result = attack("killed", what, variants=variants, timeout=15)
    assert (result.status, result.stdout) == (DIVERGENCE, "ready\nat the gate\n"), str(result)
    assert result.kind == "timeout", str(result)
    assert result.seconds < LAG + SLACK, str(result)


@pytest.mark.parametrize("variants", [2, 3])
@pytest.mark.parametrize("what", ["recorded", "published"])
def test_followers_look_at_what_a_killed_leader_has_recorded(
    what: str, variants: int, attack: Attempt
) -> None:
    result = attack("killed", what, variants=variants, timeout=15)
    assert (result.status, result.stdout) == (DIVERGENCE, "ready\n"), str(result)
    assert result.kind == "call", str(result)
    assert result.seconds < LAG + SLACK, str(result)


@pytest.mark.parametrize("variants", [2, 3])
def test_a_killed_leader_that_followers_agree_with(variants: int, attack: Attempt) -> None:
    result = attack("killed", "nothing", variants=variants, timeout=15)
    assert (result.status, result.stdout) == (128 + signal.SIGALRM, "ready\n"), str(result)
    assert result.report is None, str(result)
