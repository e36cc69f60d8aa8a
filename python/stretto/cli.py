"""What the commands share: which words are Stretto's, what plain ones mean, and lines to the user."""

import os
import sys

from .errors import printable
from .options import BY_FLAG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .options import Value

#: Names the file with the settings; no setting itself.
CONFIG = "--config"


def split(argv: list[str]) -> tuple[list[str], list[str]]:
    """Stretto's options and the program's command line: the latter begins after `--`, or at the first word
    that is neither an option nor an option's value.
    """
    index = 0
    while index < len(argv):
        word = argv[index]
        if word == "--":
            return argv[:index], argv[index + 1 :]
        if not word.startswith("-") or word == "-":
            break
        index += 2 if _takes_value(word) else 1
    return argv[:index], argv[index:]


def plainly(words: list[str]) -> "tuple[dict[str, Value], str | None] | None":
    """The options of a run in `words`, and the file that `--config` names; values stay text, `config.check`
    judges.

    Understands `--name VALUE`, `--name=VALUE`, `-n VALUE`, `--switch` and `--no-switch`. `None`: there is
    something else, which is for `parser.Parser`: other spellings, `--help`, and what is wrong.
    """
    values: dict[str, Value] = {}
    lists: dict[str, list[str]] = {}
    config = None
    rest = iter(words)
    for word in rest:
        flag, assigned, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if not _takes_value(flag):
            if flag not in BY_FLAG or assigned:
                return None
            values[BY_FLAG[flag].name] = not flag.startswith("--no-")
            continue
        if not assigned:
            value = next(rest, "-")
            if value.startswith("-"):
                return None
        if flag == CONFIG:
            config = value
        elif BY_FLAG[flag].kind == "list":
            lists.setdefault(BY_FLAG[flag].name, []).append(value)
        else:
            values[BY_FLAG[flag].name] = value
    return {**values, **lists}, config


def _takes_value(flag: str) -> bool:
    option = BY_FLAG.get(flag)
    return flag == CONFIG or (option is not None and option.kind != "switch")


def say(message: str) -> None:
    """One line on standard error, under Stretto's name."""
    sys.stderr.write(f"stretto: {printable(message)}\n")
    sys.stderr.flush()


def colorful(setting: str = "auto") -> bool:
    """Whether standard error gets colour."""
    if setting == "auto":
        return sys.stderr.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    return setting == "always"
