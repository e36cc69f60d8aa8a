"""Threads that answer each other: `python -m tests.robustness.turns --rounds 300000`.

Three threads hand a number on in a circle, so that the turn among them passes with every read that one of
them waits in. Prints how many calls were made where; ends with 1 if anything differs from the native run.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.support.build import compiled
from tests.support.compare import difference
from tests.support.runner import TIERS, fresh, run

PROGRAMS = Path(__file__).parents[1] / "programs"
#: Seconds that a round may take on a slow machine.
PATIENCE = 0.01


def build(base: Path) -> str:
    """The program."""
    return compiled(base / "answers", [PROGRAMS / "threads/answers.c"], "-pthread", f"-I{PROGRAMS}")


@dataclass(frozen=True)
class Measured:
    """What was counted in one run, and how it differs from the native one."""

    variants: int
    rounds: int
    seconds: float
    wrong: str
    in_process: int = 0
    in_monitor: int = 0

    def __str__(self) -> str:
        made = f"{self.in_process} calls in the process, {self.in_monitor} in the monitor"
        return f"{self.variants} variants: {self.rounds} rounds, {made}, {self.seconds:.1f} s"


def measure(program: str, base: Path, rounds: int, variants: int) -> Measured:
    """Runs it natively and with so many variants."""
    directory, log = base / "work", base / "log.json"
    log.unlink(missing_ok=True)
    command, timeout = [program, str(rounds)], 60 + PATIENCE * rounds
    native = run(command, fresh(directory), timeout=timeout)
    start = time.monotonic()
    options = (*TIERS["tier2"], "--log", str(log))
    seen = run(command, fresh(directory), variants=variants, options=options, timeout=timeout)
    took = time.monotonic() - start
    wrong = difference(native, seen)
    if wrong:
        return Measured(variants, rounds, took, wrong)
    counted = json.loads(log.read_text().splitlines()[-1])["statistics"]
    return Measured(variants, rounds, took, wrong, counted["in_process"], counted["calls"])


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=300_000)
    parser.add_argument("--variants", type=int, nargs="+", default=[2, 3])
    options = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="turns-") as name:
        program = build(Path(name))
        for variants in options.variants:
            measured = measure(program, Path(name), options.rounds, variants)
            print(measured, flush=True)
            if measured.wrong:
                failed = 1
                print(f"wrong: {measured.wrong}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
