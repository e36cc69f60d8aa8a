"""Where calls are checked: what no preset may ever do, and what each does with some well-known calls."""

import pathlib
from struct import unpack_from

import pytest

from stretto import policy
from stretto.options import BY_NAME
from stretto.syscalls import language
from stretto.syscalls.compile import compile_table, load, memory_flags, rows, write
from stretto.syscalls.in_process import approvable, in_process
from stretto.syscalls.language import CONTROL, QUERY, TRANSFER, WITHIN, Description
from stretto.syscalls.types import (
    U64,
    Address,
    Anything,
    Array,
    Bytes,
    Control,
    In,
    Int,
    Opaque,
    Out,
    Path,
    Pointer,
    Strings,
    Type,
    Union,
    Unused,
    Vectors,
    struct,
)

ROWS = list(rows(load()))
INSIDE = [
    (row, preset) for row in ROWS for preset in policy.PRESETS if policy.mode(row, preset) > policy.APPROVED
]
APPROVED = [
    (row, preset) for row in ROWS for preset in policy.PRESETS if policy.mode(row, preset) == policy.APPROVED
]


def named(name: str) -> Description:
    """A call or sub-command by its name."""
    return next(row for row in ROWS if row.name == name)


@pytest.mark.parametrize("preset", policy.PRESETS)
def test_every_row_has_a_mode(preset: str) -> None:
    modes = policy.compile(load(), preset)
    assert len(modes) == len(ROWS)
    assert set(modes) <= set(policy.MODES)


def test_rows_are_numbered_as_in_the_table() -> None:
    """A row begins with number and name; the header says where rows and strings begin (`abi`, `table`)."""
    table = compile_table(load())
    sections = [unpack_from("<II", table, 12 + 8 * section) for section in range(8)]
    start, size = sections[1][0], 96
    strings = table[sections[-1][0] :]
    for place, row in enumerate(ROWS):
        number, name = unpack_from("<II", table, start + size * place)
        assert number == row.number
        assert strings[name : strings.index(b"\0", name)].decode() == row.name


def test_strict_checks_everything_in_the_monitor() -> None:
    assert not any(policy.compile(load(), "strict"))
    assert "strict" not in policy.COMPILED


def test_balanced_is_never_more_permissive_than_fast() -> None:
    both = zip(policy.compile(load(), "balanced"), policy.compile(load(), "fast"), strict=True)
    assert all(balanced <= fast for balanced, fast in both)


def test_only_plain_calls_are_handled_inside() -> None:
    for row, _ in INSIDE:
        assert row.mechanism == "plain", row.name
        assert row.who in (language.LEADER, language.EACH), row.name
        assert row.result.kind in (language.Number.kind, language.TaskId.kind), row.name
        assert not row.flags & (language.STARTS_TASK | language.MAY_SIGNAL), row.name
        assert row.mask is None, row.name
        assert not row.commands, row.name


def test_followers_do_no_more_of_an_approved_call_than_take_its_result_over() -> None:
    assert {preset for _, preset in APPROVED} == {"balanced", "fast"}
    for row, _ in APPROVED:
        assert row.who == language.LEADER, row.name
        assert row.mechanism in ("plain", "open"), row.name
        assert row.result.kind in (language.Number.kind, language.NewFd.kind), row.name
        assert not row.flags & (language.STARTS_TASK | language.MAY_SIGNAL), row.name
        assert row.mask is None and not row.commands, row.name
        assert row.category in ("file", "descriptor", "network"), row.name


def test_nothing_is_approved_that_could_be_checked_inside() -> None:
    """Under `fast`; `balanced` has the monitor see what changes something."""
    for row, preset in APPROVED:
        assert preset == "balanced" or in_process(row), row.name


def test_what_changes_memory_signals_processes_or_identity_never_is() -> None:
    for row, _ in INSIDE:
        assert row.category not in ("memory", "signal", "refused"), row.name
        of_threads = row.category == "process" and row.effect == WITHIN
        assert row.category not in ("process", "identity", "clock") or row.effect == QUERY or of_threads, (
            row.name
        )


