"""Every option of a run, once: its kind, default, bounds and help.

The parser, `stretto.toml`, the environment, shell completion and `docs/howto/configure.md` read this table.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Kind = Literal["integer", "number", "choice", "switch", "path", "list"]
    Value = int | float | bool | str | list[str] | None


class Option:
    """One option; `name` is its key in `stretto.toml`, `--name` its flag, `STRETTO_NAME` its variable."""

    __slots__ = ("choices", "default", "help", "kind", "maximum", "metavar", "minimum", "name", "short")

    def __init__(
        self,
        name: str,
        kind: "Kind",
        default: "Value",
        help: str,
        *,
        short: str = "",
        metavar: str = "",
        choices: tuple[str, ...] = (),
        minimum: float = 0,
        maximum: float = float("inf"),
    ) -> None:
        self.name = name
        self.kind = kind
        self.default = default
        self.help = help
        self.short = short
        self.metavar = metavar
        self.choices = choices
        self.minimum = minimum
        self.maximum = maximum

    @property
    def attribute(self) -> str:
        """Its name in Python."""
        return self.name.replace("-", "_")

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return "STRETTO_" + self.attribute.upper()

    @property
    def flags(self) -> tuple[str, ...]:
        """Its flags, the short one first."""
        return (self.short, f"--{self.name}") if self.short else (f"--{self.name}",)


#: What each preset of the policy does.
POLICIES = {
    "strict": "all in the monitor",
    "balanced": "queries, reads and writes inside the variants, changes of files and sockets there and, once "
    "more, by the monitor, the others in the monitor",
    "fast": "queries, reads, writes, changes of files and sockets inside the variants, while the leader goes "
    "ahead, the others in the monitor",
}

OPTIONS = (
    Option(
        "variants",
        "integer",
        2,
        "how many variants run, 1 to 8; the first is the leader",
        short="-n",
        metavar="N",
        minimum=1,
        maximum=8,
    ),
    Option(
        "layout",
        "choice",
        "disjoint-code",
        "what differs between variants: the addresses of code, or of code and data",
        choices=("disjoint-code", "disjoint"),
    ),
    Option(
        "variant",
        "list",
        None,
        "give a follower its own binary: PATH for the next follower, K=PATH for variant K; repeatable",
        metavar="[K=]PATH",
    ),
    Option(
        "on-divergence",
        "choice",
        "kill",
        "what follows a divergence: end everything, let the leader go on, or drop a minority of followers",
        choices=("kill", "audit", "vote"),
    ),
    Option(
        "timeout",
        "number",
        60.0,
        "seconds that a variant may lag behind before that is a divergence; 0: any time",
        metavar="SECONDS",
        maximum=86400,
    ),
    Option(
        "orphans",
        "choice",
        "wait",
        "processes that outlive the program: wait until they have ended, or kill them",
        choices=("wait", "kill"),
    ),
    Option(
        "placement",
        "choice",
        "pin",
        "bind each variant and its tracer to one CPU, or leave that to the kernel",
        choices=("pin", "free"),
    ),
    Option(
        "policy",
        "choice",
        "balanced",
        "where calls are checked; " + "; ".join(f"{name}: {where}" for name, where in POLICIES.items()),
        choices=tuple(POLICIES),
    ),
    Option(
        "patch-after",
        "integer",
        8,
        "how often a system-call instruction is reached until it is patched to call the agent in the process",
        metavar="N",
        minimum=1,
        maximum=100000,
    ),
    Option(
        "hot-sites",
        "path",
        "none",
        "directory that remembers which instructions were patched: the next run patches them at once; "
        "auto: stretto/sites in $XDG_CACHE_HOME or ~/.cache",
        metavar="DIR",
        choices=("none", "auto"),
    ),
    Option(
        "syscalls",
        "list",
        None,
        "Python file that adds or overrides descriptions of system calls; repeatable",
        metavar="FILE",
    ),
    Option("log", "path", None, "append events as JSON lines to FILE", metavar="FILE"),
    Option(
        "report",
        "path",
        None,
        "save the first divergence to FILE: a page if it ends in .html, else JSON",
        metavar="FILE",
    ),
    Option("report-dir", "path", None, "save every divergence as JSON in this directory", metavar="DIR"),
    Option("force", "switch", False, "let --report overwrite an existing file"),
    Option("maps", "switch", False, "show the memory maps of all variants in the text report"),
    Option(
        "color",
        "choice",
        "auto",
        "colour on standard error; auto: only on a terminal",
        choices=("auto", "always", "never"),
    ),
    Option(
        "verbose",
        "switch",
        False,
        "print the plan, when each phase of the start was done, and what was counted",
        short="-v",
    ),
    Option("quiet", "switch", False, "print no warnings", short="-q"),
)

BY_NAME = {option.name: option for option in OPTIONS}
#: What a word of the command line means; switches can be turned off, too.
BY_FLAG = {flag: option for option in OPTIONS for flag in option.flags} | {
    f"--no-{option.name}": option for option in OPTIONS if option.kind == "switch"
}


def markdown() -> str:
    """The table of options in `docs/howto/configure.md`."""
    lines = ["| `stretto.toml` | flag | environment | default | meaning |", "| --- | --- | --- | --- | --- |"]
    for option in OPTIONS:
        flags = ", ".join(f"`{flag}`" for flag in option.flags)
        choices = f" ({', '.join(option.choices)})" if option.choices else ""
        default = {None: "", False: "false"}.get(option.default, str(option.default))  # type: ignore[arg-type]
        lines.append(
            f"| `{option.name}` | {flags} | `{option.variable}` | {default} | {option.help}{choices} |"
        )
    return "\n".join(lines) + "\n"
