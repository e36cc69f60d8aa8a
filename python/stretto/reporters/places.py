"""To which file an address belongs, by the memory maps in the document."""

from typing import Any

from ..errors import printable


class Places:
    """The mappings of all variants."""

    def __init__(self, variants: list[dict[str, Any]]) -> None:
        self._maps = {int(v.get("variant", 0)): _parse(str(v.get("maps") or "")) for v in variants}

    def describe(self, address: int, variant: int) -> str:
        """`libc.so.6+0x1234`, or the bare address where no file is mapped."""
        found = _find(self._maps.get(variant, []), address)
        return found or f"{address:#x}"

    def elsewhere(self, address: object, variant: int) -> str:
        """What lies at an address that this variant does not have, in a variant that has it: the mark of an
        attack that knew one layout.
        """
        if not isinstance(address, int) or _find(self._maps.get(variant, []), address):
            return ""
        for other, maps in self._maps.items():
            found = _find(maps, address)
            if found:
                return f", which is {found} in variant {other} only"
        return ""


Mapping = tuple[int, int, int, str]


def _parse(text: str) -> list[Mapping]:
    """Start, end, file offset and name of each line of /proc/PID/maps; other lines are left out."""
    maps = []
    for line in text.splitlines():
        words = line.split(maxsplit=5)
        start, _, end = words[0].partition("-") if words else ("", "", "")
        try:
            maps.append((int(start, 16), int(end, 16), int(words[2], 16), words[5] if len(words) > 5 else ""))
        except (ValueError, IndexError):
            continue
    return maps


def _find(maps: list[Mapping], address: int) -> str:
    for start, end, offset, name in maps:
        if start <= address < end:
            shown = printable(name.rsplit("/", 1)[-1]) or "anonymous memory"
            return f"{shown}+{address - start + offset:#x}" if name else shown
    return ""
