"""A signal at every instruction of stub and agent: `python -m tests.robustness.instructions`.

A program makes calls of many kinds, each as often as there are instructions on its way through stub and
agent, and every time the monitor sends a signal at another instruction of that way (CONTRIBUTING.md). The
program looks at every result and counts the signals; here the counts are compared with what was sent, and the
ways with the instructions that had a signal. Prints a line for each kind; ends with 1 if anything is wrong.
"""

import argparse
import json
import re
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.robustness.injected import LOCKSTEP
from tests.support.build import compiled
from tests.support.runner import decoded, environment, fresh, run

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).with_suffix(".c")
#: munlockall, which every policy keeps for the monitor; nobody else makes it in the program.
MARKER = 152
#: More rounds than a way has instructions, and how many quiet ones end a kind: an instruction that a waiting
#: thread did not come to makes a round quiet, too.
ROUNDS, QUIET = 20_000, 300
#: The first real-time signal that the C library leaves to programs.
SECOND = int(signal.SIGRTMIN)
#: Seconds; less than the program's alarm takes, and more than anything else.
LATE = 0.1
#: With a watched follower whose signals mean nothing, rounds can't be told by what comes of them.
BLIND_ROUNDS = 2500
#: What of the instructions may be missed: what a waiting thread does differs from time to time.
MISSED = 0.15


@dataclass(frozen=True)
class Way:
    """Whose way is watched, and who gets the signal."""

    variants: int
    policy: str
    watched: int = 0
    signalled: int = 0
    passages: int = 1
    stride: int = 1
    delay: int = 0
    second: int = 0

    def settings(self, log: Path) -> str:
        """What `injected` wants."""
        injection = {
            "marker": MARKER,
            "signal": int(signal.SIGUSR1),
            "watched": self.watched,
            "signalled": self.signalled,
            "passages": self.passages,
            "stride": self.stride,
            "delay": self.delay,
            "second": self.second,
        }
        settings = {"variants": self.variants, "policy": self.policy, "log": str(log), "injection": injection}
        return json.dumps(settings)

    def __str__(self) -> str:
        more = (("passages", 1), ("stride", 1), ("delay", 0), ("second", 0))
        told = [f"{name} {getattr(self, name)}" for name, usual in more if getattr(self, name) != usual]
        who = f"{self.watched} watched, {self.signalled} signalled"
        return ", ".join([f"{self.variants} variants", self.policy, who, *told])


@dataclass
class Kind:
    """One kind of calls."""

    name: str = ""
    #: Signals that the program counted, and second ones.
    handled: int = 0
    more: int = 0
    #: Part ("stub", "agent") and offset of what had a signal, and of what the last stepped way led over.
    injected: set[tuple[str, int]] = field(default_factory=set)
    passed: set[tuple[str, int]] = field(default_factory=set)
    missed: set[tuple[str, int]] = field(default_factory=set)
    #: How many signals were sent, and second ones.
    sent: int = 0
    again: int = 0
    #: Alarms that came behind a signal, in the same round: it should have ended the waiting.
    late: int = 0
    #: Stepped ways, and how many instructions were new on the last.
    ways: int = 0
    news: int = 0

    def covered(self, part: str) -> int:
        """How many instructions of a part had a signal."""
        return sum(1 for own, _ in self.injected if own == part)

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.sent} signals at {self.covered('stub')} instructions of the stub "
            f"and {self.covered('agent')} of the agent, {len(self.missed)} not met again"
        )

    def problems(self, way: Way) -> list[str]:
        """What is wrong."""
        left = {place for place in self.passed - self.injected - self.missed if place[1] % way.stride == 0}
        found = []
        if left:
            found.append(f"no signal at {sorted(left)[:10]}")
        if self.ways < 2 or self.news:
            found.append(f"{self.ways} stepped ways, {self.news} instructions new on the last")
        if len(self.missed) > MISSED * len(self.passed):
            found.append(f"{len(self.missed)} instructions were not met again")
        if way.signalled == 0 and self.handled != self.sent:
            found.append(f"{self.sent} signals sent, {self.handled} handled")
        if way.signalled == 0 and self.more != self.again:
            found.append(f"{self.again} second signals sent, {self.more} handled")
        if way.signalled != 0 and self.handled:
            found.append(f"{self.handled} signals of a follower handled")
        # Of more variants some share a CPU, and on a busy machine all is late.
        if self.late and way.variants <= 2:
            found.append(f"{self.late} signals did not end the waiting")
        return [f"{self.name}: {problem}" for problem in found]


