"""Garbage in the ring, from one seed after the other: `python -m tests.hostile.fuzz --runs 2000`.

A program that knows everything about its agent writes random words into what it may write of its ring, in
the leader only or in a follower only, and makes calls. Every run has to end in time, by itself or in a
divergence, and the monitor must not fail. Prints a line for each hundred runs and for whatever is wrong; ends
with 1 if anything is.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.hostile.running import DIVERGENCE, LAG, SLACK, attempt, builder

#: Seconds: garbage may cost each variant the time that it may lag behind, one after the other.
LIMIT = 2 * LAG + SLACK


class Fuzz:
    """Runs with seeds, and keeps what was wrong."""

    def __init__(self, program: str, base: Path) -> None:
        self.program = program
        self.base = base
        self.wrong: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.longest = 0.0

    def once(self, seed: int) -> None:
        """One run; the seed decides who is hostile, and how many variants there are."""
        who = "leader" if seed % 2 == 0 else "follower"
        variants = 3 if seed % 5 == 4 else 2
        try:
            result = attempt(self.program, self.base, who, str(seed), variants=variants, timeout=LIMIT)
        except AssertionError as error:
            self.wrong.append(f"seed {seed}, {who} of {variants}: {str(error)[:2000]}")
            return
        self.statuses[result.status] += 1
        self.longest = max(self.longest, result.seconds)
        if result.status not in (0, DIVERGENCE):
            self.wrong.append(f"seed {seed}, {who} of {variants}: {result}")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    options = parser.parse_args()
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hostile-") as base:
        fuzz = Fuzz(builder(Path(base))("garbage"), Path(base))
        told = 0
        for number, seed in enumerate(range(options.first, options.first + options.runs), 1):
            fuzz.once(seed)
            for text in fuzz.wrong[told:]:
                print(text, flush=True)
            told = len(fuzz.wrong)
            if number % 100 == 0 or number == options.runs:
                ends = ", ".join(f"{count} with {status}" for status, count in sorted(fuzz.statuses.items()))
                seconds = time.monotonic() - start
                times = f"longest {fuzz.longest:.1f} s, {seconds:.0f} s"
                print(f"{number} runs, {told} wrong, {ends}, {times}", flush=True)
    return min(len(fuzz.wrong), 1)


if __name__ == "__main__":
    sys.exit(main())
