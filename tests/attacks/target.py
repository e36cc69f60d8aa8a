"""A victim seen by its attacker: standard streams, `/proc/PID/maps`, and the files on disk."""

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.support.leftovers import adopt_orphans, end_descendants


@dataclass(frozen=True)
class Region:
    """One line of `/proc/PID/maps`."""

    start: int
    end: int
    rights: str
    offset: int
    path: str


class Target:
    """A running victim, native or guarded; it has told its process id, which is the leader's."""

    def __init__(
        self, command: Sequence[str], program: Path, directory: Path, environ: Mapping[str, str]
    ) -> None:
        self.program = program
        self.directory = directory
        adopt_orphans()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=directory,
            env=environ,
        )
        self.told = b""
        self.pid = int(self.hear(rb"pid (\d+)\n"))
        self.maps = [
            Region(int(m[1], 16), int(m[2], 16), m[3], int(m[4], 16), m[5])
            for line in Path(f"/proc/{self.pid}/maps").read_text().splitlines()
            if (m := re.match(r"(\w+)-(\w+) (\S+) (\w+) \S+ \S+ *(.*)", line))
        ]

    def hear(self, pattern: bytes) -> bytes:
        """Reads one line, which has to match, and returns its first group."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        self.told += line
        found = re.fullmatch(pattern, line)
        if found is None:
            self._process.kill()
            raise AssertionError(f"the victim said {line!r}; {self._process.stderr.read()!r}")  # type: ignore[union-attr]
        return found[1]

    def say(self, data: bytes) -> None:
        """Sends bytes to the victim."""
        assert self._process.stdin is not None
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def finish(self, timeout: float = 60.0) -> tuple[int, bytes, bytes]:
        """Closes the victim's input; returns its exit status as a shell would tell it, and its output."""
        stdout, stderr = self._process.communicate(timeout=timeout)
        status = self._process.returncode
        return (status if status >= 0 else 128 - status), self.told + stdout, stderr

    def __enter__(self) -> "Target":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        end_descendants(spare=[self._process.pid])
        self._process.communicate()

    def symbol(self, name: str) -> int:
        """Address of a symbol of the program."""
        return self._base(str(self.program)) + symbols(self.program)[name]

    def got_entry(self, name: str) -> int:
        """Address of the program's entry for an imported function."""
        listing = _output("readelf", "-rW", str(self.program))
        found = re.search(rf"^(\w+) .*R_X86_64_JUMP_SLO\S* .*\b{name}\b", listing, re.MULTILINE)
        assert found, listing
        return self._base(str(self.program)) + int(found[1], 16)

    def in_libc(self, name: str) -> int:
        """Address of a function of libc."""
        libc = self._libc()
        return self._base(libc) + symbols(Path(libc), dynamic=True)[name]

    def libc_bytes(self, wanted: bytes, rights: str) -> int:
        """Address of these bytes in a mapping of libc with these rights: gadgets and texts."""
        libc = self._libc()
        content = Path(libc).read_bytes()
        for mapping in self.maps:
            if mapping.path == libc and mapping.rights.startswith(rights):
                at = content.find(wanted, mapping.offset, mapping.offset + mapping.end - mapping.start)
                if at >= 0:
                    return mapping.start + at - mapping.offset
        raise LookupError(wanted)

    def region(self, name: str) -> int:
        """Where `[heap]` or `[stack]` begins."""
        return next(mapping.start for mapping in self.maps if mapping.path == name)

    def is_code(self, address: int) -> bool:
        """Whether this is an address of the victim's code."""
        return any(m.start <= address < m.end and m.rights[2] == "x" for m in self.maps)

    def _libc(self) -> str:
        return next(m.path for m in self.maps if re.search(r"/libc[.-][^/]*$", m.path))

    def _base(self, path: str) -> int:
        return min(mapping.start for mapping in self.maps if mapping.path == path)


def symbols(path: Path, *, dynamic: bool = False) -> dict[str, int]:
    """Names and values of an ELF file's symbols."""
    listing = _output("nm", *(["-D"] if dynamic else []), str(path))
    return {m[2]: int(m[1], 16) for m in re.finditer(r"^(\w+) \w ([^@\s]+)", listing, re.MULTILINE)}


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
