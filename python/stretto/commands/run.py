"""Runs PROGRAM as variants in lockstep; only the first, the leader, talks to the outside world.

Everything after `--` belongs to the program; without `--`, the first word that is no option is the program.
Standard streams are the program's; Stretto speaks on standard error only. The exit status is the program's
own, 86 after a divergence, 125 if Stretto failed, 126 or 127 if the program can't be started.
"""

from ..cli import colorful, plainly, say, split
from ..config import load
from ..errors import StrettoError
from ..plan import Plan
from ..result import Result, start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..config import Config
    from ..options import Value

USAGE = "stretto run [options] [--] PROGRAM [ARGUMENTS]"
EPILOG = """\
examples:
  stretto run -- ls -l
  stretto run -n 3 --on-divergence vote -- python3 server.py
  stretto run --report attack.html -- ./service 8080

Every option can also stand in stretto.toml (variants = 3) or in the environment (STRETTO_VARIANTS=3).
"""


def main(argv: list[str]) -> int:
    """Runs the program, reports divergences, returns the exit status."""
    options, command = split(argv)
    named, file = plainly(options) or _parsed(options)
    if not command:
        raise StrettoError("no program given; usage: stretto run [options] -- PROGRAM [ARGUMENTS]")
    config = load(named, file)
    if config.report or config.report_dir:
        from ..reporters.save import check_targets

        check_targets(config)
    plan = Plan(command, config, follow_stops=True)
    if config.verbose:
        for name, value in plan.described():
            say(f"{name + ':':<12} {value}")
    result = start(plan, _listener(config))
    if result.outcome == "failed" and result.error:
        say(result.error)
    if config.verbose:
        _say_statistics(result)
    if result.has_diverged:
        from ..reporters.announce import announce

        announce(result, config, color=colorful(config.color))
    return result.status


def _parsed(options: list[str]) -> "tuple[dict[str, Value], str | None]":
    """The options of a run, however they are spelled, and the file that `--config` names."""
    from ..parser import Parser, add_run_options, given

    parser = Parser("run", __doc__, USAGE, EPILOG)
    add_run_options(parser)
    arguments = parser.parse_args(options)
    return given(arguments), arguments.config


def _listener(config: "Config") -> "Callable[[str], None]":
    """Says what happens while the program runs."""

    def say_event(text: str) -> None:
        import json

        event = json.loads(text)
        if event["event"] == "warning" and not config.quiet:
            say(f"warning: {event['message']}")
        # What ends the run is reported at once, and whole.
        if event["event"] == "divergence" and config.on_divergence != "kill":
            say(f"divergence: {event['summary']}")

    return say_event


def _say_phases(phases: "list[dict[str, Any]]") -> None:
    """When each variant had been started, had its program, and had its layout; since the start."""
    moments: dict[str, list[str]] = {}
    for phase in phases:
        moments.setdefault(phase["name"], []).append(f"{phase['ms']:.1f}")
    for name, times in moments.items():
        say(f"{name} done after {', '.join(times)} ms")


def _say_statistics(result: Result) -> None:
    statistics = result.statistics
    _say_phases(statistics.get("phases") or [])
    counts = (
        ("calls", "calls in the monitor"),
        ("in_process", "in the process"),
        ("approved", "of these approved by the monitor"),
        ("signals", "signals"),
        ("processes", "processes"),
        ("tasks", "tasks"),
        ("patched", "sites patched"),
        ("from_memory", "patched from memory"),
        ("restored", "patches taken back"),
    )
    say(", ".join(f"{statistics[name]} {words}" for name, words in counts if name in statistics))
    memory = statistics.get("hot_sites") or {}
    if memory.get("remembered"):
        say(f"{memory['remembered']} hot sites remembered in {memory['directory']}")
    if memory.get("trouble"):
        say(f"hot sites: {memory['trouble']}")
    for reason, sites in (statistics.get("refused_sites") or {}).items():
        say(f"{sites} {'site' if sites == 1 else 'sites'} not patched: {reason}")
