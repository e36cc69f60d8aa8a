"""fcntl, command by command."""

from stretto.syscalls.language import EACH, EINVAL, LEADER, family, parent, sub
from stretto.syscalls.types import Bytes, Fd, Flags, In, InOut, Int, Long, Out, U64, struct, U16

family("descriptor")

Flock = struct("flock", 32, type=(0, U16), whence=(2, U16), start=(8, U64), length=(16, U64), pid=(24, Int, 2))


@parent("command", EINVAL)
def fcntl(fd: Fd, command: Int, argument: Long): ...


@sub(fcntl, {"F_DUPFD": 0, "F_DUPFD_CLOEXEC": 1030, "F_SETFD": 2}, EACH)
def _(fd: Fd, command: Int, argument: Int): ...
@sub(fcntl, {"F_GETFD": 1}, EACH)
def _(fd: Fd, command: Int): ...
@sub(fcntl, {
    "F_GETFL": 3, "F_GETOWN": 9, "F_GETSIG": 11, "F_GETLEASE": 1025, "F_GETPIPE_SZ": 1032, "F_GET_SEALS": 1034,
    "F_CREATED_QUERY": 1028,
}, LEADER)
def _(fd: Fd, command: Int): ...
@sub(fcntl, {
    "F_SETFL": 4, "F_SETOWN": 8, "F_SETSIG": 10, "F_SETLEASE": 1024, "F_NOTIFY": 1026, "F_DUPFD_QUERY": 1027,
    "F_SETPIPE_SZ": 1031, "F_ADD_SEALS": 1033,
}, LEADER)
def _(fd: Fd, command: Int, argument: Int): ...
@sub(fcntl, {"F_GETLK": 5, "F_OFD_GETLK": 36}, LEADER)
def _(fd: Fd, command: Int, lock: InOut[Flock]): ...
@sub(fcntl, {"F_SETLK": 6, "F_SETLKW": 7, "F_OFD_SETLK": 37, "F_OFD_SETLKW": 38}, LEADER, blocks=True)
def _(fd: Fd, command: Int, lock: In[Flock]): ...
@sub(fcntl, {"F_SETOWN_EX": 15}, LEADER)
def _(fd: Fd, command: Int, owner: In[Bytes[8]]): ...
@sub(fcntl, {"F_GETOWN_EX": 16}, LEADER)
def _(fd: Fd, command: Int, owner: Out[Bytes[8]]): ...
@sub(fcntl, {"F_GET_RW_HINT": 1035, "F_GET_FILE_RW_HINT": 1037}, LEADER)
def _(fd: Fd, command: Int, hint: Out[U64]): ...
@sub(fcntl, {"F_SET_RW_HINT": 1036, "F_SET_FILE_RW_HINT": 1038}, LEADER)
def _(fd: Fd, command: Int, hint: In[U64]): ...
