"""The parsers of the commands, whose errors are one line, and the options of a run as flags.

What a run is told in plain words is read without them (`cli.plainly`): `argparse` and what it imports take
6 of the 28 ms that Stretto needs to start `true`.
"""

import argparse
import os

from .cli import CONFIG
from .errors import StrettoError
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
        CONFIG, metavar="FILE", help="read settings from FILE, not from the nearest stretto.toml"
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
