"""Programs of the tests, compiled."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

#: What no program of the tests may be warned of.
WARNINGS = ("-std=gnu17", "-O1", "-g", "-Wall", "-Wextra", "-Werror")


def compiled(target: Path, sources: Iterable[Path], *flags: str) -> str:
    """Compiles C sources to one program; its path."""
    subprocess.run(["gcc", *WARNINGS, *map(str, sources), "-o", str(target), *flags], check=True)
    return str(target)
