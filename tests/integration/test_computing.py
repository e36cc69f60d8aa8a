"""A program may compute as long as it likes, whatever call it made before: variants do so side by side."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.support.build import compiled
from tests.support.leftovers import descendants, has_ended, remaining
from tests.support.runner import TIERS, environment, fresh, guarded

#: Seconds of a CPU that each variant has to get, far more than its start takes; and how long that may take.
COMPUTED, PATIENCE = 0.3, 60.0

SOURCE = """
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *nothing(void *argument) {
    return argument;
}

int main(int count, char **arguments) {
    (void)count;
    const char *before = arguments[1];
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
    for (volatile unsigned long step = 0;; step++)
        ;
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    source = tmp_path_factory.mktemp("computing") / "computes.c"
    source.write_text(SOURCE)
    return compiled(source.with_suffix(""), [source], "-pthread", "-Wno-unused-result")


def computed(pid: int) -> float:
    """Seconds that a process has spent in its own code (proc_pid_stat(5))."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    return int(text.rpartition(")")[2].split()[11]) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("before", ["nothing", "mask", "child", "thread", "blocked child", "timer"])
def test_variants_compute_side_by_side(before: str, tier: str, program: str, tmp_path: Path) -> None:
    command = guarded([program, before], 2, *TIERS[tier])
    home = fresh(tmp_path / "work")
    process = subprocess.Popen(command, cwd=home, env=environment(home), stderr=subprocess.PIPE)
    deadline = time.monotonic() + PATIENCE
    busy: list[int] = []
    while len(busy) < 2 and time.monotonic() < deadline and not has_ended(process.pid, 0.02):
        busy = [pid for pid in descendants(process.pid) if computed(pid) >= COMPUTED]
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=PATIENCE)
    assert (len(busy), process.returncode, stderr) == (2, 128 + signal.SIGTERM, b"")
    assert remaining() == []
