"""The system calls that a worker may make, as an allow-list in the kernel that cannot be removed.

A seccomp filter is a small program that the kernel runs before each system call (seccomp(2), in the instructions of
classic BPF). A call that is not on the list fails with EPERM, whoever the user is, and a call by the convention of
another architecture ends the process. The list holds the calls that an interpreter makes after it has imported
everything: reading and writing its one socket, private memory that cannot be executed, clocks, its own limits and
signal handlers, and exit. Limits of resources bound how much of these it can use.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Iterator
from typing import NamedTuple

_LOAD, _AND, _EQUAL, _RETURN = 0x20, 0x54, 0x15, 0x06  # instructions: code, jump if true, jump if false, operand
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000
_NUMBER, _ARCHITECTURE = 0, 4  # offsets in struct seccomp_data
_NO_NEW_PRIVILEGES = 38
_SET_FILTER, _ALL_THREADS = 1, 1


class _Machine(NamedTuple):
    """The numbers of an architecture: its own, that of seccomp(2), and those of the allowed calls."""

    architecture: int
    seccomp: int
    calls: dict[str, int]


_MACHINES = {
    "x86_64": _Machine(
        0xC000003E,
        317,
        {
            "read": 0, "write": 1, "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12, "rt_sigaction": 13,
            "rt_sigprocmask": 14, "rt_sigreturn": 15,
            "sched_yield": 24, "mremap": 25, "exit": 60, "gettimeofday": 96, "futex": 202, "restart_syscall": 219,
            "clock_gettime": 228, "exit_group": 231, "prlimit64": 302, "getrandom": 318,
        },
    ),
    "aarch64": _Machine(
        0xC00000B7,
        277,
        {
            "read": 63, "write": 64, "mmap": 222, "mprotect": 226, "munmap": 215, "brk": 214, "rt_sigaction": 134,
            "rt_sigprocmask": 135, "rt_sigreturn": 139,
            "sched_yield": 124, "mremap": 216, "exit": 93, "gettimeofday": 169, "futex": 98, "restart_syscall": 128,
            "clock_gettime": 113, "exit_group": 94, "prlimit64": 261, "getrandom": 278,
        },
    ),
}  # fmt: skip
# The required arguments, as (index, mask, value): the socket is descriptor 0; memory is private, without a file and not
# executable; limits are those of the process itself.
_ARGUMENTS = {
    "read": [(0, 0xFFFFFFFF, 0)],
    "write": [(0, 0xFFFFFFFF, 0)],
    "mmap": [(2, 0x4, 0), (3, 0x23, 0x22)],
    "mprotect": [(2, 0x4, 0)],
    "prlimit64": [(0, 0xFFFFFFFF, 0)],
}


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def missing() -> str | None:
    """Why this platform has no filter; None if it should have one."""
    if not sys.platform.startswith("linux"):
        return f"{platform.system()} has no filter of system calls"
    if platform.machine() not in _MACHINES or sys.byteorder != "little" or sys.maxsize < 2**32:
        return f"there is no list of system calls for {platform.machine()}"
    return None


def install() -> None:
    """Filter all threads of this process from now on. Raises `OSError`."""
    if why := missing():
        raise OSError(errno.ENOSYS, why)
    machine = _MACHINES[platform.machine()]
    libc = ctypes.CDLL(None, use_errno=True)
    zero = ctypes.c_ulong(0)
    if libc.prctl(_NO_NEW_PRIVILEGES, ctypes.c_ulong(1), zero, zero, zero) != 0:
        raise OSError(ctypes.get_errno(), "the kernel does not know of no-new-privileges")
    code = b"".join(struct.pack("<HBBI", *instruction) for instruction in _instructions(machine))
    program = _Program(len(code) // 8, code)
    status = libc.syscall(
        ctypes.c_long(machine.seccomp), ctypes.c_ulong(_SET_FILTER), ctypes.c_ulong(_ALL_THREADS), ctypes.byref(program)
    )
    if status != 0:
        raise OSError(ctypes.get_errno(), f"the kernel takes no filter ({os.strerror(ctypes.get_errno())})")


def _instructions(machine: _Machine) -> Iterator[tuple[int, int, int, int]]:
    yield _LOAD, 0, 0, _ARCHITECTURE
    yield _EQUAL, 1, 0, machine.architecture
    yield _RETURN, 0, 0, _KILL
    yield _LOAD, 0, 0, _NUMBER
    for name, number in machine.calls.items():
        tests = _ARGUMENTS.get(name, [])
        yield _EQUAL, 0, 4 * len(tests) + 1, number
        for which, mask, value in tests:
            yield _LOAD, 0, 0, 16 + 8 * which  # the lower half, because the kernel reads 32 bits of these arguments
            yield _AND, 0, 0, mask
            yield _EQUAL, 1, 0, value
            yield _RETURN, 0, 0, _REFUSE
        yield _RETURN, 0, 0, _ALLOW
    yield _RETURN, 0, 0, _REFUSE