def test_balanced_lets_nothing_happen_that_others_have_not_agreed_to() -> None:
    for row, preset in INSIDE:
        if preset == "balanced":
            assert row.effect != CONTROL, row.name
            assert policy.mode(row, preset) == policy.LOCKSTEP or row.effect == QUERY, row.name


#: What every variant makes, and `balanced` has in the variants: these change a variant's own descriptors.
BY_EACH_INSIDE = {"close", "fcntl F_SETFD", "fcntl F_GETFD"}


def test_effects_are_told_of_the_leaders_calls_and_of_few_others() -> None:
    for row in ROWS:
        assert row.effect == CONTROL or row.who == language.LEADER or row.name in BY_EACH_INSIDE, row.name


def test_what_every_variant_makes_inside_is_agreed_on_first_and_has_no_memory() -> None:
    found = [(row, preset) for row, preset in INSIDE if row.who == language.EACH]
    assert {row.name for row, preset in found if preset == "balanced"} == BY_EACH_INSIDE
    for row, preset in found:
        assert policy.mode(row, preset) == policy.LOCKSTEP, row.name
        assert not any(isinstance(kind, Pointer) for _, kind in row.arguments), row.name


@pytest.mark.parametrize(
    ("name", "balanced", "fast"),
    [
        ("read", "lockstep", "ahead"),
        ("write", "lockstep", "ahead"),
        ("close", "lockstep", "lockstep"),
        ("dup2", "monitored", "lockstep"),
        ("lseek", "lockstep", "ahead"),
        ("poll", "lockstep", "ahead"),
        ("sendto", "lockstep", "ahead"),
        ("getsockopt SO_ERROR", "lockstep", "ahead"),
        ("getpid", "ahead", "ahead"),
        ("fstat", "ahead", "ahead"),
        ("clock_gettime", "ahead", "ahead"),
        ("getrandom", "ahead", "ahead"),
        ("ioctl TIOCGWINSZ", "ahead", "ahead"),
        ("fcntl F_GETFL", "ahead", "ahead"),
        ("fcntl F_SETFL", "approved", "ahead"),
        ("fcntl F_SETFD", "lockstep", "lockstep"),
        ("fcntl F_GETFD", "lockstep", "lockstep"),
        ("unlink", "approved", "ahead"),
        ("connect", "approved", "ahead"),
        ("setsockopt SO_REUSEADDR", "approved", "ahead"),
        ("socket", "approved", "approved"),
        ("pipe2", "monitored", "monitored"),
        ("futex FUTEX_WAKE", "monitored", "monitored"),
        ("futex FUTEX_WAKE_PRIVATE", "lockstep", "ahead"),
        ("futex FUTEX_REQUEUE_PRIVATE", "monitored", "monitored"),
        ("fchdir", "monitored", "monitored"),
        ("fcntl F_SETOWN", "monitored", "monitored"),
        ("vmsplice", "monitored", "monitored"),
        ("nanosleep", "monitored", "monitored"),
        ("mount", "monitored", "monitored"),
        ("setsid", "monitored", "monitored"),
        ("ioctl", "monitored", "monitored"),
        ("openat", "approved", "approved"),
        ("mmap", "monitored", "monitored"),
        ("kill", "monitored", "monitored"),
        ("setuid", "monitored", "monitored"),
        ("sendmsg", "monitored", "monitored"),
        ("epoll_wait", "lockstep", "ahead"),
        ("epoll_ctl", "approved", "ahead"),
    ],
)
def test_well_known_calls(name: str, balanced: str, fast: str) -> None:
    row = named(name)
    modes = [policy.NAMES[policy.mode(row, preset)] for preset in ("strict", "balanced", "fast")]
    assert modes == ["monitored", balanced, fast]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("write", ""),
        ("readv", ""),
        ("bind", ""),
        ("nanosleep", ""),
        ("ioctl", "that depends on the sub-command"),
        ("ptrace", "nobody executes it"),
        ("close", ""),
        ("dup3", ""),
        ("munmap", "the monitor takes part in it"),
        ("sched_yield", "every variant executes it at its own pace"),
        ("openat", "the monitor takes part in it"),
        ("sched_getaffinity", "the monitor takes part in it"),
        ("socket", "its result is no plain number: new descriptor"),
        ("tgkill", "a signal for the caller may follow"),
        ("ppoll", "it changes the signal mask"),
        ("mincore", "address is an address"),
        ("sendmsg", "message leads to further pointers"),
        ("epoll_ctl", ""),
    ],
)
def test_reasons(name: str, reason: str) -> None:
    assert in_process(named(name)) == reason


