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

_QUEUE = """
import queue, threading
work, done = queue.Queue(), queue.Queue()
def serve():
    while (item := work.get()) is not None: done.put(item * item)
threads = [threading.Thread(target=serve) for _ in range(4)]
for thread in threads: thread.start()
for item in [*range(300), *[None] * 4]: work.put(item)
for thread in threads: thread.join()
print(sum(done.get() for _ in range(300)))
"""
_CHILDREN = """
import subprocess
from concurrent.futures import ThreadPoolExecutor
def count(text): return int(subprocess.run(["wc", "-c"], input=text, capture_output=True, text=True).stdout)
with ThreadPoolExecutor(3) as pool: print(*pool.map(count, ["x" * n for n in range(6)]))
"""
_PIPES = """
import os, threading
ends = [os.pipe() for _ in range(3)]
def hand_on(own):
    while number := os.read(ends[own][0], 8): os.write(ends[(own + 1) % 3][1], number)
    os.close(ends[(own + 1) % 3][1])
threads = [threading.Thread(target=hand_on, args=(own,)) for own in (1, 2)]
for thread in threads: thread.start()
for number in range(300):
    os.write(ends[1][1], b"%08d" % number)
    assert int(os.read(ends[0][0], 8)) == number
os.close(ends[1][1])
for thread in threads: thread.join()
print("came round")
"""
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

#: Threads that wait for each other in calls: where they hand work on, variants could get out of step.
THREADED: tuple[tuple[str, ...], ...] = (
    ("sh", "-c", "seq 300000 | zstd -q -T2 | zstd -dq | md5sum"),
    ("sh", "-c", "seq 100000 | xz -T2 -0 --block-size=100KiB | xz -dc | md5sum"),
    ("sh", "-c", "cd /usr/include && git grep --no-index --threads=3 -c stdio.h | md5sum"),
    ("python3", "-c", _QUEUE),
    ("python3", "-c", _CHILDREN),
    ("python3", "-c", _PIPES),
)


class Soak:
    """Runs commands by turns and keeps what was wrong."""

    def __init__(
        self,
        base: Path,
        variants: tuple[int, ...] = (2,),
        commands: tuple[tuple[str, ...], ...] = COMMANDS + THREADED,
    ) -> None:
        self.base = base
        self.variants = variants
        self.commands = commands
        self.wrong: list[str] = []

    def run(self, runs: int) -> Iterator[int]:
        """Makes so many runs; yields the number of each when it is done."""
        self._once(self.commands[0], self.variants[0])
        clean = self._surroundings()
        plan = zip(cycle(self.commands), cycle(self.variants))
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
    parser.add_argument("--threads", action="store_true", help="only programs with threads")
    options = parser.parse_args()
    commands = THREADED if options.threads else COMMANDS + THREADED
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="soak-") as base:
        soak = Soak(Path(base), tuple(options.variants), commands)
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
