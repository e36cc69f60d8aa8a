"""prctl and arch_prctl, option by option."""

from stretto.syscalls.language import EACH, EINVAL, EPERM, LEADER, family, forbid, parent, sub
from stretto.syscalls.types import Address, Anything, Bytes, In, Int, Long, Out, Path, Signal, Unused

family("process")


@parent("option", EINVAL)
def prctl(option: Int, arg2: Long, arg3: Long, arg4: Long, arg5: Long): ...


@sub(prctl, {"PR_SET_PDEATHSIG": 1}, LEADER)
def _(option: Int, signal: Signal): ...
@sub(prctl, {"PR_GET_PDEATHSIG": 2, "PR_GET_CHILD_SUBREAPER": 37, "PR_GET_TID_ADDRESS": 40}, LEADER, effect="query")
def _(option: Int, value: Out[Int]): ...
# What the kernel does not look at (kernel/sys.c) is not compared: libraries leave anything there.
@sub(prctl, {
    "PR_GET_KEEPCAPS": 7, "PR_GET_TIMING": 13, "PR_GET_SECCOMP": 21, "PR_GET_SECUREBITS": 27,
    "PR_GET_TIMERSLACK": 30,
}, LEADER, effect="query")
def _(option: Int, arg2: Unused, arg3: Unused, arg4: Unused, arg5: Unused): ...
@sub(prctl, {
    "PR_MCE_KILL_GET": 34, "PR_GET_NO_NEW_PRIVS": 39, "PR_GET_THP_DISABLE": 42,
    "PR_GET_IO_FLUSHER": 58, "PR_GET_MDWE": 66, "PR_GET_MEMORY_MERGE": 68,
}, LEADER, effect="query")
def _(option: Int, arg2: Long, arg3: Long, arg4: Long, arg5: Long): ...
@sub(prctl, {"PR_GET_DUMPABLE": 3}, LEADER, effect="query", mechanism="get-dumpable")
def _(option: Int, arg2: Unused, arg3: Unused, arg4: Unused, arg5: Unused): ...
@sub(prctl, {"PR_SET_DUMPABLE": 4}, LEADER, mechanism="set-dumpable",
     partial="remembered, not carried out: the monitor needs to reach the process")
def _(option: Int, value: Long): ...
@sub(prctl, {"PR_SET_PTRACER": 0x59616D61}, LEADER, mechanism="swallow",
     partial="not carried out: Stretto is the tracer")
def _(option: Int, value: Long): ...
@sub(prctl, {
    "PR_SET_KEEPCAPS": 8, "PR_CAPBSET_DROP": 24, "PR_SET_SECUREBITS": 28, "PR_SET_TIMERSLACK": 29,
    "PR_SET_CHILD_SUBREAPER": 36,
}, EACH)
def _(option: Int, arg2: Long, arg3: Unused, arg4: Unused, arg5: Unused): ...
@sub(prctl, {
    "PR_SET_NO_NEW_PRIVS": 38, "PR_SET_THP_DISABLE": 41, "PR_SET_MDWE": 65, "PR_SET_MEMORY_MERGE": 67,
    "PR_CAP_AMBIENT": 47,
}, EACH)
def _(option: Int, arg2: Long, arg3: Long, arg4: Long, arg5: Long): ...
@sub(prctl, {"PR_CAPBSET_READ": 23}, LEADER, effect="query")
def _(option: Int, capability: Long): ...
@sub(prctl, {"PR_SET_NAME": 15}, EACH)
def _(option: Int, name: Path): ...
@sub(prctl, {"PR_GET_NAME": 16}, LEADER, effect="query")
def _(option: Int, name: Out[Bytes[16]]): ...
@sub(prctl, {"PR_SET_SECCOMP": 22}, EACH, mechanism="filters", partial="a filter that forbids a call hides it from Stretto, in every variant alike")
def _(option: Int, mode: Long, filter: Anything): ...
@sub(prctl, {"PR_SET_VMA": 0x53564D41}, EACH)
def _(option: Int, attribute: Long, address: Address, length: Long, name: Path): ...
@sub(prctl, {"PR_GET_TSC": 25}, LEADER, effect="query", partial="tells that the time stamp is trapped")
def _(option: Int, mode: Out[Int]): ...


forbid(prctl, {"PR_SET_TSC": 26}, EINVAL, "the time stamp is trapped by Stretto")
forbid(prctl, {"PR_SET_MM": 35}, EPERM, "the layout belongs to Stretto")
forbid(prctl, {"PR_SET_SYSCALL_USER_DISPATCH": 59}, EINVAL, "system calls are dispatched by Stretto")


@parent("option", EINVAL)
def arch_prctl(option: Int, value: Long): ...


@sub(arch_prctl, {"ARCH_SET_GS": 0x1001}, EACH, mechanism="set-gs")
def _(option: Int, base: Address): ...
@sub(arch_prctl, {"ARCH_SET_FS": 0x1002}, EACH)
def _(option: Int, base: Address): ...
@sub(arch_prctl, {"ARCH_GET_FS": 0x1003, "ARCH_GET_GS": 0x1004}, EACH)
def _(option: Int, base: Anything): ...


forbid(arch_prctl, {
    "ARCH_CET_STATUS": 0x3001, "ARCH_SHSTK_ENABLE": 0x5001, "ARCH_SHSTK_DISABLE": 0x5002, "ARCH_SHSTK_LOCK": 0x5003,
    "ARCH_SHSTK_UNLOCK": 0x5004, "ARCH_SHSTK_STATUS": 0x5005, "ARCH_GET_CPUID": 0x1011, "ARCH_SET_CPUID": 0x1012,
}, EINVAL, "as on a machine without it")
