"""What `stretto run` and `stretto demo` say on standard error when variants have disagreed."""

import shutil
import sys

from ..config import Config
from ..errors import StrettoError
from ..result import Result
from .save import save_as_configured
from .text import HISTORY, render_text

#: Rows of the history where standard error is not a terminal; `stretto report` shows all of them.
HISTORY_IN_LOG = 16


def announce(result: Result, config: Config, *, color: bool) -> None:
    """Prints the first divergence, counts the others, saves what is to be saved."""
    size = shutil.get_terminal_size() if sys.stderr.isatty() else None
    first, *others = result.divergences
    text = render_text(
        first,
        maps=config.maps,
        width=size.columns if size else None,
        height=size.lines if size and not config.maps else None,
        history=HISTORY if size else HISTORY_IN_LOG,
        color=color,
    )
    sys.stderr.write(text)
    for document in others[:3]:
        sys.stderr.write(f"stretto: another divergence: {render_summary(document)}\n")
    if len(others) > 3:
        sys.stderr.write(f"stretto: and {len(others) - 3} more\n")
    try:
        for path in save_as_configured(result, config):
            sys.stderr.write(f"stretto: saved {path}\n")
    except StrettoError as error:
        sys.stderr.write(f"stretto: warning: {error}\n")
    sys.stderr.flush()


def render_summary(document: dict[str, object]) -> str:
    """The one sentence of a divergence."""
    from ..errors import printable

    return printable(str(document.get("summary")))
