"""Two hundred SIGKILLs while 2,000 objects are copied: nothing lost, nothing done twice.

This file is also the program that is run: a process without threads that imports
everything once, then forks a copier and kills it at a random instant, again and again.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bercail.foundation import Actor, FixedClock, Role, Secret, SystemRandomness
from bercail.hosting import Basis, MigrationService
from bercail.hosting.migration import copy_run
from bercail.lake import SealedStore
from bercail.ledger import Ledger, SqlJournal
from bercail.storage import CHUNK, Location, ObjectStore, Passing, open_store
from bercail.vault import Custodian, FileCustodian, Keyring, note_signer

PASSPHRASE = Secret(b"only for this test")
OBJECTS, KILLS, SEED = 2_000, 200, 20261121
NAME = "kills.example/journal"
ROLES: frozenset[Role] = frozenset({Role.OPERATOR})


def content(number: int) -> bytes:
    return f"object {number};".encode() * (1 + number % 40)


class Telling(Passing):
    """A source that writes a byte to `pipe` each time an object of it is read."""

    def __init__(self, store: ObjectStore, pipe: int) -> None:
        super().__init__(store)
        self._pipe = pipe

    def stream(
        self, name: str, *, if_match: str | None = None, chunk: int = CHUNK
    ) -> Iterator[bytes]:
        os.write(self._pipe, b".")
        return super().stream(name, if_match=if_match, chunk=chunk)


def service(folder: Path, custodian: Custodian, *, pipe: int | None = None) -> MigrationService:
    """The migration, as a new process opens it; `pipe` is told of each object read."""
    clock, randomness = FixedClock(datetime(2026, 11, 21, tzinfo=UTC)), SystemRandomness()
    keys = Keyring(folder / "keys.db", custodian, randomness, clock)
    journal = SqlJournal(f"sqlite:///{folder / 'journal.db'}")
    ledger = Ledger(journal, folder / "log", note_signer(keys, NAME), clock, randomness, NAME)
    home = open_store(Location.folder(folder / "home"))
    source = open_store(Location.folder(folder / "source"))
    return MigrationService(
        name="kills",
        source=source if pipe is None else Telling(source, pipe),
        target=SealedStore(home, keys, kind="landing", scope="kills", randomness=randomness),
        home=home,
        work=folder / "work",
        ledger=ledger,
        keys=keys,
        clock=clock,
        actor=Actor(id="operator", roles=ROLES),
        admit=lambda: None,
        threads=2,
    )


def on_target(folder: Path) -> dict[str, int]:
    """Every object file on the target, with its inode: another inode is another writing."""
    found = {}
    for place, folders, files in os.walk(folder / "home"):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found.update({name: Path(place, name).stat().st_ino for name in files})
    return found


def killed(folder: Path, custodian: Custodian, reads: int, after: float) -> bool:
    """Fork a copier; kill it `after` seconds once it has read `reads` objects.

    Returns whether it was still at work.
    """
    heard, told = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            service(folder, custodian, pipe=told).copy()
            status = 0
        finally:
            os._exit(status)
    os.close(told)
    while reads and (seen := os.read(heard, reads)):
        reads -= len(seen)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    os.close(heard)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def main(folder: Path) -> None:
    """The kills; prints how many hit, and which objects were written more than once."""
    copy_run.GROUP = 8  # so that commits too are hit
    custodian = FileCustodian.open(folder / "custodian", PASSPHRASE)
    luck, hits = random.Random(SEED), 0
    seen: dict[str, int] = {}
    again: set[str] = set()
    for _ in range(KILLS):
        hits += killed(folder, custodian, luck.randrange(20), luck.random() * 0.002)
        now = on_target(folder)
        again |= {name for name, inode in seen.items() if now.get(name) != inode}
        seen = now
    finished = service(folder, custodian)
    finished.copy()
    now = on_target(folder)
    again |= {name for name, inode in seen.items() if now.get(name) != inode}
    print(json.dumps({"hits": hits, "again": sorted(again), "before": len(seen)}))


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder in memory where there is one: a killed process loses nothing of it either."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as place:
        yield Path(place)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    custodian = FileCustodian.create(tmp_path / "custodian", PASSPHRASE, SystemRandomness())
    (tmp_path / "home").mkdir()
    for number in range(OBJECTS):
        path = tmp_path / "source" / "d" / f"{number % 20:02}" / f"{number:05}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content(number))
    desk = service(tmp_path, custodian)
    desk.survey()
    desk.plan()
    return tmp_path


def test_two_hundred_kills_lose_nothing_and_double_nothing(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, __file__, str(folder)], capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["hits"] >= KILLS // 4
    assert told["before"] > 0
    assert told["again"] == []
    custodian = FileCustodian.open(folder / "custodian", PASSPHRASE)
    proof = service(folder, custodian).prove(Basis.REREAD)
    assert proof.carried == OBJECTS
    lines = [json.loads(line) for line in proof.manifest.read_text().splitlines()]
    manifest = {line["name"]: (line["state"], line["size"], line["sha256"]) for line in lines}
    expected = {
        f"d/{n % 20:02}/{n:05}": (
            "carried",
            len(content(n)),
            hashlib.sha256(content(n)).hexdigest(),
        )
        for n in range(OBJECTS)
    }
    assert manifest == expected
    assert len({line["sealed"]["opaque"] for line in lines}) == OBJECTS
    # One object per object of the source, and the sealed manifest; no draft is left either.
    home = open_store(Location.folder(folder / "home"))
    assert len(list(home.list())) == OBJECTS + 1


if __name__ == "__main__":
    main(Path(sys.argv[1]))
