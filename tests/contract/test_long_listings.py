"""A hundred thousand objects are listed in a memory that does not grow with them."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from bercail.foundation import Secret
from bercail.storage import Credentials, Location, ObjectStore, Retrying, open_store

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


def test_a_bucket_through_retries_holds_the_names_and_nothing_else(paged: Location) -> None:
    store = open_store(paged, Credentials(access_key="k", secret=Secret(b"s")))
    count, peak = peak_of_listing(Retrying(store))
    assert count == MANY
    assert peak < GROWTH


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
