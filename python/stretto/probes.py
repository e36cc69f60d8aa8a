"""What this kernel, container and machine allow; each probe does the thing, in a child that ends at once.

The numbers are those of the x86-64 kernel headers named beside them.
"""

import ctypes
import os
import platform
import signal
import struct
from collections.abc import Callable
from types import ModuleType

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.restype = ctypes.c_long
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
LIBC.process_vm_readv.restype = ctypes.c_ssize_t
LIBC.process_vm_readv.argtypes = [
    ctypes.c_long,
    ctypes.c_char_p,
    ctypes.c_ulong,
    ctypes.c_char_p,
    ctypes.c_ulong,
    ctypes.c_ulong,
]
LIBC.syscall.restype = ctypes.c_long
LIBC.syscall.argtypes = [ctypes.c_long] * 4
LIBC.prctl.argtypes = [ctypes.c_long, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong]

# linux/ptrace.h
PTRACE_TRACEME, PTRACE_CONT, PTRACE_GETREGS, PTRACE_SETOPTIONS = 0, 7, 12, 0x4200
PTRACE_O_TRACESECCOMP, PTRACE_O_EXITKILL, PTRACE_EVENT_SECCOMP = 1 << 7, 1 << 20, 7
# linux/prctl.h
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, PR_SET_TSC, PR_TSC_SIGSEGV = 38, 22, 26, 2
# linux/seccomp.h, linux/filter.h
SECCOMP_MODE_FILTER, RET_ALLOW, RET_TRACE = 2, 0x7FFF0000, 0x7FF00000
SET_MODE_FILTER, NEW_LISTENER = 1, 1 << 3
LOAD_NUMBER, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06
# asm/unistd_64.h
NR_GETPPID, NR_SECCOMP, NR_PIDFD_GETFD = 110, 317, 438

Probe = Callable[[], str]


class Missing(Exception):
    """The thing is not there; the message says how the probe failed."""


def _error(what: str) -> Missing:
    return Missing(f"{what}: {os.strerror(ctypes.get_errno())}")


def _ptrace(request: int, pid: int, data: int = 0) -> None:
    if LIBC.ptrace(request, pid, None, data) == -1:
        raise _error("ptrace")


def _in_child(body: Callable[[], None], parent: Callable[[int], str]) -> str:
    """Forks; the child is traced, stops, and runs `body`; the parent looks at it from `parent`."""
    pid = os.fork()
    if pid == 0:
        try:
            if LIBC.ptrace(PTRACE_TRACEME, 0, None, None) == -1:
                os._exit(ctypes.get_errno())
            os.kill(os.getpid(), signal.SIGSTOP)
            body()
        except BaseException:
            os._exit(1)
        os._exit(0)
    try:
        _, status = os.waitpid(pid, 0)
        if os.WIFEXITED(status):
            code = os.WEXITSTATUS(status)
            pid = 0
            raise Missing(f"PTRACE_TRACEME: {os.strerror(code)}")
        return parent(pid)
    finally:
        if pid:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def trace_child() -> str:
    """A child can be traced, its registers read, and it dies with its tracer."""

    def look(pid: int) -> str:
        _ptrace(PTRACE_SETOPTIONS, pid, PTRACE_O_EXITKILL)
        registers = ctypes.create_string_buffer(27 * 8)
        if LIBC.ptrace(PTRACE_GETREGS, pid, None, ctypes.cast(registers, ctypes.c_void_p)) == -1:
            raise _error("PTRACE_GETREGS")
        return "a child can be traced"

    return _in_child(lambda: None, look)


def _filter() -> tuple[ctypes.Array[ctypes.c_char], ctypes.Array[ctypes.c_char]]:
    """A program that lets every getppid go to the tracer, and everything else pass; and its code."""
    rows = [
        (LOAD_NUMBER, 0, 0, 0),
        (JUMP_EQUAL, 0, 1, NR_GETPPID),
        (RETURN, 0, 0, RET_TRACE),
        (RETURN, 0, 0, RET_ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *row) for row in rows))
    return ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(rows), ctypes.addressof(code))), code


def _install_trace_filter() -> None:
    program, _code = _filter()
    if LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or LIBC.prctl(
        PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0
    ):
        os._exit(ctypes.get_errno())


def seccomp_trace() -> str:
    """A seccomp filter hands a call to the tracer."""

    def call() -> None:
        _install_trace_filter()
        os.getppid()

    def look(pid: int) -> str:
        _ptrace(PTRACE_SETOPTIONS, pid, PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP)
        _ptrace(PTRACE_CONT, pid)
        _, status = os.waitpid(pid, 0)
        if os.WIFSTOPPED(status) and status >> 16 == PTRACE_EVENT_SECCOMP:
            return "a filter with RET_TRACE stops the call at its tracer"
        raise Missing("the filter was refused, or the call did not stop")

    return _in_child(call, look)


