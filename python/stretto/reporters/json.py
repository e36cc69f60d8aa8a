"""The document itself, indented and in its own order."""

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def render_json(document: "dict[str, Any]") -> str:
    """One divergence as indented JSON; escapes whatever is not ASCII."""
    return json.dumps(document, indent=2) + "\n"
