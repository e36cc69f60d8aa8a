"""A thread keeps its turn until it has ended or waits.

Whoever joins it, or is told something by it, makes the same calls in every variant.
"""

from pathlib import Path

import pytest
from tests.support.build import compiled
from tests.support.compare import difference
from tests.support.runner import NATIVE, TIERS, fresh, run

PROGRAMS = Path(__file__).parents[1] / "programs"

#: A thread takes 2 ms to end if its variant is slow: there the kernel looks at a long list of locks, whose
#: memory has to be mapped (set_robust_list(2)), before it says that the thread has ended.
SLOW_END = """
#define _GNU_SOURCE
#include "check.h"
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { LOCKS = 2048, APART = 64 << 10 };

static char *locks;
static struct robust_list_head list = {.list = {&list.list}, .futex_offset = 8};

static struct robust_list *lock(long index) { return (struct robust_list *)(locks + index * APART); }

static void make_locks(void) {
    int flags = MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE;
    locks = mmap(NULL, (size_t)LOCKS * APART, PROT_READ | PROT_WRITE, flags, -1, 0);
    check(locks != MAP_FAILED, "there is room for the locks");
    for (long i = 0; i < (SLOW ? LOCKS : 0); i++)
        lock(i)->next = i + 1 < LOCKS ? lock(i + 1) : &list.list;
    list.list.next = SLOW ? lock(0) : &list.list;
}

static void forget_locks(void) { madvise(locks, (size_t)LOCKS * APART, MADV_DONTNEED); }
"""

#: Threads follow each other many times, so that their agents pass the turn on, before one comes to its end;
#: late in a variant that is not slow.
JOINED = """
enum { ROUNDS = 20, TURNS = 100 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int state;

static void follow(int from, int to) {
    pthread_mutex_lock(&mutex);
    while (state != from)
        pthread_cond_wait(&changed, &mutex);
    state = to;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

static void *thread(void *argument) {
    syscall(SYS_set_robust_list, &list, sizeof list);
    for (int i = 0; i < TURNS; i++)
        follow(1, 0);
    for (volatile long i = 0; i < (SLOW ? 0 : 10000000); i++) {}
    syscall(SYS_exit, 0);
    return argument;
}

int main(void) {
    int joined = 0;
    make_locks();
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t other;
        forget_locks();
        pthread_create(&other, NULL, thread, NULL);
        for (int i = 0; i < TURNS; i++)
            follow(0, 1);
        joined += pthread_join(other, NULL) == 0;
        state = 0;
    }
    check(joined == ROUNDS, "all threads have been joined");
    return 0;
}
"""

#: A first thread ends before the others, one of which looks again and again whether it has.
FIRST = """
enum { ROUNDS = 8, CALLS = 30 };

static pthread_t first;

static void *thread(void *argument) {
    for (int i = 0; i < CALLS; i++)
        poll(NULL, 0, 0);
    while (pthread_tryjoin_np(first, NULL) != 0)
        poll(NULL, 0, 1);
    for (int i = 0; i < 5; i++)
        getppid();
    _exit(0);
    return argument;
}

static void end_first(void) {
    pthread_t other;
    first = pthread_self();
    forget_locks();
    syscall(SYS_set_robust_list, &list, sizeof list);
    pthread_create(&other, NULL, thread, NULL);
    for (int i = 0; i < CALLS; i++)
        poll(NULL, 0, 1);
    syscall(SYS_exit, 0);
}

int main(void) {
    int good = 0;
    for (int round = 0; round < ROUNDS; round++) {
        pid_t child = fork();
        int status;
        if (child == 0) {
            make_locks();
            end_first();
        }
        good += waitpid(child, &status, 0) == child && status == 0;
    }
    check(good == ROUNDS, "all processes have ended");
    return 0;
}
"""

#: One thread makes calls until another, which has made few, tells it not to, and waits for it.
TOLD = """
#define _GNU_SOURCE
#include "check.h"
#include <poll.h>
#include <pthread.h>

static volatile int enough;

static void *thread(void *argument) {
    while (!enough)
        poll(NULL, 0, 1);
    return argument;
}

int main(void) {
    pthread_t other;
    pthread_create(&other, NULL, thread, NULL);
    poll(NULL, 0, 200);
    for (volatile long i = 0; i < (SLOW ? 100000000 : 0); i++) {}
    enough = 1;
    check(pthread_join(other, NULL) == 0, "the thread has been joined");
    return 0;
}
"""


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("slow", ["leader", "follower"])
@pytest.mark.parametrize("program", [JOINED, FIRST], ids=["joined", "first"])
def test_who_waits_for_a_thread_finds_it_ended_in_every_variant(
    program: str, slow: str, tier: str, tmp_path: Path
) -> None:
    expect_the_same(SLOW_END + program, slow, tier, tmp_path)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("slow", ["leader", "follower"])
def test_what_a_thread_has_done_before_it_waits_has_been_done_in_every_variant(
    slow: str, tier: str, tmp_path: Path
) -> None:
    expect_the_same(TOLD, slow, tier, tmp_path)


def expect_the_same(program: str, slow: str, tier: str, tmp_path: Path) -> None:
    """Natively and with two variants, one of which is slow."""
    source = tmp_path / "threads.c"
    source.write_text(program)
    leader, follower = (
        compiled(tmp_path / name, [source], f"-DSLOW={int(name == slow)}", f"-I{PROGRAMS}", "-pthread")
        for name in ("leader", "follower")
    )
    native = run([leader], fresh(tmp_path / "work"), variants=NATIVE)
    own = ("--variant", follower)
    seen = run([leader], fresh(tmp_path / "work"), variants=2, options=(*TIERS[tier], *own))
    found = difference(native, seen)
    assert not found, found
