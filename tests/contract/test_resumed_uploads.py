"""Uploads that survive their process, and the leftovers of those that do not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from attrs import evolve

from bercail.foundation import FixedClock, Refused, SystemClock, Unproven
from bercail.storage import Location, ObjectStore, clean, open_store
from bercail.storage.parts import MOST_PARTS, PART
from bercail.storage.s3 import S3Store
from bercail.storage.uploads import part_size, upload
from bercail.testing.servers import RunningServer

PARTS = 5


class Patterned:
    """A source whose every part differs; it counts what is read, and may break."""

    def __init__(self, size: int = PARTS * PART - 7, *, seed: int = 0, break_at: int = -1) -> None:
        self.size, self._seed, self._break_at = size, seed, break_at
        self.reads: list[int] = []

    def read_at(self, offset: int, length: int) -> bytes:
        number = offset // PART
        self.reads.append(number)
        if number == self._break_at:
            raise InterruptedError
        return (bytes([self._seed, number]) * PART)[:length]

    @property
    def whole(self) -> bytes:
        pieces = (self.read_at(at, min(PART, self.size - at)) for at in range(0, self.size, PART))
        return b"".join(pieces)


@pytest.fixture(params=["crc64nvme", "signature"])
def store(
    request: pytest.FixtureRequest, seaweedfs: RunningServer, s3_location: Location
) -> S3Store:
    location = evolve(s3_location, options={"checksum": request.param})
    opened = open_store(location, seaweedfs.credentials)
    assert isinstance(opened, S3Store)
    return opened


def open_uploads(store: S3Store) -> int:
    return len(list(store.leftovers()))


def test_a_broken_upload_goes_on_at_the_part(store: S3Store) -> None:
    with pytest.raises(InterruptedError):
        upload(store, "x", Patterned(break_at=3), metadata={"kind": "test"})
    assert list(store.list()) == []
    assert open_uploads(store) == 1
    seen: list[tuple[str, int, int]] = []
    done = upload(
        store, "x", Patterned(), metadata={"kind": "test"}, progress=lambda *s: seen.append(s)
    )
    assert done.found >= 1
    assert done.found + done.sent == PARTS
    assert open_uploads(store) == 0
    assert store.get("x") == Patterned().whole
    assert done.info.etag == store.head("x").etag
    assert dict(done.info.metadata) == {"kind": "test"}
    assert seen[-1] == ("upload", Patterned().size, Patterned().size)


def test_an_upload_of_something_else_is_not_continued(store: S3Store) -> None:
    with pytest.raises(InterruptedError):
        upload(store, "x", Patterned(seed=1, break_at=3))
    done = upload(store, "x", Patterned(seed=2))
    assert done.found == 0
    assert store.get("x") == Patterned(seed=2).whole
    assert open_uploads(store) == 1


def test_metadata_of_a_former_attempt_is_found_out(store: S3Store) -> None:
    with pytest.raises(InterruptedError):
        upload(store, "x", Patterned(break_at=3), metadata={"kind": "old"})
    with pytest.raises(Unproven) as refusal:
        upload(store, "x", Patterned(), metadata={"kind": "new"})
    assert refusal.value.rule == "fixity"


def test_what_exists_is_left_alone(store: S3Store) -> None:
    store.put("x", b"here")
    with pytest.raises(Refused):
        upload(store, "x", Patterned(), if_absent=True)
    assert store.get("x") == b"here"
    assert open_uploads(store) == 0


def test_a_source_that_shrinks_is_unproven(store: S3Store) -> None:
    class Shrinking(Patterned):
        def read_at(self, offset: int, length: int) -> bytes:
            return super().read_at(offset, length)[: length - (offset > 0)]

    with pytest.raises(Unproven):
        upload(store, "x", Shrinking())
    assert list(store.list()) == []


def test_small_things_and_other_stores_go_at_once(store: S3Store, tmp_path: Path) -> None:
    assert upload(store, "small", Patterned(10)).sent == 1
    folder = open_store(Location.folder(tmp_path))
    upload(folder, "large", Patterned())
    assert folder.get("large") == Patterned().whole
    assert folder.get("large")[:10] == store.get("small")


def test_parts_grow_with_the_object() -> None:
    assert part_size(1) == part_size(PART * MOST_PARTS) == PART
    five_tebibytes = 5 << 40
    assert five_tebibytes / part_size(five_tebibytes) <= MOST_PARTS
    assert part_size(five_tebibytes) % (1 << 20) == 0


_PROGRAM = """
import json, sys, time
from bercail.foundation import Secret
from bercail.storage import Credentials, Location, open_store
from bercail.storage.uploads import upload

