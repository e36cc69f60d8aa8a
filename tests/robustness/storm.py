"""Code that is made, patched, changed and restored under running threads.

`python -m tests.robustness.storm --seconds 60`. A program fills pages with system calls in many
surroundings and looks at the result of each; threads run through them while others change and remove the
pages. Prints how many sites were patched and restored; ends with 1 if anything differs from the native run.
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
from tests.support.runner import NATIVE, TIERS, fresh, run

SOURCES = [Path(__file__).with_name(name) for name in ("storm.c", "storm_changes.c", "storm_sites.c")]
#: Each has some 240 sites.
BLOCKS = 24
#: The ways that each number of variants is run in.
POLICIES = ("tier2", "tier1")


@dataclass(frozen=True)
class Figures:
    """What was counted in one run, and what was wrong."""

    variants: int
    policy: str
    seconds: float
    wrong: str
    patched: int = 0
    restored: int = 0
    in_process: int = 0
    in_monitor: int = 0
    refused: int = 0

    def __str__(self) -> str:
        return (
            f"{self.variants} variants, {self.policy}: {self.patched} sites patched, "
            f"{self.restored} restored, {self.refused} not patched, {self.in_process} calls in the process, "
            f"{self.in_monitor} in the monitor, {self.seconds:.1f} s"
        )


def build(base: Path) -> str:
    """The program."""
    return compiled(base / "storm", SOURCES, "-pthread")


def measure(
    program: str, base: Path, variants: int, policy: str, seconds: int, blocks: int = BLOCKS
) -> Figures:
    """A storm of so many seconds, after each site has been reached by one thread."""
    directory, log = base / "work", base / "log.json"
    log.unlink(missing_ok=True)
    command = [program, str(seconds), str(blocks)]
    patience = 120.0 + 10 * seconds
    native = run([program, "0", str(blocks)], fresh(directory), timeout=patience)
    start = time.monotonic()
    seen = run(
        command,
        fresh(directory),
        variants=variants,
        options=(*TIERS[policy], "--log", str(log)),
        timeout=patience,
    )
    took = time.monotonic() - start
    wrong = difference(native, seen)
    if variants == NATIVE or wrong:
        return Figures(variants, policy, took, wrong)
    statistics = json.loads(log.read_text().splitlines()[-1])["statistics"]
    return Figures(
        variants=variants,
        policy=policy,
        seconds=took,
        wrong=wrong,
        patched=statistics["patched"],
        restored=statistics["restored"],
        in_process=statistics["in_process"],
        in_monitor=statistics["calls"],
        refused=sum(statistics["refused_sites"].values()),
    )


def problems(figures: Figures, blocks: int = BLOCKS) -> list[str]:
    """What is wrong with these figures."""
    found = [figures.wrong] if figures.wrong else []
    wanted = 100 * blocks if figures.policy == "tier2" else 0
    if figures.patched < wanted:
        found.append(f"only {figures.patched} sites were patched, of {wanted} and more")
    if figures.restored < wanted // 4:
        found.append(f"only {figures.restored} sites were restored")
    return found


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="of each storm")
    parser.add_argument("--variants", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--policy", nargs="+", choices=POLICIES, default=list(POLICIES))
    parser.add_argument("--blocks", type=int, default=BLOCKS, help="pairs of pages with code")
    options = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="storm-") as name:
        base = Path(name)
        program = build(base)
        for policy in options.policy:
            for variants in options.variants:
                figures = measure(program, base, variants, policy, options.seconds, options.blocks)
                print(figures, flush=True)
                for problem in problems(figures, options.blocks):
                    wrong = 1
                    print(f"wrong: {problem}", flush=True)
    return wrong


if __name__ == "__main__":
    sys.exit(main())
