"""Calls with more data than any ring has: the monitor neither keeps it nor looks less closely."""

import json
import subprocess
from pathlib import Path

import pytest
from tests.support.runner import fresh, guarded, run

SIZE = 256 << 20
#: Bytes before the one that differs: a code address, which no two variants share.
AT = 200_000_003
DIVERGENCE = 86

SOURCE = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
    size_t size = strtoul(argv[1], 0, 10), at = strtoul(argv[2], 0, 10);
    char *data = malloc(size), name[64], line[256];
    void *own = (void *)main;
    memset(data, 'x', size);
    if (at)
        memcpy(data + at, &own, sizeof own);
    for (size_t done = 0; done < size;) {
        ssize_t now = write(2, data + done, size - done);
        if (now <= 0)
            return 1;
        done += (size_t)now;
    }
    snprintf(name, sizeof name, "/proc/%d/status", getppid());
    FILE *status = fopen(name, "r");
    while (fgets(line, sizeof line, status))
        if (!strncmp(line, "VmHWM", 5))
            fputs(line, stdout);
    return 0;
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    base = tmp_path_factory.mktemp("large")
    (base / "large.c").write_text(SOURCE)
    subprocess.run(["gcc", "-O1", "-w", str(base / "large.c"), "-o", str(base / "large")], check=True)
    return str(base / "large")


def test_a_large_write_is_not_kept_in_memory(program: str, tmp_path: Path) -> None:
    command = ["sh", "-c", 'exec "$0" "$@" 2>/dev/null', program, str(SIZE), "0"]
    done = run(command, fresh(tmp_path / "work"), variants=2)
    assert done.status == 0, done
    kilobytes = int(done.stdout.split()[1])
    assert kilobytes < SIZE // 4 // 1024, done.stdout


def test_one_byte_of_a_large_write_that_differs_is_found(program: str, tmp_path: Path) -> None:
    report_file = tmp_path / "report.json"
    command = guarded([program, str(SIZE), str(AT)], 2, "--report", str(report_file))
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    assert done.returncode == DIVERGENCE
    report = json.loads(report_file.read_text())
    assert (report["call"]["name"], report["argument"]["name"]) == ("write", "buf")
    # Variants differ in the highest bytes of a code address.
    assert AT < report["argument"]["offset"] < AT + 8, report["argument"]
    for variant in report["variants"]:
        shown = variant["difference"]
        assert shown["hex"].startswith("78" * 40), shown
