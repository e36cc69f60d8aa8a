"""Settings of one run: defaults, then `stretto.toml`, then `STRETTO_*`, then flags; the later one wins."""

import os

from .errors import StrettoError
from .options import BY_NAME, OPTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .options import Option, Value

FILE_NAME = "stretto.toml"
#: Options that name files; in a `stretto.toml` they are relative to it.
PATHS = ("hot-sites", "log", "report", "report-dir", "syscalls", "variant")


class Config:
    """The settings of one run, checked."""

    variants: int
    layout: str
    variant: list[str] | None
    on_divergence: str
    timeout: float
    orphans: str
    placement: str
    policy: str
    patch_after: int
    hot_sites: str
    syscalls: list[str] | None
    log: str | None
    report: str | None
    report_dir: str | None
    force: bool
    maps: bool
    color: str
    verbose: bool
    quiet: bool

    def __init__(self) -> None:
        self.origin: dict[str, str] = {}
        for option in OPTIONS:
            setattr(self, option.attribute, option.default)

    def set(self, option: "Option", value: object, origin: str, base: str = "") -> None:
        """Sets one option; `origin` is named when the value is wrong, `base` completes relative paths."""
        checked: object = check(option, value, origin)
        if base and option.name in PATHS:
            checked = _based(option, checked, base)
        setattr(self, option.attribute, checked)
        self.origin[option.name] = origin

    def hot_sites_directory(self, environ: "Mapping[str, str]" = os.environ) -> str | None:
        """Where hot sites are remembered; None: nowhere, as is wanted, or as there is no place for it."""
        if self.hot_sites == "none":
            return None
        if self.hot_sites != "auto":
            return os.path.abspath(self.hot_sites)
        cache, home = environ.get("XDG_CACHE_HOME", ""), environ.get("HOME", "")
        # Relative paths there are to be ignored (XDG Base Directory Specification).
        if not os.path.isabs(cache):
            cache = os.path.join(home, ".cache")
        return os.path.join(cache, "stretto", "sites") if os.path.isabs(cache) else None

    @property
    def variant_paths(self) -> dict[int, str]:
        """The binary of each variant that has its own."""
        paths: dict[int, str] = {}
        following = 1
        for entry in self.variant or ():
            number, path = _variant_entry(entry)
            if number is None:
                number, following = following, following + 1
            origin = self.origin.get("variant", "--variant")
            if number >= self.variants:
                raise StrettoError(f"{origin}: there is no variant {number} when variants is {self.variants}")
            if number in paths:
                raise StrettoError(f"{origin}: variant {number} is given twice")
            paths[number] = path
        return paths


def load(
    flags: "Mapping[str, Value]", file: str | None = None, environ: "Mapping[str, str]" = os.environ
) -> Config:
    """Reads every source; `flags` holds what the command line gave, by option name."""
    config = Config()
    path = file or environ.get("STRETTO_CONFIG") or find(os.getcwd())
    if path:
        _read_file(config, path)
    for option in OPTIONS:
        if environ.get(option.variable):
            config.set(option, _from_text(option, environ[option.variable]), option.variable)
    for name, value in flags.items():
        option = BY_NAME[name]
        parsed = _from_text(option, value) if isinstance(value, str) and option.kind != "list" else value
        config.set(option, parsed, option.flags[-1])
    config.variant_paths  # noqa: B018 - checks the numbers against `variants`
    return config


def find(directory: str) -> str | None:
    """The nearest `stretto.toml` in `directory` or above."""
    while True:
        path = os.path.join(directory, FILE_NAME)
        if os.path.isfile(path):
            return path
        parent = os.path.dirname(directory)
        if parent == directory:
            return None
        directory = parent


