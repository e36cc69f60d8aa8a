"""The native core, built from crates/python."""

from typing import Any

def run(config: dict[str, Any]) -> dict[str, Any]:
    """Runs a program as variants until it has ended; `plan.py` makes `config`, `result.py` reads the answer."""

def table() -> bytes:
    """The built-in table of system-call descriptions, compiled."""