def seccomp_notify() -> str:
    """A seccomp filter can ask another process about a call, which waits for the answer."""

    def install() -> int:
        program, _code = _filter()
        LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        return int(LIBC.syscall(NR_SECCOMP, SET_MODE_FILTER, NEW_LISTENER, ctypes.addressof(program)) < 0)

    _succeeds_in_child("SECCOMP_FILTER_FLAG_NEW_LISTENER", install)
    return "a filter can ask about a call"


def remote_memory() -> str:
    """Memory of a traced child can be read at once."""
    marker = ctypes.create_string_buffer(b"stretto\0")

    def look(pid: int) -> str:
        into = ctypes.create_string_buffer(len(marker))
        local = struct.pack("QQ", ctypes.addressof(into), len(marker))
        remote = struct.pack("QQ", ctypes.addressof(marker), len(marker))
        count = LIBC.process_vm_readv(pid, local, 1, remote, 1, 0)
        if count == -1:
            raise _error("process_vm_readv")
        if into.raw != marker.raw:
            raise Missing("process_vm_readv read something else")
        return "process_vm_readv works"

    return _in_child(lambda: None, look)


def fetch_descriptor() -> str:
    """A descriptor can be taken from a traced child."""

    def look(pid: int) -> str:
        handle = os.pidfd_open(pid)
        try:
            taken = LIBC.syscall(NR_PIDFD_GETFD, handle, 2, 0)
            if taken == -1:
                raise _error("pidfd_getfd")
            os.close(taken)
        finally:
            os.close(handle)
        return "pidfd_getfd works"

    return _in_child(lambda: None, look)


def _succeeds_in_child(what: str, body: Callable[[], int]) -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(ctypes.get_errno() & 255 if body() else 0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code:
        raise Missing(f"{what}: {os.strerror(code) if code > 0 else f'signal {-code}'}")


def trap_time_stamp() -> str:
    """rdtsc can be made to fault, so that all variants see one time."""
    _succeeds_in_child("PR_SET_TSC", lambda: int(LIBC.prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0)))
    return "rdtsc can be trapped"


def no_new_privileges() -> str:
    """A process can give up new privileges, which a seccomp filter without root needs."""
    _succeeds_in_child("PR_SET_NO_NEW_PRIVS", lambda: int(LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)))
    return "no_new_privs can be set"


def architecture() -> str:
    """x86-64 only."""
    machine = platform.machine()
    if machine != "x86_64":
        raise Missing(machine)
    return machine


def kernel() -> str:
    """Linux 6.7 or later."""
    release = platform.release()
    numbers = [int("".join(filter(str.isdigit, part)) or 0) for part in release.split(".")[:2]]
    if platform.system() != "Linux" or numbers < [6, 7]:
        raise Missing(f"{platform.system()} {release}")
    return f"Linux {release}"


def yama() -> str:
    """The Yama setting lets a process trace its own children (0 and 1 do)."""
    try:
        with open("/proc/sys/kernel/yama/ptrace_scope") as file:
            scope = int(file.read())
    except OSError:
        return "no Yama"
    if scope >= 2:
        raise Missing(f"kernel.yama.ptrace_scope is {scope}")
    return f"kernel.yama.ptrace_scope is {scope}, children can be traced"


def cpus() -> str:
    """Two CPUs, one for each variant."""
    count = len(os.sched_getaffinity(0))
    if count < 2:
        raise Missing(f"{count} CPU")
    return f"{count} CPUs"


def untraced() -> str:
    """Stretto itself is not traced, or ptrace of its children may already be taken."""
    with open("/proc/self/status") as file:
        tracer = next((int(line.split()[1]) for line in file if line.startswith("TracerPid:")), 0)
    if tracer:
        raise Missing(f"traced by process {tracer}")
    return "not traced itself"


def short_slices() -> str:
    """Threads can be given short slices."""
    slice_ns = _loaded().short_slices()
    if slice_ns is None:
        raise Missing("the kernel does not give them")
    return f"threads can run for {slice_ns // 1000} us at a time"


def membarrier() -> str:
    """Processors can be made to forget code that they have fetched."""
    if not _loaded().membarrier():
        raise Missing("membarrier does not have it, or is forbidden")
    return "processors forget code that changes"


def _loaded() -> ModuleType:
    try:
        from . import _core
    except ImportError as error:
        raise Missing(str(error)) from None
    return _core


def core() -> str:
    """The native core can be loaded."""
    size = len(_loaded().table())
    return f"loaded, table of system calls {size} bytes"


def container() -> str:
    """Whether this is a container, and which: it decides the remedy."""
    for path, name in (("/.dockerenv", "Docker"), ("/run/.containerenv", "Podman")):
        if os.path.exists(path):
            return name
    return os.environ.get("container", "none seen")  # noqa: SIM112 - systemd's name
