"""The plan of one run: what the core is told, and the same for people (`-v`)."""

import os

from .errors import StrettoError
from .options import POLICIES
from .program import check_format, locate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from .config import Config


class Plan:
    """A program, checked and ready to be started as variants."""

    def __init__(
        self,
        argv: "list[str]",
        config: "Config",
        environ: "Mapping[str, str] | None" = None,
        *,
        follow_stops: bool = False,
    ) -> None:
        self.follow_stops = follow_stops
        self.argv = argv
        self.config = config
        self.environ = environ
        self.path = locate(argv[0], os.environ if environ is None else environ)
        self.format = check_format(self.path)
        self.variant_paths = {
            number: _own_binary(number, path) for number, path in config.variant_paths.items()
        }
        self.hot_sites = config.hot_sites_directory()
        #: For tests only; see CONTRIBUTING.md.
        self.injection: dict[str, int] | None = None
        self.table, self.policy = _compiled(config.syscalls, config.policy)

    def for_core(
        self, on_event: "Callable[[str], None] | None" = None, log: str | None = None
    ) -> "dict[str, Any]":
        """The argument of `_core.run`: plain values, paths and texts as the bytes that the kernel sees."""
        config = self.config
        environ = None if self.environ is None else [os.fsencode(f"{k}={v}") for k, v in self.environ.items()]
        return {
            "argv": [os.fsencode(argument) for argument in self.argv],
            "variants": config.variants,
            "variant_paths": {number: os.fsencode(path) for number, path in self.variant_paths.items()},
            "env": environ,
            "layout": config.layout,
            "on_divergence": config.on_divergence,
            "placement": config.placement,
            "orphans": config.orphans,
            "follow_stops": self.follow_stops,
            "timeout": float(config.timeout),
            "log": log or config.log,
            "table": self.table,
            "policy": self.policy,
            "patch_after": config.patch_after,
            "hot_sites": os.fsencode(self.hot_sites) if self.hot_sites else None,
            "injection": self.injection,
            "on_event": on_event,
        }

    def described(self) -> "Iterator[tuple[str, str]]":
        """What `-v` prints before the start."""
        from .config import described

        config = self.config
        yield "program", f"{self.path} ({self.format})"
        yield "arguments", " ".join(map(repr, self.argv[1:])) or "none"
        roles = ["leader", *["follower"] * (config.variants - 1)]
        for number, role in enumerate(roles):
            own = self.variant_paths.get(number)
            yield f"variant {number}", role + (f", its own binary {own}" if own else "")
        yield "layout", LAYOUTS[config.layout]
        yield "placement", self._placement()
        yield "policy", f"{config.policy}: {POLICIES[config.policy]}"
        yield "hot sites", self.hot_sites or "not remembered"
        yield (
            "table",
            "built in" if self.table is None else f"{len(self.table)} bytes, with {config.syscalls}",
        )
        for name, value in described(config):
            yield f"set: {name}", value

    def _placement(self) -> str:
        cpus = sorted(os.sched_getaffinity(0))
        if self.config.placement == "free":
            return f"left to the kernel, {len(cpus)} CPUs"
        shared = "" if len(cpus) >= self.config.variants else "; variants share CPUs, which costs time"
        return f"each variant and its tracer on one of CPUs {_ranges(cpus)}{shared}"


LAYOUTS = {
    "disjoint-code": "disjoint-code: no code address is valid in two variants, data addresses are equal",
    "disjoint": "disjoint: neither code nor data addresses are valid in two variants",
}


def _own_binary(number: int, name: str) -> str:
    """The path of a follower's own binary; what is wrong with it is a wrong setting."""
    try:
        path = locate(name)
        check_format(path)
    except StrettoError as error:
        raise StrettoError(f"--variant {number}={error}") from None
    return path


def _ranges(numbers: list[int]) -> str:
    parts: list[list[int]] = []
    for number in numbers:
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


def _compiled(files: list[str] | None, preset: str) -> tuple[bytes | None, str | bytes]:
    """The built-in table (None) and a built-in policy (its name), or both compiled with the user's files."""
    if not files:
        return None, preset
    from . import policy
    from .syscalls.builder import DescriptionError
    from .syscalls.compile import compile_table, load

    try:
        calls = load(files)
    except DescriptionError as error:
        raise StrettoError(str(error)) from None
    try:
        table = compile_table(calls)
        return table, policy.compile(calls, preset) if preset in policy.COMPILED else preset
    except (TypeError, ValueError) as error:
        raise StrettoError(f"{', '.join(files)}: {error}") from None
