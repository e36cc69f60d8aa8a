"""Stretto: multi-variant execution of unmodified Linux programs.

`stretto.run(["ls", "-l"], variants=2)` does what `stretto run -n 2 -- ls -l` does, and returns a `Result`.
Names are loaded when they are first used: the command line imports this package at every start.
"""

__version__ = "0.1.0"
__all__ = ["ExitCode", "Result", "StrettoError", "__version__", "run"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .errors import ExitCode, StrettoError
    from .result import Result, run

_HOME = {"ExitCode": "errors", "StrettoError": "errors", "Result": "result", "run": "result"}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_HOME[name]}", __name__), name)
