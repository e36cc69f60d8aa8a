"""The real work that `stretto bench work` measures: programs, and the inputs that it makes for them.

A command runs in an empty folder of its own, so that copies at the same time don't write the same files.
"""

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from ..errors import StrettoError
from .compiler import build, compiler
from .machine import environment, output

COMPUTE = Path(__file__).with_name("compute.c")
#: What `gcc -c` compiles: a small file that includes a handful of headers.
COMPILED = Path(__file__).with_name("guest.c")
MIB = 1 << 20


class Sizes(NamedTuple):
    """How much work there is."""

    mebibytes: int = 1024
    """Of the file that goes through a pipe."""
    archived: Path = Path("/usr/include")
    """The folder that is archived and compressed."""
    commits: int = 300
    forks: int = 1000
    inserts: int = 100_000
    steps: int = 3_000_000_000
    """Of the program that computes: 4 to 6 s, of which Stretto's own start, 80 ms with cold caches, is less
    than the limit.
    """


class Workload(NamedTuple):
    """A row of the table; `prepare` makes its inputs in a folder and returns the command."""

    label: str
    needs: tuple[str, ...]
    """Programs that may not be there."""
    prepare: Callable[[Path, Sizes], list[str]]


def missing(name: str, sizes: Sizes) -> str:
    """What this machine lacks for a row, if anything."""
    absent = [program for program in WORKLOADS[name].needs if shutil.which(program) is None]
    if name == "tar" and not sizes.archived.is_dir():
        absent.append(str(sizes.archived))
    return ", ".join(absent)


def surroundings(home: Path) -> dict[str, str]:
    """An environment in which nobody's settings of git, sqlite3 or the shell count."""
    kept = {name: value for name, value in environment().items() if not name.startswith("GIT_")}
    return kept | {"HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}


def _python(folder: Path, sizes: Sizes) -> list[str]:
    return [sys.executable, "-c", "pass"]


def _git(folder: Path, sizes: Sizes) -> list[str]:
    stream, repository = folder / "commits", folder / "repository.git"
    stream.write_text("".join(_commits(sizes.commits)))
    environ = surroundings(folder)
    output(["git", "init", "--quiet", "--bare", str(repository)], environ)
    git = f"git --git-dir={shlex.quote(str(repository))}"
    output(["sh", "-c", f"{git} fast-import --quiet < {shlex.quote(str(stream))}"], environ)
    return ["git", f"--git-dir={repository}", "log", "work"]


def _commits(count: int) -> Iterator[str]:
    """Input of git-fast-import: one file changes in every commit."""
    for number in range(count):
        message = f"Commit {number}\n\nIt changes the file {number % 20}.\n"
        yield (
            "commit refs/heads/work\n"
            f"committer Somebody <somebody@example.org> {1_000_000_000 + 60 * number} +0000\n"
            f"data {len(message)}\n{message}"
            f"M 100644 inline file-{number % 20}\n"
            f"data {len(message)}\n{message}"
        )


def _forks(folder: Path, sizes: Sizes) -> list[str]:
    return ["bash", "-c", f"for ((i = 0; i < {sizes.forks}; i++)); do (:); done"]


def _gcc(folder: Path, sizes: Sizes) -> list[str]:
    return ["gcc", "-O2", "-c", "-o", "guest.o", str(COMPILED)]


def _cat(folder: Path, sizes: Sizes) -> list[str]:
    large = folder / "large"
    block = os.urandom(MIB)
    with large.open("wb") as file:
        for _ in range(sizes.mebibytes):
            file.write(block)
        # The disk must not be busy with it while something is measured.
        file.flush()
        os.fsync(file.fileno())
    return ["sh", "-c", f"cat {shlex.quote(str(large))} | sha256sum"]


def _tar(folder: Path, sizes: Sizes) -> list[str]:
    # How many threads zstd has unless told depends on its version and on the machine.
    return ["sh", "-c", f"tar -C {shlex.quote(str(sizes.archived))} -cf - . | zstd -q -T1 -c >/dev/null"]


def _sqlite(folder: Path, sizes: Sizes) -> list[str]:
    script = folder / "inserts.sql"
    lines = [f"INSERT INTO rows VALUES({number}, 'row number {number}');" for number in range(sizes.inserts)]
    begin = ["CREATE TABLE rows(number INTEGER PRIMARY KEY, words TEXT);", "BEGIN;"]
    end = ["COMMIT;", "SELECT count(*), sum(length(words)) FROM rows;", ""]
    script.write_text("\n".join(begin + lines + end))
    return ["sh", "-c", f"exec sqlite3 -batch rows.db < {shlex.quote(str(script))}"]


def _compute(folder: Path, sizes: Sizes) -> list[str]:
    return [build(COMPUTE, str(folder)), str(sizes.steps)]


#: By the names that `--only` knows.
WORKLOADS = {
    "python3": Workload("python3", (), _python),
    "git": Workload("git log", ("git",), _git),
    "forks": Workload("forks", ("bash",), _forks),
    "gcc": Workload("gcc -c", ("gcc",), _gcc),
    "cat": Workload("cat|sha256sum", ("cat", "sha256sum"), _cat),
    "tar": Workload("tar|zstd", ("tar", "zstd"), _tar),
    "sqlite3": Workload("sqlite3", ("sqlite3",), _sqlite),
    "compute": Workload("compute", (compiler(),), _compute),
}


def prepare(name: str, folder: Path, sizes: Sizes) -> list[str]:
    """Makes the inputs of a row in `folder`; its command."""
    try:
        return WORKLOADS[name].prepare(folder, sizes)
    except OSError as error:
        raise StrettoError(f"bench: the input of {WORKLOADS[name].label} can't be made: {error}") from None
