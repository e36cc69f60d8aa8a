"""Views of a divergence: text for a terminal, one HTML page, JSON. All of them show the same document."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Document = dict[str, Any]

FORMATS = ("text", "html", "json")


def render(document: "Document", format: str, *, maps: bool = False) -> str:
    """The report of one divergence in one of `FORMATS`."""
    if format == "json":
        from .json import render_json

        return render_json(document)
    if format == "html":
        from .html import render_html

        return render_html(document)
    if format == "text":
        from .text import render_text

        return render_text(document, maps=maps)
    raise ValueError(f"format must be text, html or json, got {format!r}")
