"""The kernel asks about calls that are to be approved; where it can't, they stop. All the rest is equal."""

import json
import subprocess
from pathlib import Path

import pytest
from tests.support.build import compiled
from tests.support.runner import Outcome, environment, fresh, guarded

OPENS = 300
#: Makes, opens, lists and removes files, from so many threads.
PROGRAM = """
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void *work(void *number) {
    char name[32];
    for (int i = 0; i < OPENS; i++) {
        snprintf(name, sizeof name, "%ld-%d", (long)number, i);
        int fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0600);
        if (fd < 0 || write(fd, name, 2) != 2 || close(fd) != 0)
            exit(1);
        if (i % 3 && unlink(name) != 0)
            exit(2);
        if (open("is not there", O_RDONLY) >= 0)
            exit(3);
    }
    return NULL;
}

int main(int count, char **arguments) {
    pthread_t threads[8];
    long wanted = count == 2 ? atol(arguments[1]) : 1;
    for (long i = 1; i < wanted; i++)
        pthread_create(&threads[i], NULL, work, (void *)i);
    work(NULL);
    for (long i = 1; i < wanted; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
"""
#: Runs a command below a filter that lets everything pass and has a listener, of which the kernel allows one.
LISTENER = """
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int count, char **arguments) {
    struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {1, code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
    if (count < 2 || fd < 0 || fcntl((int)fd, F_SETFD, 0) != 0)
        return 120;
    execvp(arguments[1], arguments + 1);
    return 121;
}
"""


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("approved")
    for name, source in (("files", PROGRAM), ("listener", LISTENER)):
        (base / f"{name}.c").write_text(source)
        compiled(base / name, [base / f"{name}.c"], "-pthread", f"-DOPENS={OPENS}")
    return base


def outcome(command: list[str], home: Path) -> Outcome:
    """What `command` says, and the files that it leaves."""
    done = subprocess.run(command, cwd=fresh(home), env=environment(home), capture_output=True)
    files = {path.name: path.read_bytes() for path in home.iterdir()}
    return Outcome(done.returncode, done.stdout, done.stderr, files)


@pytest.mark.parametrize("variants", [1, 2, 3])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("asks", [True, False], ids=["asks", "stops"])
def test_files_are_the_same_either_way(
    asks: bool, threads: int, variants: int, programs: Path, tmp_path: Path
) -> None:
    home, log = tmp_path / "work", tmp_path / "log"
    command = [str(programs / "files"), str(threads)]
    prefix = [] if asks else [str(programs / "listener")]
    expected = outcome(command, home)
    assert expected.status == 0
    options = ("--patch-after", "1", f"--log={log}")
    assert outcome([*prefix, *guarded(command, variants, *options)], home) == expected
    counted = json.loads(log.read_text().splitlines()[-1])["statistics"]
    # Threads that wait for their turn in the monitor have it approved there.
    assert counted["approved"] > (OPENS if threads == 1 else 0)
    assert counted["approved_stops"] == (0 if asks else counted["approved"])


def test_a_program_has_no_listener_of_its_own(programs: Path, tmp_path: Path) -> None:
    """As below any other listener; what it runs then is run by all variants."""
    command = guarded([str(programs / "listener"), "true"], 2, "--patch-after", "1")
    assert outcome(command, tmp_path / "work") == Outcome(120, b"", b"")
