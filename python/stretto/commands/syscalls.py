"""Prints what Stretto does with each system call.

Without NAME, all of them; with NAME, that call with its arguments and sub-commands.
"""

import sys

from ..errors import StrettoError
from ..parser import Parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..syscalls.language import Description

COVERAGE = (("leader", 1), ("every variant", 2), ("local", 3), ("refused", 0))


def main(argv: list[str]) -> int:
    """Prints descriptions."""
    parser = Parser("syscalls", __doc__)
    parser.add_argument("name", nargs="?", metavar="NAME", help="one call")
    parser.add_argument(
        "--syscalls",
        action="append",
        default=[],
        metavar="FILE",
        help="add or override descriptions, as in a run",
    )
    parser.add_argument("--coverage", action="store_true", help="count the calls by who executes them")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--markdown", action="store_true", help="print the page of the documentation")
    arguments = parser.parse_args(argv)
    from ..syscalls.builder import DescriptionError
    from ..syscalls.compile import load

    try:
        calls = sorted(load(arguments.syscalls).values(), key=lambda call: call.number)
    except DescriptionError as error:
        raise StrettoError(str(error)) from None
    if arguments.name is not None:
        calls = [call for call in calls if arguments.name in (call.name, str(call.number))]
        if not calls:
            raise StrettoError(f"{arguments.name}: no such system call in Linux 6.18 on x86-64")
    if arguments.coverage:
        _coverage(calls, arguments.json)
    elif arguments.json:
        import json

        json.dump([_row(call, arguments.name is not None) for call in calls], sys.stdout, indent=1)
        print()
    elif arguments.markdown:
        sys.stdout.write(page())
    elif arguments.name is not None:
        for line in _details(calls[0]):
            print(line)
    else:
        _table(calls)
    return 0


def who(call: "Description") -> str:
    """Who executes a call, in words."""
    from ..syscalls.language import WHO

    return "by sub-command" if call.commands else WHO[call.who]


def checks(call: "Description") -> dict[str, str]:
    """For each preset of the policy, where it has a call checked, in words."""
    from .. import policy

    return {preset: policy.NAMES[policy.mode(call, preset)] for preset in policy.PRESETS}


def signature(call: "Description") -> str:
    """Name and arguments."""
    return f"{call.name}({', '.join(name for name, _ in call.arguments)})"


def leaves(calls: "list[Description]") -> "list[Description]":
    """Calls without sub-commands, and sub-commands in place of those that have some."""
    found: list[Description] = []
    for call in calls:
        found += leaves(list(call.commands.values())) if call.commands else [call]
    return found


def _coverage(calls: "list[Description]", as_json: bool) -> None:
    rows = leaves(calls)
    counts = {
        name: {
            "calls": sum(call.who == value and not call.commands for call in calls),
            "with sub-commands": sum(row.who == value for row in rows),
        }
        for name, value in COVERAGE
    }
    counts["by sub-command"] = {"calls": sum(bool(call.commands) for call in calls), "with sub-commands": 0}
    counts["all"] = {"calls": len(calls), "with sub-commands": len(rows)}
    if as_json:
        import json

        print(json.dumps(counts))
        return
    print(f"{'':<16}{'calls':>6}{'with sub-commands':>20}")
    for name, count in counts.items():
        print(f"{name:<16}{count['calls']:>6}{count['with sub-commands']:>20}")


def _row(call: "Description", deep: bool) -> dict[str, object]:
    from ..syscalls.in_process import in_process

    row: dict[str, object] = {
        "nr": call.number,
        "name": call.name,
        "arguments": [name for name, _ in call.arguments],
        "who": who(call),
        "category": call.category,
        "mechanism": call.mechanism,
        "effect": call.effect,
        "checked": checks(call),
        "not_in_process": in_process(call),
        "note": call.note,
    }
    if deep and call.commands:
        row["commands"] = [_row(command, deep) for command in call.commands.values()]
    return row


def _details(call: "Description") -> list[str]:
    from ..syscalls import words

    lines = [f"{call.number}  {signature(call)} -> {call.result.name}", f"    executed by: {who(call)}"]
    lines += [f"    checked: {_where(call)}"]
    lines += [f"    note: {call.note}"] if call.note else []
    for name, kind in call.arguments:
        lines += words.lines(name, kind, "    ")
    for command in call.commands.values():
        lines.append(f"    {signature(command)}: {who(command)}; {_where(command)}")
    return lines


def _where(call: "Description") -> str:
    """Where each preset has a call checked, or why that is always the monitor."""
    from ..syscalls.in_process import in_process

    if call.commands:
        return who(call)
    reason, where = in_process(call), checks(call)
    if reason and set(where.values()) == {"monitored"}:
        return f"always monitored ({reason})"
    return ", ".join(f"{preset} {mode}" for preset, mode in where.items())


def _balanced(call: "Description") -> str:
    """Where that preset has a call checked; nothing for what isn't carried out."""
    from ..syscalls.language import REFUSED

    return "" if call.who == REFUSED else checks(call)["balanced"]


def _table(calls: "list[Description]") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("nr", "call", "executed by", "balanced", "category", "note"):
        table.add_column(heading, justify="right" if heading == "nr" else "left")
    for call in calls:
        table.add_row(str(call.number), call.name, who(call), _balanced(call), call.category, call.note)
    Console().print(table)


def _cells(call: "Description") -> str:
    return f"{who(call)} | {_balanced(call)} | {call.note}"


def page() -> str:
    """The documentation's page of system calls."""
    from ..syscalls.compile import load

    calls = sorted(load().values(), key=lambda call: call.number)
    lines = [
        "# System calls",
        "",
        "Generated by `stretto syscalls --markdown`. Every x86-64 system call of Linux 6.18 has a row.",
        "*leader*: only the leader executes it, followers get the result; *every variant*: each for itself,",
        "results must agree; *local*: each at its own pace, not compared; *refused*: nobody, the program",
        "gets an error.",
        "",
        "The column *balanced* says where that policy has a call checked. *monitored*: all variants stop in",
        "the monitor; *approved*: inside the variants, and when the others have agreed, the leader alone",
        "waits for the monitor; *lockstep*: inside the variants, the leader waits until the others have",
        "agreed; *ahead*: inside the variants, the leader does not wait. `stretto syscalls NAME` shows all",
        "policies.",
        "",
        "| nr | call | executed by | balanced | note |",
        "| ---: | --- | --- | --- | --- |",
    ]
    for call in calls:
        lines.append(f"| {call.number} | `{signature(call)}` | {_cells(call)} |")
        lines += [f"| | `{command.name}` | {_cells(command)} |" for command in call.commands.values()]
    return "\n".join(lines) + "\n"
