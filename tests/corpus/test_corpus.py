"""Every row natively and under Stretto: output, exit status and files are equal byte for byte."""

from functools import cache
from pathlib import Path

import pytest

from tests.corpus.data import make_big, make_small
from tests.corpus.running import run_row
from tests.corpus.table import Row, load
from tests.support.compare import difference
from tests.support.runner import TIERS, Outcome

ROWS = load()
RUNS = [
    pytest.param(
        row,
        variants,
        options,
        id=f"{row.family}-{row.name}-n{variants}-{tier}",
        marks=pytest.mark.timeout(3 * row.timeout),
    )
    for row in ROWS
    for variants in row.variants
    for tier, options in TIERS.items()
]


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the data and the rows' directories lie."""
    return tmp_path_factory.mktemp("corpus")


@pytest.fixture(scope="session")
def data(base: Path) -> Path:
    """The directory `$DATA`; `$BIG` is made when the first row needs it."""
    directory = base / "data"
    directory.mkdir()
    make_small(directory)
    return directory


@cache
def natively(row: Row, directory: Path, data: Path) -> Outcome:
    """The native outcome of a row, once for all numbers of variants."""
    return run_row(row, directory, data)


@pytest.mark.parametrize(("row", "variants", "options"), RUNS)
def test_equal_to_native(row: Row, variants: int, options: tuple[str, ...], base: Path, data: Path) -> None:
    big = data / "big.txt"
    if "$BIG" in row.script and not big.exists():
        make_big(big)
    directory = base / "work"
    expected = natively(row, directory, data)
    seen = run_row(row, directory, data, variants, options)
    found = difference(expected, seen)
    assert not found, found


def test_size_of_the_corpus() -> None:
    """At least 90 rows, a third of them with three and four variants."""
    assert len(ROWS) >= 90
    assert 3 * sum(row.wide for row in ROWS) >= len(ROWS)
