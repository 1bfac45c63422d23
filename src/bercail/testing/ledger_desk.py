"""A ledger on a folder of its own, for tests of the log and of attacks on it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from attrs import field, frozen

from bercail.foundation import Actor, FixedClock, Secret, SeededRandomness
from bercail.ledger import Checkpoint, Journal, Ledger, MemoryJournal
from bercail.vault import NoteSigner

ORIGIN = "bercail.example/log"
"""The name of the log of a desk."""


@frozen(kw_only=True)
class NoteTaken:
    """An event that says nothing about anybody."""

    number: int
    text: str = "something happened"


@frozen
class Desk:
    """A ledger, its journal, its folder, and short words for what tests do with them."""

    folder: Path
    journal: Journal = field(factory=MemoryJournal)
    actor: Actor = field(factory=lambda: Actor(id="auditor-1"))

    @property
    def log(self) -> Path:
        """The log folder."""
        return self.folder / "log"

    @property
    def signer(self) -> NoteSigner:
        """Signs as this house; its seed is public, for tests only."""
        return NoteSigner(ORIGIN, Secret(bytes(range(64))))

    @property
    def ledger(self) -> Ledger:
        """The ledger, opened again each time."""
        clock = FixedClock(datetime(2026, 11, 21, 22, 46, tzinfo=UTC))
        randomness = SeededRandomness(self.journal.last())
        return Ledger(self.journal, self.log, self.signer, clock, randomness, ORIGIN)

    def record(self, count: int, stream: str = "notes/one") -> int:
        """Append `count` events to `stream`; returns its version."""
        version = len(self.journal.read(stream))
        events = [NoteTaken(number=version + n) for n in range(count)]
        return self.ledger.append(stream, version, events, self.actor)

    def publish(self) -> Checkpoint:
        """Publish, and write the keys file."""
        return self.ledger.publish(self.keys)

    @property
    def keys(self) -> Path:
        """The keys file."""
        return self.folder / "keys.json"

    def exported(self) -> Path:
        """A fresh export of the journal."""
        target = self.folder / "events.jsonl"
        self.ledger.export(target)
        return target

    def files(self) -> dict[str, bytes]:
        """Every file of the log by its path in the folder."""
        found = (path for path in self.log.rglob("*") if path.is_file())
        return {
            str(path.relative_to(self.log)): path.read_bytes()
            for path in found
            if path.name != ".lock"
        }
