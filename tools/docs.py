"""Writes the pages that are generated: `python tools/docs.py`; tests compare them with what is committed."""

from pathlib import Path

from stretto import errors, options
from stretto.commands import syscalls

DOCS = Path(__file__).parents[1] / "docs"
BEGIN, END = "<!-- options: generated -->\n", "<!-- end -->\n"


def main() -> None:
    """Writes each page, or the generated part of it."""
    (DOCS / "errors.md").write_text(errors.markdown())
    (DOCS / "syscalls.md").write_text(syscalls.page())
    page = DOCS / "howto" / "configure.md"
    before, rest = page.read_text().split(BEGIN)
    page.write_text(before + BEGIN + options.markdown() + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
