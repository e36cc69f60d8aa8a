"""The rows of the corpus, read from `rows/*.toml`.

A row has a name, and either `script` (run by `shell`, default `sh`) or `argv`. Optional: `stdin`; `setup`, a
script that is run natively in the same directory before; `ignore`, patterns of files that are not compared;
`wide`, to run it as three and four variants too; `timeout` in seconds.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

ROWS = Path(__file__).parent / "rows"


@dataclass(frozen=True)
class Row:
    """One command line; in `script`, `$DATA` is the directory of `data.py`, `$BIG` a file of 100 MB."""

    name: str
    family: str = ""
    script: str = ""
    shell: str = "sh"
    argv: tuple[str, ...] = ()
    stdin: str = ""
    setup: str = ""
    ignore: tuple[str, ...] = ()
    wide: bool = False
    timeout: float = 60.0

    @property
    def command(self) -> list[str]:
        """The argument vector."""
        return list(self.argv) if self.argv else [self.shell, "-c", self.script]

    @property
    def variants(self) -> tuple[int, ...]:
        """The numbers of variants it is run as."""
        return (2, 3, 4) if self.wide else (2,)


def load() -> list[Row]:
    """All rows; a name that occurs twice or a key that means nothing is an error."""
    rows = [_row(path.stem, entry) for path in sorted(ROWS.glob("*.toml")) for entry in _entries(path)]
    names = [row.name for row in rows]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"rows of the same name: {', '.join(sorted(twice))}")
    return rows


def _entries(path: Path) -> list[dict[str, object]]:
    entries: list[dict[str, object]] = tomllib.loads(path.read_text())["row"]
    return entries


def _row(family: str, entry: dict[str, object]) -> Row:
    plain = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    return Row(family=family, **plain)  # type: ignore[arg-type]
