"""Streams of any length pass through a bounded memory, both ways."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bercail.storage import Location
from bercail.testing.servers import RunningServer

SIZE = 256 << 20
ALLOWED = 160 << 20
"""Five parts of 16 MiB going out or three chunks of 8 MiB coming in, and what clients add."""

_PROGRAM = """
import json, re, sys
from pathlib import Path
from bercail.foundation import Secret
from bercail.storage import Credentials, Location, open_store

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024

location, access, secret, name, size = json.loads(sys.stdin.read())
credentials = Credentials(access_key=access, secret=Secret(secret.encode()) if secret else None)
store = open_store(Location.parse(location), credentials)
block = bytes(range(256)) * 4096
store.put(name + "-warm", block)
store.get(name + "-warm")
before = peak()
store.put(name, (block for _ in range(size // len(block))))
after_put = peak()
total = sum(len(piece) for piece in store.stream(name))
store.delete(name)
print(json.dumps([total, after_put - before, peak() - before]))
"""


def grown(location: Location, server: RunningServer | None, name: str) -> tuple[int, int]:
    credentials = server.credentials if server else None
    secret = credentials.secret if credentials else None
    access = credentials.access_key if credentials else None
    told = [str(location), access, secret.reveal().decode() if secret else None, name, SIZE]
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        input=json.dumps(told),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    total, after_put, after_all = json.loads(done.stdout)
    assert total == SIZE
    return after_put, after_all


@pytest.mark.parametrize("kind", ["folder", "s3", "azure"])
def test_a_long_stream_needs_a_bounded_memory(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if kind == "folder":
        after_put, after_all = grown(Location.folder(tmp_path), None, "x")
    elif kind == "s3":
        location = request.getfixturevalue("s3_location")
        after_put, after_all = grown(location, request.getfixturevalue("seaweedfs"), "x")
    else:
        server: RunningServer = request.getfixturevalue("azurite")
        root = request.getfixturevalue("azure_root")
        after_put, after_all = grown(server.location(), server, f"{root}x")
    assert after_put < ALLOWED
    assert after_all < ALLOWED
