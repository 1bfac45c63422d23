"""What the program asks of the kernel before it holds a secret."""

from __future__ import annotations

import ctypes
import resource
import subprocess
import sys
from types import SimpleNamespace

import pytest

from bercail.vault.process_hardening import Hardening, _prctl, harden_process

PROGRAM = """
import os, resource
from bercail.vault.process_hardening import harden_process
print(harden_process())
print(resource.getrlimit(resource.RLIMIT_CORE), os.stat("/proc/self/environ").st_uid)
print(os.system("true"))
"""


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda _, pair: asked.append(pair))
    monkeypatch.setattr(resource, "getrlimit", lambda _: asked[-1])
    return asked


def test_a_real_process_writes_no_core_and_hides_its_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    hardened, kernel, child = done.stdout.splitlines()
    assert hardened == "Hardening(core_bytes=0, hidden=True)"
    assert kernel == "(0, 0) 0"
    assert child == "0"


def test_both_requests_are_made(limits: list[tuple[int, int]]) -> None:
    asked: list[tuple[int, int]] = []

    def kernel(option: int, value: int) -> int:
        asked.append((option, value))
        return 0

    assert harden_process(kernel) == Hardening(core_bytes=0, hidden=True)
    assert limits == [(0, 0)]
    assert asked == [(4, 0), (3, 0)]


def test_a_kernel_that_does_not_hide_is_told_apart(limits: list[tuple[int, int]]) -> None:
    assert not harden_process(lambda *_: 1).hidden


def test_a_system_without_the_switch_is_told_apart(
    limits: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    assert harden_process() == Hardening(core_bytes=0, hidden=False)


def test_the_kernel_is_asked_through_the_c_library() -> None:
    control = _prctl()
    assert control is not None
    get_dumpable = 3
    assert control(get_dumpable, 0) in (0, 1, 2)
