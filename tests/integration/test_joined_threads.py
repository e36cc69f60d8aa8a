"""A thread keeps its turn until it has ended: whoever joins it makes the same calls in every variant."""

from pathlib import Path

import pytest
from tests.support.build import compiled
from tests.support.compare import difference
from tests.support.runner import NATIVE, TIERS, fresh, run

PROGRAMS = Path(__file__).parents[1] / "programs"

#: The thread comes to its end late in one variant, and takes 2 ms for it in the other: there the kernel looks
#: at a long list of locks, whose memory has to be mapped (set_robust_list(2)), before it says that the thread
#: has ended.
SOURCE = """
#include "check.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { ROUNDS = 20, TURNS = 100, LOCKS = 2048, APART = 64 << 10 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int state;
static char *locks;
static struct robust_list_head list = {.list = {&list.list}, .futex_offset = 8};

static struct robust_list *lock(long index) { return (struct robust_list *)(locks + index * APART); }

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
    for (volatile long i = 0; i < LATE; i++) {}
    syscall(SYS_exit, 0);
    return argument;
}

int main(void) {
    int joined = 0;
    int flags = MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE;
    locks = mmap(NULL, (size_t)LOCKS * APART, PROT_READ | PROT_WRITE, flags, -1, 0);
    check(locks != MAP_FAILED, "there is room for the locks");
    for (long i = 0; i < (SLOW ? LOCKS : 0); i++)
        lock(i)->next = i + 1 < LOCKS ? lock(i + 1) : &list.list;
    list.list.next = SLOW ? lock(0) : &list.list;
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t other;
        madvise(locks, (size_t)LOCKS * APART, MADV_DONTNEED);
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


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("leader", ["late", "slow"])
def test_who_joins_a_thread_finds_it_ended_in_every_variant(leader: str, tier: str, tmp_path: Path) -> None:
    source = tmp_path / "joins.c"
    source.write_text(SOURCE)
    flags = {"late": ("-DLATE=10000000", "-DSLOW=0"), "slow": ("-DLATE=0", "-DSLOW=1")}
    programs = {
        name: compiled(tmp_path / name, [source], *own, f"-I{PROGRAMS}", "-pthread")
        for name, own in flags.items()
    }
    follower = programs["slow" if leader == "late" else "late"]
    native = run([programs[leader]], fresh(tmp_path / "work"), variants=NATIVE)
    seen = run(
        [programs[leader]],
        fresh(tmp_path / "work"),
        variants=2,
        options=(*TIERS[tier], "--variant", follower),
    )
    found = difference(native, seen)
    assert not found, found
