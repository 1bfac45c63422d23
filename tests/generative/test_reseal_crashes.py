"""Killed at any instruction, a re-sealing leaves every object readable and goes on by itself."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bercail.foundation import Secret, SystemClock, SystemRandomness
from bercail.lake import Resealing, SealedStore
from bercail.storage.folder import FolderStore
from bercail.storage.location import Location
from bercail.storage.memory import MemoryStore
from bercail.testing.fate import Fate
from bercail.vault import FileCustodian, Keyring, MemoryCustodian, Purpose

PASSPHRASE = Secret(b"five words from a dice")
RANDOM = SystemRandomness()


class Mortal(MemoryStore):
    """A host that outlives its client, which dies before or after its n-th lasting act."""

    def __init__(self, location: Location) -> None:
        super().__init__(location)
        self.fate = Fate()

    def put(self, name: str, data: Any, **options: Any) -> Any:
        with self.fate.step():
            return super().put(name, data, **options)

    def delete(self, name: str) -> None:
        with self.fate.step():
            super().delete(name)


PLAIN = {f"file-{number}": os.urandom(200_000 * number) for number in range(3)}


def resealing(store: Any, keys: Keyring) -> Resealing:
    names = [(name, "1") for name in PLAIN]
    return Resealing(store, keys, "file", "deliveries", lambda: names, RANDOM)


def sealed_on(store: Any, keys: Keyring) -> SealedStore:
    return SealedStore(store, keys, kind="file", scope="deliveries", randomness=RANDOM)


def living(keys: Keyring) -> int:
    return sum(e.purpose is Purpose.DATA and e.destroyed is None for e in keys.entries())


@pytest.mark.parametrize("after", [False, True])
def test_killed_around_every_lasting_act(tmp_path: Path, after: bool) -> None:
    acts, die_at = 1, 0
    while die_at < acts:
        die_at += 1
        host = Mortal(Location.parse(f"memory:{tmp_path.name}-{after}-{die_at}"))
        keys = Keyring(tmp_path / f"{die_at}.db", MemoryCustodian(RANDOM), RANDOM, SystemClock())
        sealed = sealed_on(host, keys)
        for name, data in PLAIN.items():
            sealed.put(name, data)
        if not host.fate.lives(resealing(host, keys).run, die_at, after=after):
            assert living(keys) == 2
        assert {name: sealed.read(name) for name in PLAIN} == PLAIN
        if living(keys) == 2:
            report = resealing(host, keys).run()
            assert (report.epoch, report.left, len(report.destroyed)) == (2, (), 1)
        acts = max(acts, host.fate.steps) if die_at == 1 else acts
        assert {name: sealed.read(name) for name in PLAIN} == PLAIN
        assert len(list(host.list())) == len(PLAIN)
    assert die_at >= 3 * len(PLAIN)


PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, {here!r})
import importlib.util
spec = importlib.util.spec_from_file_location("reseal_crashes", {file!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.child(Path({folder!r}))
"""


def opened(folder: Path) -> tuple[FolderStore, Keyring]:
    custodian = FileCustodian.open(folder / "root.custodian", PASSPHRASE)
    store = FolderStore(Location.parse(f"file://{folder}/host"))
    return store, Keyring(folder / "keys.db", custodian, RANDOM, SystemClock())


def child(folder: Path) -> None:
    """Re-seals over and over until it is killed."""
    store, keys = opened(folder)
    names = [(f"file-{number}", "1") for number in range(3)]
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    while True:
        Resealing(store, keys, "file", "deliveries", lambda: names, RANDOM).run()
        sys.stdout.write("done\n")
        sys.stdout.flush()


def test_killed_for_real_at_random_moments(tmp_path: Path) -> None:
    FileCustodian.create(tmp_path / "root.custodian", PASSPHRASE, RANDOM, cost=4)
    (tmp_path / "host").mkdir()
    store, keys = opened(tmp_path)
    sealed = sealed_on(store, keys)
    for name, data in PLAIN.items():
        sealed.put(name, data)
    text = PROGRAM.format(here=str(Path(__file__).parent), file=__file__, folder=str(tmp_path))
    for rounds in range(4):
        process = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE)
        assert process.stdout is not None
        # It has begun, and then come to its end so many times.
        for _ in range(1 + rounds % 2):
            process.stdout.readline()
        time.sleep(random.uniform(0.0, 0.25))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert {name: sealed.read(name) for name in PLAIN} == PLAIN
    names = [(name, "1") for name in PLAIN]
    report = Resealing(store, keys, "file", "deliveries", lambda: names, RANDOM).run()
    assert report.left == ()
    assert living(keys) == 1
    assert report.epoch > 2
    assert {name: sealed.read(name) for name in PLAIN} == PLAIN
    assert len(list(store.list())) == len(PLAIN)
