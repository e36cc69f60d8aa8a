"""Running things to be measured, and what they were measured on."""

import os
import platform
import subprocess
import sys
from pathlib import Path

from ..errors import StrettoError, printable

#: Nothing that is measured takes longer than this, unless it hangs.
PATIENCE = 300
#: What the installed command is; `-m` would import for 3 ms what that does not.
COMMAND = [sys.executable, "-c", "from stretto.__main__ import console; console()"]


def stretto(variants: int, command: list[str], *options: str) -> list[str]:
    """`command` under Stretto, whatever the settings of this directory are."""
    settings = [f"--config={os.devnull}", f"--variants={variants}", *options]
    return [*COMMAND, "run", *settings, "--", *command]


def guarded(variants: int, mode: str, command: list[str]) -> list[str]:
    """`command` under Stretto, with all that can be checked inside the variants in this mode."""
    return [sys.executable, "-m", "stretto.benchmarks.guarded", str(variants), mode, *command]


def environment() -> dict[str, str]:
    """This environment without Stretto's settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("STRETTO_")}


def output(command: list[str], environ: dict[str, str], folder: str | None = None) -> str:
    """Runs `command` in `folder`; its standard output, or an error that quotes what it said."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=environ,
            cwd=folder,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        raise StrettoError(f"bench: {' '.join(command)} did not end in {PATIENCE} s") from None
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[0]
        raise StrettoError(
            f"bench: {' '.join(command)} ended with status {done.returncode}: {printable(said)}"
        )
    return done.stdout


def machine() -> dict[str, str | int]:
    """What figures must be quoted with."""
    return {"processor": _processor(), "cpus": len(os.sched_getaffinity(0)), "kernel": platform.release()}


def where(document: dict[str, str | int]) -> str:
    """The machine in words."""
    return f"{document['processor']}, {document['cpus']} CPUs, Linux {document['kernel']}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return "unknown"
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "unknown")
