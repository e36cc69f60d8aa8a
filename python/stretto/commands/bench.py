"""Measures what Stretto costs on this machine, as ratios within one run.

calls     getpid, reads and writes of 4 and 64 KiB: native; in a bare ptrace tracer and checked in the monitor
          (tier 1); over a bare ring and checked inside the variants (tier 2), in lockstep and ahead
startup   a program that does nothing: native and under Stretto

With --check the exit code is 1 if Stretto costs more than it may: tier 1 1.6 times the bare tracer; tier 2
1.5 times the bare ring, 1.3 times for 64 KiB, and a twelfth of tier 1; start-up 80 ms above native.
"""

import json
import sys

from ..cli import Parser
from ..errors import ExitCode, StrettoError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..benchmarks.calls import Calls
    from ..benchmarks.startup import Startup

#: The exit code of --check when a limit is exceeded.
EXCEEDED = 1
ROUNDS = {"calls": 5, "startup": 20}


def main(argv: list[str]) -> int:
    """Measures and prints a table, or JSON."""
    parser = Parser("bench", __doc__)
    parser.add_argument("what", choices=sorted(ROUNDS))
    parser.add_argument("-n", "--variants", type=int, default=2, metavar="N", help="1 to 8 (default: 2)")
    parser.add_argument(
        "--iterations", type=int, default=20000, metavar="N", help="calls in one round (default: 20000)"
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="default: 5 for calls, 20 for startup")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--plot", metavar="FILE", help="calls: draw the figures, as .svg or .png")
    parser.add_argument("--check", action="store_true", help="exit code 1 if a limit is exceeded")
    arguments = parser.parse_args(argv)
    rounds = ROUNDS[arguments.what] if arguments.rounds is None else arguments.rounds
    _check("--variants", arguments.variants, 8)
    _check("--iterations", arguments.iterations, 10_000_000)
    _check("--rounds", rounds, 1000)
    if arguments.plot:
        _check_plot(arguments.what, arguments.plot)
    document: Calls | Startup
    if arguments.what == "calls":
        from ..benchmarks import calls

        document = calls.measure(arguments.variants, arguments.iterations, rounds, _progress)
    else:
        from ..benchmarks import startup

        document = startup.measure(arguments.variants, rounds, _progress)
    _progress("")
    if arguments.plot and document["benchmark"] == "calls":
        from ..reporters import plot

        plot.save(document, arguments.plot)
    if arguments.json:
        print(json.dumps(document, indent=2))
    else:
        _print(document)
    return EXCEEDED if arguments.check and not document["within_limit"] else ExitCode.OK


def _check(name: str, value: int, limit: int) -> None:
    if not 1 <= value <= limit:
        raise StrettoError(f"bench: {name} must be 1 to {limit}, got {value}")


def _progress(text: str) -> None:
    """What is being measured, on a terminal only, and gone in the end."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def _check_plot(what: str, path: str) -> None:
    """Measuring takes a minute: what can't be drawn is refused before."""
    if what != "calls":
        raise StrettoError("bench: --plot draws calls only")
    from ..reporters import plot

    plot.check(path)


def _print(document: "Calls | Startup") -> None:
    from rich.console import Console

    from ..reporters.bench import show

    show(document, Console(highlight=False))
