"""A hundred thousand objects on real servers: listed whole, once each, in bounded memory.

Filling a server is what takes the time, so each server is filled once, and has a process of its
own: the other tests do not list past these objects.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from bercail.storage import ObjectStore, make_home, open_store
from bercail.testing.servers import RunningServer, start_azurite, start_seaweedfs

MANY = 100_000
WRITERS = 8
GROWTH = 24 << 20
"""Bytes: a page of a few thousand entries, its parse, and no more than that."""


def on_seaweedfs(folder: pytest.TempPathFactory) -> tuple[RunningServer, ObjectStore, str]:
    server = start_seaweedfs(folder.mktemp("many"))
    location = server.location("many")
    make_home(location, server.credentials)
    return server, open_store(location, server.credentials), ""


def on_azurite(folder: pytest.TempPathFactory) -> tuple[RunningServer, ObjectStore, str]:
    server = start_azurite(folder.mktemp("many"), in_memory=True)
    return server, open_store(server.location(), server.credentials), "many/"


@pytest.fixture(params=[on_seaweedfs, on_azurite])
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ObjectStore, str]]:
    start: Callable[[pytest.TempPathFactory], tuple[RunningServer, ObjectStore, str]]
    start = request.param
    server, store, root = start(tmp_path_factory)
    try:
        store.put(f"{root}{name(0)}", b"")
        with ThreadPoolExecutor(WRITERS) as pool:
            for _ in pool.map(lambda n: store.put(f"{root}{name(n)}", b""), range(1, MANY)):
                pass
        yield store, root
    finally:
        server.stop()


def name(number: int) -> str:
    return f"{number % 100:02d}/{number:06d}"


def test_every_object_is_listed_once_in_bounded_memory(filled: tuple[ObjectStore, str]) -> None:
    store, root = filled
    next(store.list())
    seen = bytearray(MANY)
    tracemalloc.start()
    try:
        for info in store.list():
            seen[int(info.name[-6:])] += 1
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert seen == b"\x01" * MANY
    assert peak < GROWTH
    assert sum(1 for _ in store.list(f"{root}07/")) == MANY // 100
