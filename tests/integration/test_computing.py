"""A program may compute as long as it likes, whatever call it made before: variants do so side by side."""

import time
from pathlib import Path

import pytest
from tests.support.build import compiled
from tests.support.compare import difference
from tests.support.runner import NATIVE, TIERS, fresh, run

#: Seconds that a variant may lag behind, and that the program computes at least.
LAG, COMPUTED = 0.5, 1.0

SOURCE = """
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *nothing(void *argument) {
    return argument;
}

int main(int count, char **arguments) {
    const char *before = arguments[1];
    unsigned long steps = count > 2 ? strtoul(arguments[2], NULL, 10) : 1;
    sigset_t set;
    pthread_t thread;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    if (!strcmp(before, "mask"))
        sigprocmask(SIG_BLOCK, &set, NULL);
    if (!strcmp(before, "child"))
        system("true");
    if (!strcmp(before, "thread")) {
        pthread_create(&thread, NULL, nothing, NULL);
        pthread_join(thread, NULL);
    }
    if (!strcmp(before, "blocked child")) {
        sigprocmask(SIG_BLOCK, &set, NULL);
        if (fork() == 0)
            _exit(3);
        wait(NULL);
    }
    if (!strcmp(before, "timer"))
        alarm(100);
    for (volatile unsigned long step = 0; step < steps; step++)
        ;
    puts("computed");
    return 0;
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    source = tmp_path_factory.mktemp("computing") / "computes.c"
    source.write_text(SOURCE)
    return compiled(source.with_suffix(""), [source], "-pthread", "-Wno-unused-result")


@pytest.fixture(scope="module")
def steps(program: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What keeps this machine busy for long enough."""
    steps, took = 10_000_000, 0.0
    while took < COMPUTED:
        steps *= 2
        start = time.monotonic()
        run([program, "nothing", str(steps)], tmp_path_factory.mktemp("work"))
        took = time.monotonic() - start
    return str(steps)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("before", ["nothing", "mask", "child", "thread", "blocked child", "timer"])
def test_whoever_computes_is_not_late(
    before: str, tier: str, program: str, steps: str, tmp_path: Path
) -> None:
    command = [program, before, steps]
    native = run(command, fresh(tmp_path / "work"), variants=NATIVE)
    options = ("--timeout", str(LAG), *TIERS[tier])
    seen = run(command, fresh(tmp_path / "work"), variants=2, options=options)
    assert not difference(native, seen)
