"""Garbage and forgeries in the ring."""

from pathlib import Path

import pytest

from tests.hostile.fuzz import Fuzz
from tests.hostile.running import DIVERGENCE, LAG, SLACK, Attempt, builder

RUNS = 12


def test_garbage(tmp_path: Path) -> None:
    """In short; the long one is `python -m tests.hostile.fuzz --runs 2000`."""
    fuzz = Fuzz(builder(tmp_path)("garbage"), tmp_path)
    for seed in range(RUNS):
        fuzz.once(seed)
    assert not fuzz.wrong, "\n".join(fuzz.wrong)
    assert fuzz.statuses[DIVERGENCE] >= RUNS // 3, f"hardly any garbage did harm: {fuzz.statuses}"


@pytest.mark.parametrize("result", ["5", "0x7ffffffff000", "-12", "-5000", "0x500000000000"])
@pytest.mark.parametrize("call", ["mmap", "brk"])
def test_calls_that_the_leader_only_pretends_to_have_made(call: str, result: str, attack: Attempt) -> None:
    """Followers do what the leader's results say: these must be results of calls that an agent may make."""
    done = attack("forged", call, result)
    assert "ready\n" in done.stdout, str(done)
    assert done.status in (0, DIVERGENCE), str(done)
    assert done.seconds < LAG + SLACK, str(done)


@pytest.mark.parametrize("call", ["data", "result", "written", "structure"])
def test_calls_that_claim_to_have_given_more_than_was_asked_for(call: str, attack: Attempt) -> None:
    """Followers take over what the leader has got, and nothing beyond what they have room for."""
    done = attack("excess", call)
    assert "ready\n" in done.stdout, str(done)
    assert "believed" not in done.stdout, str(done)
    assert (done.status, done.kind) == (DIVERGENCE, "ring"), str(done)
