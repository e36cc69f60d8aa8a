"""Variants that do not go on, die, or have lost their context: noticed in time, whatever they look like."""

import pytest

from tests.hostile.running import DIVERGENCE, LAG, SLACK, Attempt, Result


def noticed(result: Result, kinds: set[str]) -> None:
    assert (result.status, result.stdout) == (DIVERGENCE, "ready\n"), str(result)
    assert result.kind in kinds, str(result)
    assert result.seconds < LAG + SLACK, str(result)


@pytest.mark.parametrize("call", ["ahead", "lockstep"])
@pytest.mark.parametrize("how", ["loop", "busy", "asleep"])
@pytest.mark.parametrize("who", ["leader", "follower"])
def test_a_variant_that_stays_behind(who: str, how: str, call: str, attack: Attempt) -> None:
    noticed(attack("stall", who, how, call, timeout=15), {"timeout"})


@pytest.mark.parametrize("policy", ["balanced", "fast"])
@pytest.mark.parametrize("call", ["ahead", "lockstep"])
def test_a_leader_that_waits_for_what_nobody_has_agreed_to(call: str, policy: str, attack: Attempt) -> None:
    """Calls of the program's may take as long as they like, if followers have come to them."""
    noticed(attack("stall", "leader", "waits", call, more=("--policy", policy), timeout=15), {"timeout"})


@pytest.mark.parametrize("who", ["leader", "follower"])
def test_a_variant_that_stays_behind_two_others(who: str, attack: Attempt) -> None:
    noticed(attack("stall", who, "loop", "ahead", variants=3), {"timeout"})


@pytest.mark.parametrize("who", ["leader", "follower"])
def test_a_variant_that_dies(who: str, attack: Attempt) -> None:
    noticed(attack("stall", who, "dies", "ahead"), {"fault", "death"})


def test_a_follower_that_does_not_come_to_where_a_signal_is_due(attack: Attempt) -> None:
    """The leader computes, and a timer rings; the follower has records to read before, and never will."""
    noticed(attack("stall", "follower", "signals", "ahead", timeout=15), {"timeout"})


@pytest.mark.parametrize("variants", [2, 3])
@pytest.mark.parametrize("who", ["leader", "follower"])
def test_a_variant_that_returns_to_another_mask(who: str, variants: int, attack: Attempt) -> None:
    """It would never take the next signal."""
    noticed(attack("masks", who, "frame", variants=variants, timeout=15), {"result"})


def test_a_follower_that_never_takes_the_signal_sent_to_it(attack: Attempt) -> None:
    """The mask that it waits with is changed after it was compared: its tracer waits for the signal."""
    noticed(attack("masks", "follower", "memory", timeout=15), {"timeout"})


def test_a_run_that_survives_a_follower_that_never_takes_a_signal(attack: Attempt) -> None:
    result = attack("masks", "follower", "memory", timeout=15, more=("--on-divergence", "audit"))
    assert (result.status, result.stdout, result.kind) == (0, "ready\nafter\n", "timeout"), str(result)
    assert result.seconds < LAG + SLACK, str(result)


def test_executing_what_could_only_be_waited_for(attack: Attempt) -> None:
    result = attack("fifo", timeout=15)
    assert (result.status, result.stdout) == (0, "ready\nEACCES\n"), str(result)


@pytest.mark.parametrize("what", ["open", "open-further", "open-behind", "taken", "garbage"])
@pytest.mark.parametrize("who", ["leader", "follower"])
def test_a_variant_that_lies_about_its_turn(who: str, what: str, attack: Attempt) -> None:
    """Among threads that take turns: the program ends as it should, or another order is noticed."""
    result = attack("turns", who, what)
    assert "ready\n" in result.stdout, str(result)
    if who == "follower":
        assert (result.status, result.stdout) == (0, "ready\nafter\n"), str(result)
    assert result.status in (0, DIVERGENCE), str(result)
    assert result.seconds < 2 * LAG + SLACK, str(result)


CONTEXTS = (
    "zeros",
    "ones",
    "page",
    "entry",
    "entry-is-gate",
    "stack",
    "stack-odd",
    "stack-is-ring",
    "link",
    "no-ring",
    "ring",
    "ring-is-stack",
    "plan",
    "forged-plan",
    "forged-looks",
    "no-base",
    "other-base",
    "bad-base",
)


@pytest.mark.parametrize("who", ["leader", "follower", "all"])
@pytest.mark.parametrize("what", CONTEXTS)
def test_a_spoilt_context(what: str, who: str, attack: Attempt) -> None:
    """Some contexts are as good as the old one; the others end in a divergence, or, if all have them, as a
    program ends that has destroyed itself."""
    result = attack("spoilt_context", who, what)
    assert "ready\n" in result.stdout, str(result)
    ends = {0, DIVERGENCE} if who != "all" else {0, DIVERGENCE, 128 + 11, 128 + 7, 128 + 5, 128 + 4}
    assert result.status in ends, str(result)
    assert result.seconds < 2 * LAG + SLACK, str(result)


@pytest.mark.parametrize("variants", [2, 3])
def test_very_many_processes(variants: int, attack: Attempt) -> None:
    """341 of them, all making calls in the process."""
    result = attack("bomb", variants=variants, timeout=100)
    assert (result.status, result.stdout) == (0, "all went well\n"), str(result)
