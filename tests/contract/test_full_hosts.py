"""A host that is full: told as such and soon, nothing half visible, what stands is served."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bercail.foundation import Missing, Unavailable
from bercail.storage import ObjectStore, Retrying, clean, make_home, open_store
from bercail.testing.servers import RunningServer, start_seaweedfs

MIB = 1 << 20
DEADLINE = 60.0
"""Seconds, on a machine that does other work; a host that is full answers in one."""


@pytest.fixture
def small_server(tmp_path: Path) -> Iterator[RunningServer]:
    """A real server of ten volumes of one MiB, most of them taken by its first bucket."""
    server = start_seaweedfs(tmp_path, volumes=(10, 1))
    yield server
    server.stop()


def test_a_real_server_without_room(small_server: RunningServer) -> None:
    location = small_server.location("full")
    make_home(location, small_server.credentials)
    store: ObjectStore = open_store(location, small_server.credentials)
    written: dict[str, bytes] = {}
    for number in range(100):
        name, body = f"a/{number:03d}", bytes([number]) * MIB
        try:
            store.put(name, body)
            written[name] = body
        except Unavailable:
            break
    refused = f"a/{len(written):03d}"
    began = time.monotonic()
    with pytest.raises(Unavailable) as refusal:
        store.put(refused, bytes(MIB))
    assert time.monotonic() - began < DEADLINE
    assert "`full`" in refusal.value.message
    assert "space" in refusal.value.remedy
    began = time.monotonic()
    with pytest.raises(Unavailable):
        Retrying(store, attempts=2).put("large", [bytes(MIB)] * 17)
    assert time.monotonic() - began < DEADLINE
    for name in (refused, "large"):
        with pytest.raises(Missing):
            store.head(name)
    assert {info.name: info.size for info in store.list()} == dict.fromkeys(written, MIB)
    for name, body in written.items():
        assert store.get(name) == body
    assert not any(one.name == refused for one in clean(store, apply=False).young)


_PROGRAM = """
import resource, signal, sys
from bercail.foundation import Missing, Unavailable
from bercail.storage import Location, open_store
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
store = open_store(Location.parse(sys.argv[1]))
store.put("small", b"1")
for data in (bytes(2 << 20), iter([bytes(1 << 19)] * 4)):
    try:
        store.put("large", data)
    except Unavailable as refusal:
        print(refusal.message)
    try:
        store.head("large")
    except Missing:
        print("nothing")
print([info.name for info in store.list()])
"""


def test_a_folder_without_room(tmp_path: Path) -> None:
    """The system refuses the write itself: a limit on files, since a disk is not ours to fill."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, f"file://{tmp_path}"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )
    full, nothing, again, nothing_again, left = done.stdout.splitlines()
    assert full == again
    assert "is full" in full
    assert str(tmp_path) in full
    assert nothing == nothing_again == "nothing"
    assert left == "['small']"
    assert list((tmp_path / ".bercail" / "drafts").iterdir()) == []
