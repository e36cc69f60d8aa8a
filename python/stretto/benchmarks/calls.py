"""What one replicated system call costs: natively, in a bare tracer, under Stretto.

The bare tracer (`crates/monitor/src/yardstick`) stops the same calls of as many variants and shares their
results by the fewest requests possible. Its ratio to native is the price of ptrace; Stretto's ratio to it is
Stretto's own.
"""

import os
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypedDict

from ..errors import StrettoError
from .machine import environment, machine, output, stretto

SOURCE = Path(__file__).with_name("guest.c")
KINDS = {"getpid": "getpid", "read": "read 4 KiB", "write": "write 4 KiB"}
#: What tier 1 may cost, as a multiple of the bare tracer; `stretto bench calls --check` holds it to that.
LIMIT = 1.6
#: Native calls are so short that more of them are made.
NATIVE = 10


class Cost(TypedDict):
    """One kind of call: medians in nanoseconds; ratios are medians of the rounds' own ratios."""

    kind: str
    native: float
    bare: float
    stretto: float
    bare_to_native: float
    stretto_to_native: float
    stretto_to_bare: float


class Calls(TypedDict):
    """The document of `stretto bench calls --json`."""

    benchmark: Literal["calls"]
    machine: dict[str, str | int]
    variants: int
    iterations: int
    rounds: int
    limit: float
    within_limit: bool
    calls: list[Cost]


Round = tuple[float, float, float]


def measure(variants: int, iterations: int, rounds: int, progress: Callable[[str], None]) -> Calls:
    """Measures all kinds in every round, so that what disturbs the machine disturbs all of them."""
    times: dict[str, list[Round]] = {kind: [] for kind in KINDS}
    with _guest() as guest:
        for number in range(rounds):
            for kind in KINDS:
                progress(f"round {number + 1} of {rounds}: {KINDS[kind]}")
                times[kind].append(_round(guest, kind, variants, iterations))
    costs = [_cost(kind, times[kind]) for kind in KINDS]
    return {
        "benchmark": "calls",
        "machine": machine(),
        "variants": variants,
        "iterations": iterations,
        "rounds": rounds,
        "limit": LIMIT,
        "within_limit": all(cost["stretto_to_bare"] <= LIMIT for cost in costs),
        "calls": costs,
    }


def _round(guest: str, kind: str, variants: int, iterations: int) -> Round:
    from .._core import bare_tracer

    environ = environment()
    native = float(output([guest, kind, str(iterations * NATIVE)], environ))
    try:
        bare = bare_tracer(kind, variants, iterations)
    except OSError as error:
        raise StrettoError(f"bench: the bare tracer failed: {error}; see stretto doctor") from None
    guarded = float(output(stretto(variants, [guest, kind, str(iterations)]), environ))
    return native, bare, guarded


def _cost(kind: str, rounds: list[Round]) -> Cost:
    native, bare, guarded = (statistics.median(times) for times in zip(*rounds, strict=True))
    return {
        "kind": kind,
        "native": native,
        "bare": bare,
        "stretto": guarded,
        "bare_to_native": statistics.median(bare / native for native, bare, _ in rounds),
        "stretto_to_native": statistics.median(guarded / native for native, _, guarded in rounds),
        "stretto_to_bare": statistics.median(guarded / bare for _, bare, guarded in rounds),
    }


@contextmanager
def _guest() -> Iterator[str]:
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise StrettoError(
            "bench: no C compiler to build the measured program with; "
            "on Debian: apt-get install gcc libc6-dev"
        )
    with tempfile.TemporaryDirectory(prefix="stretto-bench-") as folder:
        guest = str(Path(folder, "guest"))
        built = subprocess.run([compiler, "-O2", "-o", guest, str(SOURCE)], capture_output=True, text=True)
        if built.returncode != 0:
            lines = [line for line in built.stderr.splitlines() if "error" in line] or ["compiler failed"]
            raise StrettoError(f"bench: the measured program can't be built: {lines[0]}")
        yield guest
