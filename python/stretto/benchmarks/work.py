"""How long real work takes: natively, as unmonitored copies at the same time, under Stretto in both tiers.

As many copies as there are variants are the least that variants can cost on this machine: they share its
CPUs, caches and memory, and nobody compares them. Every time is that of one run from start to end, Stretto's
own start included. All columns must print the same.
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypedDict

from ..errors import StrettoError
from .machine import environment, machine, output, stretto
from .rounds import ratio
from .workloads import WORKLOADS, Sizes, missing, prepare, surroundings

#: What tier 2 may at most take, as a multiple of the copies; rows that start processes have no limit.
LIMITS = {"cat": 1.5, "tar": 1.5, "sqlite3": 1.5, "compute": 1.03}
STRICT, DEFAULT = "--policy=strict", "--policy=balanced"


class Times(NamedTuple):
    """One round of one row: seconds."""

    native: float
    copies: float
    tier1: float
    tier2: float


class Counts(TypedDict):
    """What Stretto has counted in one run in tier 2, which is not one of those that were timed."""

    processes: int
    tasks: int
    """Threads, the first one of each process among them."""
    calls: int
    """System calls that stopped in the monitor."""
    in_process: int
    """System calls that were compared inside the variants."""
    startup: float
    """Milliseconds from the start of the monitor to the first instruction of the program."""


class Cost(TypedDict):
    """One row: medians in seconds; ratios are medians of the rounds' own ratios."""

    row: str
    native: float
    copies: float
    tier1: float
    tier2: float
    tier2_to_native: float
    tier2_to_copies: float
    tier1_to_tier2: float
    counted: Counts
    beyond: list[str]
    """The ratios that are beyond their limit."""


class Work(TypedDict):
    """The document of `stretto bench work --json`."""

    benchmark: Literal["work"]
    machine: dict[str, str | int]
    variants: int
    rounds: int
    sizes: dict[str, str | int]
    limits: dict[str, float]
    within_limit: bool
    left_out: dict[str, str]
    """Rows that this machine can't measure, and what it lacks."""
    work: list[Cost]


class Bench:
    """One row, ready to be run in every column."""

    def __init__(self, row: str, variants: int, folder: str, sizes: Sizes) -> None:
        self.row = row
        self.variants = variants
        self.folder = folder
        self.command = prepare(row, Path(folder), sizes)
        self.environ = surroundings(Path(folder))
        # It fills caches too, so that no column pays for being the first.
        _, (self.expected,) = self._run([self.command])

    def round(self) -> Times:
        """Measures every column once."""
        return Times(
            native=self._time([self.command]),
            copies=self._time([self.command] * self.variants),
            tier1=self._time([self._guarded(STRICT)]),
            tier2=self._time([self._guarded(DEFAULT)]),
        )

    def _guarded(self, *options: str) -> list[str]:
        return stretto(self.variants, self.command, *options)

    def count(self) -> Counts:
        """What is counted in tier 2. Logging takes time, so nobody looks at the clock."""
        log = Path(self.folder, "events.jsonl")
        self._time([self._guarded(DEFAULT, f"--log={log}")])
        end = json.loads(log.read_text().splitlines()[-1])
        return counts(end["statistics"])

    def _time(self, commands: list[list[str]]) -> float:
        seconds, printed = self._run(commands)
        if any(text != self.expected for text in printed):
            raise StrettoError(f"bench: {' '.join(self.command)} did not always print the same")
        return seconds

    def _run(self, commands: list[list[str]]) -> tuple[float, list[str]]:
        """Seconds until all `commands`, started together, have ended; what each has printed."""
        with ExitStack() as stack:
            folders = [stack.enter_context(tempfile.TemporaryDirectory(dir=self.folder)) for _ in commands]
            pool = stack.enter_context(ThreadPoolExecutor(len(commands)))
            start = time.perf_counter()
            printed = list(pool.map(output, commands, [self.environ] * len(commands), folders))
            return time.perf_counter() - start, printed


def measure(
    variants: int,
    rounds: int,
    progress: Callable[[str], None],
    only: Sequence[str] = (),
    sizes: Sizes | None = None,
) -> Work:
    """Measures all rows, or `only` some, in every round, so that what disturbs the machine disturbs all."""
    sizes = sizes or Sizes()
    wanted = [row for row in WORKLOADS if row in only or not only]
    left_out = {row: what for row in wanted if (what := missing(row, sizes))}
    rows = [row for row in wanted if row not in left_out]
    if not rows:
        raise StrettoError(f"bench: nothing to measure: {lacking(left_out)}")
    costs = _measured(rows, variants, rounds, progress, sizes)
    return {
        "benchmark": "work",
        "machine": machine(),
        "variants": variants,
        "rounds": rounds,
        "sizes": {**sizes._asdict(), "archived": str(sizes.archived)},
        "limits": LIMITS,
        "within_limit": not any(cost["beyond"] for cost in costs),
        "left_out": left_out,
        "work": costs,
    }


def _measured(
    rows: list[str], variants: int, rounds: int, progress: Callable[[str], None], sizes: Sizes
) -> list[Cost]:
    times: dict[str, list[Times]] = {row: [] for row in rows}
    output(stretto(variants, [sys.executable, "-c", "pass"]), environment())  # writes byte code, fills caches
    with ExitStack() as stack:
        benches = []
        for row in rows:
            progress(f"making inputs: {WORKLOADS[row].label}")
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="stretto-bench-"))
            benches.append(Bench(row, variants, folder, sizes))
        for number in range(rounds):
            for bench in benches:
                progress(f"round {number + 1} of {rounds}: {WORKLOADS[bench.row].label}")
                times[bench.row].append(bench.round())
        progress("counting")
        return [cost(bench.row, times[bench.row], bench.count()) for bench in benches]


def counts(statistics: dict[str, Any]) -> Counts:
    """Those of a run's statistics that say what its time was spent on."""
    return {
        "processes": statistics["processes"],
        "tasks": statistics["tasks"],
        "calls": statistics["calls"],
        "in_process": statistics["in_process"],
        "startup": statistics["phases"][-1]["ms"],
    }


def cost(row: str, rounds: list[Times], counted: Counts) -> Cost:
    """A row from its rounds."""
    native, copies, tier1, tier2 = map(statistics.median, zip(*rounds, strict=True))
    to_copies = ratio(rounds, "tier2_to_copies")
    return {
        "row": row,
        "native": native,
        "copies": copies,
        "tier1": tier1,
        "tier2": tier2,
        "tier2_to_native": ratio(rounds, "tier2_to_native"),
        "tier2_to_copies": to_copies,
        "tier1_to_tier2": ratio(rounds, "tier1_to_tier2"),
        "counted": counted,
        "beyond": ["tier2_to_copies"] if row in LIMITS and to_copies > LIMITS[row] else [],
    }


def lacking(left_out: dict[str, str]) -> str:
    """The rows that were left out, and why."""
    return ", ".join(f"{WORKLOADS[row].label} (missing: {what})" for row, what in left_out.items())
