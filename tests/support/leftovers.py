"""Finding what a run has left behind, by a mark that its processes inherit in their environment."""

import os
import select
import signal
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

MARK = "STRETTO_TEST_MARK"


def new_mark() -> str:
    """A mark of its own for one run; of fixed length, because the environment shifts the stack."""
    return uuid.uuid4().hex


def marked(mark: str) -> Iterator[tuple[int, str]]:
    """Process id and command line of every process that carries the mark; the dead don't count."""
    needle = f"{MARK}={mark}".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with suppress(OSError):
            if needle in (entry / "environ").read_bytes().split(b"\0"):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                yield int(entry.name), " ".join(word.decode(errors="replace") for word in words).strip()


def has_ended(pid: int, timeout: float) -> bool:
    """Waits up to `timeout` seconds for the end of a process, whoever's child it is."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], timeout)[0])
    finally:
        os.close(descriptor)


def remaining(mark: str, grace: float = 1.0) -> list[str]:
    """Command lines of what is still there after the grace that even a native pipeline may need."""
    return [command for pid, command in marked(mark) if not has_ended(pid, grace)]


def end_marked(mark: str) -> None:
    """Kills what carries the mark, until nothing does."""
    while found := list(marked(mark)):
        for pid, _ in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            has_ended(pid, 1.0)
