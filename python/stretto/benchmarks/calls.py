"""What one replicated system call costs: natively, over the yardsticks, under Stretto.

Each tier has its yardstick (`crates/monitor/src/yardstick`), which does the least that the tier can do with.
The bare tracer stops the same calls of as many variants and shares their results by the fewest requests
possible: its ratio to native is the price of ptrace, tier 1's ratio to it is Stretto's own. The bare ring
exchanges the same records between as many processes, with no monitor; tier 2 is measured by it.
"""

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple, TypedDict, TypeVar

from ..errors import StrettoError
from .compiler import build
from .machine import environment, guarded, machine, output, stretto
from .rounds import ratio

SOURCE = Path(__file__).with_name("guest.c")
KIB = 1024
Measured = TypeVar("Measured")


class Kind(NamedTuple):
    """A call that is measured."""

    label: str
    call: str
    size: int = 0

    @property
    def large(self) -> bool:
        """Whether copying is what it costs."""
        return self.size > 4 * KIB

    def many(self, iterations: int) -> int:
        """How many calls are made where one is cheap: natively, and without stops."""
        return iterations * (2 if self.large else 10)


#: By the names that the core knows.
KINDS = {
    "getpid": Kind("getpid", "getpid"),
    "read": Kind("read 4 KiB", "read", 4 * KIB),
    "write": Kind("write 4 KiB", "write", 4 * KIB),
    "read64k": Kind("read 64 KiB", "read", 64 * KIB),
    "write64k": Kind("write 64 KiB", "write", 64 * KIB),
}
Mode = Literal["lockstep", "ahead"]
MODES: tuple[Mode, Mode] = ("lockstep", "ahead")


class Limits(TypedDict):
    """What `stretto bench calls --check` holds Stretto to."""

    tier1_to_bare_tracer: float
    tier2_to_bare_ring: float
    tier2_to_bare_ring_large: float
    tier1_to_tier2: float


#: All are the most that may be, but for the last: tier 2 is at least so many times cheaper.
LIMITS: Limits = {
    "tier1_to_bare_tracer": 1.6,
    "tier2_to_bare_ring": 1.5,
    "tier2_to_bare_ring_large": 1.3,
    "tier1_to_tier2": 12.0,
}


class Times(NamedTuple):
    """One round of one kind in one mode: nanoseconds a call."""

    native: float
    bare_tracer: float
    tier1: float
    bare_ring: float
    tier2: float


class Cost(TypedDict):
    """One kind of call in one mode: medians in nanoseconds; ratios are medians of the rounds' own ratios."""

    kind: str
    mode: Mode
    native: float
    bare_tracer: float
    tier1: float
    bare_ring: float
    tier2: float
    tier1_to_bare_tracer: float
    tier2_to_bare_ring: float
    tier1_to_tier2: float
    tier2_to_native: float
    bare_ring_to_native: float
    beyond: list[str]
    """The ratios that are beyond their limit."""


class Trips(TypedDict):
    """Nanoseconds that something takes which nothing can avoid.

    On a virtual machine it can change within minutes, when the host moves a CPU: it is measured before each
    row of each round.
    """

    lowest: float
    median: float
    highest: float


class Calls(TypedDict):
    """The document of `stretto bench calls --json`."""

    benchmark: Literal["calls"]
    machine: dict[str, str | int]
    variants: int
    iterations: int
    rounds: int
    limits: Limits
    within_limit: bool
    line: Trips | None
    """A cache line to the other CPU and back: nothing is told sooner. None: there is only one."""
    places: Trips | None
    """Until the other of two processes on one CPU runs: for variants that share one at least once a call in
    lockstep. None: none do."""
    calls: list[Cost]


