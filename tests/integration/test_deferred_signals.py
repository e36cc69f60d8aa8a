"""Signals to programs without calls, or with none that variants make together, come all the same."""

from pathlib import Path

import pytest
from tests.support.build import compiled
from tests.support.compare import difference
from tests.support.runner import NATIVE, TIERS, fresh, run

PROGRAMS = Path(__file__).parents[1] / "programs"

BEGIN = """
#define _GNU_SOURCE
#include "check.h"
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/time.h>
#include <x86intrin.h>

static volatile sig_atomic_t came;

static void on_alarm(int number) { came += number == SIGALRM; }

/* The first alarm after so many ms, and so many more. */
static void alarms(long first, long period) {
    struct itimerval times = {{0, period * 1000}, {0, first * 1000}};
    check(signal(SIGALRM, on_alarm) != SIG_ERR, "there is a handler");
    check(setitimer(ITIMER_REAL, &times, NULL) == 0, "alarms are set");
}
"""

#: By what the program does until alarms have come.
UNTIL = {
    "reads the counter": """
int main(void) {
    alarms(50, 0);
    while (came == 0)
        __rdtsc();
    return 0;
}
""",
    "computes through many": """
int main(void) {
    alarms(10, 10);
    while (came < 100) {}
    return 0;
}
""",
    "lets others run": """
static volatile int ended;

static void *thread(void *argument) {
    while (!ended)
        poll(NULL, 0, 1);
    return argument;
}

int main(void) {
    pthread_t other;
    pthread_create(&other, NULL, thread, NULL);
    alarms(50, 0);
    while (came == 0)
        sched_yield();
    ended = 1;
    check(pthread_join(other, NULL) == 0, "the other thread has been joined");
    return 0;
}
""",
    "joins a thread that waits for them": """
static void *thread(void *argument) {
    sigset_t alarm;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarm, NULL);
    while (came == 0)
        poll(NULL, 0, 1);
    return argument;
}

int main(void) {
    pthread_t other;
    pthread_create(&other, NULL, thread, NULL);
    alarms(20, 0);
    for (volatile long i = 0; i < 30000000; i++) {}
    check(pthread_join(other, NULL) == 0, "the other thread has been joined");
    return 0;
}
""",
}


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("what", UNTIL)
def test_signals_come_to_who(what: str, tier: str, tmp_path: Path) -> None:
    source = tmp_path / "alarms.c"
    source.write_text(BEGIN + UNTIL[what])
    program = compiled(tmp_path / "alarms", [source], f"-I{PROGRAMS}", "-pthread")
    native = run([program], fresh(tmp_path / "work"), variants=NATIVE)
    seen = run([program], fresh(tmp_path / "work"), variants=2, options=TIERS[tier], timeout=20)
    found = difference(native, seen)
    assert not found, found
