"""Text is written beside other threads only where the kernel has processors forget it (membarrier(2))."""

import subprocess
from pathlib import Path

import pytest
from tests.cli.filters import deny
from tests.support.build import compiled
from tests.support.runner import TIERS, environment, fresh, guarded, run

MEMBARRIER = 324
REASON = "not patched: other threads run, and the kernel has no membarrier for them"

#: Comes to a site for the first time when there is a second thread.
SOURCE = """
#include <pthread.h>
#include <unistd.h>

static int ends[2];

static void *wait_for_end(void *argument) {
    char byte;
    return read(ends[0], &byte, 1) == 0 ? NULL : argument;
}

int main(void) {
    pthread_t thread;
    void *good = ends;
    if (pipe(ends) != 0 || pthread_create(&thread, NULL, wait_for_end, ends) != 0)
        return 1;
    for (int i = 0; i < 100; i++)
        if (getppid() <= 0)
            return 2;
    close(ends[1]);
    pthread_join(thread, &good);
    return good == NULL ? 42 : 3;
}
"""


@pytest.mark.parametrize("forbidden", [False, True], ids=["there", "forbidden"])
def test_sites_stay_as_they_are_where_processors_can_not_be_told(forbidden: bool, tmp_path: Path) -> None:
    (tmp_path / "beside.c").write_text(SOURCE)
    program = compiled(tmp_path / "beside", [tmp_path / "beside.c"], "-pthread")
    done = subprocess.run(
        guarded([program], 2, "-v", *TIERS["tier2"]),
        cwd=fresh(tmp_path / "work"),
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        preexec_fn=deny(MEMBARRIER) if forbidden else None,
    )
    assert done.returncode == 42, done.stderr
    assert (REASON in done.stderr) == forbidden, done.stderr


@pytest.mark.parametrize("variants", [2, 3])
@pytest.mark.parametrize("policy", ["strict", "balanced", "fast"])
def test_an_interrupted_call_is_entered_again_where_its_site_was_patched(
    policy: str, variants: int, tmp_path: Path
) -> None:
    source = Path(__file__).with_name("interrupted_beside_patches.c")
    program = compiled(tmp_path / "interrupted", [source], "-pthread")
    # By default a site is patched when it has been reached some times, not at once.
    options = ("--policy", policy, "--timeout", "5")
    seen = run([program], fresh(tmp_path / "work"), variants=variants, options=options)
    assert seen.status == 42, seen.stderr
