"""Reports as files: `--report` for the first divergence, `--report-dir` for all of them."""

import os

from ..errors import StrettoError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..config import Config
    from ..result import Result


def check_targets(config: "Config") -> None:
    """Refuses before the run what could not be written after it."""
    if config.report:
        if os.path.exists(config.report) and not config.force:
            raise StrettoError(f"{config.report}: exists; --force overwrites it")
        parent = os.path.dirname(config.report) or "."
        if not os.path.isdir(parent):
            raise StrettoError(f"{parent}: no such directory")
    if config.report_dir and os.path.exists(config.report_dir) and not os.path.isdir(config.report_dir):
        raise StrettoError(f"{config.report_dir}: not a directory")


def save_as_configured(result: "Result", config: "Config") -> list[str]:
    """Writes what `--report` and `--report-dir` ask for; returns the paths."""
    if not result.divergences:
        return []
    saved = []
    if config.report:
        saved.append(write(config.report, result.report(format_of(config.report)), force=config.force))
    if config.report_dir:
        for number, document in enumerate(result.divergences):
            name = f"divergence-{document.get('process', 0)}-{number}.json"
            path = os.path.join(config.report_dir, name)
            os.makedirs(config.report_dir, exist_ok=True)
            saved.append(write(path, result.report("json", number), force=config.force))
    return saved


def format_of(path: str) -> str:
    """The format that a file name asks for."""
    return {".html": "html", ".htm": "html", ".txt": "text"}.get(os.path.splitext(path)[1].lower(), "json")


def write(path: str, content: str, *, force: bool) -> str:
    """Writes a report that only its owner may read, since it shows memory; overwrites only with `force`."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
    try:
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(content)
    except FileExistsError:
        raise StrettoError(f"{path}: exists; --force overwrites it") from None
    except OSError as error:
        raise StrettoError(f"{path}: {(error.strerror or 'error').lower()}") from None
    return path
