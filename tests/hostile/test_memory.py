"""The agent's memory: calls that would change it, `/proc`, and paths that the monitor writes there."""

import pytest

from tests.hostile.running import DIVERGENCE, Attempt, Result


@pytest.mark.parametrize("variants", [2, 3])
def test_calls_about_where_agents_lie_are_refused(variants: int, attack: Attempt) -> None:
    result = attack("territory", variants=variants)
    assert result.stdout == "ready\nall refused\n", str(result)
    assert result.status == 0, str(result)


@pytest.mark.parametrize("part", ["text", "plan", "ring", "context"])
@pytest.mark.parametrize("call", ["munmap", "mprotect", "mremap", "mmap", "madvise"])
def test_each_its_own_agent(call: str, part: str, attack: Attempt) -> None:
    """The addresses differ, and no variant has memory there that another has, too."""
    result = attack("own_address", call, part)
    assert (result.status, result.stdout) == (DIVERGENCE, "ready\n"), str(result)


def test_calls_do_not_take_what_lies_with_agents(attack: Attempt) -> None:
    """Other processes of the leader share some of it: they could change it when it has been compared."""
    result = attack("named")
    assert (result.status, result.stdout) == (0, "ready\nEFAULT\n"), str(result)
    assert not result.files, str(result)


def through(result: Result, lines: str) -> None:
    """The attempts had these results, and all variants go on."""
    assert (result.status, result.stdout) == (0, f"ready\n{lines}after\n"), str(result)


def test_reading_through_proc(attack: Attempt) -> None:
    """No secret: who reads his own memory needs no file for it."""
    through(attack("through_proc", "read"), "text: done\nplan: done\nring: done\n")


def test_writing_through_proc(attack: Attempt) -> None:
    """The kernel writes through `/proc/self/mem` also where the program may only read, but not what is sealed
    or shared."""
    through(attack("through_proc", "write"), "text: EIO\nplan: EIO\nnotices: EIO\n")


def test_other_ways(attack: Attempt) -> None:
    result = attack("through_proc", "other")
    lines = result.stdout.splitlines()
    assert (result.status, lines[0], lines[-1]) == (0, "ready", "after"), str(result)
    assert len(lines) == 6, str(result)
    assert not [line for line in lines if line.endswith("done")], str(result)


def test_where_the_leaders_agent_really_is(attack: Attempt) -> None:
    """All ask for the same, at an address that only the leader has memory at: no answer tells that."""
    through(attack("through_proc", "mprotect"), "mprotect: ENOMEM\nmunmap: ENOMEM\n")


@pytest.mark.parametrize("who", ["leader", "follower"])
def test_the_monitors_own_calls_can_not_be_redirected(who: str, attack: Attempt) -> None:
    """A second process in a variant's memory changes the path by which the ring is to be opened there."""
    content = bytes(4 << 20)
    # On another CPU it is there at any moment.
    more = ("--placement", "free")
    result = attack("redirect", who, files={"victim": content}, more=more, timeout=60)
    assert "ready\n" in result.stdout, str(result)
    assert not result.files, f"another file was opened and written\n{result}"


@pytest.mark.parametrize("what", ["exec", "sendmmsg"])
def test_a_call_without_end_is_refused(what: str, attack: Attempt) -> None:
    """The monitor neither keeps nor reads all that it names."""
    result = attack("endless", "all", what)
    assert result.status == 0, str(result)
    assert result.stdout in ("ready\nE2BIG, 0\n", "ready\nE2BIG, 1\n"), str(result)


@pytest.mark.parametrize("what", ["exec", "sendmmsg"])
@pytest.mark.parametrize("who", ["leader", "follower"])
def test_a_call_without_end_that_one_variant_makes(who: str, what: str, attack: Attempt) -> None:
    result = attack("endless", who, what)
    assert (result.status, result.stdout, result.kind) == (DIVERGENCE, "ready\n", "call"), str(result)


def test_the_last_of_very_many_arguments_is_compared(attack: Attempt) -> None:
    result = attack("endless", "follower", "last")
    assert (result.status, result.stdout, result.kind) == (DIVERGENCE, "ready\n", "argument"), str(result)
    result = attack("endless", "all", "last")
    assert (result.status, result.stdout) == (0, "ready\n"), str(result)


def test_only_the_leader_writes_a_file_that_is_mapped(attack: Attempt) -> None:
    """A follower's stores are compared with nobody's."""
    result = attack("mapped", "follower", "w", files={"file": bytes(4096)})
    assert (result.status, result.stdout) == (0, "ready\ninnocent"), str(result)


def test_a_file_that_is_mapped_to_be_read_stays_so(attack: Attempt) -> None:
    result = attack("mapped", "follower", "r", files={"file": bytes(4096)})
    assert (result.status, result.stdout) == (0, "ready\nEACCES"), str(result)
