"""A hundred thousand objects are listed in a memory that does not grow with them."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from attrs import evolve

from bercail.foundation import Secret, Unavailable
from bercail.storage import (
    Credentials,
    Location,
    ObjectInfo,
    ObjectStore,
    Retrying,
    open_store,
)
from bercail.storage.memory import MemoryStore
from bercail.storage.port import ListsInPages, Page
from bercail.testing.chaos_proxy import NO_FAULT, ChaosProxy, Fault

MANY = 100_000
GROWTH = 24 << 20
"""Bytes: a page of a thousand entries, its parse, and no more than that."""


def name(number: int) -> str:
    return f"{number % 100:02d}/{hashlib.sha256(str(number).encode()).hexdigest()}"


def peak_of_listing(store: ObjectStore) -> tuple[int, int]:
    """How many objects are listed, and the most that Python held meanwhile."""
    next(store.list(), None)
    tracemalloc.start()
    try:
        count = sum(1 for _ in store.list())
        return count, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_folder(tmp_path: Path) -> None:
    for folder in range(100):
        (tmp_path / f"{folder:02d}").mkdir()
    for number in range(MANY):
        (tmp_path / name(number)).touch()
    count, peak = peak_of_listing(open_store(Location.folder(tmp_path)))
    assert count == MANY
    assert peak < GROWTH


class _Pages(BaseHTTPRequestHandler):
    """ListObjectsV2 over names that are computed, a thousand a page."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        first = int(asked.get("continuation-token", ["0"])[0])
        last = min(first + 1000, MANY)
        entries = "".join(
            f"<Contents><Key>{name(number)}</Key><Size>1</Size><ETag>e</ETag>"
            "<LastModified>2026-10-21T07:28:00Z</LastModified></Contents>"
            for number in range(first, last)
        )
        more = f"<NextContinuationToken>{last}</NextContinuationToken>" if last < MANY else ""
        truncated = "true" if last < MANY else "false"
        body = (
            f"<ListBucketResult><IsTruncated>{truncated}</IsTruncated>{entries}{more}"
            "</ListBucketResult>"
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing on the terminal."""


@pytest.fixture
def paged() -> Iterator[Location]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Pages)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    yield Location(scheme="s3", name="b", endpoint=endpoint)
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_bucket(paged: Location) -> None:
    store = open_store(paged, Credentials(access_key="k", secret=Secret(b"s")))
    count, peak = peak_of_listing(store)
    assert count == MANY
    assert peak < GROWTH


def test_a_bucket_through_retries_holds_two_pages_and_nothing_else(paged: Location) -> None:
    store = open_store(paged, Credentials(access_key="k", secret=Secret(b"s")))
    count, peak = peak_of_listing(Retrying(store))
    assert count == MANY
    assert peak < GROWTH


def test_memory_is_listed_as_it_stands() -> None:
    store = open_store(Location.parse(f"memory:{uuid4().hex}"))
    for number in range(MANY):
        store.put(name(number), b"")
    count, peak = peak_of_listing(store)
    assert count == MANY
    assert peak < GROWTH


class Endless(MemoryStore):
    """A store of `total` objects that exist while they are listed, a thousand a page.

    A page fails before it comes where `fails` says so, and comes when asked again.
    """

    def __init__(self, total: int, fails: Callable[[int], bool] = lambda _: False) -> None:
        super().__init__(Location.parse(f"memory:{uuid4().hex}"))
        self.total, self.fails = total, fails
        self.failed: set[int] = set()

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        for page in self.pages(prefix):
            yield from page.objects

    def pages(self, prefix: str = "", after: str | None = None) -> Iterator[Page]:
        del prefix  # every name has it
        for start in range(int(after or 0), self.total, 1000):
            if self.fails(start) and start not in self.failed:
                self.failed.add(start)
                raise Unavailable("cut", remedy="go on")
            end = min(start + 1000, self.total)
            found = (ObjectInfo(name=f"{n:09d}", size=1, etag="e") for n in range(start, end))
            yield Page(objects=tuple(found), after=str(end) if end < self.total else None)


def test_what_retrying_holds_does_not_grow_with_the_listing() -> None:
    """Ten times the objects, the same memory: that of two pages."""
    few = peak_of_listing(Retrying(Endless(10_000), sleep=lambda _: None))
    many = peak_of_listing(Retrying(Endless(100_000), sleep=lambda _: None))
    assert (few[0], many[0]) == (10_000, 100_000)
    assert many[1] < 1.2 * few[1]
    assert many[1] < 3 << 20


def test_a_listing_cut_again_and_again_gives_every_name_once() -> None:
    store = Endless(50_500, fails=lambda start: start % 3000 == 0)
    names = [info.name for info in Retrying(store, sleep=lambda _: None).list()]
    assert names == [f"{number:09d}" for number in range(50_500)]
    assert len(store.failed) == 17


def test_attempts_count_anew_for_each_page_and_end_at_one_that_never_comes() -> None:
    store = Endless(5_000, fails=lambda start: start != 3000)
    assert sum(1 for _ in Retrying(store, attempts=2, sleep=lambda _: None).list()) == 5_000
    hopeless = Endless(5_000, fails=lambda start: start == 3000)
    hopeless.failed = Never()
    listed = Retrying(hopeless, attempts=3, sleep=lambda _: None).list()
    assert len(list(islice(listed, 3_000))) == 3_000
    with pytest.raises(Unavailable):
        next(listed)


class Never(set[int]):
    """Holds nothing, whatever is put in."""

    def __contains__(self, _: object) -> bool:
        return False


def test_a_road_that_cuts_pages_loses_and_doubles_nothing(paged: Location) -> None:
    """A page of twenty and more is cut, dropped or reset on its way back, drawn from a seed."""
    draw = random.Random(23)
    faults = [Fault(cut_after=50_000), Fault(drop_answer=True), Fault(reset=True)]
    assert paged.endpoint is not None

    def choose(_: object) -> Fault:
        return draw.choice(faults) if draw.random() < 0.4 else NO_FAULT

    with ChaosProxy(paged.endpoint, choose) as proxy:
        far = open_store(
            evolve(paged, endpoint=proxy.endpoint),
            Credentials(access_key="k", secret=Secret(b"s")),
        )
        patient = Retrying(far, attempts=9, sleep=lambda _: None)
        found = list(islice((info.name for info in patient.list()), 30_000))
    assert found == [name(number) for number in range(30_000)]


def test_azure_goes_on_from_a_page_as_s3_does(azure_store: ObjectStore, azure_root: str) -> None:
    """From container to container, and on from any page, nothing is lost or doubled."""
    assert isinstance(azure_store, ListsInPages)
    containers = [f"{azure_root[:-1]}-{letter}" for letter in "abc"]
    names = [f"{each}/{number}" for each in containers for number in range(3)]
    for each in names:
        azure_store.put(each, b"x")
    root = azure_root[:-1]
    pages = list(azure_store.pages(root))
    assert [info.name for page in pages for info in page.objects] == names
    for number, page in enumerate(pages):
        rest = [info.name for p in azure_store.pages(root, page.after) for info in p.objects]
        assert rest == [info.name for p in pages[number + 1 :] for info in p.objects]


_PROGRAM = """
import resource, sys
from bercail.storage import Location, audit_host, open_store
store = open_store(Location.parse(sys.argv[1]))
next(store.list())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = audit_host(store)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(found.objects, (after - before) * 1024)
"""


def test_an_audit_of_many_objects_holds_few_of_them(tmp_path: Path) -> None:
    for number in range(5_000):
        path = tmp_path / name(number)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(Location.folder(tmp_path))],
        capture_output=True,
        text=True,
        check=True,
    )
    objects, grown = map(int, done.stdout.split())
    assert objects == 5_000
    assert grown < 40 << 20
