"""What follows a divergence: who goes on, who doesn't, and what a user is told at which time."""

from pathlib import Path

import pytest
from tests.support.build import compiled
from tests.support.runner import NATIVE, TIERS, Outcome, fresh, run

SOURCE = Path(__file__).with_name("one_of_several.c")
#: In which way one of several is odd, and the kinds of divergence that it may be.
ODD = {"WRITES": ("argument",), "CALLS": ("call",), "FAULTS": ("fault",), "STALLS": ("timeout",)}
#: `fast` lets the leader go ahead, and what is odd is noticed behind it.
POLICIES = {**TIERS, "fast": ("--policy", "fast", "--patch-after", "1")}


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The program, and those that are odd, by their words for it."""
    base = tmp_path_factory.mktemp("programs")
    return {odd: compiled(base / odd, [SOURCE], f"-DODD={odd}", "-pthread") for odd in ("NOTHING", *ODD)}


def guarded(
    leader: str, followers: list[str], reaction: str, options: tuple[str, ...], work: Path
) -> Outcome:
    own = [word for follower in followers for word in ("--variant", follower)]
    words = (*options, *own, "--on-divergence", reaction, "--timeout", "1")
    return run([leader], fresh(work), variants=1 + len(followers), options=words)


def lines(outcome: Outcome) -> list[str]:
    return outcome.stderr.decode().splitlines()


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(("reaction", "followers"), [("vote", 2), ("audit", 1)])
def test_the_others_go_on_without_an_odd_follower(
    reaction: str, followers: int, odd: str, policy: str, programs: dict[str, str], tmp_path: Path
) -> None:
    usual = programs["NOTHING"]
    native = run([usual], fresh(tmp_path / "work"), variants=NATIVE)
    like_the_leader = [usual] * (followers - 1)
    seen = guarded(usual, [programs[odd], *like_the_leader], reaction, POLICIES[policy], tmp_path / "work")
    assert (seen.status, seen.stdout, seen.files) == (native.status, native.stdout, native.files), seen.stderr
    assert seen.leftovers == []
    told, headline, kind = lines(seen)[:3]
    assert told.startswith("stretto: divergence: ")
    assert headline.startswith("DIVERGENCE ")
    assert kind.partition(":")[0] in ODD[odd]
    assert not any("another divergence" in line for line in lines(seen))


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("odd", ["WRITES", "CALLS", "FAULTS"])
@pytest.mark.parametrize("reaction", ["kill", "vote"])
def test_nobody_goes_on_with_an_odd_leader(
    reaction: str, odd: str, tier: str, programs: dict[str, str], tmp_path: Path
) -> None:
    """All its followers seem odd, which are no minority: none of what it asks for happens."""
    usual = programs["NOTHING"]
    native = run([usual], fresh(tmp_path / "work"), variants=NATIVE)
    seen = guarded(programs[odd], [usual, usual], reaction, TIERS[tier], tmp_path / "work")
    assert seen.status == 86
    assert native.stdout.startswith(seen.stdout)
    assert "numbers" in seen.files
    assert seen.leftovers == []


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("odd", ["WRITES", "CALLS", "FAULTS"])
def test_audit_lets_an_odd_leader_go_on(
    odd: str, tier: str, programs: dict[str, str], tmp_path: Path
) -> None:
    """It changes nothing for the leader, whatever that does."""
    native = run([programs[odd]], fresh(tmp_path / "work"), variants=NATIVE)
    usual = programs["NOTHING"]
    seen = guarded(programs[odd], [usual, usual], "audit", TIERS[tier], tmp_path / "work")
    assert (seen.status, seen.stdout, seen.files) == (native.status, native.stdout, native.files), seen.stderr
    assert lines(seen)[0].startswith("stretto: divergence: ")
    assert seen.leftovers == []
