"""Tells how two outcomes differ, in text that a person can act on."""

from difflib import unified_diff

from tests.support.runner import Outcome, decoded

LINES = 60


def difference(expected: Outcome, seen: Outcome) -> str:
    """Empty if both are equal byte for byte; else every difference, standard error in full at the end."""
    parts = []
    if expected.status != seen.status:
        parts.append(f"exit status: native {expected.status}, Stretto {seen.status}")
    parts += _differing("stdout", expected.stdout, seen.stdout)
    parts += _differing("stderr", expected.stderr, seen.stderr)
    for name in sorted(expected.files.keys() | seen.files.keys()):
        parts += _differing(f"file {name}", expected.files.get(name), seen.files.get(name))
    if seen.leftovers:
        parts.append("left running:\n" + "\n".join(seen.leftovers))
    if parts and seen.stderr:
        parts.append(f"standard error under Stretto:\n{decoded(seen.stderr)}")
    return "\n".join(parts)


def _differing(name: str, expected: bytes | None, seen: bytes | None) -> list[str]:
    if expected == seen:
        return []
    if expected is None or seen is None:
        return [f"{name}: only {'natively' if seen is None else 'under Stretto'}"]
    before = decoded(expected).splitlines(keepends=True)
    after = decoded(seen).splitlines(keepends=True)
    lines = list(unified_diff(before, after, "native", "Stretto", n=2))
    text = "".join(line if line.endswith("\n") else line + "\n" for line in lines[:LINES])
    return [f"{name} differs ({len(expected)} and {len(seen)} bytes):\n{text or '(in the part left out)'}"]
