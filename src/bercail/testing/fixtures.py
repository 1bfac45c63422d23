"""Fixtures for pytest, loaded with `pytest_plugins = ["bercail.testing.fixtures"]`.

The servers start once for a whole run, also when pytest-xdist divides it among
processes: the first process to need one starts it, the last to end stops it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar
from uuid import uuid4

import pytest
from attrs import evolve

from bercail.storage import Location, ObjectStore, make_home, open_store
from bercail.testing.servers import RunningServer, start_azurite, start_seaweedfs

_BUCKET = "bercail-tests"


@pytest.fixture(scope="session")
def server_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the servers, one for all processes of the run."""
    base = tmp_path_factory.getbasetemp()
    inside_worker = "PYTEST_XDIST_WORKER" in os.environ
    directory = (base.parent if inside_worker else base) / "servers"
    directory.mkdir(exist_ok=True)
    return directory


@pytest.fixture(scope="session")
def azurite(server_directory: Path) -> Iterator[RunningServer]:
    """Azurite, in memory."""
    with shared_server(server_directory / "azurite-users", _start_azurite) as server:
        yield server


@pytest.fixture(scope="session")
def seaweedfs(server_directory: Path) -> Iterator[RunningServer]:
    """SeaweedFS, with one bucket for all tests."""
    with shared_server(server_directory / "seaweedfs-users", start_seaweedfs) as server:
        make_home(server.location(_BUCKET), server.credentials)
        yield server


@pytest.fixture
def s3_location(seaweedfs: RunningServer) -> Location:
    """A place of this test's own on the S3 server."""
    return evolve(seaweedfs.location(_BUCKET), path=f"test-{uuid4().hex}")


@pytest.fixture
def s3_store(seaweedfs: RunningServer, s3_location: Location) -> ObjectStore:
    """A store of this test's own on the S3 server."""
    return open_store(s3_location, seaweedfs.credentials)


@pytest.fixture
def azure_root() -> str:
    """A container of this test's own on Azurite, with its slash."""
    return f"test-{uuid4().hex}/"


@pytest.fixture
def azure_store(azurite: RunningServer) -> ObjectStore:
    """The account on Azurite, shared with other tests: keep to `azure_root`."""
    return open_store(azurite.location(), azurite.credentials)


def _start_azurite(directory: Path) -> RunningServer:
    return start_azurite(directory, in_memory=True)


class _Stops(Protocol):
    def stop(self) -> None: ...


Server = TypeVar("Server", bound=_Stops)


@contextmanager
def shared_server(users: Path, start: Callable[[Path], Server]) -> Iterator[Server]:
    """The server of a folder, ended with its last user. `users` lists process numbers."""
    with _locked(users) as numbers:
        server = start(users.parent)
        numbers.append(os.getpid())
    try:
        yield server
    finally:
        with _locked(users) as numbers:
            numbers.remove(os.getpid())
            numbers[:] = [number for number in numbers if Path(f"/proc/{number}").exists()]
            if not numbers:
                server.stop()


@contextmanager
def _locked(users: Path) -> Iterator[list[int]]:
    with users.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        numbers = [int(number) for number in file.read().split()]
        yield numbers
        file.seek(0)
        file.truncate()
        file.write(" ".join(map(str, numbers)))
