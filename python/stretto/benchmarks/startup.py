"""How much longer a program takes that does nothing: the price of starting under Stretto."""

import shutil
import statistics
import time
from collections.abc import Callable
from typing import Literal, TypedDict

from ..errors import StrettoError
from .machine import environment, machine, output, stretto

#: Milliseconds that Stretto may add; `stretto bench startup --check` holds it to that.
LIMIT = 80.0


class Startup(TypedDict):
    """The document of `stretto bench startup --json`: medians in milliseconds."""

    benchmark: Literal["startup"]
    machine: dict[str, str | int]
    variants: int
    rounds: int
    limit: float
    within_limit: bool
    native: float
    stretto: float
    added: float


def measure(variants: int, rounds: int, progress: Callable[[str], None]) -> Startup:
    """Runs `true` natively and under Stretto in turn, from start to end."""
    program = shutil.which("true")
    if program is None:
        raise StrettoError("bench: there is no program `true` to start")
    guarded = stretto(variants, [program])
    times: list[tuple[float, float]] = []
    _time(guarded)  # writes byte code, fills caches
    for number in range(rounds):
        progress(f"round {number + 1} of {rounds}")
        times.append((_time([program]), _time(guarded)))
    native, with_stretto = (statistics.median(column) for column in zip(*times, strict=True))
    added = statistics.median(guarded - native for native, guarded in times)
    return {
        "benchmark": "startup",
        "machine": machine(),
        "variants": variants,
        "rounds": rounds,
        "limit": LIMIT,
        "within_limit": added <= LIMIT,
        "native": native,
        "stretto": with_stretto,
        "added": added,
    }


def _time(command: list[str]) -> float:
    environ = environment()
    start = time.perf_counter()
    output(command, environ)
    return (time.perf_counter() - start) * 1000
