"""What the kernel takes from the process of a study file, before the study runs.

Landlock takes away changing, making, cutting and removing files, starting programs, and connections
by TCP; a seccomp filter takes away new sockets, changing what files are (mode, owner, times,
attributes), and looking into other processes. Neither needs a program, a right or a container's
leave; both hold for what the study starts, and cannot be undone. Sources: landlock(7), seccomp(2),
`linux/landlock.h`, `linux/seccomp.h`, the kernel's tables of system calls.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
from collections.abc import Mapping

from attrs import frozen

# Numbers of landlock's calls, the same on every architecture.
_CREATE, _RESTRICT = 444, 446
_ASK_VERSION = 1
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _BY_FILTER = 38, 22, 2
# Rights by the version that brought them: execute, write, remove, make, then refer, truncate.
_FILES: Mapping[int, int] = {1: 0x1FF3, 2: 1 << 13, 3: 1 << 14}
_TCP: Mapping[int, int] = {4: 0b11}
_SCOPES: Mapping[int, int] = {6: 0b11}
_REFUSE, _ALLOW = 0x00050000 | 1, 0x7FFF0000  # an error EPERM; go on
_LOAD, _EQUALS, _FROM, _ANSWER = 0x20, 0x15, 0x35, 0x06
# Calls of the second table of x86-64 (x32) begin here.
_OTHER_TABLE = 0x40000000
_EVERYWHERE = (425, 427, 452, 463, 466, 469)  # io_uring, fchmodat2, xattrs and file attributes


@frozen(kw_only=True)
class Machine:
    """How an architecture calls itself to the filter, and the calls that are refused.

    `calls`: socket; ptrace and process_vm_*; chmod, chown, utime and xattr in all their forms.
    """

    name: int
    calls: tuple[int, ...]


MACHINES: Mapping[str, Machine] = {
    "x86_64": Machine(
        name=0xC000003E,
        calls=(
            *(41, 101, 310, 311, 90, 91, 268, 92, 93, 94, 260),
            *(132, 235, 261, 280, 188, 189, 190, 197, 198, 199),
        ),
    ),
    "aarch64": Machine(
        name=0xC00000B7,
        calls=(198, 117, 270, 271, 52, 53, 54, 55, 88, 5, 6, 7, 14, 15, 16),
    ),
}


def landlock_version() -> int:
    """The version of Landlock that the kernel offers; 0 where there is none."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, int(_kernel().syscall(_CREATE, None, 0, _ASK_VERSION)))


def confine() -> None:
    """Take from this process, and from all it starts, what no study needs.

    1. Nothing that it starts gets more rights than it has.
    2. Files, programs and TCP, as far as the kernel's Landlock goes.
    3. Sockets of any kind and what files are, where the architecture is known.

    What the kernel does not offer is left out: walls (`walls`) and limits stand beside this.
    """
    if not sys.platform.startswith("linux"):
        return
    kernel = _kernel()
    if kernel.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        return
    _lock(kernel, landlock_version())
    machine = MACHINES.get(platform.machine())
    if machine is not None:
        _filter(kernel, machine)


def _lock(kernel: ctypes.CDLL, version: int) -> None:
    if version == 0:
        return
    files, tcp, scopes = (_known(rights, version) for rights in (_FILES, _TCP, _SCOPES))
    # Kernels take the fields that they know, and refuse longer texts that are not zero there.
    rights = struct.pack("=QQQ", files, tcp, scopes)
    rules = kernel.syscall(_CREATE, rights, len(rights), 0)
    if rules < 0:
        return
    kernel.syscall(_RESTRICT, rules, 0)
    os.close(rules)


def _known(rights: Mapping[int, int], version: int) -> int:
    return sum(bits for since, bits in rights.items() if since <= version)


def _filter(kernel: ctypes.CDLL, machine: Machine) -> None:
    program = filter_program(machine)
    text = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: how many steps, and where they stand.
    told = struct.pack("@HP", len(program) // 8, ctypes.addressof(text))
    kernel.prctl(_SET_SECCOMP, _BY_FILTER, told, 0, 0)


def filter_program(machine: Machine) -> bytes:
    """The filter as steps of 8 bytes (operation, steps on if true, if false, value).

    Another architecture's calls, and those of a second table, are refused whole.
    """
    calls = (*machine.calls, *_EVERYWHERE)
    steps = [
        (_LOAD, 0, 0, 4),
        (_EQUALS, 0, len(calls) + 3, machine.name),
        (_LOAD, 0, 0, 0),
        (_FROM, len(calls) + 1, 0, _OTHER_TABLE),
        *((_EQUALS, len(calls) - place, 0, call) for place, call in enumerate(calls)),
        (_ANSWER, 0, 0, _ALLOW),
        (_ANSWER, 0, 0, _REFUSE),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _kernel() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
