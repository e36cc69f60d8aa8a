"""A call in one readable line, for reports."""

import errno

from .compile import load
from .language import Description
from .types import Integer, Plain, Pointer, String, Type

_AT_FDCWD = -100


def describe(nr: int, args: list[int]) -> Description | None:
    """The description of a call, of its sub-command where the arguments tell it."""
    calls = {description.number: description for description in load().values()}
    description = calls.get(nr)
    if description is None or not description.commands:
        return description
    if description.selector and description.selector.startswith("pair"):
        value = (args[1] & 0xFFFFFFFF) << 32 | args[2] & 0xFFFFFFFF
    else:
        names = [name for name, _ in description.arguments]
        value = args[names.index(description.selector or names[0])] & 0xFFFFFFFF
    return description.commands.get(value, description)


def format_call(nr: int, args: list[int], result: int | None) -> str:
    """`openat(AT_FDCWD, 0x7f.., 0x80000, 0) = 3`.

    Raises:
        LookupError: the number is not described.
    """
    description = describe(nr, args)
    if description is None:
        raise LookupError(nr)
    shown = ", ".join(
        f"{name}={_argument(kind, value)}"
        for (name, kind), value in zip(description.arguments, args, strict=False)
    )
    line = f"{description.name}({shown})"
    return line if result is None else f"{line} = {_result(description, result)}"


def _signed(value: int, width: int) -> int:
    value &= (1 << 8 * width) - 1
    return value - (1 << 8 * width) if value >> (8 * width - 1) else value


def _argument(kind: Type, value: int) -> str:
    if isinstance(kind, Pointer | String | Plain):
        return hex(value) if value else "NULL"
    if isinstance(kind, Integer):
        number = _signed(value, kind.width)
        if kind.display == "fd" and number == _AT_FDCWD:
            return "AT_FDCWD"
        if kind.display == "mode":
            return f"0{number & 0o7777:o}"
        if kind.display == "hex":
            return hex(value & 0xFFFFFFFF)
        return str(number)
    return hex(value)


def _result(description: Description, result: int) -> str:
    number = _signed(result, 8)
    if -4096 < number < 0:
        return f"-{errno.errorcode.get(-number, str(-number))}"
    return hex(result) if description.result.name == "address" else str(number)
