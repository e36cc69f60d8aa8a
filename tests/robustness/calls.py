"""Very many calls in one process: `python -m tests.robustness.calls --calls 10000000`.

A program makes calls of more than twenty kinds that are checked in the process, while signals come from a
timer and from a child, and looks at every result. Prints how many calls were made where, how long that took,
also natively, and the monitor's memory before and after; ends with 1 if anything is wrong.
"""

import argparse
import json
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.build import compiled
from tests.support.leftovers import adopt_orphans, end_descendants, remaining
from tests.support.runner import NATIVE, environment, fresh, guarded

SOURCE = Path(__file__).with_name("calls.c")
#: What the monitor's memory may grow by, whatever the number of calls.
GROWTH = 4 << 20
#: How often descriptors are counted for the lowest figure. The monitor opens a file of `/proc` for the
#: length of a look, also for followers that have yet to arrive where the program waits: one count of 120 had
#: such a file in it.
LOOKS = 1000


@dataclass(frozen=True)
class Figures:
    """What was measured of one run."""

    variants: int
    seconds: float
    #: Of Stretto's process: bytes of its own, and descriptors; when the program is warm, and at the end.
    memory: tuple[int, int] = (0, 0)
    descriptors: tuple[int, int] = (0, 0)
    in_process: int = 0
    in_monitor: int = 0
    signals: int = 0

    def __str__(self) -> str:
        if self.variants == NATIVE:
            return f"natively: {self.seconds:.1f} s"
        before, after = (amount / (1 << 20) for amount in self.memory)
        return (
            f"{self.variants} variants: {self.in_process} calls in the process, "
            f"{self.in_monitor} in the monitor, {self.signals} signals, {self.seconds:.1f} s; "
            f"the monitor has {before:.1f} MiB before and {after:.1f} MiB after, "
            f"{self.descriptors[0]} and {self.descriptors[1]} descriptors"
        )


def build(base: Path) -> str:
    """The program."""
    return compiled(base / "calls", [SOURCE])


class Run:
    """A run that stops where the program says so."""

    def __init__(self, command: Sequence[str], directory: Path, patience: float) -> None:
        adopt_orphans()
        self.patience = patience
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=directory,
            env=environment(directory),
        )

    def wait_for(self, word: bytes) -> None:
        """The program's next line has to be this."""
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], self.patience)
        line = self.process.stdout.readline() if ready else b"(nothing in time)"
        if line != word + b"\n":
            self.process.kill()
            end_descendants(spare=[self.process.pid])  # whoever holds the ends of its pipes
            raise AssertionError(f"{line!r}, not {word!r}; {self.process.stderr.read()!r}")  # type: ignore[union-attr]

    def go_on(self) -> None:
        """Lets the program go on."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def own(self) -> tuple[int, int]:
        """Bytes of memory of the process that was started, and its descriptors."""
        place = Path(f"/proc/{self.process.pid}")
        status = (place / "status").read_text()
        kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("RssAnon:"))
        return int(kilobytes) << 10, min(len(list((place / "fd").iterdir())) for _ in range(LOOKS))

    def end(self) -> None:
        """All went well, and nothing is left."""
        stdout, stderr = self.process.communicate(timeout=self.patience)
        assert (self.process.returncode, stdout, stderr) == (0, b"all right\n", b""), (stdout, stderr)
        assert remaining() == []


def measure(program: str, base: Path, calls: int, variants: int, *options: str) -> Figures:
    """Makes so many calls."""
    directory, log = fresh(base / "work"), base / "log.json"
    log.unlink(missing_ok=True)
    command = [program, str(calls)]
    if variants != NATIVE:
        command = guarded(command, variants, "--log", str(log), *options)
    run = Run(command, directory, patience=60 + calls * 100e-6)
    try:
        run.wait_for(b"ready")
        before, start = run.own(), time.monotonic()
        run.go_on()
        run.wait_for(b"done")
        seconds, after = time.monotonic() - start, run.own()
        run.go_on()
        run.end()
    finally:
        run.process.kill()
        end_descendants(spare=[run.process.pid])
        run.process.communicate()
    if variants == NATIVE:
        return Figures(variants, seconds)
    statistics = json.loads(log.read_text().splitlines()[-1])["statistics"]
    return Figures(
        variants=variants,
        seconds=seconds,
        memory=(before[0], after[0]),
        descriptors=(before[1], after[1]),
        in_process=statistics["in_process"],
        in_monitor=statistics["calls"],
        signals=statistics["signals"],
    )


def problems(figures: Figures, calls: int) -> list[str]:
    """What is wrong with these figures."""
    before, after = figures.memory
    found = []
    if figures.in_process < calls // 2:
        found.append(f"only {figures.in_process} of {calls} calls were checked in the process")
    if after - before > GROWTH:
        found.append(f"the monitor's memory has grown by {(after - before) >> 10} KiB")
    if figures.descriptors[1] > figures.descriptors[0]:
        found.append(f"the monitor has {figures.descriptors[1] - figures.descriptors[0]} descriptors more")
    return found


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000_000)
    parser.add_argument("--variants", type=int, nargs="+", default=[2, 3])
    parser.add_argument("--policy", default="balanced")
    options = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="calls-") as name:
        base = Path(name)
        program = build(base)
        print(measure(program, base, options.calls, NATIVE), flush=True)
        for variants in options.variants:
            figures = measure(program, base, options.calls, variants, "--policy", options.policy)
            print(figures, flush=True)
            for problem in problems(figures, options.calls):
                wrong = 1
                print(f"wrong: {problem}", flush=True)
    return wrong


if __name__ == "__main__":
    sys.exit(main())
