"""Building the C programs that are measured."""

import os
import shutil
import subprocess
from pathlib import Path

from ..errors import StrettoError


def compiler() -> str:
    """The name of the C compiler, which may not be there."""
    return os.environ.get("CC", "cc")


def build(source: Path, folder: str) -> str:
    """Compiles `source` into `folder`; the path of the program."""
    found = shutil.which(compiler())
    if found is None:
        raise StrettoError(
            "bench: no C compiler to build the measured program with; "
            "on Debian: apt-get install gcc libc6-dev"
        )
    program = str(Path(folder, source.stem))
    built = subprocess.run([found, "-O2", "-o", program, str(source)], capture_output=True, text=True)
    if built.returncode != 0:
        lines = [line for line in built.stderr.splitlines() if "error" in line] or ["compiler failed"]
        raise StrettoError(f"bench: the measured program can't be built: {lines[0]}")
    return program
