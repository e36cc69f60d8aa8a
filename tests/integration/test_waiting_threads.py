"""A thread may wait as long as it likes while others of its process run: nobody lags behind."""

from pathlib import Path

import pytest
from tests.support.build import compiled
from tests.support.compare import difference
from tests.support.runner import NATIVE, TIERS, fresh, run

#: Seconds that a variant may lag behind, and that a thread waits here.
LAG, WAITED = 1, 3
PROGRAMS = Path(__file__).parents[1] / "programs"

SOURCE = f"""
#include "check.h"
#include <pthread.h>
#include <time.h>

#include "hot.h"

static int ends[2], back[2];

static void *reader(void *argument) {{
    char byte;
    while (hot(SYS_read, ends[0], (long)&byte, 1) == 1)
        hot(SYS_write, back[1], (long)&byte, 1);
    return argument;
}}

int main(void) {{
    pthread_t thread;
    char byte = 'x';
    int good = 0, calls = 0;
    time_t start = time(NULL);
    must(pipe(ends), "pipe");
    must(pipe(back), "pipe");
    pthread_create(&thread, NULL, reader, NULL);
    for (int i = 0; i < HOT; i++) {{
        hot(SYS_write, ends[1], (long)&byte, 1);
        good += hot(SYS_read, back[0], (long)&byte, 1) == 1;
    }}
    while (time(NULL) < start + {WAITED}) {{
        calls += hot(SYS_getpid, 0, 0, 0) == getpid();
        if (calls % 1000 == 0)
            usleep(1000);
    }}
    hot(SYS_write, ends[1], (long)&byte, 1);
    good += hot(SYS_read, back[0], (long)&byte, 1) == 1;
    check(good == HOT + 1 && calls > 0, "the thread has waited, and goes on");
    close(ends[1]);
    pthread_join(thread, NULL);
    return 0;
}}
"""


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("variants", [2, 3])
def test_a_thread_that_waits_is_not_late(variants: int, tier: str, tmp_path: Path) -> None:
    source = tmp_path / "waits.c"
    source.write_text(SOURCE)
    program = [compiled(tmp_path / "waits", [source], f"-I{PROGRAMS}", "-Wno-unused-result", "-pthread")]
    native = run(program, fresh(tmp_path / "work"), variants=NATIVE)
    options = (*TIERS[tier], "--timeout", str(LAG))
    seen = run(program, fresh(tmp_path / "work"), variants=variants, options=options)
    found = difference(native, seen)
    assert not found, found


LOOKING = """
#include "check.h"
#include <pthread.h>

#include "hot.h"

static int ends[2], back[2];
static volatile int last, seen;

static void *reader(void *argument) {
    char byte;
    while (hot(SYS_read, ends[0], (long)&byte, 1) == 1 && !last)
        hot(SYS_write, back[1], (long)&byte, 1);
    seen = 1;
    return argument;
}

int main(void) {
    pthread_t thread;
    char byte = 'x';
    must(pipe(ends), "pipe");
    must(pipe(back), "pipe");
    pthread_create(&thread, NULL, reader, NULL);
    for (int i = 0; i < 10 * HOT; i++) {
        hot(SYS_write, ends[1], (long)&byte, 1);
        hot(SYS_read, back[0], (long)&byte, 1);
    }
    last = 1;
    hot(SYS_write, ends[1], (long)&byte, 1);
    while (!seen)
        ;
    check(1, "the other thread has run");
    pthread_join(thread, NULL);
    return 0;
}
"""


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("variants", [2, 3])
def test_a_thread_that_waits_by_looking_does_not_keep_the_turn(
    variants: int, tier: str, tmp_path: Path
) -> None:
    source = tmp_path / "looks.c"
    source.write_text(LOOKING)
    program = [compiled(tmp_path / "looks", [source], f"-I{PROGRAMS}", "-Wno-unused-result", "-pthread")]
    native = run(program, fresh(tmp_path / "work"), variants=NATIVE)
    seen = run(program, fresh(tmp_path / "work"), variants=variants, options=TIERS[tier], timeout=30)
    found = difference(native, seen)
    assert not found, found
