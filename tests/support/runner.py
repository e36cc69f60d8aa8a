"""Runs a command natively or under Stretto and keeps all that can be seen of it from outside."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from tests.support.leftovers import adopt_orphans, end_descendants, remaining

#: Stretto as a user starts it; `-q` because its warnings share standard error with the program.
STRETTO = (sys.executable, "-m", "stretto")
NATIVE = 0
#: The ways of checking calls that have to give what the native run gives: all in the monitor; in the process,
#: with every `syscall` instruction patched when it is first reached.
TIERS = {
    "tier1": ("--policy", "strict"),
    "tier2": ("--policy", "balanced", "--patch-after", "1"),
}


@dataclass(frozen=True)
class Outcome:
    """What is to be equal in every way of running a command."""

    status: int
    stdout: bytes
    stderr: bytes
    files: Mapping[str, bytes] = field(default_factory=dict)
    leftovers: Sequence[str] = ()


def environment(home: Path, **more: str) -> dict[str, str]:
    """An environment without surprises: nothing of the caller's but what is named here."""
    return {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(home),
        "TMPDIR": str(home),
        "SHELL": "/bin/sh",
        "USER": "tester",
        "LOGNAME": "tester",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "TERM": "xterm",
        **more,
    }


def guarded(command: Sequence[str], variants: int, *options: str) -> list[str]:
    """The command line that runs `command` as variants; as it is when `variants` is NATIVE."""
    if variants == NATIVE:
        return list(command)
    return [*STRETTO, "run", "-q", "-n", str(variants), *options, "--", *command]


def fresh(directory: Path) -> Path:
    """An empty directory at this very path, so that paths in outputs are equal in all runs."""
    if directory.exists():
        shutil.rmtree(directory)
    directory.mkdir(parents=True)
    return directory


def run(
    command: Sequence[str],
    directory: Path,
    *,
    variants: int = NATIVE,
    options: Sequence[str] = (),
    stdin: bytes = b"",
    environ: Mapping[str, str] | None = None,
    timeout: float = 60.0,
    ignore: Sequence[str] = (),
) -> Outcome:
    """Runs `command` in `directory`; after `timeout` seconds everything that it started is ended."""
    adopt_orphans()
    process = subprocess.Popen(
        guarded(command, variants, *options),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=directory,
        env=environment(directory) if environ is None else environ,
    )
    try:
        stdout, stderr = process.communicate(stdin, timeout)
    except subprocess.TimeoutExpired:
        ended = "" if process.poll() is None else f", though it has ended with {process.returncode}"
        if variants != NATIVE:
            _tell_where_it_is(process)
        process.kill()
        end_descendants(spare=[process.pid])
        stdout, stderr = process.communicate()
        raise AssertionError(
            f"no end within {timeout:g} s{ended}\n"
            f"--- stdout\n{decoded(stdout)}\n--- stderr\n{decoded(stderr)}"
        ) from None
    status = process.returncode if process.returncode >= 0 else 128 - process.returncode
    leftovers = remaining()
    end_descendants()
    return Outcome(status, stdout, stderr, snapshot(directory, ignore), leftovers)


def _tell_where_it_is(process: subprocess.Popen[bytes]) -> None:
    """Has Stretto say on standard error where every thread of every variant is."""
    process.send_signal(signal.SIGPWR)
    with suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=2)


def snapshot(directory: Path, ignore: Sequence[str] = ()) -> dict[str, bytes]:
    """Kind, permissions and content of every file below `directory`, by relative path."""
    found = {}
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        if not any(fnmatch(name, pattern) for pattern in ignore):
            with suppress(FileNotFoundError):
                found[name] = _content(path)
    return found


def _content(path: Path) -> bytes:
    mode = b"%06o " % path.lstat().st_mode
    if path.is_symlink():
        return mode + os.fsencode(os.readlink(path))
    return mode + (path.read_bytes() if path.is_file() else b"")


def decoded(data: bytes, limit: int = 20_000) -> str:
    """Bytes as readable text: what is not UTF-8 is escaped, the middle of very long output left out."""
    if len(data) > limit:
        half = limit // 2
        data = data[:half] + b"\n[... %d bytes ...]\n" % (len(data) - limit) + data[-half:]
    return data.decode(errors="backslashreplace")
