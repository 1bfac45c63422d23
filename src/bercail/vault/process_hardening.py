"""A process that holds keys leaves no memory image behind.

Called at the start of the program, before any secret is read. After it the kernel writes no core
file of this process, and no other process of the same account may read its memory or its
environment (`/proc/PID/mem`, `/proc/PID/environ`, ptrace). A child program starts as usual, but
keeps the core limit.
"""

from __future__ import annotations

import ctypes
import resource
from collections.abc import Callable

from attrs import frozen

_PR_GET_DUMPABLE = 3
_PR_SET_DUMPABLE = 4

Control = Callable[[int, int], int]


@frozen(kw_only=True)
class Hardening:
    """What holds for this process now.

    `core_bytes` is the largest core file (0: none), `hidden` whether the kernel hides its memory
    from other processes of the account; False where the system has no such switch.
    """

    core_bytes: int
    hidden: bool


def harden_process(control: Control | None = None) -> Hardening:
    """Forbid core files and memory reading for this process, for good; says what holds.

    `control` is the kernel's `prctl`, found in the C library unless given.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    call = control or _prctl()
    hidden = False
    if call is not None:
        call(_PR_SET_DUMPABLE, 0)
        hidden = call(_PR_GET_DUMPABLE, 0) == 0
    return Hardening(core_bytes=resource.getrlimit(resource.RLIMIT_CORE)[0], hidden=hidden)


def _prctl() -> Control | None:
    """Linux's `prctl`; None on a system whose C library has none."""
    found = getattr(ctypes.CDLL(None), "prctl", None)
    if found is None:
        return None

    def call(option: int, value: int) -> int:
        return int(found(option, ctypes.c_ulong(value), 0, 0, 0))

    return call
