"""Measures what Stretto costs on this machine, as ratios within one run.

calls     one getpid, read and write of 4 KiB: native, in a bare ptrace tracer, under Stretto
startup   a program that does nothing: native and under Stretto

With --check the exit code is 1 if Stretto costs more than it may: calls 1.6 times the bare tracer's, start-up
80 ms above native.
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
    parser.add_argument("--check", action="store_true", help="exit code 1 if a limit is exceeded")
    arguments = parser.parse_args(argv)
    rounds = ROUNDS[arguments.what] if arguments.rounds is None else arguments.rounds
    _check("--variants", arguments.variants, 8)
    _check("--iterations", arguments.iterations, 10_000_000)
    _check("--rounds", rounds, 1000)
    document: Calls | Startup
    if arguments.what == "calls":
        from ..benchmarks import calls

        document = calls.measure(arguments.variants, arguments.iterations, rounds, _progress)
    else:
        from ..benchmarks import startup

        document = startup.measure(arguments.variants, rounds, _progress)
    _progress("")
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


def _print(document: "Calls | Startup") -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    where = document["machine"]
    table = Table(title=f"{document['variants']} variants, {document['rounds']} rounds, medians")
    if document["benchmark"] == "calls":
        for heading in ("call", "native", "bare tracer", "Stretto", "to native", "to bare"):
            table.add_column(heading, justify="left" if heading == "call" else "right")
        for name, row, within in _call_rows(document):
            table.add_row(name, *row, style=None if within else "red")
        limit = f"at most {document['limit']} times the bare tracer"
    else:
        for heading in ("native", "Stretto", "added"):
            table.add_column(heading, justify="right")
        figures = (document["native"], document["stretto"], document["added"])
        style = None if document["within_limit"] else "red"
        table.add_row(*(f"{figure:.1f} ms" for figure in figures), style=style)
        limit = f"at most {document['limit']:.0f} ms added"
    console.print(table)
    console.print(f"{where['processor']}, {where['cpus']} CPUs, Linux {where['kernel']}", markup=False)
    console.print(f"{'within' if document['within_limit'] else 'BEYOND'} the limit: {limit}", markup=False)


def _call_rows(document: "Calls") -> list[tuple[str, list[str], bool]]:
    from ..benchmarks.calls import KINDS

    rows = []
    for cost in document["calls"]:
        times = [f"{time:,.0f} ns" for time in (cost["native"], cost["bare"], cost["stretto"])]
        ratios = [f"{cost['stretto_to_native']:.0f}x", f"{cost['stretto_to_bare']:.2f}x"]
        rows.append((KINDS[cost["kind"]], times + ratios, cost["stretto_to_bare"] <= document["limit"]))
    return rows
