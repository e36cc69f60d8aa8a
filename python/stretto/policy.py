"""Where a call is checked: presets, and what each says of every row of the table of system calls.

`monitored`: all variants stop in the monitor, which compares; then it happens. `approved`: in the variants;
when every follower has agreed, the leader alone waits for the monitor, which sees that they have.
`lockstep`: in the variants; the leader executes when every follower has agreed. `ahead`: in the variants; the
leader executes at once, followers check as they arrive.
"""

from .syscalls.compile import rows
from .syscalls.in_process import approvable, in_process
from .syscalls.language import CONTROL, EACH, QUERY, TRANSFER, WITHIN, Description

MODES = MONITORED, APPROVED, LOCKSTEP, AHEAD = range(4)
NAMES = ("monitored", "approved", "lockstep", "ahead")

# Categories in which something may be asked, moved or changed without a stop. Memory and signals are in none.
_ASKED = "other file descriptor network process identity clock system".split()
_MOVED = "other file descriptor network system".split()
_CHANGED = "file descriptor network".split()
_WITHIN = ["process"]

#: For each preset: effect, categories, mode. What is not listed is monitored, or approved if its category is
#: one of those in which something may be changed.
PRESETS: dict[str, list[tuple[str, list[str], int]]] = {
    "strict": [],
    "balanced": [(QUERY, _ASKED, AHEAD), (TRANSFER, _MOVED, LOCKSTEP), (WITHIN, _WITHIN, LOCKSTEP)],
    "fast": [
        (QUERY, _ASKED, AHEAD),
        (TRANSFER, _MOVED, AHEAD),
        (CONTROL, _CHANGED, AHEAD),
        (WITHIN, _WITHIN, AHEAD),
    ],
}
#: Those that the build of the core compiles; the others check nothing in the variants.
COMPILED = [preset for preset, rules in PRESETS.items() if rules]


def mode(description: Description, preset: str) -> int:
    """Where `preset` has a call or sub-command checked."""
    rules = [] if in_process(description) else PRESETS[preset]
    for effect, categories, chosen in rules:
        if description.effect == effect and description.category in categories:
            # Whoever has agreed makes the call too: only then is a result of one's own a difference.
            return LOCKSTEP if description.who == EACH else chosen
    approved = PRESETS[preset] and description.category in _CHANGED and approvable(description)
    return APPROVED if approved else MONITORED


def compile(calls: dict[str, Description], preset: str) -> bytes:
    """One byte, the mode, for every row of the table of these calls."""
    return bytes(mode(description, preset) for description in rows(calls))
