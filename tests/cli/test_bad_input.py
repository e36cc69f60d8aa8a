"""Bad input and hostile surroundings: one clear line, a documented exit code, nothing left behind."""

import os
import stat
import struct
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.filters import deny
from tests.support.leftovers import adopt_orphans, end_descendants, remaining
from tests.support.runner import STRETTO, environment

FAILED, NOT_EXECUTABLE, NOT_FOUND = 125, 126, 127
#: Numbers of x86-64 system calls, and the argument of prctl that installs a filter.
PTRACE, PRCTL, SECCOMP, PR_SET_SECCOMP = 101, 157, 317, 22
AARCH64, I386 = 183, 3
Prepare = Callable[[Path], None]


@dataclass(frozen=True)
class Case:
    """What is given, and what is to come of it; `says` are words of the one line."""

    name: str
    words: Sequence[str]
    status: int
    says: Sequence[str] = ()
    prepare: Prepare = lambda directory: None


def file(name: str, content: bytes = b"", mode: int = 0o644) -> Prepare:
    """Makes a file in the directory of the run."""

    def prepare(directory: Path) -> None:
        (directory / name).write_bytes(content)
        (directory / name).chmod(mode)

    return prepare


def elf(machine: int, bits: int = 2) -> bytes:
    """The header of a program for another machine (System V ABI), with nothing behind it."""
    ident = b"\x7fELF" + bytes([bits, 1, 1]) + bytes(9)
    return ident + struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, 0x400000, 64, 0, 0, 64, 56, 0, 64, 0, 0)


CASES = (
    Case("missing", ["run", "--", "/nonexistent/program"], NOT_FOUND, ["/nonexistent/program"]),
    Case("missing-in-path", ["run", "--", "no-such-program"], NOT_FOUND, ["no-such-program"]),
    Case("empty-name", ["run", "--", ""], NOT_FOUND),
    Case("directory", ["run", "--", "/usr"], NOT_EXECUTABLE, ["/usr", "directory"]),
    Case("directory-on-the-way", ["run", "--", "./x/y"], NOT_FOUND, ["x/y"], file("x")),
    Case("not-executable", ["run", "--", "./x"], NOT_EXECUTABLE, ["./x"], file("x", b"#!/bin/sh\n")),
    Case("unreadable", ["run", "--", "./x"], NOT_EXECUTABLE, ["./x"], file("x", b"#!/bin/sh\n", 0)),
    Case("no-format", ["run", "--", "./x"], NOT_EXECUTABLE, ["./x"], file("x", b"text\n", 0o755)),
    Case("empty-file", ["run", "--", "./x"], NOT_EXECUTABLE, ["./x"], file("x", b"", 0o755)),
    Case("cut-off", ["run", "--", "./x"], NOT_EXECUTABLE, ["./x"], file("x", elf(62)[:20], 0o755)),
    Case("aarch64", ["run", "--", "./x"], NOT_EXECUTABLE, ["./x", "AArch64"], file("x", elf(AARCH64), 0o755)),
    Case("i386", ["run", "--", "./x"], NOT_EXECUTABLE, ["./x", "i386"], file("x", elf(I386, 1), 0o755)),
    Case("no-program", ["run"], FAILED, ["program"]),
    Case("n-0", ["run", "-n", "0", "--", "true"], FAILED, ["0", "1", "8"]),
    Case("n-9", ["run", "-n", "9", "--", "true"], FAILED, ["9", "1", "8"]),
    Case("n-many", ["run", "-n", "many", "--", "true"], FAILED, ["many"]),
    Case(
        "n-in-file", ["run", "--", "true"], FAILED, ["stretto.toml"], file("stretto.toml", b"variants = 9\n")
    ),
    Case("toml", ["run", "--", "true"], FAILED, ["stretto.toml"], file("stretto.toml", b"variants = = 2\n")),
    Case("toml-bytes", ["run", "--", "true"], FAILED, ["stretto.toml"], file("stretto.toml", b"\xff\xfe\n")),
    Case(
        "toml-key",
        ["run", "--", "true"],
        FAILED,
        ["stretto.toml", "colour"],
        file("stretto.toml", b"colour = 1\n"),
    ),
    Case(
        "toml-kind",
        ["run", "--", "true"],
        FAILED,
        ["stretto.toml"],
        file("stretto.toml", b'variants = "two"\n'),
    ),
    Case("toml-missing", ["run", "--config", "none.toml", "--", "true"], FAILED, ["none.toml"]),
    Case("option", ["run", "--no-such-option", "--", "true"], FAILED, ["--no-such-option"]),
    Case("choice", ["run", "--layout", "round", "--", "true"], FAILED, ["round"]),
    Case("command", ["nonsense"], FAILED, ["nonsense"]),
    Case("log", ["run", "--log", "/nonexistent/log", "--", "true"], FAILED, ["/nonexistent/log"]),
    Case("report", ["run", "--report", "/nonexistent/r.json", "--", "true"], FAILED, ["/nonexistent"]),
    Case("report-is-there", ["run", "--report", "r", "--", "true"], FAILED, ["r", "--force"], file("r")),
    Case(
        "variant",
        ["run", "--variant", "/nonexistent", "--", "true"],
        FAILED,
        ["--variant 1=/nonexistent: no such file"],
    ),
    Case("syscalls", ["run", "--syscalls", "none.py", "--", "true"], FAILED, ["none.py: no such file"]),
    *(
        Case(
            f"syscalls-{name}", ["run", "--syscalls", "a.py", "--", "true"], FAILED, words, file("a.py", text)
        )
        for name, text, words in (
            ("grammar", b"\n(", ["a.py:2: "]),
            ("import", b"from stretto.syscalls.types import Nothing\n", ["a.py:1: ", "Nothing"]),
            (
                "family",
                b"from stretto.syscalls.language import *\nfamily('descriptr')\n",
                ["a.py:2: ", "'descriptr'"],
            ),
            (
                "name",
                b"from stretto.syscalls.language import *\n@leader()\ndef rd(): ...\n",
                ["a.py:2: rd: no such"],
            ),
            (
                "option",
                b"from stretto.syscalls.language import *\n@leader(efect='')\ndef read(): ...\n",
                ["efect"],
            ),
            (
                "result",
                b"from stretto.syscalls.language import *\n@leader()\ndef read() -> int: ...\n",
                ["NewFd"],
            ),
        )
    ),
    Case("syscalls-shown", ["syscalls", "--syscalls", "none.py", "read"], FAILED, ["none.py: no such file"]),
    Case(
        "report-of-a-page",
        ["report", "page.html"],
        FAILED,
        ["a page", "--log"],
        file("page.html", b"<!doctype html>"),
    ),
)


