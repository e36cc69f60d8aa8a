"""One call in words; the descriptions of system calls know how, numbers do if they can't be loaded."""

from collections.abc import Callable

from ..errors import printable


def format_call(nr: int, name: str, args: list[int], result: int | None) -> str:
    """`name(arguments) = result`, without anything that moves a cursor."""
    described = _formatter()
    if described is not None:
        try:
            return printable(described(nr, args, result))
        except (LookupError, TypeError, ValueError):
            pass  # a number that this version does not describe
    shown = f"{name}({', '.join(map(number, args))})"
    return printable(shown if result is None else f"{shown} = {number(result)}")


def number(value: int) -> str:
    """Small numbers in decimal, addresses and flags in hexadecimal."""
    signed = value - (1 << 64) if value >= 1 << 63 else value
    return str(signed) if -4096 <= signed < 65536 else f"{value:#x}"


def _formatter() -> Callable[[int, list[int], int | None], str] | None:
    try:
        from ..syscalls.format import format_call as described
    except ImportError:
        return None
    return described