location, access, secret, size, part, slow = json.loads(sys.stdin.readline())
store = open_store(
    Location.parse(location), Credentials(access_key=access, secret=Secret(secret.encode()))
)

class Source:
    def __init__(self):
        self.size = size
    def read_at(self, offset, length):
        time.sleep(slow * (offset // part))
        return (bytes([0, offset // part]) * part)[:length]

upload(store, "killed", Source(), progress=lambda *step: print(*step, flush=True))
"""


def test_an_upload_killed_outright_goes_on_at_the_part(
    seaweedfs: RunningServer, s3_location: Location
) -> None:
    store = open_store(s3_location, seaweedfs.credentials)
    assert isinstance(store, S3Store)
    secret = seaweedfs.credentials.secret
    assert secret is not None
    told = [
        str(s3_location),
        seaweedfs.credentials.access_key,
        secret.reveal().decode(),
        Patterned().size,
        PART,
        2,
    ]
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(told) + "\n")
    process.stdin.flush()
    assert process.stdout.readline().startswith("upload")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert list(store.list()) == []
    done = upload(store, "killed", Patterned())
    assert done.found >= 1
    assert store.get("killed") == Patterned().whole


class TestLeftovers:
    def later(self, hours: int) -> FixedClock:
        return FixedClock(SystemClock().now() + timedelta(hours=hours))

    def test_old_uploads_are_shown_then_removed(self, store: S3Store) -> None:
        with pytest.raises(InterruptedError):
            upload(store, "deep/x", Patterned(break_at=3))
        store.put("deep/whole", b"stays")
        young = clean(store, apply=True)
        assert (young.old, len(young.young)) == ((), 1)
        shown = clean(store, apply=False, clock=self.later(25))
        assert [leftover.name for leftover in shown.old] == ["deep/x"]
        assert open_uploads(store) == 1
        done = clean(store, apply=True, clock=self.later(25))
        assert done.lines()[-1] == "1 removed, 0 younger than 24 h"
        assert open_uploads(store) == 0
        assert [info.name for info in store.list()] == ["deep/whole"]
        assert clean(store, apply=True, clock=self.later(25)).old == ()

    def test_a_draft_of_a_killed_writer_is_removed_and_a_living_one_stays(
        self, tmp_path: Path
    ) -> None:
        folder = open_store(Location.folder(tmp_path))
        seen: list[int] = []

        def pieces(store: ObjectStore) -> Callable[[], bytes]:
            def look() -> bytes:
                seen.append(len(clean(store, apply=True, clock=self.later(48)).old))
                return b"x"

            return look

        look = pieces(folder)
        folder.put("alive", (look() for _ in range(2)))
        assert folder.get("alive") == b"xx"
        abandoned = tmp_path / ".bercail" / "drafts" / "abandoned"
        abandoned.write_bytes(b"half")
        os.utime(abandoned, (time.time(), time.time()))
        found = clean(folder, apply=True, clock=self.later(48))
        assert [leftover.token for leftover in found.old] == ["abandoned"]
        assert not abandoned.exists()
        assert seen == [0, 0]

    def test_stores_that_keep_nothing_have_nothing_to_clean(self) -> None:
        assert clean(open_store(Location.parse("memory:clean")), apply=True).lines() == [
            "0 removed, 0 younger than 24 h"
        ]
