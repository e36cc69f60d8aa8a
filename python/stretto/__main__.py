"""The command line: `stretto COMMAND ...`."""

import os
import sys

from .commands import COMMANDS
from .errors import ExitCode, StrettoError, printable

USAGE = """\
usage: stretto COMMAND [options]

Runs several diversified variants of a program on the same inputs, and stops it at the first difference.

  stretto run -n 2 -- PROGRAM ARGUMENTS

commands:
"""
TRAILER = """\

  stretto COMMAND --help    says more about one command
  stretto --version         prints the version
"""


def main(argv: list[str] | None = None) -> int:
    """Runs one command and returns the exit code; an error is one line on standard error."""
    argv = sys.argv[1:] if argv is None else argv
    try:
        code = _dispatch(argv)
        if sys.stdout is not None:  # None where it was closed before the start
            sys.stdout.flush()
        return code
    except StrettoError as error:
        sys.stderr.write(f"stretto: {printable(str(error))}\n")
        return error.code
    except KeyboardInterrupt:
        return ExitCode.SIGNAL + 2
    except BrokenPipeError:
        _silence_stdout()
        return ExitCode.SIGNAL + 13


def _dispatch(argv: list[str]) -> int:
    if not argv:
        sys.stderr.write(_help())
        return ExitCode.FAILED
    name = argv[0]
    if name in ("-h", "--help", "help"):
        sys.stdout.write(_help())
        return ExitCode.OK
    if name in ("-V", "--version"):
        from . import __version__

        sys.stdout.write(f"stretto {__version__}\n")
        return ExitCode.OK
    if name not in COMMANDS:
        raise StrettoError(f"no command {name!r}; see stretto --help")
    from importlib import import_module

    code: int = import_module(f".commands.{name}", __package__).main(argv[1:])
    return code


def _help() -> str:
    return USAGE + "".join(f"  {name:<11} {text}\n" for name, text in COMMANDS.items()) + TRAILER


def _silence_stdout() -> None:
    """Keeps the interpreter from complaining about the closed pipe once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def console() -> None:
    """Runs one command and ends the process; Python's own end has nothing left to do, and takes 4 ms."""
    code = main()
    try:  # noqa: SIM105 - contextlib takes as long to import
        sys.stderr.flush()
    except (AttributeError, OSError):
        pass  # closed: before the start, or by who read it
    os._exit(code)


if __name__ == "__main__":
    console()
