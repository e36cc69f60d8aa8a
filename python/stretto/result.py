"""A run as a Python call, and what it came to."""

import os

from .config import Config
from .errors import StrettoError
from .options import BY_NAME
from .plan import Plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    Document = dict[str, Any]


class Result:
    """How a run ended; what is JSON is parsed when it is looked at."""

    def __init__(self, outcome: "Mapping[str, Any]") -> None:
        self.status: int = outcome["status"]
        """Exit status to pass on: the program's own, 128+n, or one of `ExitCode`."""
        self.outcome: str = outcome["outcome"]
        """`exited`, `signalled`, `divergence` or `failed`."""
        self.signal: int | None = outcome["signal"]
        self.error: str | None = outcome["error"]
        self._divergences: list[str] = outcome["divergences"]
        self._statistics: str = outcome["statistics"]
        self._events = ""

    def __repr__(self) -> str:
        return f"<stretto.Result {self.outcome}, status {self.status}, {len(self._divergences)} divergences>"

    def __bool__(self) -> bool:
        """Whether the program ended with status 0 and its variants never disagreed."""
        return self.status == 0 and not self._divergences

    @property
    def has_diverged(self) -> bool:
        """Whether the variants ever disagreed."""
        return bool(self._divergences)

    @property
    def divergences(self) -> "list[Document]":
        """Every divergence, the first one first."""
        import json

        return [json.loads(text) for text in self._divergences]

    @property
    def statistics(self) -> "Document":
        """What was counted.

        `calls` met in the monitor, those `in_process` in the ring, those among them that the monitor
        `approved`; `signals`; `processes` and `tasks`, their threads; `patched` sites, those patched
        `from_memory`, patches `restored`, `hot_sites` (what was `remembered` for the next run, and `trouble`
        with that), and `refused_sites` (reason to number); `phases` of the start; `warnings`.
        """
        import json

        statistics: Document = json.loads(self._statistics or "{}")
        return statistics

    @property
    def events(self) -> "list[Document]":
        """The events of the run, as `--log` writes them."""
        import json

        return [json.loads(line) for line in self._events.splitlines() if line.strip()]

    def record(self, events: str) -> None:
        """Keeps the JSON lines that the core has logged."""
        self._events = events

    @property
    def warnings(self) -> list[str]:
        """One line for each warning."""
        return [event["message"] for event in self.events if event.get("event") == "warning"]

    def report(self, format: str = "text", number: int = 0, *, maps: bool = False) -> str:
        """The report of one divergence as `text`, `html` or `json`."""
        from . import reporters

        if not self._divergences:
            raise StrettoError("there is nothing to report: the variants agreed to the end")
        return reporters.render(self.divergences[number], format, maps=maps)


def start(plan: Plan, on_event: "Callable[[str], None] | None" = None, log: str | None = None) -> Result:
    """Hands the plan to the core and waits for the end; refusals become one line."""
    try:
        from ._core import run as native
    except ImportError as error:
        remedy = "install it with: pip install ."
        raise StrettoError(f"the native core can't be loaded ({error}); {remedy}") from None
    try:
        return Result(native(plan.for_core(on_event, log)))
    except (TypeError, ValueError) as error:
        raise StrettoError(f"the core refused the plan: {error}") from None


def run(
    argv: "Sequence[str | os.PathLike[str]]",
    *,
    config: str | None = None,
    env: "Mapping[str, str] | None" = None,
    **options: object,
) -> Result:
    """Runs `argv` as variants and waits for its end; standard streams are inherited.

    `options` are those of `stretto run`, with underscores: `variants=3, layout="disjoint"`. Unlike the
    command line, this function reads `stretto.toml` only if `config` names it, and no `STRETTO_*` variables.
    Raises `StrettoError` if nothing could be started; a divergence is no error but a result.
    """
    import tempfile

    if not argv:
        raise StrettoError("no program given")
    settings = _settings(config, options)
    from .reporters.save import check_targets, save_as_configured

    check_targets(settings)
    plan = Plan([os.fspath(argument) for argument in argv], settings, env)
    with tempfile.NamedTemporaryFile("r", prefix="stretto-", suffix=".jsonl") as own:
        log = settings.log or own.name
        before = os.path.getsize(log) if os.path.exists(log) else 0
        result = start(plan, log=log)
        result.record(_tail(log, before))
    if result.outcome == "failed":
        raise StrettoError(result.error or "failed", result.status)
    save_as_configured(result, settings)
    return result


def _settings(config: str | None, options: "Mapping[str, object]") -> Config:
    from .config import load

    settings = load({}, config, {}) if config else Config()
    for attribute, value in options.items():
        option = BY_NAME.get(attribute.replace("_", "-"))
        if option is None:
            raise TypeError(f"run() got an unexpected option {attribute!r}")
        if value is not None:
            if isinstance(value, dict) and option.name == "variant":
                value = [f"{number}={os.fspath(path)}" for number, path in value.items()]
            if isinstance(value, os.PathLike):
                value = os.fspath(value)
            settings.set(option, value, f"run({attribute}=)")
    return settings


def _tail(path: str, start: int) -> str:
    try:
        with open(path, "rb") as file:
            file.seek(start)
            return file.read().decode(errors="replace")
    except OSError:
        return ""
