"""Survey millions of objects, and hold the memory against that of a tenth of them.

No server holds that many on this machine, so the listing is invented: a process of its own
answers ListObjectsV2 with pages of a thousand names, as a bucket would. Ours is everything
else: signing, parsing, comparing with the last survey, the work table on disk. The memory of
the surveying process must not grow with the number: the goal is 1.2 times that of a tenth.
It makes a plan of what it saw, which may not cost more for each of many objects either: 1.5
times that of a tenth, since their rows no longer fit in the memory of SQLite.
BERCAIL_BENCH_MILLIONS sets the number, in millions; the default is 1.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

from bench_survey import surveyed

from bercail.foundation import Secret
from bercail.storage import Credentials, Location

COUNT = int(float(os.environ.get("BERCAIL_BENCH_MILLIONS", "1")) * 1_000_000)
GOAL = 1.2
PLAN_GOAL = 1.5
PAGE = 1000
_ENTRY = (
    "<Contents><Key>year={year}/part-{number:08d}.parquet</Key>"
    "<LastModified>2026-11-01T00:00:00.000Z</LastModified>"
    "<ETag>&quot;{number:032x}&quot;</ETag><Size>{size}</Size>"
    "<StorageClass>STANDARD</StorageClass></Contents>"
)


def _page(first: int, count: int) -> bytes:
    last = min(first + PAGE, count)
    entries = "".join(
        _ENTRY.format(year=2006 + n * 20 // count, number=n, size=n % 5000)
        for n in range(first, last)
    )
    more = f"<NextContinuationToken>{last}</NextContinuationToken>" if last < count else ""
    return (
        '<?xml version="1.0"?><ListBucketResult '
        'xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<IsTruncated>{str(last < count).lower()}</IsTruncated>{more}{entries}</ListBucketResult>"
    ).encode()


def _serve(count: int, told: Connection) -> None:
    class Listing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
            listing = "list-type" in asked
            first = int(asked.get("continuation-token", ["0"])[0])
            body = _page(first, count) if listing else b"<Error><Code>NotImplemented</Code></Error>"
            self.send_response(200 if listing else 501)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *told: object) -> None:
            """Nothing: a line for each page says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Listing)
    told.send(server.server_port)
    server.serve_forever()


@contextmanager
def _bucket(count: int) -> Iterator[Location]:
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(count, theirs), daemon=True
    )
    server.start()
    try:
        yield Location.parse(f"s3://survey?endpoint=http://127.0.0.1:{ours.recv()}")
    finally:
        server.terminate()
        server.join()


def _taken(count: int) -> dict[str, float]:
    credentials = Credentials(access_key="reader", secret=Secret(b"any"))
    with tempfile.TemporaryDirectory() as folder, _bucket(count) as location:
        return surveyed(SimpleNamespace(credentials=credentials), location, Path(folder))


def _plan_line(tenth: dict[str, float], whole: dict[str, float]) -> dict[str, object]:
    few, many = (one["plan_cpu"] * 1e6 / one["objects"] for one in (tenth, whole))
    return {
        "bench": "hosting.survey_millions plan",
        "ours": f"{many:.1f} CPU microseconds per object of {whole['objects']:.0f}",
        "against": f"{few:.1f} of {tenth['objects']:.0f}",
        "ratio": round(many / few, 2),
        "goal": PLAN_GOAL,
        "met": many / few <= PLAN_GOAL,
    }


def main() -> None:
    """Print two lines of JSON."""
    tenth, whole = _taken(COUNT // 10), _taken(COUNT)
    ratio = whole["peak"] / tenth["peak"]
    line = {
        "bench": "hosting.survey_millions",
        "ours": f"{whole['peak'] / 1e6:.0f} MB for {whole['objects']:.0f} objects",
        "against": f"{tenth['peak'] / 1e6:.0f} MB for {tenth['objects']:.0f}",
        "ratio": round(ratio, 2),
        "goal": GOAL,
        "met": ratio <= GOAL and whole["objects"] == COUNT,
        "cpu_microseconds_per_object": round(whole["cpu"] * 1e6 / whole["objects"], 1),
        "seconds": round(whole["seconds"], 1),
    }
    print(json.dumps(line))
    print(json.dumps(_plan_line(tenth, whole)))


if __name__ == "__main__":
    main()
