"""However Stretto ends, nothing stays; what it is told to pass on arrives."""

import os
import select
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.leftovers import adopt_orphans, descendants, end_descendants, has_ended, remaining
from tests.support.runner import environment, guarded

PATIENCE = 20.0


class Running:
    """A program under Stretto that has said "ready"."""

    def __init__(
        self, script: str, directory: Path, variants: int = 2, shell: str = "sh", *options: str
    ) -> None:
        adopt_orphans()
        self.process = subprocess.Popen(
            guarded([shell, "-c", script], variants, *options),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=directory,
            env=environment(directory),
        )
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        line = self.process.stdout.readline() if ready else b""
        if line != b"ready\n":
            self.process.kill()
            raise AssertionError((line, self.process.stderr.read()))  # type: ignore[union-attr]

    def descendants(self) -> list[int]:
        """Every process of the run but Stretto itself."""
        return descendants(self.process.pid)

    def end(self) -> tuple[int, bytes, bytes]:
        """Waits for the end of Stretto."""
        stdout, stderr = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, stdout, stderr


@pytest.fixture
def started(tmp_path: Path) -> Iterator[list[Running]]:
    """Whatever a test has started is ended after it."""
    running: list[Running] = []
    yield running
    for one in running:
        one.process.kill()
        end_descendants(spare=[one.process.pid])
        one.process.communicate()


FAMILIES = {
    "one": "echo ready; exec tail -f /dev/null",
    "children": "tail -f /dev/null & tail -f /dev/null & echo ready; wait",
    "pipeline": "(echo ready; exec tail -f /dev/null) | cat",
    "computing": "echo ready; while :; do :; done",
    "deaf": "trap '' TERM INT HUP; echo ready; while :; do tail -f /dev/null; done",
    "session": "setsid tail -f /dev/null & echo ready; wait",
    "stopped": "tail -f /dev/null & kill -STOP $!; echo ready; wait",
}


@pytest.mark.parametrize("variants", [2, 4])
@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_survives_the_death_of_stretto(
    family: str, variants: int, tmp_path: Path, started: list[Running]
) -> None:
    running = Running(FAMILIES[family], tmp_path, variants)
    started.append(running)
    family_members = running.descendants()
    assert len(family_members) >= variants
    running.process.kill()
    assert running.process.wait(PATIENCE) == -signal.SIGKILL
    alive = [pid for pid in family_members if not has_ended(pid, PATIENCE)]
    assert alive == []
    assert remaining() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_signals_are_passed_on(number: signal.Signals, tmp_path: Path, started: list[Running]) -> None:
    name = number.name.removeprefix("SIG")
    # Not `read`: a shell that gets the signal just before it blocks stays there, natively too.
    script = f"trap 'echo got {name}; exit 9' {name}; echo ready; while :; do :; done"
    running = Running(script, tmp_path)
    started.append(running)
    running.process.send_signal(number)
    assert running.end() == (9, f"got {name}\n".encode(), b"")
    assert remaining() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_what_does_not_handle_it(
    number: signal.Signals, tmp_path: Path, started: list[Running]
) -> None:
    running = Running("echo ready; exec tail -f /dev/null", tmp_path)
    started.append(running)
    running.process.send_signal(number)
    status, stdout, stderr = running.end()
    assert status in (128 + number, -number)
    assert (stdout, stderr) == (b"", b"")
    assert remaining() == []


@pytest.mark.parametrize("victim", ["leader", "follower"])
def test_a_killed_variant_is_noticed(victim: str, tmp_path: Path, started: list[Running]) -> None:
    """Somebody kills one variant from outside: the others don't go on as if nothing were."""
    running = Running("echo ready; echo $$; exec tail -f /dev/null", tmp_path)
    started.append(running)
    assert running.process.stdout is not None
    leader = int(running.process.stdout.readline())
    others = [pid for pid in running.descendants() if pid != leader]
    assert len(others) == 1
    os.kill(leader if victim == "leader" else others[0], signal.SIGKILL)
    status, _, stderr = running.end()
    assert status in (86, 137), stderr
    assert remaining() == []


def test_orphans_are_waited_for_or_killed(tmp_path: Path, started: list[Running]) -> None:
    os.mkfifo(tmp_path / "fifo")
    script = "(read x < fifo; echo $x > result) & echo ready"
    waited = Running(script, tmp_path, 2, "sh", "--orphans", "wait")
    started.append(waited)
    (tmp_path / "fifo").write_text("message\n")
    assert waited.end()[0] == 0
    assert (tmp_path / "result").read_text() == "message\n"
    killed = Running("tail -f /dev/null & echo ready", tmp_path, 2, "sh", "--orphans", "kill")
    started.append(killed)
    assert killed.end()[0] == 0
    assert remaining() == []


def test_closed_output(tmp_path: Path, started: list[Running]) -> None:
    """The reader of a pipeline goes away: SIGPIPE ends the program as it does natively."""
    running = Running("echo ready; yes", tmp_path)
    started.append(running)
    assert running.process.stdout is not None
    running.process.stdout.close()
    assert running.process.wait(PATIENCE) in (141, -signal.SIGPIPE)
    assert [pid for pid in running.descendants() if not has_ended(pid, PATIENCE)] == []
