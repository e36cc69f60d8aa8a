"""Jumps to the gate from foreign code gain nothing that the policy would not have let through."""

import pytest

from tests.hostile.running import DIVERGENCE, LAG, SLACK, Attempt, Result

#: Calls that no agent makes.
FOREIGN = (
    "open",
    "openat",
    "execve",
    "kill",
    "socket",
    "sigaction",
    "seccomp",
    "mmap",
    "mprotect",
    "clone",
    "exit",
    "x32",
)


def stopped(result: Result) -> None:
    """The run has ended in a divergence before anything happened."""
    assert "ready\n" in result.stdout, str(result)
    assert result.status == DIVERGENCE, str(result)
    assert "after" not in result.stdout, str(result)
    assert not result.files, str(result)
    assert result.seconds < LAG + SLACK, str(result)


@pytest.mark.parametrize("secret", ["right", "none"])
@pytest.mark.parametrize("call", FOREIGN)
@pytest.mark.parametrize("who", ["leader", "follower"])
def test_calls_that_are_the_monitors(who: str, call: str, secret: str, attack: Attempt) -> None:
    stopped(attack("gate", who, call, secret))


@pytest.mark.parametrize("call", ["openat", "clone"])
@pytest.mark.parametrize("who", ["leader", "follower"])
def test_with_three_variants(who: str, call: str, attack: Attempt) -> None:
    stopped(attack("gate", who, call, "right", variants=3))


@pytest.mark.parametrize("secret", ["wrong", "none"])
@pytest.mark.parametrize("call", ["getpid", "write"])
def test_calls_of_the_policy_without_the_secret(call: str, secret: str, attack: Attempt) -> None:
    result = attack("gate", "leader", call, secret)
    stopped(result)
    assert "at the gate" not in result.stdout


@pytest.mark.parametrize("call", ["getpid", "write", "read-into-plan"])
def test_followers_make_no_calls_of_the_policy(call: str, attack: Attempt) -> None:
    stopped(attack("gate", "follower", call, "right"))


@pytest.mark.parametrize("variants", [2, 3])
@pytest.mark.parametrize("who", ["leader", "follower"])
def test_a_descriptor_that_one_variant_has_closed_unseen(who: str, variants: int, attack: Attempt) -> None:
    """Every variant closes its own; that not all could is noticed where it is closed again."""
    result = attack("gate", who, "close", "right", variants=variants)
    stopped(result)
    assert "gave variant" in result.stderr, str(result)


def test_what_the_policy_lets_pass(attack: Attempt) -> None:
    """A limit, not a mistake: who controls the leader and knows its secret makes the calls there that the
    policy has in process, unseen by the followers. Such a call may query, and transfer bytes to what is open
    already; it opens nothing, and starts nothing. `--policy strict` has no such calls. If this fails, Stretto
    got better."""
    result = attack("gate", "leader", "write", "right")
    assert (result.status, result.stdout) == (0, "ready\nat the gate\nafter\n"), str(result)
    assert attack("gate", "leader", "getpid", "right").status == 0


def test_the_plan_is_no_target(attack: Attempt) -> None:
    """The kernel writes into the leader's memory what a read gives; not into the agent's."""
    result = attack("gate", "leader", "read-into-plan", "right")
    assert (result.status, result.stdout) == (0, "ready\nafter\n"), str(result)
    assert not result.files, "the read was successful"


@pytest.mark.parametrize("who", ["leader", "follower"])
def test_restarting_what_was_not_interrupted(who: str, attack: Attempt) -> None:
    """The kernel restarts calls with a number of its own, without the secret; alone it does nothing."""
    result = attack("gate", who, "restart", "none")
    assert (result.status, result.stdout) == (0, "ready\nafter\n"), str(result)
    assert not result.files


@pytest.mark.parametrize("call", FOREIGN[:3])
def test_all_variants_alike(call: str, attack: Attempt) -> None:
    """All ask for the same: that is the program's wish, made by the monitor as from anywhere else."""
    result = attack("gate", "all", call, "right")
    assert result.status in (0, DIVERGENCE), str(result)


def test_no_other_call_is_made_in_place_of_one_that_a_signal_has_interrupted(attack: Attempt) -> None:
    """All have agreed to the one, not to the other."""
    done = attack("leaves_call")
    assert "ready\n" in done.stdout, str(done)
    assert "unchecked" not in done.files, str(done)
    assert done.status in (0, DIVERGENCE), str(done)
