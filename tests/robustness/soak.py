"""Many short runs in a row: `python -m tests.robustness.soak --runs 2000`.

Every command is compared with its native run; after each run no process, temporary file or descriptor may be
left. Prints a line for each hundred runs and for whatever is wrong; ends with 1 if anything is.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from itertools import cycle, islice
from pathlib import Path

from tests.support.compare import difference
from tests.support.runner import NATIVE, Outcome, fresh, run

#: Short programs and pipelines; those with many processes and signals are where false divergences hide.
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("true",),
    ("false",),
    ("echo", "hello", "world"),
    ("ls", "-l", "/etc/passwd"),
    ("sh", "-c", "exit 7"),
    ("sh", "-c", "seq 100 | grep 7 | sort -r | head -5"),
    ("sh", "-c", "kill -TERM $$"),
    ("sh", "-c", "for i in 1 2 3 4 5; do (exit $i) & done; wait; echo done"),
    ("sh", "-c", "yes | head -1000 | md5sum"),
    ("sh", "-c", "trap 'echo usr1' USR1; kill -USR1 $$; sh -c 'kill -USR1 $PPID'; echo end"),
    ("bash", "-c", "diff <(seq 10) <(seq 2 11); wait; echo ${PIPESTATUS[@]}"),
    (
        "bash",
        "-c",
        # Natively, too, the shell may see the job stopped before it sees it killed.
        "set -m; cat /dev/zero >/dev/null & kill -STOP %1; kill -KILL %1; wait -f %1 2>/dev/null;"
        "case $? in 137 | 147) echo killed ;; *) echo $? ;; esac",
    ),
    ("sh", "-c", "seq 20 | xargs -P4 -n1 echo | sort -n | tr '\\n' ' '"),
    ("sh", "-c", "date +%s%N > now; head -c 20 /dev/urandom > random; wc -c random; rm now random"),
    ("sh", "-c", "mkdir -p a/b; echo x > a/b/c; cp -r a d; find . | sort; rm -r a"),
    ("sh", "-c", "(sleep 0.02; echo late) & echo early; wait"),
    ("sh", "-c", "timeout 0.05 tail -f /dev/null; echo $?"),
    ("awk", "BEGIN { for (i = 0; i < 1000; i++) s += i; print s; exit 3 }"),
    ("sed", "-n", "1,3p", "/etc/services"),
    ("python3", "-c", "import os; print(sum(range(1000))); os._exit(4)"),
    ("perl", "-e", "print join ',', map { $_ * 2 } 1..10; exit 5"),
    ("sh", "-c", "mkfifo f; cat f & echo through > f; wait; rm f"),
)


class Soak:
    """Runs commands by turns and keeps what was wrong."""

    def __init__(self, base: Path, variants: tuple[int, ...] = (2,)) -> None:
        self.base = base
        self.variants = variants
        self.wrong: list[str] = []

    def run(self, runs: int) -> Iterator[int]:
        """Makes so many runs; yields the number of each when it is done."""
        self._once(COMMANDS[0], self.variants[0])
        clean = self._surroundings()
        plan = zip(cycle(COMMANDS), cycle(self.variants))
        for number, (command, variants) in enumerate(islice(plan, runs), 1):
            self._once(command, variants)
            if (now := self._surroundings()) != clean:
                self.wrong.append(f"after {command}: {sorted(now ^ clean)} appeared or went")
                clean = now
            yield number

    def _once(self, command: tuple[str, ...], variants: int) -> None:
        try:
            found = difference(self._natively(command), self._outcome(command, variants))
        except AssertionError as error:
            found = str(error)
        if found:
            self.wrong.append(f"{command} with {variants} variants: {found}")

    @cache  # noqa: B019 - lives as long as the process
    def _natively(self, command: tuple[str, ...]) -> Outcome:
        return self._outcome(command, NATIVE)

    def _outcome(self, command: tuple[str, ...], variants: int) -> Outcome:
        return run(command, fresh(self.base / "work"), variants=variants, timeout=30)

    def _surroundings(self) -> frozenset[str]:
        """What a run may leave: descriptors of ours, temporary files of Stretto's, shared memory."""
        descriptors = {f"descriptor {name}" for name in os.listdir("/proc/self/fd")}
        places = (Path(tempfile.gettempdir()), Path("/dev/shm"), self.base)
        return frozenset(descriptors | {str(path) for place in places for path in place.iterdir()})


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--variants", type=int, nargs="+", default=[2], help="numbers of variants, by turns")
    options = parser.parse_args()
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="soak-") as base:
        soak = Soak(Path(base), tuple(options.variants))
        told = 0
        for number in soak.run(options.runs):
            for text in soak.wrong[told:]:
                print(f"run {number}: {text}", flush=True)
            told = len(soak.wrong)
            if number % 100 == 0:
                print(f"{number} runs, {told} wrong, {time.monotonic() - start:.0f} s", flush=True)
    return min(len(soak.wrong), 1)


if __name__ == "__main__":
    sys.exit(main())