@pytest.mark.parametrize(
    ("name", "may"),
    [
        ("open", True),
        ("accept4", True),
        ("write", True),
        ("dup", False),  # followers duplicate what they hold
        ("dup3", False),  # every variant makes it
        ("pipe2", False),  # makes two
        ("recvmsg", False),  # may bring descriptors
        ("ioctl", False),
        ("mmap", False),
        ("tgkill", False),
        ("ppoll", False),
        ("wait4", False),
    ],
)
def test_what_the_monitor_may_approve(name: str, may: bool) -> None:
    assert approvable(named(name)) == may


@pytest.mark.parametrize(
    ("name", "takes", "gives"),
    [
        ("getpid", False, False),
        ("read", False, True),
        ("write", True, False),
        ("readv", False, True),
        ("writev", True, True),  # may point at vectors anywhere
        ("fstat", False, True),
        ("poll", False, True),
        ("sendto", True, True),  # a structure is not looked into
    ],
)
def test_what_agents_need_not_look_at(name: str, takes: bool, gives: bool) -> None:
    flags = memory_flags(named(name))
    assert bool(flags & language.TAKES_NO_MEMORY) != takes
    assert bool(flags & language.GIVES_NO_MEMORY) != gives


FLAT = struct("flat", 16, number=(0, U64), text=(8, Bytes[8]))
DEEP = struct("deep", 16, number=(0, U64), pointer=(8, In[Bytes[8]]))


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Int, ""),
        (Unused, ""),
        (Anything, ""),
        (Path, ""),
        (In[Vectors("1")], ""),
        (In[Array(FLAT, "2")], ""),
        (Out[Array(Int, "2")], ""),
        (In[Union("1", ((1, FLAT), (2, Bytes[4])))], ""),
        (Union("1", ((1, Int), (2, In[FLAT]))), ""),
        (Address, "x is an address"),
        (Opaque, "x is an address"),
        (Strings, "x leads to further pointers"),
        (In[DEEP], "x leads to further pointers"),
        (Out[Array(DEEP, "2")], "x leads to further pointers"),
        (In[Array(Anything, "2")], "x leads to further pointers"),
        (In[Array(Opaque, "2")], ""),
        (In[Union("1", ((1, FLAT), (2, DEEP)))], "x leads to further pointers"),
        (Union("1", ((1, Int), (2, Address))), "x is an address"),
        (In[Control["8"]], "x leads to data that only the monitor understands"),
        (Type(), "x is of a kind that only the monitor knows"),
    ],
)
def test_memory_has_to_be_flat(kind: Type, reason: str) -> None:
    call = Description("call", 0, [("fd", Int), ("x", kind)], language.LEADER, effect=TRANSFER)
    assert in_process(call) == reason


def test_the_options_choices_are_the_presets() -> None:
    assert BY_NAME["policy"].choices == tuple(policy.PRESETS)


def test_the_build_finds_policies_beside_the_table(tmp_path: pathlib.Path) -> None:
    write(tmp_path / "syscalls.table")
    assert (tmp_path / "syscalls.table").read_bytes() == compile_table(load())
    assert sorted(file.name for file in tmp_path.glob("*.policy")) == ["balanced.policy", "fast.policy"]
    assert (tmp_path / "fast.policy").read_bytes() == policy.compile(load(), "fast")


@pytest.mark.parametrize("preset", policy.COMPILED)
def test_the_core_carries_these_policies(preset: str) -> None:
    from stretto import _core

    assert _core.policy(preset) == policy.compile(load(), preset)
