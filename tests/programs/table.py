"""The guests: every source is a row, `table.toml` adds what is not usual."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Guest:
    """One guest, built in one way and run with one set of arguments."""

    source: str
    name: str = ""
    arguments: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    guarded: str = ""
    timeout: float = 30.0

    @property
    def path(self) -> Path:
        """Its source, C or assembly."""
        path = HERE / f"{self.source}.c"
        return path if path.exists() else path.with_suffix(".S")

    @property
    def label(self) -> str:
        """Folder and name."""
        folder, source = self.source.split("/")
        return f"{folder}-{self.name or source}"


def load() -> list[Guest]:
    """All rows."""
    entries = tomllib.loads((HERE / "table.toml").read_text())["row"]
    listed = [_guest(entry) for entry in entries]
    sources = [path.relative_to(HERE).with_suffix("").as_posix() for path in sorted(HERE.glob("*/*.[cS]"))]
    plain = {guest.source for guest in listed if not guest.name}
    return [Guest(source) for source in sources if source not in plain] + listed


def _guest(entry: dict[str, object]) -> Guest:
    plain = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    return Guest(**plain)  # type: ignore[arg-type]
