"""seccomp filters that take from Stretto what a container may take from it."""

import ctypes
import os
import struct
from collections.abc import Callable

#: Operations of the classic packet filter, offsets in seccomp_data, answers (linux/filter.h, seccomp.h).
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
NUMBER, FIRST_ARGUMENT = 0, 16
ALLOW, EPERM = 0x7FFF0000, 0x00050001
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, MODE_FILTER = 38, 22, 2


def deny(
    number: int, argument: int | None = None, then: Callable[[], None] | None = None
) -> Callable[[], None]:
    """A `preexec_fn` after which this call, perhaps only with this first argument, fails with EPERM."""
    libc = ctypes.CDLL(None, use_errno=True)
    rows = [(LOAD, 0, 0, NUMBER), (JUMP_IF_EQUAL, 0, 1 if argument is None else 3, number)]
    if argument is not None:
        rows += [(LOAD, 0, 0, FIRST_ARGUMENT), (JUMP_IF_EQUAL, 0, 1, argument)]
    rows += [(RETURN, 0, 0, EPERM), (RETURN, 0, 0, ALLOW)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *row) for row in rows))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(rows), ctypes.addressof(code)))

    def install(keep: object = code) -> None:  # `program` points at it
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if libc.prctl(PR_SET_SECCOMP, MODE_FILTER, program, 0, 0):
            os._exit(99)
        if then:
            then()

    return install
