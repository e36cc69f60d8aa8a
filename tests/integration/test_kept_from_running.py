"""A variant that is not given a CPU is not late: who else uses the machine is no divergence."""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.build import compiled
from tests.support.leftovers import descendants, remaining
from tests.support.runner import STRETTO, TIERS, environment, fresh

#: Seconds that a variant may lag behind; and after which the test gives up.
LAG, PATIENCE = 0.5, 60.0

SOURCE = """
#include <stdio.h>

int main(void) {
    puts("started");
    fflush(stdout);
    int word = getchar();
    for (volatile unsigned long step = 0; step < 100000000; step++)
        ;
    printf("computed %c\\n", word);
    return 0;
}
"""


def follower(program: str, ancestor: int) -> int:
    """The variant that has not got the standard input."""
    for pid in descendants(ancestor):
        own = os.readlink(f"/proc/{pid}/exe") == program
        if own and os.readlink(f"/proc/{pid}/fd/0") == os.devnull:
            return pid
    raise AssertionError("no follower")


def let_others_run(pid: int) -> None:
    """From now on it runs when nobody else wants to; so does its session, if that is scheduled as one.

    See sched(7).
    """
    os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
    session = Path(f"/proc/{pid}/autogroup")
    if session.exists():
        session.write_text("19")


@contextmanager
def busy(cpus: Iterable[int]) -> Iterator[None]:
    """Something that computes on each of these CPUs, all the time."""
    hogs = []
    try:
        for cpu in cpus:
            hogs.append(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            os.sched_setaffinity(hogs[-1].pid, {cpu})
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


@pytest.mark.parametrize("tier", TIERS)
def test_a_follower_without_a_cpu_is_waited_for(tier: str, tmp_path: Path) -> None:
    source = tmp_path / "computes.c"
    source.write_text(SOURCE)
    program = compiled(tmp_path / "computes", [source])
    home = fresh(tmp_path / "work")
    command = [*STRETTO, "run", "-n", "2", "--timeout", str(LAG), *TIERS[tier], "--", program]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=home, env=environment(home), text=True, stdin=pipe, stdout=pipe, stderr=pipe
    ) as run:
        assert run.stdin and run.stdout and run.stderr
        assert run.stdout.readline() == "started\n"
        starved = follower(program, run.pid)
        let_others_run(starved)
        with busy(os.sched_getaffinity(starved)):
            run.stdin.write("x")
            run.stdin.close()
            warning = run.stderr.readline()
        assert "variant 1 has been behind for 0.5 s for want of a CPU" in warning
        assert (run.stdout.read(), run.stderr.read(), run.wait(PATIENCE)) == ("computed x\n", "", 0)
    assert remaining() == []
