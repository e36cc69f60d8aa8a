"""A variant that is not given a CPU is not late, nor does it compute: who else is busy is no divergence."""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.build import compiled
from tests.support.leftovers import descendants, remaining
from tests.support.runner import STRETTO, TIERS, environment, fresh, run

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

#: Only the leader's priority is lowered (setpriority is the leader's alone), so signals come while it waits
#: for a CPU. The handler tells whether they come to where the program calls the system.
SIGNALLED = """
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

enum { SIGNALS = 40, STEPS = 200000 };

static volatile sig_atomic_t between, came, came_between;

static void on_alarm(int number) {
    (void)number;
    came++;
    came_between += between;
    getppid();
}

int main(void) {
    struct itimerval every = {{0, 30000}, {0, 30000}}, never = {{0, 0}, {0, 0}};
    signal(SIGALRM, on_alarm);
    setpriority(PRIO_PROCESS, 0, 19);
    setitimer(ITIMER_REAL, &every, NULL);
    while (came < SIGNALS) {
        between = 1;
        for (volatile long step = 0; step < STEPS; step++)
            ;
        between = 0;
        getppid();
    }
    setitimer(ITIMER_REAL, &never, NULL);
    printf("%d between calls\\n", came_between);
    return 0;
}
"""

#: The leader's first thread computes without calls for some 0.2 s, for which it has to wait for seconds;
#: another thread looks whether it is between two instructions that belong together.
TAKING_TURNS = """
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>

enum { ROUNDS = 2, STEPS = 250000000 };

static volatile int between, enough, seen;

static void *look(void *argument) {
    while (!enough) {
        poll(NULL, 0, 1);
        seen += between;
    }
    return argument;
}

int main(void) {
    pthread_t other;
    setpriority(PRIO_PROCESS, 0, 19);
    pthread_create(&other, NULL, look, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        between = 1;
        for (volatile long step = 0; step < STEPS; step++)
            ;
        between = 0;
        poll(NULL, 0, 3);
    }
    enough = 1;
    pthread_join(other, NULL);
    printf("seen %d times\\n", seen);
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
    ) as started:
        assert started.stdin and started.stdout and started.stderr
        assert started.stdout.readline() == "started\n"
        starved = follower(program, started.pid)
        let_others_run(starved)
        with busy(os.sched_getaffinity(starved)):
            started.stdin.write("x")
            started.stdin.close()
            warning = started.stderr.readline()
        assert "variant 1 has been behind for 0.5 s for want of a CPU" in warning
        assert (started.stdout.read(), started.stderr.read(), started.wait(PATIENCE)) == (
            "computed x\n",
            "",
            0,
        )
    assert remaining() == []


@pytest.mark.parametrize("tier", TIERS)
def test_signals_to_a_leader_without_a_cpu_wait_for_its_next_call(tier: str, tmp_path: Path) -> None:
    source = tmp_path / "signalled.c"
    source.write_text(SIGNALLED)
    program = compiled(tmp_path / "signalled", [source])
    with busy(os.sched_getaffinity(0)):
        seen = run([program], fresh(tmp_path / "work"), variants=2, options=TIERS[tier])
    assert (seen.status, seen.stdout, seen.stderr) == (0, b"0 between calls\n", b"")


@pytest.mark.parametrize("tier", TIERS)
def test_a_thread_without_a_cpu_keeps_its_turn(tier: str, tmp_path: Path) -> None:
    source = tmp_path / "turns.c"
    source.write_text(TAKING_TURNS)
    program = compiled(tmp_path / "turns", [source], "-pthread")
    with busy(os.sched_getaffinity(0)):
        seen = run([program], fresh(tmp_path / "work"), variants=2, options=TIERS[tier], timeout=120)
    assert (seen.status, seen.stdout, seen.stderr) == (0, b"seen 0 times\n", b"")