def check(option: "Option", value: object, origin: str) -> "Value":
    """`value` if the option allows it, or an error that says where it came from and what is allowed."""
    kind = option.kind
    if kind == "switch" and isinstance(value, bool):
        return value
    numeric = (kind == "integer" and type(value) is int) or (kind == "number" and type(value) in (int, float))
    if numeric and option.minimum <= value <= option.maximum:  # type: ignore[operator]
        return value  # type: ignore[return-value]
    if kind == "list":
        entries = [value] if isinstance(value, str) else value
        if isinstance(entries, list) and all(isinstance(entry, str) and entry for entry in entries):
            return entries
    if isinstance(value, str):
        if kind == "choice" and value in option.choices:
            return value
        if kind == "path" and value:
            return value
    raise StrettoError(f"{origin}: {option.name} must be {_allowed(option)}, got {_shown(value)}")


def _allowed(option: "Option") -> str:
    if option.kind in ("integer", "number"):
        return f"{option.minimum:g} to {option.maximum:g}"
    if option.kind == "choice":
        return " or ".join([", ".join(option.choices[:-1]), option.choices[-1]])
    words = {"switch": "true or false", "path": "a path", "list": "a list of texts"}
    return words[option.kind]


def _shown(value: object) -> str:
    return str(value) if isinstance(value, (int, float)) else repr(value)


def _from_text(option: "Option", text: str) -> object:
    """A value given as text: switches as words, lists separated by colons as in PATH.

    What can't be read stays text, and `check` refuses it.
    """
    if option.kind in ("integer", "number"):
        try:
            return int(text) if option.kind == "integer" else float(text)
        except ValueError:
            return text
    if option.kind == "switch":
        yes, no = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
        return True if text.lower() in yes else False if text.lower() in no else text
    if option.kind == "list":
        return text.split(os.pathsep)
    return text


def _variant_entry(entry: str) -> tuple[int | None, str]:
    number, equals, path = entry.partition("=")
    if equals and number.isdigit():
        return int(number), path
    return None, entry


def _based(option: "Option", value: object, base: str) -> object:
    if isinstance(value, list):
        return [_based(option, entry, base) for entry in value]
    text = str(value)
    if text in option.choices:
        return text
    if option.name == "variant":
        number, path = _variant_entry(text)
        return ("" if number is None else f"{number}=") + os.path.join(base, path)
    return os.path.join(base, text)


def _read_file(config: Config, path: str) -> None:
    try:
        with open(path, "rb") as file:
            text = file.read().decode()
    except OSError as error:
        raise StrettoError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise StrettoError(f"{path}: not UTF-8") from None
    if not text.strip():
        return
    import tomllib  # only here: most runs have no file, or none that says anything

    shown = os.path.relpath(path) if not os.path.relpath(path).startswith("..") else path
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StrettoError(_syntax_error(shown, str(error))) from None
    for name, value in document.items():
        origin = f"{shown}:{_line_of(text, name)}"
        if name not in BY_NAME:
            raise StrettoError(f"{origin}: unknown option {name!r}{_suggestion(name)}")
        config.set(BY_NAME[name], value, origin, os.path.dirname(os.path.abspath(path)))


def _syntax_error(path: str, message: str) -> str:
    """`stretto.toml:3: ...` from tomllib's "... (at line 3, column 5)"."""
    import re

    place = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", message)
    if place is None:
        return f"{path}: {message}"
    line = f":{place[1]}" if place[1] else ""
    return f"{path}{line}: {message[: place.start()]}"


def _line_of(text: str, name: str) -> int:
    import re

    found = re.search(rf"""^[ \t]*\[*[ \t]*["']?{re.escape(name)}["']?[ \t]*[]=.]""", text, re.MULTILINE)
    return text.count("\n", 0, found.start()) + 1 if found else 1


def _suggestion(name: str) -> str:
    import difflib

    close = difflib.get_close_matches(name.replace("_", "-"), list(BY_NAME), 1)
    return f", did you mean {close[0]!r}?" if close else ""


def described(config: Config) -> "Iterator[tuple[str, str]]":
    """Option, value and where it came from, for what is not a default."""
    for option in OPTIONS:
        if option.name in config.origin:
            yield option.name, f"{getattr(config, option.attribute)} ({config.origin[option.name]})"
