"""What the commands share: a parser whose errors are one line, and the options of a run as flags."""

import argparse
import os
import sys

from .errors import StrettoError, printable
from .options import OPTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from .options import Option, Value


class Parser(argparse.ArgumentParser):
    """A parser for one command; its refusals are a `StrettoError`: exit code 125, not 2."""

    def __init__(
        self, command: str, description: str | None, usage: str | None = None, epilog: str | None = None
    ) -> None:
        super().__init__(
            prog=f"stretto {command}".strip(),
            usage=usage,
            description=description,
            epilog=epilog,
            allow_abbrev=False,
            formatter_class=_formatter,
        )

    def error(self, message: str) -> "NoReturn":
        raise StrettoError(f"{message}; see {self.prog} --help")


def _formatter(prog: str) -> argparse.HelpFormatter:
    """Docstrings as they are; a given width spares argparse asking the terminal at every option."""
    columns = os.environ.get("COLUMNS", "")
    return argparse.RawDescriptionHelpFormatter(prog, width=int(columns) if columns.isdigit() else 110)


def add_run_options(parser: argparse.ArgumentParser, names: tuple[str, ...] = ()) -> None:
    """Adds the options of a run as flags (all, or those named); values stay text, `config.check` judges."""
    for option in OPTIONS:
        if not names or option.name in names:
            _add(parser, option)
    parser.add_argument(
        "--config", metavar="FILE", help="read settings from FILE, not from the nearest stretto.toml"
    )


def _add(parser: argparse.ArgumentParser, option: "Option") -> None:
    text = option.help.replace("%", "%%")
    if option.kind == "switch":
        switch = argparse.BooleanOptionalAction
        parser.add_argument(*option.flags, dest=option.name, action=switch, default=None, help=text)
    elif option.kind == "list":
        parser.add_argument(
            *option.flags, dest=option.name, action="append", metavar=option.metavar, help=text
        )
    else:
        metavar = option.metavar or "{" + ",".join(option.choices) + "}"
        default = "" if option.default is None else f" (default: {option.default})"
        parser.add_argument(*option.flags, dest=option.name, metavar=metavar, help=text + default)


def given(arguments: argparse.Namespace) -> "dict[str, Value]":
    """The options of a run that the command line named."""
    values = vars(arguments)
    return {option.name: values[option.name] for option in OPTIONS if values.get(option.name) is not None}


def split(argv: list[str]) -> tuple[list[str], list[str]]:
    """Stretto's options and the program's command line: the latter begins after `--`, or at the first word
    that is neither an option nor an option's value.
    """
    with_value = {flag for option in OPTIONS if option.kind != "switch" for flag in option.flags} | {
        "--config"
    }
    index = 0
    while index < len(argv):
        word = argv[index]
        if word == "--":
            return argv[:index], argv[index + 1 :]
        if not word.startswith("-") or word == "-":
            break
        index += 2 if word in with_value else 1
    return argv[:index], argv[index:]


def say(message: str) -> None:
    """One line on standard error, under Stretto's name."""
    sys.stderr.write(f"stretto: {printable(message)}\n")
    sys.stderr.flush()


def colorful(setting: str = "auto") -> bool:
    """Whether standard error gets colour."""
    if setting == "auto":
        return sys.stderr.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    return setting == "always"
