"""A real process, killed with SIGKILL again and again while it copies between folders."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bercail.foundation import Actor, FixedClock, Role, Secret, SystemRandomness
from bercail.hosting import MigrationService
from bercail.lake import SealedStore
from bercail.ledger import Ledger, SqlJournal
from bercail.storage import Location, make_home, open_store
from bercail.testing.moving import ATTESTED
from bercail.vault import FileCustodian, Keyring, note_signer

PASSPHRASE = Secret(b"only for this test")
OBJECTS = 60


def service(folder: Path) -> MigrationService:
    """The migration of this test, all of it on the disk; also used by the child process."""
    clock, randomness = FixedClock(datetime(2026, 11, 21, tzinfo=UTC)), SystemRandomness()
    custodian = FileCustodian.open(folder / "custodian", PASSPHRASE)
    keys = Keyring(folder / "keys.db", custodian, randomness, clock)
    name = "kills.example/journal"
    journal = SqlJournal(f"sqlite:///{folder / 'journal.db'}")
    signer = note_signer(keys, name)
    ledger = Ledger(journal, folder / "log", signer, clock, randomness, name)
    home = open_store(Location.parse(f"file://{folder / 'home'}"))
    return MigrationService(
        name="kills",
        source=open_store(Location.parse(f"file://{folder / 'source'}")),
        target=SealedStore(home, keys, kind="landing", scope="kills", randomness=randomness),
        home=home,
        work=folder / "work",
        ledger=ledger,
        keys=keys,
        clock=clock,
        actor=Actor(id="operator", roles={Role.OPERATOR}),
        admit=lambda: None,
        threads=2,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for side in ("source", "home"):
        make_home(Location.parse(f"file://{tmp_path / side}"))
    FileCustodian.create(tmp_path / "custodian", PASSPHRASE, SystemRandomness())
    source = open_store(Location.parse(f"file://{tmp_path / 'source'}"))
    for number in range(OBJECTS):
        source.put(f"d/object {number}", bytes([number]) * (1000 + number * 20_000))
    return tmp_path


def child(folder: Path, step: str) -> subprocess.Popen[bytes]:
    program = (
        "import importlib.util, pathlib, sys\n"
        "spec = importlib.util.spec_from_file_location('kills', sys.argv[1])\n"
        "kills = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(kills)\n"
        "getattr(kills.service(pathlib.Path(sys.argv[2])), sys.argv[3])()\n"
    )
    return subprocess.Popen([sys.executable, "-c", program, __file__, str(folder), step])


def recorded(folder: Path) -> dict[str, str]:
    """What the work table counts as carried, with the digest of the sealed bytes."""
    with sqlite3.connect(folder / "work" / "state.sqlite") as db:
        found = db.execute("SELECT opaque, crc FROM objects WHERE state = 'carried'")
        return dict(found.fetchall())


def test_killed_again_and_again_the_copy_finishes_with_nothing_lost_or_doubled(
    folder: Path,
) -> None:
    service(folder).survey()
    service(folder).plan()
    luck, kills, carried = random.Random(7), 0, {}
    for _ in range(5):
        process = child(folder, "copy")
        start = time.monotonic()
        before = len(carried)
        # Let it get some way, however slow this machine is today, then kill it without warning.
        while process.poll() is None and time.monotonic() - start < 60:
            if len(recorded(folder)) > before:
                time.sleep(luck.random() * 0.05)
                break
            time.sleep(0.002)
        if process.poll() is None:
            process.kill()
            kills += 1
        process.wait()
        now = recorded(folder)
        # A finished object is never sealed again: another salt would give another digest.
        assert {place: now[place] for place in carried} == carried
        carried = now
    assert kills >= 1
    finished = service(folder)
    finished.copy()
    assert finished.prove().carried == OBJECTS
    home = open_store(Location.parse(f"file://{folder / 'home'}"))
    # One object per source object and the manifest: no half object, none twice.
    assert len(list(home.list())) == OBJECTS + 1
    assert finished.cut_over(freeze=ATTESTED).state.canonical.value == "target"
    landed = finished.landed()
    for number in range(OBJECTS):
        content = bytes([number]) * (1000 + number * 20_000)
        assert b"".join(landed.stream(f"d/object {number}")) == content
