"""Finding what a run has left behind: this process adopts every orphan among its descendants.

Environment and command line of a process are no help: followers have their stack moved, and the kernel reads
both from where it was.
"""

import ctypes
import os
import select
import signal
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """From now on the orphans among our descendants become our children (prctl(2))."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def descendants(ancestor: int | None = None) -> list[int]:
    """Living processes below `ancestor` (default: this one), children before grandchildren."""
    children: dict[int, list[int]] = {}
    dead = set()
    for pid, parent, state in _processes():
        children.setdefault(parent, []).append(pid)
        if state in "ZX":
            dead.add(pid)
    found = [ancestor or os.getpid()]
    for pid in found:
        found += children.get(pid, [])
    return [pid for pid in found[1:] if pid not in dead]


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


def remaining(spare: Collection[int] = (), grace: float = 1.0) -> list[str]:
    """Names of descendants that live on after the grace that even a native pipeline may need."""
    left = [pid for pid in descendants() if pid not in spare and not has_ended(pid, grace)]
    names = [f"{pid} {_name(pid)}" for pid in left]
    _bury(spare)
    return names


def end_descendants(spare: Collection[int] = ()) -> None:
    """Kills our descendants, until there are none but those to spare."""
    while left := [pid for pid in descendants() if pid not in spare]:
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            has_ended(pid, 1.0)
    _bury(spare)


def _bury(spare: Collection[int]) -> None:
    """Waits for adopted children that have ended."""
    for pid, parent, state in _processes():
        if parent == os.getpid() and state == "Z" and pid not in spare:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def _processes() -> Iterator[tuple[int, int, str]]:
    """Id, parent and state of every process."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                state, parent, *_ = (entry / "stat").read_text().rpartition(")")[2].split()
                yield int(entry.name), int(parent), state


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "gone"
