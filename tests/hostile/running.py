"""Builds the hostile programs and runs them under Stretto, in tier 2 with every site patched at once."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.build import compiled
from tests.support.runner import decoded, fresh, run

PROGRAMS = Path(__file__).parent / "programs"
DIVERGENCE = 86
FAILED = 125
#: Seconds that a variant may lag behind in these tests.
LAG = 2
#: Beyond that: the ring's own patience, a tick, the report, and other work on the machine.
SLACK = 6.0


@dataclass(frozen=True)
class Result:
    """What an attempt came to."""

    status: int
    stdout: str
    stderr: str
    seconds: float
    files: frozenset[str]
    report: dict[str, Any] | None

    @property
    def kind(self) -> str:
        """Of the divergence, if there was one."""
        return str(self.report["kind"]) if self.report else ""

    def __str__(self) -> str:
        return f"status {self.status} after {self.seconds:.1f} s\n{self.stdout}\n{self.stderr[:3000]}"


Attempt = Callable[..., Result]


def builder(base: Path) -> Callable[[str], str]:
    """What builds a program once."""

    @cache
    def build(name: str) -> str:
        return compiled(base / name, [PROGRAMS / f"{name}.c"], f"-I{PROGRAMS}", "-Wno-unused-result")

    return build


def attempt(
    program: str,
    base: Path,
    *arguments: str,
    variants: int = 2,
    files: dict[str, bytes] | None = None,
    timeout: float = 30.0,
    more: Sequence[str] = (),
) -> Result:
    """Runs a hostile program. Whatever it does, the monitor neither fails nor hangs, and nothing is left."""
    directory = fresh(base / "work")
    for name, content in (files or {}).items():
        (directory / name).write_bytes(content)
    report = base / "report.json"
    report.unlink(missing_ok=True)
    policy = ("--policy", "balanced", "--patch-after", "1")
    options = (*policy, "--timeout", str(LAG), "--report", str(report), *more)
    start = time.monotonic()
    outcome = run(
        [program, *arguments], directory, variants=variants, options=options, stdin=b"x" * 64, timeout=timeout
    )
    result = Result(
        status=outcome.status,
        stdout=decoded(outcome.stdout),
        stderr=decoded(outcome.stderr),
        seconds=time.monotonic() - start,
        files=frozenset(name for name, now in outcome.files.items() if now[7:] != (files or {}).get(name)),
        report=json.loads(report.read_text()) if report.exists() else None,
    )
    assert result.status != FAILED, f"the monitor failed\n{result}"
    assert "panicked" not in result.stderr, str(result)
    assert not outcome.leftovers, f"left running: {outcome.leftovers}\n{result}"
    return result
