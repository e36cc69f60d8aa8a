"""The native core, built from crates/python."""

from typing import Any

def run(config: dict[str, Any]) -> dict[str, Any]:
    """Runs a program as variants until it has ended; `plan.py` makes `config`, `result.py` reads it."""

def short_slices() -> int | None:
    """Nanoseconds that threads of variants run at a time; None where the kernel gives no short slices."""

def membarrier() -> bool:
    """Whether the kernel makes processors forget code that they have fetched, and no container forbids it."""

def table() -> bytes:
    """The built-in table of system-call descriptions, compiled."""

def policy(name: str) -> bytes:
    """The policy `balanced` or `fast` for the built-in table: one mode for each row; see `policy.py`.

    Raises ValueError for another name.
    """

def bare_tracer(kind: str, variants: int, iterations: int) -> float:
    """Nanoseconds a call takes under tracers that compare nothing.

    `kind` is `getpid`, `read` or `write` (of 4 KiB), `read64k` or `write64k`. Raises OSError for another
    kind, and when processes can't be started or traced.
    """

def line_round_trip(iterations: int) -> float | None:
    """Nanoseconds a cache line takes from the first CPU to the second and back; None if there is only one.

    Raises OSError when processes can't be started.
    """

def change_of_places(iterations: int) -> float:
    """Nanoseconds two processes on one CPU take to change places, when one lets the other run.

    Raises OSError when processes can't be started.
    """

def bare_ring(kind: str, mode: str, variants: int, iterations: int) -> float:
    """Nanoseconds a call takes over a ring without a monitor, in the mode `lockstep` or `ahead`.

    Kinds and errors are those of `bare_tracer`.
    """
