"""The report as one page: no script, no file beside it, everything escaped."""

import json

from jinja2 import Environment, PackageLoader, StrictUndefined

from .. import __version__
from .view import Document, view


def render_html(document: Document) -> str:
    """One divergence as a self-contained page that works offline, in light and dark."""
    environment = Environment(
        loader=PackageLoader("stretto.reporters"),
        autoescape=True,  # always: the program under attack chose names and bytes
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("divergence.html.j2")
    return template.render(
        view=view(document),
        version=__version__,
        document=json.dumps(document, indent=1, sort_keys=True),
    )
