"""The servers of tests and demo: found again, restarted with their data, ended whole."""

from __future__ import annotations

import os
import signal
import socket
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bercail.foundation import Missing, Unavailable
from bercail.storage import ObjectStore, make_home, open_store
from bercail.testing import processes
from bercail.testing.servers import RunningServer, start_azurite, start_seaweedfs

STARTS = pytest.mark.parametrize("start", [start_azurite, start_seaweedfs])
Start = Callable[..., RunningServer]


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """A folder whose servers are ended whatever happens."""
    yield tmp_path
    for path in tmp_path.glob("*/server.json"):
        note = processes.Note.find(path)
        if note is not None:
            processes.stop(note)


def opened(server: RunningServer) -> ObjectStore:
    location = server.location("kept-here")
    make_home(location, server.credentials)
    return open_store(location, server.credentials)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        # Azurite writes its index some seconds after it has answered: only a polite end keeps all.
        (start_azurite, signal.SIGTERM),
        (start_seaweedfs, signal.SIGKILL),
    ],
)
def test_a_server_keeps_its_data_and_is_found_again(
    start: Start, end: signal.Signals, directory: Path
) -> None:
    first = start(directory)
    opened(first).put("container/x", b"kept")

    again = start(directory)
    assert (again.pid, again.endpoint) == (first.pid, first.endpoint)

    os.killpg(first.pid, end)
    while first.note.alive:
        time.sleep(0.05)
    after_kill = start(directory)
    assert after_kill.pid != first.pid
    assert after_kill.endpoint == first.endpoint
    assert opened(after_kill).get("container/x") == b"kept"

    after_kill.stop()
    after_kill.stop()
    with pytest.raises(Unavailable):
        opened(after_kill).get("container/x")


@STARTS
def test_keys_are_readable_by_their_owner_only(start: Start, directory: Path) -> None:
    server = start(directory)
    server.stop()
    (home,) = directory.iterdir()
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    secret = server.credentials.secret
    assert secret is not None
    holders = [p for p in home.iterdir() if p.is_file() and secret.reveal() in p.read_bytes()]
    assert holders
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in holders)


def test_a_taken_port_is_told(directory: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Unavailable) as refusal:
            start_azurite(directory, taken.getsockname()[1])
    assert "taken" in refusal.value.message


def test_a_program_that_is_not_installed_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(processes.sysconfig, "get_path", lambda _: str(tmp_path))
    with pytest.raises(Missing) as refusal:
        start_seaweedfs(tmp_path)
    assert "weed" in refusal.value.message
    assert "make" in refusal.value.remedy


def test_a_note_does_not_take_another_process_for_its_own(tmp_path: Path) -> None:
    note = processes.Note(pid=os.getpid(), started=1, ports={})
    assert not note.alive
    note.write(tmp_path / "server.json")
    assert processes.Note.find(tmp_path / "server.json") == note
    (tmp_path / "server.json").write_text("{")
    assert processes.Note.find(tmp_path / "server.json") is None
    processes.stop(note)


def test_stopping_waits_for_what_the_program_started_itself(tmp_path: Path) -> None:
    """The first process ends at once when asked; its child ignores that, and must be ended."""
    script = (
        "sh -c 'trap \"\" TERM; echo $$ > new; mv new ready; while :; do sleep 0.1; done' & wait"
    )
    command = ["sh", "-c", f"cd '{tmp_path}' && {script}"]
    note = processes.spawn(command, {}, tmp_path / "note.json", tmp_path / "log", {})
    deadline = time.monotonic() + 30
    while not (tmp_path / "ready").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    child = Path("/proc", (tmp_path / "ready").read_text().strip(), "stat")
    assert child.exists()
    processes.stop(note)
    assert not child.exists() or " Z " in child.read_text()
