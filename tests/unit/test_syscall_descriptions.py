"""Every system call is described, the table is the same each time, and users can add their own."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from stretto.commands import syscalls
from stretto.errors import StrettoError
from stretto.syscalls import types
from stretto.syscalls.bounds import missing
from stretto.syscalls.builder import DescriptionError
from stretto.syscalls.compile import HEADER, MAGIC, VERSION, compile_table, load
from stretto.syscalls.format import describe, format_call
from stretto.syscalls.language import LEADER, AtMost, _describe, leader
from stretto.syscalls.numbers import NUMBERS

#: What no variant may do, in any way (decided for all sub-commands).
REFUSED = (
    "rseq io_uring_setup userfaultfd memfd_secret bpf perf_event_open process_vm_readv process_vm_writev"
)


def test_every_call_of_the_kernel_is_described() -> None:
    calls = load()
    assert set(calls) == set(NUMBERS)
    assert {call.number for call in calls.values()} == set(NUMBERS.values())


def test_arguments_fit_into_registers() -> None:
    for call in syscalls.leaves(list(load().values())):
        assert len(call.arguments) <= 6, call.name


@pytest.mark.parametrize("name", REFUSED.split())
def test_what_would_escape_is_refused(name: str) -> None:
    call = load()[name]
    assert syscalls.who(call) == "refused"
    assert call.errno
    assert call.note


def test_a_table_is_the_same_each_time() -> None:
    table = compile_table(load())
    assert table.startswith(MAGIC)
    assert compile_table(load()) == table


def test_the_core_carries_these_descriptions() -> None:
    from stretto import _core

    assert _core.table() == compile_table(load())


@pytest.mark.parametrize(
    ("call", "commands"),
    [
        ("fcntl", {"F_DUPFD": 0, "F_SETLKW": 7, "F_SETPIPE_SZ": 1031}),
        ("ioctl", {"TCGETS": 0x5401, "TIOCGWINSZ": 0x5413, "FIONREAD": 0x541B}),
        ("prctl", {"PR_SET_PDEATHSIG": 1, "PR_SET_NAME": 15}),
        ("arch_prctl", {"ARCH_SET_FS": 0x1002}),
        ("futex", {"FUTEX_WAIT": 0, "FUTEX_WAKE_PRIVATE": 129}),
    ],
)
def test_commands_are_described(call: str, commands: dict[str, int]) -> None:
    known = load()[call].commands
    for name, value in commands.items():
        assert name in known[value].name


def test_socket_options_are_told_by_level_and_name() -> None:
    level, option = 1, 2  # SOL_SOCKET, SO_REUSEADDR
    assert level << 32 | option in load()["setsockopt"].commands


def test_user_descriptions_override(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from stretto.syscalls.language import family, leader\n"
        "from stretto.syscalls.types import Int\n"
        "family('identity')\n"
        "@leader()\n"
        "def getpid(surprise: Int): ...\n"
    )
    calls = load()
    original = calls["getpid"]
    try:
        assert b"surprise\0" in compile_table(load([str(file)]))
    finally:
        calls["getpid"] = original
    assert b"surprise\0" not in compile_table(load())


@pytest.mark.parametrize(
    ("signature", "bound"),
    [
        ("(buf: Out[Bytes['ret']], count: Size)", False),
        ("(buf: Out[Bytes['min(ret, count)']], count: Size)", True),
        ("(buf: Out[Bytes['ret + 8']], count: Size)", False),
        ("(buf: Out[Array(Int, 'ret')], count: Size)", False),
        ("(buf: Out[Bytes['now(length)']], length: InOut[U32])", True),
        ("(length: InOut[U32], buf: Out[Bytes['now(length)']])", False),
        ("(length: In[U32], buf: Out[Bytes['now(length)']])", True),
        ("(at: InOut[struct('s', 16, buf=(0, Out[Bytes['this.size']]), size=(8, U64))])", True),
        ("(at: InOut[struct('s', 16, size=(8, U64), buf=(0, Out[Bytes['this.size']]))])", False),
        ("(at: InOut[struct('s', 16, size=(8, U64, 1), buf=(0, Out[Bytes['this.size']]))])", True),
        ("(path: Out[String()])", False),
        ("(buf: Out[Bytes['ret']], count: Size) -> AtMost['count']", True),
        ("(buf: Out[Bytes['ret']], count: Size) -> AtMost['ret']", False),
    ],
)
def test_what_a_call_writes_is_bounded_by_what_was_asked_for(signature: str, bound: bool) -> None:
    scope: dict[str, Any] = {**vars(types), "AtMost": AtMost}
    exec(f"def call{signature}: ...", scope)
    assert bool([*missing(_describe(scope["call"], LEADER, {}))]) is not bound


def test_a_misspelt_effect_is_refused() -> None:
    with pytest.raises(ValueError, match="got 'qwery'"):
        leader(effect="qwery")(lambda: None)


def test_new_descriptors_in_memory_need_their_mechanism(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from stretto.syscalls.language import leader\n"
        "from stretto.syscalls.types import Array, MadeFd, Out\n"
        "@leader()\n"
        "def pipe(fds: Out[Array(MadeFd, '2')]): ...\n"
    )
    calls = load()
    original = calls["pipe"]
    try:
        with pytest.raises(DescriptionError, match=r"^pipe: .*recvfds"):
            compile_table(load([str(file)]))
    finally:
        calls["pipe"] = original


def test_calls_are_shown_readably() -> None:
    assert format_call(NUMBERS["close"], [3, 0, 0, 0, 0, 0], 0) == "close(fd=3) = 0"
    assert format_call(NUMBERS["openat"], [2**64 - 100, 0, 0, 0o644, 0, 0], -2 % 2**64).endswith(" = -ENOENT")
    with pytest.raises(LookupError):
        format_call(9999, [0] * 6, None)


def test_commands_are_found_by_their_arguments() -> None:
    call = describe(NUMBERS["fcntl"], [0, 1030, 0, 0, 0, 0])
    assert call is not None
    assert "F_DUPFD_CLOEXEC" in call.name


def test_the_header_counts_what_follows() -> None:
    table = compile_table(load())
    (version,) = struct.unpack_from("<I", table, len(MAGIC))
    sections = [struct.unpack_from("<II", table, len(MAGIC) + 4 + 8 * section) for section in range(8)]
    starts, (numbers, calls, *_) = zip(*sections, strict=True)
    assert version == VERSION
    assert list(starts) == sorted(starts)
    assert starts[0] == HEADER
    assert sum(sections[-1]) == len(table)
    assert numbers == max(NUMBERS.values()) + 1
    assert calls == len(syscalls.leaves(list(load().values()))) + sum(
        bool(call.commands) for call in load().values()
    )


def test_coverage_counts_every_call_once(capsys: pytest.CaptureFixture[str]) -> None:
    syscalls.main(["--coverage", "--json"])
    counts = json.loads(capsys.readouterr().out)
    assert counts


def test_one_call_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    syscalls.main(["read"])
    shown = capsys.readouterr().out
    assert "leader" in shown
    assert "strict monitored, balanced lockstep, fast ahead" in shown
    assert "fd" in shown
    syscalls.main(["sendmsg"])
    assert "always monitored (message leads to further pointers)" in capsys.readouterr().out
    with pytest.raises(StrettoError):
        syscalls.main(["no_such_call"])
