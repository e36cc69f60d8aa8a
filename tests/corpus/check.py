"""For whoever adds a row: `python -m tests.corpus.check [NAME ...]` runs rows natively, three times each.

Prints those whose outcome is not the same each time (such a row proves nothing), or that leave processes.
"""

import sys
import tempfile
import time
from pathlib import Path

from tests.corpus.data import make_big, make_small
from tests.corpus.running import run_row
from tests.corpus.table import load
from tests.support.compare import difference
from tests.support.runner import decoded


def main(names: list[str]) -> int:
    """Returns 1 if a row is not fit for the corpus."""
    bad = 0
    with tempfile.TemporaryDirectory(prefix="corpus-") as base:
        data = Path(base, "data")
        data.mkdir()
        make_small(data)
        for row in load():
            if names and row.name not in names:
                continue
            if "$BIG" in row.script and not (data / "big.txt").exists():
                make_big(data / "big.txt")
            start = time.monotonic()
            first, *others = [run_row(row, Path(base, "work"), data) for _ in range(3)]
            found = next((text for other in others if (text := difference(first, other))), "")
            took = (time.monotonic() - start) / 3
            size = sum(map(len, first.files.values()))
            print(f"{row.name:32} status {first.status:3}  {took:6.2f} s  {len(first.stdout)} + {size} bytes")
            if names or first.stderr:
                print(decoded((first.stdout if names else b"") + first.stderr))
            if found:
                bad += 1
                print(f"NOT THE SAME EACH TIME: {found}")
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