def measure(variants: int, iterations: int, rounds: int, progress: Callable[[str], None]) -> Calls:
    """Measures everything in every round, so that what disturbs the machine disturbs all of it."""
    from .._core import change_of_places, line_round_trip

    times: dict[tuple[str, Mode], list[Times]] = {(kind, mode): [] for kind in KINDS for mode in MODES}
    described = machine()
    shares = variants > int(described["cpus"])
    lines: list[float | None] = []
    places: list[float | None] = []
    with tempfile.TemporaryDirectory(prefix="stretto-bench-") as folder:
        guest = build(SOURCE, folder)
        for number in range(rounds):
            for kind in KINDS:
                progress(f"round {number + 1} of {rounds}: {KINDS[kind].label}")
                lines.append(_bare(line_round_trip, iterations))
                places.append(_bare(change_of_places, iterations) if shares else None)
                for mode, measured in _round(guest, kind, variants, iterations).items():
                    times[kind, mode].append(measured)
    costs = [_cost(kind, mode, measured) for (kind, mode), measured in times.items()]
    return {
        "benchmark": "calls",
        "machine": described,
        "variants": variants,
        "iterations": iterations,
        "rounds": rounds,
        "limits": LIMITS,
        "within_limit": not any(cost["beyond"] for cost in costs),
        "line": _trips(lines),
        "places": _trips(places),
        "calls": costs,
    }


def _trips(measured: list[float | None]) -> Trips | None:
    trips = [trip for trip in measured if trip is not None]
    if not trips:
        return None
    return {"lowest": min(trips), "median": statistics.median(trips), "highest": max(trips)}


def _round(guest: str, name: str, variants: int, iterations: int) -> dict[Mode, Times]:
    from .._core import bare_ring, bare_tracer

    kind = KINDS[name]
    environ = environment()
    many = kind.many(iterations)

    def command(count: int) -> list[str]:
        return [guest, kind.call, str(kind.size), str(count)]

    native = float(output(command(many), environ))
    tracer = _bare(bare_tracer, name, variants, iterations)
    tier1 = float(output(stretto(variants, command(iterations), "--policy=strict"), environ))
    times: dict[Mode, Times] = {}
    for mode in MODES:
        ring = _bare(bare_ring, name, mode, variants, many)
        tier2 = float(output(guarded(variants, mode, command(many)), environ))
        times[mode] = Times(native, tracer, tier1, ring, tier2)
    return times


def _bare(yardstick: Callable[..., Measured], *arguments: str | int) -> Measured:
    try:
        return yardstick(*arguments)
    except OSError as error:
        name = yardstick.__name__.replace("_", " ")
        raise StrettoError(f"bench: the {name} failed: {error}; see stretto doctor") from None


def _cost(kind: str, mode: Mode, rounds: list[Times]) -> Cost:
    native, bare_tracer, tier1, bare_ring, tier2 = map(statistics.median, zip(*rounds, strict=True))
    cost: Cost = {
        "kind": kind,
        "mode": mode,
        "native": native,
        "bare_tracer": bare_tracer,
        "tier1": tier1,
        "bare_ring": bare_ring,
        "tier2": tier2,
        "tier1_to_bare_tracer": ratio(rounds, "tier1_to_bare_tracer"),
        "tier2_to_bare_ring": ratio(rounds, "tier2_to_bare_ring"),
        "tier1_to_tier2": ratio(rounds, "tier1_to_tier2"),
        "tier2_to_native": ratio(rounds, "tier2_to_native"),
        "bare_ring_to_native": ratio(rounds, "bare_ring_to_native"),
        "beyond": [],
    }
    cost["beyond"] = _beyond(cost)
    return cost


def _beyond(cost: Cost) -> list[str]:
    large = KINDS[cost["kind"]].large
    ring = LIMITS["tier2_to_bare_ring_large"] if large else LIMITS["tier2_to_bare_ring"]
    exceeded = {
        "tier1_to_bare_tracer": cost["tier1_to_bare_tracer"] > LIMITS["tier1_to_bare_tracer"],
        "tier2_to_bare_ring": cost["tier2_to_bare_ring"] > ring,
        # Not for 64 KiB: copying them between two CPUs costs so much that even the bare ring is not 12 times
        # cheaper than a tracer (bare tracer to bare ring: 8-9, measured).
        "tier1_to_tier2": not large and cost["tier1_to_tier2"] < LIMITS["tier1_to_tier2"],
    }
    return [name for name, beyond in exceeded.items() if beyond]
