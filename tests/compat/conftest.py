"""The servers of the compatibility run, each started when its first test asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bercail.storage import ProbeReport, make_home, open_store, probe
from bercail.testing import compat_clusters, compat_servers
from bercail.testing.servers import RunningServer

BUCKET = "compat"
Start = Callable[[Path], RunningServer]


def _served(start: Start, directory: Path) -> Iterator[RunningServer]:
    server = start(directory)
    try:
        make_home(server.location(BUCKET), server.credentials)
        yield server
    finally:
        server.stop()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Only a run that names this folder runs it."""
    named = any("compat" in str(argument) for argument in config.invocation_params.args)
    return None if named else True


@pytest.fixture(scope="session")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    yield from _served(compat_servers.start_rclone, tmp_path_factory.mktemp("compat"))


@pytest.fixture(scope="session")
def juicefs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    yield from _served(compat_servers.start_juicefs, tmp_path_factory.mktemp("compat"))


def probed(server: RunningServer) -> ProbeReport:
    """What the server really does, asked once."""
    return probe(open_store(server.location(BUCKET), server.credentials))


@pytest.fixture(scope="session")
def juicefs_probe(juicefs: RunningServer) -> ProbeReport:
    return probed(juicefs)


@pytest.fixture(scope="session")
def rclone_probe(rclone: RunningServer) -> ProbeReport:
    return probed(rclone)


@pytest.fixture(scope="session")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    yield from _served(compat_clusters.start_swift, tmp_path_factory.mktemp("compat"))


@pytest.fixture(scope="session")
def swift_probe(swift: RunningServer) -> ProbeReport:
    return probed(swift)


@pytest.fixture(scope="session")
def ceph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    yield from _served(compat_clusters.start_ceph, tmp_path_factory.mktemp("compat"))


@pytest.fixture(scope="session")
def ceph_probe(ceph: RunningServer) -> ProbeReport:
    return probed(ceph)
