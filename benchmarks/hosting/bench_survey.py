"""Survey 100,000 objects of a real S3 server, and measure what the process holds.

The survey runs in a process of its own, whose peak of resident memory is the figure;
against it stands the same process after it has imported everything and listed one page.
The goal is 200 MB. BERCAIL_BENCH_OBJECTS sets another number of objects.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bercail.storage import Location, make_home, open_store
from bercail.testing.servers import RunningServer, start_seaweedfs

GOAL_MB = 200
COUNT = int(os.environ.get("BERCAIL_BENCH_OBJECTS", "100000"))
THREADS = 8

_PROGRAM = """
import json, sys, time
from itertools import islice
from pathlib import Path
from bercail.foundation import Secret
from bercail.hosting.migration.entry import ObjectState
from bercail.hosting.migration.plan import make_plan
from bercail.hosting.migration.sighting import Scope
from bercail.hosting.migration.survey import Looker
from bercail.hosting.migration.worktable import WorkTable
from bercail.storage import Credentials, Location, inventory, open_store

def peak():
    # Of this program alone: the usage that the kernel sums up starts with the parent's.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

place, access_key, folder = sys.argv[1:]
secret = Secret(sys.stdin.buffer.read())
store = open_store(Location.parse(place), Credentials(access_key=access_key, secret=secret))
for _ in islice(inventory(store), 1000):
    pass
before = peak()
table = WorkTable(Path(folder) / "state.sqlite")
looker = Looker(source=store, scope=Scope(), opaque=lambda entry: entry.name)
began, cpu = time.perf_counter(), time.process_time()
survey = looker.take(table, 1, lambda _: None)
taken = {
    "objects": survey.objects, "seconds": time.perf_counter() - began,
    "cpu": time.process_time() - cpu,
}
cpu = time.process_time()
make_plan(1, 1, table.objects.outlooks(*ObjectState))
taken |= {"plan_cpu": time.process_time() - cpu, "before": before, "peak": peak()}
table.close()
print(json.dumps(taken))
"""


def fill(server: RunningServer, location: Location) -> None:
    """Put `COUNT` objects of one byte into the bucket."""
    make_home(location, server.credentials)
    store = open_store(location, server.credentials)

    def put(number: int) -> None:
        store.put(f"year={number % 40}/part-{number:07d}.parquet", b"x")

    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(put, range(COUNT), chunksize=500):
            pass


def surveyed(server: RunningServer, location: Location, folder: Path) -> dict[str, float]:
    """What the surveying process says of itself."""
    secret = server.credentials.secret
    assert secret is not None
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            _PROGRAM,
            str(location),
            server.credentials.access_key or "",
            folder,
        ],
        input=secret.reveal(),
        stdout=subprocess.PIPE,
        check=True,
    )
    return dict(json.loads(done.stdout))


def main() -> None:
    """Print one line of JSON."""
    with tempfile.TemporaryDirectory() as folder:
        server = start_seaweedfs(Path(folder))
        try:
            location = server.location("survey")
            fill(server, location)
            told = surveyed(server, location, Path(folder))
        finally:
            server.stop()
    megabytes = told["peak"] / 1e6
    line = {
        "bench": "hosting.survey",
        "ours": f"{megabytes:.0f} MB for {told['objects']:.0f} objects",
        "against": f"{told['before'] / 1e6:.0f} MB, the same process after one page",
        "ratio": round(told["peak"] / told["before"], 2),
        "goal": f"{GOAL_MB} MB",
        "met": megabytes < GOAL_MB and told["objects"] == COUNT,
        "cpu_microseconds_per_object": round(told["cpu"] * 1e6 / told["objects"], 1),
        "seconds": round(told["seconds"], 1),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
