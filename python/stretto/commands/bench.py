"""Measures what Stretto costs on this machine, as ratios within one run.

calls     getpid, reads and writes of 4 and 64 KiB: native; in a bare ptrace tracer and checked in the monitor
          (tier 1); over a bare ring and checked inside the variants (tier 2), in lockstep and ahead
startup   a program that does nothing: native and under Stretto
work      programs from start to end: native; as many copies at the same time as there are variants; tier 1;
          tier 2; and what Stretto counted. The rows are
          python3   python3 -c pass
          git       git log of 300 commits
          forks     1000 subshells of bash
          gcc       gcc -c of a small file
          cat       a file of 1 GiB through a pipe: cat FILE | sha256sum
          tar       tar -cf - /usr/include | zstd -T1 (one thread compresses, beside the one that reads)
          sqlite3   100,000 inserts in one transaction
          compute   a loop without system calls

With --check the exit code is 1 if Stretto costs more than it may: tier 1 1.6 times the bare tracer; tier 2
1.5 times the bare ring, 1.3 times for 64 KiB, and a twelfth of tier 1; start-up 80 ms above native; tier 2
1.5 times the copies for cat, tar and sqlite3, 1.03 times for compute.
"""

import json
import sys

from ..errors import ExitCode, StrettoError
from ..parser import Parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from ..benchmarks.calls import Calls
    from ..benchmarks.startup import Startup
    from ..benchmarks.work import Work

#: The exit code of --check when a limit is exceeded.
EXCEEDED = 1
ROUNDS = {"calls": 5, "startup": 20, "work": 3}
#: The benchmarks that can be drawn.
PLOTTED = ("calls", "work")


def main(argv: list[str]) -> int:
    """Measures and prints a table, or JSON."""
    arguments = _parser().parse_args(argv)
    rounds = ROUNDS[arguments.what] if arguments.rounds is None else arguments.rounds
    _check("--variants", arguments.variants, 8)
    _check("--iterations", arguments.iterations, 10_000_000)
    _check("--rounds", rounds, 1000)
    _check("--size", arguments.size, 16384)
    if arguments.only:
        _check_only(arguments.what, arguments.only)
    if arguments.plot:
        _check_plot(arguments.what, arguments.plot)
    document = _measure(arguments, rounds)
    _progress("")
    if arguments.plot and document["benchmark"] != "startup":
        from ..reporters import plot

        plot.save(document, arguments.plot)
    if arguments.json:
        print(json.dumps(document, indent=2))
    else:
        _print(document)
    return EXCEEDED if arguments.check and not document["within_limit"] else ExitCode.OK


def _parser() -> Parser:
    parser = Parser("bench", __doc__)
    parser.add_argument("what", choices=sorted(ROUNDS))
    parser.add_argument("-n", "--variants", type=int, default=2, metavar="N", help="1 to 8 (default: 2)")
    parser.add_argument(
        "--iterations", type=int, default=20000, metavar="N", help="calls in one round (default: 20000)"
    )
    default = ", ".join(f"{rounds} for {what}" for what, rounds in ROUNDS.items())
    parser.add_argument("--rounds", type=int, metavar="N", help=f"default: {default}")
    parser.add_argument(
        "--only", action="append", default=[], metavar="ROW", help="work: measure this row only; repeatable"
    )
    parser.add_argument(
        "--size", type=int, default=1024, metavar="MIB", help="work: the file of row cat (default: 1024)"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--plot", metavar="FILE", help="calls, work: draw the figures, as .svg or .png")
    parser.add_argument("--check", action="store_true", help="exit code 1 if a limit is exceeded")
    return parser


def _measure(arguments: "Namespace", rounds: int) -> "Calls | Startup | Work":
    if arguments.what == "calls":
        from ..benchmarks import calls

        return calls.measure(arguments.variants, arguments.iterations, rounds, _progress)
    if arguments.what == "startup":
        from ..benchmarks import startup

        return startup.measure(arguments.variants, rounds, _progress)
    from ..benchmarks import work
    from ..benchmarks.workloads import Sizes

    sizes = Sizes(mebibytes=arguments.size)
    return work.measure(arguments.variants, rounds, _progress, arguments.only, sizes)


def _check(name: str, value: int, limit: int) -> None:
    if not 1 <= value <= limit:
        raise StrettoError(f"bench: {name} must be 1 to {limit}, got {value}")


def _progress(text: str) -> None:
    """What is being measured, on a terminal only, and gone in the end."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def _check_only(what: str, rows: list[str]) -> None:
    from ..benchmarks.workloads import WORKLOADS

    if what != "work":
        raise StrettoError("bench: --only chooses rows of work only")
    for row in rows:
        if row not in WORKLOADS:
            raise StrettoError(f"bench: --only: there is no row {row!r}, but {', '.join(WORKLOADS)}")


def _check_plot(what: str, path: str) -> None:
    """Measuring takes a minute: what can't be drawn is refused before."""
    if what not in PLOTTED:
        raise StrettoError(f"bench: --plot draws {' and '.join(PLOTTED)} only")
    from ..reporters import plot

    plot.check(path)


def _print(document: "Calls | Startup | Work") -> None:
    from rich.console import Console

    from ..reporters.bench import show

    show(document, Console(highlight=False))
