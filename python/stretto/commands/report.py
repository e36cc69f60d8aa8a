"""Shows a divergence that `stretto run` has saved.

FILE is what --report or --log wrote, or a directory that --report-dir filled.
"""

import os
import shutil
import sys
from typing import Any

from ..errors import StrettoError
from ..parser import Parser
from ..reporters import render
from ..reporters.save import write

Document = dict[str, Any]


def main(argv: list[str]) -> int:
    """Prints or writes one report."""
    parser = Parser("report", __doc__)
    parser.add_argument("file", metavar="FILE", help="saved divergence, log of events, or directory")
    parser.add_argument(
        "--number", "-k", type=int, default=1, metavar="K", help="the K-th divergence (default: 1)"
    )
    parser.add_argument("--list", action="store_true", help="list the divergences, one line each")
    parser.add_argument("--html", metavar="OUT", help="write one self-contained page to OUT")
    parser.add_argument("--json", action="store_true", help="print the document as JSON")
    parser.add_argument("--maps", action="store_true", help="show the memory maps of all variants")
    parser.add_argument("--force", action="store_true", help="overwrite OUT")
    arguments = parser.parse_args(argv)
    documents = load(arguments.file)
    if arguments.list:
        from ..reporters.announce import render_summary

        for number, document in enumerate(documents, 1):
            print(f"{number:3}  {document.get('kind', ''):<9} {render_summary(document)}")
        return 0
    if not 1 <= arguments.number <= len(documents):
        raise StrettoError(f"--number must be 1 to {len(documents)}, got {arguments.number}")
    document = documents[arguments.number - 1]
    if arguments.html:
        write(arguments.html, render(document, "html"), force=arguments.force)
    elif arguments.json:
        sys.stdout.write(render(document, "json"))
    else:
        sys.stdout.write(_text(document, arguments.maps))
        if len(documents) > 1:
            print(
                f"divergence {arguments.number} of {len(documents)}; --list shows all, --number K another one"
            )
    return 0


def _text(document: Document, maps: bool) -> str:
    from ..reporters.text import render_text

    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else None
    return render_text(document, maps=maps, width=width, color=terminal and "NO_COLOR" not in os.environ)


def load(path: str) -> list[Document]:
    """Every divergence in a saved report, a log, or a directory of reports."""
    import json

    if os.path.isdir(path):
        names = sorted(name for name in os.listdir(path) if name.endswith(".json"))
        documents = [document for name in names for document in load(os.path.join(path, name))]
        if not documents:
            raise StrettoError(f"{path}: no reports in this directory")
        return documents
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError as error:
        raise StrettoError(f"{path}: {(error.strerror or 'error').lower()}") from None
    try:
        records = [json.loads(text)]
    except ValueError:
        records = [
            _record(path, number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()
        ]
    found = [document for record in records if (document := _document(record)) is not None]
    if not found:
        raise StrettoError(f"{path}: no divergence in it")
    return found


def _record(path: str, number: int, line: str) -> object:
    import json

    try:
        return json.loads(line)
    except ValueError as error:
        if line.lstrip().startswith("<"):
            raise StrettoError(
                f"{path}: a page; save JSON to show it again: --report FILE.json, --log"
            ) from None
        raise StrettoError(f"{path}:{number}: not JSON: {error}") from None


def _document(record: object) -> Document | None:
    """The document itself, or the one inside a `divergence` event of a log."""
    if not isinstance(record, dict):
        return None
    for key in ("report", "document"):
        if isinstance(record.get(key), dict):
            return _document(record[key])
    return record if isinstance(record.get("variants"), list) else None
