"""Finding the program as a shell would, and telling beforehand why it can't be started."""

import os

from .errors import ExitCode, StrettoError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

#: e_machine of the ELF header (System V ABI; names as in elf.h).
MACHINES = {
    3: "i386",
    8: "MIPS",
    20: "PowerPC",
    21: "PowerPC64",
    22: "s390",
    40: "ARM",
    183: "AArch64",
    243: "RISC-V",
}
X86_64 = 62
ET_EXEC, ET_DYN = 2, 3
PT_INTERP = 3


def locate(name: str, environ: "Mapping[str, str]" = os.environ) -> str:
    """The path that a shell would execute for `name`; raises with code 126 or 127."""
    if not name:
        raise StrettoError("the program's name is empty", ExitCode.NOT_FOUND)
    if "/" in name:
        _refuse(name)
        return name
    denied = None
    for directory in environ.get("PATH", os.defpath).split(os.pathsep):
        path = os.path.join(directory or ".", name)
        if os.path.isfile(path):
            if os.access(path, os.X_OK):
                return path
            denied = denied or path
    if denied:
        raise StrettoError(f"{denied}: permission denied (not executable)", ExitCode.NOT_EXECUTABLE)
    raise StrettoError(f"{name}: command not found", ExitCode.NOT_FOUND)


def _refuse(path: str) -> None:
    """Raises if the kernel would refuse to execute `path` for reasons that the file system knows."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        raise StrettoError(f"{path}: no such file", ExitCode.NOT_FOUND) from None
    except NotADirectoryError:
        raise StrettoError(f"{path}: not a directory on the way", ExitCode.NOT_FOUND) from None
    except OSError as error:
        raise StrettoError(
            f"{path}: {(error.strerror or 'error').lower()}", ExitCode.NOT_EXECUTABLE
        ) from None
    if mode & 0o170000 == 0o040000:
        raise StrettoError(f"{path}: is a directory", ExitCode.NOT_EXECUTABLE)
    if not os.access(path, os.X_OK):
        raise StrettoError(f"{path}: permission denied (not executable)", ExitCode.NOT_EXECUTABLE)


def check_format(path: str) -> str:
    """One line on what kind of program it is; raises with code 126 if it can't run here."""
    try:
        with open(path, "rb") as file:
            head = file.read(4096)
    except OSError:
        return "unreadable, executed as it is"
    if head[:2] == b"#!":
        line = os.fsdecode(head[2:].split(b"\n", 1)[0].strip())
        interpreter = line.split(maxsplit=1)[0] if line else ""
        if not os.path.isfile(interpreter):
            raise StrettoError(f"{path}: its interpreter {interpreter!r} is missing", ExitCode.NOT_FOUND)
        return f"script for {line}"
    if head[:4] != b"\x7fELF":
        raise StrettoError(f"{path}: neither an ELF program nor a script with #!", ExitCode.NOT_EXECUTABLE)
    machine = int.from_bytes(head[18:20], "little" if head[5:6] == b"\x01" else "big")
    if machine != X86_64 or head[4:5] != b"\x02":
        name = MACHINES.get(machine, f"machine {machine}") if machine != X86_64 else "x32"
        raise StrettoError(f"{path}: a program for {name}, not for x86-64", ExitCode.NOT_EXECUTABLE)
    return _elf_kind(head)


def _elf_kind(head: bytes) -> str:
    """Static or dynamic, movable or not: what decides how far its layout can be diversified."""
    kind = int.from_bytes(head[16:18], "little")
    table = int.from_bytes(head[32:40], "little")
    size = int.from_bytes(head[54:56], "little")
    count = int.from_bytes(head[56:58], "little")
    types = [int.from_bytes(head[table + i * size : table + i * size + 4], "little") for i in range(count)]
    linked = "dynamic" if PT_INTERP in types else "static"
    if kind == ET_DYN:
        return f"ELF, {linked}, position-independent"
    return f"ELF, {linked}, fixed address: its own code can't be moved, only that of its libraries"
