"""What can go wrong before, during and after a run, and the exit code of each."""


class ExitCode:
    """Exit codes that Stretto adds to the program's own; 125 to 127 mean what they mean to a shell.

    Plain numbers: `enum` takes 2 ms to import, and every run would.
    """

    OK = 0
    DIVERGENCE = 86
    FAILED = 125
    NOT_EXECUTABLE = 126
    NOT_FOUND = 127
    SIGNAL = 128


#: code -> (title, what happened, what to do); `docs/errors.md` is generated from it.
MEANING = {
    ExitCode.OK: (
        "the program's own exit status",
        "The program ended by itself; `stretto run` ends with the same status (0 to 255).",
        "Nothing.",
    ),
    ExitCode.DIVERGENCE: (
        "divergence",
        "The variants disagreed and all were killed: `on-divergence` is `kill`, or the others could not go "
        "on without the odd ones. Nothing that they disagreed about has happened, but for what the `policy` "
        "checks behind the leader.",
        "Read the report: `docs/howto/read-a-report.md`.",
    ),
    ExitCode.FAILED: (
        "Stretto failed",
        "The command line, a setting or a file is wrong, or the kernel does not allow what Stretto needs. "
        "One line on standard error says which.",
        "Correct what the line names; `stretto doctor` checks the kernel and the container.",
    ),
    ExitCode.NOT_EXECUTABLE: (
        "not executable",
        "The program was found but can't be started: a directory, no permission, another architecture, or no "
        "known format.",
        "Check the path, its permissions, and `file PATH`; Stretto runs x86-64 programs and scripts.",
    ),
    ExitCode.NOT_FOUND: (
        "not found",
        "There is no such program, neither at this path nor in `PATH`; or a script's interpreter is missing.",
        "Check the spelling, `PATH`, and the first line of the script.",
    ),
    ExitCode.SIGNAL: (
        "128 + n: ended by signal n",
        "The program was ended by signal n, as a shell would say it: 139 is SIGSEGV, 143 is SIGTERM.",
        "Look for the reason in the program; natively it ends in the same way.",
    ),
}


class StrettoError(Exception):
    """An error that one line explains: which path or value, what is wrong with it, what to do."""

    def __init__(self, message: str, code: int = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.code = code


def printable(text: str) -> str:
    """`text` without anything that moves a cursor: names and messages may be chosen by an attacker."""
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def markdown() -> str:
    """The page `docs/errors.md`."""
    lines = [
        "# Exit codes",
        "",
        "Generated from `python/stretto/errors.py` by `tools/docs.py`; a test compares the two.",
        "",
        "| code | meaning | what happened | what to do |",
        "| --- | --- | --- | --- |",
    ]
    for code, (title, what, remedy) in MEANING.items():
        shown = {ExitCode.OK: "0-255", ExitCode.SIGNAL: "128+n"}.get(code, str(code))
        lines.append(f"| {shown} | {title} | {what} | {remedy} |")
    lines += [
        "",
        "A program may end with 86, 125, 126 or 127 by itself. Standard error tells: Stretto's own "
        "lines begin with `stretto:`, and its reports with `DIVERGENCE`. With `--log FILE` the last event "
        "(`end`) says how it ended.",
        "",
    ]
    return "\n".join(lines)