def build(base: Path) -> str:
    """The program."""
    return compiled(base / "instructions", [SOURCE])


def inject(
    program: str, base: Path, way: Way, kinds: Sequence[int] = (), timeout: float = 1200
) -> list[Kind]:
    """Lets the program go all the ways (of these kinds, or of all)."""
    log = base / "log.jsonl"
    log.unlink(missing_ok=True)
    directory = fresh(base / "work")
    blind = way.signalled != 0
    rounds = [BLIND_ROUNDS, 0] if blind else [ROUNDS, QUIET]
    command = [sys.executable, "-m", "tests.robustness.injected", way.settings(log)]
    command += [program, *map(str, [*rounds, *kinds])]
    environ = environment(directory, PYTHONPATH=str(ROOT))
    outcome = run(command, directory, environ=environ, timeout=timeout)
    told = f"{way}: status {outcome.status}\n{decoded(outcome.stdout)}\n{decoded(outcome.stderr)}"
    assert (outcome.status, outcome.stderr) == (0, b""), told
    assert not outcome.leftovers, told
    return read(outcome.stdout.decode(), log.read_text())


def read(stdout: str, log: str) -> list[Kind]:
    """What the program and the monitor say of each kind."""
    kinds: dict[int, Kind] = {}
    for line in re.finditer(r"^(\d+) (.*): (\d+) signals, (\d+) more$", stdout, re.M):
        kinds[int(line[1])] = Kind(name=line[2], handled=int(line[3]), more=int(line[4]))
    signalled, since = Kind(), float("inf")
    for event in map(json.loads, log.splitlines()):
        kind = kinds.get(event.get("kind"), Kind())
        place = (event.get("part"), event.get("offset"))
        match event["event"]:
            case "round":
                since = float("inf")
            case "stepped":
                kind.passed = {(part, offset) for part in ("stub", "agent") for offset in event[part]}
                kind.ways, kind.news = kind.ways + 1, event["news"]
            case "injected":
                signalled, since = kind, event["time"]
                kind.sent += 1
                kind.injected.add(place)
            case "again":
                kind.again += 1
            case "missed":
                kind.missed.add(place)
            # One that came before, and was put off, comes again soon.
            case "signal" if event["signal"] == signal.SIGALRM and event["time"] - since > LATE:
                signalled.late += 1
    return list(kinds.values())


#: What the long test does: every policy with one to three variants; a follower at every instruction when
#: the leader gets a signal, and when it gets one itself; those that have to wait for the others.
WAYS = [
    *(Way(variants, policy) for variants in (1, 2, 3) for policy in ("balanced", "fast", LOCKSTEP)),
    *(Way(variants, policy, watched=1) for variants in (2, 3) for policy in ("balanced", "fast", LOCKSTEP)),
    Way(3, "balanced", watched=2),
    Way(2, "balanced", watched=1, signalled=1),
    Way(2, "balanced", passages=3),
    Way(2, "balanced", watched=1, passages=3),
    *(Way(variants, policy, delay=2000) for variants in (2, 3) for policy in ("balanced", LOCKSTEP)),
    Way(2, "balanced", watched=1, delay=2000),
    *(Way(variants, policy, second=SECOND) for variants in (1, 2, 3) for policy in ("balanced", LOCKSTEP)),
]


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", type=int, nargs="*", default=[], help="only these kinds")
    parser.add_argument("--variants", type=int, nargs="*", default=[], help="only with so many")
    parser.add_argument("--way", default="", help="only ways in whose names this occurs")
    options = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="instructions-") as name:
        base = Path(name)
        program = build(base)
        for way in WAYS:
            if (options.variants and way.variants not in options.variants) or options.way not in str(way):
                continue
            print(way, flush=True)
            try:
                kinds = inject(program, base, way, options.kind)
            except AssertionError as error:
                wrong = 1
                print(f"  wrong: {error}", flush=True)
                continue
            for kind in kinds:
                print(f"  {kind}", flush=True)
                for problem in kind.problems(way):
                    wrong = 1
                    print(f"  wrong: {problem}", flush=True)
    return wrong


if __name__ == "__main__":
    sys.exit(main())
