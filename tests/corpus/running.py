"""Runs a row: the same directory path for every way of running it."""

from collections.abc import Sequence
from pathlib import Path

from tests.corpus.table import Row
from tests.support.runner import NATIVE, Outcome, environment, fresh, run


def run_row(
    row: Row, directory: Path, data: Path, variants: int = NATIVE, options: Sequence[str] = ()
) -> Outcome:
    """Recreates the row's directory, sets it up natively, runs the row in it."""
    fresh(directory)
    environ = environment(directory, DATA=str(data), BIG=str(data / "big.txt"))
    if row.setup:
        ready = run(["bash", "-euc", row.setup], directory, environ=environ)
        if ready.status != 0 or ready.leftovers:
            raise AssertionError(f"setup of {row.name} failed: {ready.stderr.decode()}")
    return run(
        row.command,
        directory,
        variants=variants,
        options=options,
        stdin=row.stdin.encode(),
        environ=environ,
        timeout=row.timeout,
        ignore=row.ignore,
    )