def run(
    words: Sequence[str], directory: Path, setup: Callable[[], None] | None = None
) -> tuple[int, str, str]:
    """Runs `stretto` in the directory, and checks that nothing stays: no process, no file."""
    adopt_orphans()
    before = sorted(directory.rglob("*"))
    done = subprocess.run(
        [*STRETTO, *words],
        cwd=directory,
        env=environment(directory),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        preexec_fn=setup,
    )
    left = remaining()
    end_descendants()
    assert left == []
    assert sorted(directory.rglob("*")) == before
    return done.returncode, done.stdout, done.stderr


def is_one_line(text: str) -> bool:
    """One line of Stretto's, not a traceback."""
    return text.startswith("stretto: ") and text.count("\n") == 1 and text.endswith("\n")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_one_line_and_a_code(case: Case, tmp_path: Path) -> None:
    case.prepare(tmp_path)
    status, stdout, stderr = run(case.words, tmp_path)
    assert (status, stdout) == (case.status, ""), stderr
    assert is_one_line(stderr), stderr
    assert all(word in stderr for word in case.says), stderr


def test_environment_is_checked_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = subprocess.run(
        [*STRETTO, "run", "--", "true"],
        env={**environment(tmp_path), "STRETTO_VARIANTS": "nine"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (FAILED, "")
    assert is_one_line(done.stderr), done.stderr
    assert "STRETTO_VARIANTS" in done.stderr


def test_ptrace_forbidden(tmp_path: Path) -> None:
    status, stdout, stderr = run(["run", "--", "echo", "hello"], tmp_path, deny(PTRACE))
    assert (status, stdout) == (FAILED, ""), stderr
    assert is_one_line(stderr), stderr
    assert "ptrace" in stderr


def test_filters_forbidden(tmp_path: Path) -> None:
    """A container in which no seccomp filter can be installed, by neither of the two calls."""
    setup = deny(SECCOMP, then=deny(PRCTL, PR_SET_SECCOMP))
    status, stdout, stderr = run(["run", "--", "echo", "hello"], tmp_path, setup)
    assert (status, stdout) == (FAILED, ""), stderr
    assert is_one_line(stderr), stderr
    assert "seccomp" in stderr


def test_unreadable_program_of_another_user(tmp_path: Path) -> None:
    """Executable but not readable: it runs as the kernel lets it, or one line says why not."""
    program = tmp_path / "echo"
    program.write_bytes(Path("/bin/echo").read_bytes())
    program.chmod(stat.S_IXUSR)
    native = subprocess.run([str(program), "hello"], capture_output=True, text=True)
    status, stdout, stderr = run(["run", "--", str(program), "hello"], tmp_path)
    if status == native.returncode:
        assert (stdout, stderr) == (native.stdout, "")
    else:
        assert (status, stdout) == (NOT_EXECUTABLE, "")
        assert is_one_line(stderr), stderr


def test_no_descriptors_left_for_stretto(tmp_path: Path) -> None:
    """With room for hardly any descriptor it fails in one line, or works."""
    import resource

    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))

    status, stdout, stderr = run(["run", "--", "echo", "hello"], tmp_path, few)
    if status != 0:
        assert (status, stdout) == (FAILED, "")
        assert is_one_line(stderr), stderr


def test_closed_standard_streams(tmp_path: Path) -> None:
    """A program without standard streams runs as it does natively."""

    def close() -> None:
        os.close(0)
        os.close(1)

    native = subprocess.run(
        ["sh", "-c", "echo out; echo err >&2; exit 3"], preexec_fn=close, stderr=subprocess.PIPE
    )
    seen = subprocess.run(
        [*STRETTO, "run", "-q", "--", "sh", "-c", "echo out; echo err >&2; exit 3"],
        preexec_fn=close,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    )
    assert (seen.returncode, seen.stderr) == (native.returncode, native.stderr)
