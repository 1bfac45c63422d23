"""A small migration to test with: two stores in memory, keys, a journal, one operator.

`MovingWorld.service()` gives a new `MigrationService` over the same places each
time, as a new process would have. `Killer` is a store that stops the process,
as far as the code can tell, at a chosen operation.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from attrs import evolve

from bercail.foundation import Actor, FixedClock, Refused, Role, SeededRandomness, SystemRandomness
from bercail.hosting import Attestation, Freeze, MigrationService
from bercail.lake import SealedStore
from bercail.ledger import Ledger, MemoryJournal
from bercail.storage import CHUNK, Location, ObjectInfo, ObjectStore, Passing, open_store
from bercail.storage.several import Wanted, reads_several
from bercail.testing.fate import Killed as Killed
from bercail.vault import Keyring, MemoryCustodian, note_signer

_NUMBERS = itertools.count()

_ROLES: frozenset[Role] = frozenset({Role.OPERATOR})
ATTESTED = Attestation(by="operator", statement="the source takes no more writes")
OPERATOR = Actor(id="operator", roles=_ROLES)


class MovingWorld:
    """Both sides of a migration in memory, and its trust side under `folder`."""

    def __init__(self, folder: Path) -> None:
        number = next(_NUMBERS)
        self.folder = folder
        self.refusal: Refused | None = None
        self.source: ObjectStore = open_store(Location.parse(f"memory:moving-source-{number}"))
        self.home: ObjectStore = open_store(Location.parse(f"memory:moving-home-{number}"))
        self.clock = FixedClock(datetime(2026, 11, 21, 9, 0, tzinfo=UTC))
        self.randomness = SystemRandomness()
        custodian = MemoryCustodian(SeededRandomness(number))
        self.keys = Keyring(folder / "keys.db", custodian, self.randomness, self.clock)
        self.journal = MemoryJournal()
        self.ledger = Ledger(
            self.journal,
            folder / "log",
            note_signer(self.keys, "moving.example/journal"),
            self.clock,
            self.randomness,
            "moving.example/journal",
        )

    def admit(self) -> None:
        """The host gate of this world: open, unless `refusal` is set."""
        if self.refusal is not None:
            raise self.refusal

    def target(self, home: ObjectStore | None = None) -> SealedStore:
        """The sealed landing place on `home`."""
        return SealedStore(
            home or self.home,
            self.keys,
            kind="landing",
            scope="moving",
            randomness=self.randomness,
        )

    def service(
        self,
        *,
        source: ObjectStore | None = None,
        home: ObjectStore | None = None,
        actor: Actor = OPERATOR,
        threads: int = 2,
        work: str = "work",
        freeze: Freeze | None = ATTESTED,
    ) -> MigrationService:
        """A desk for the migration `moving`, as a new process would open it."""
        return MigrationService(
            name="moving",
            source=source or self.source,
            target=self.target(home),
            home=home or self.home,
            work=self.folder / work,
            ledger=self.ledger,
            keys=self.keys,
            clock=self.clock,
            actor=actor,
            admit=self.admit,
            threads=threads,
            sleep=lambda _: None,
            freeze=freeze,
        )

    def fill(self, contents: Mapping[str, bytes]) -> None:
        """Make the source hold exactly `contents`."""
        for info in list(self.source.list()):
            if info.name not in contents:
                self.source.delete(info.name)
        for name, content in contents.items():
            self.source.put(name, content)

    def kinds(self) -> list[str]:
        """The kinds of the events that the migration recorded, in order."""
        return [record.kind for record in self.journal.read("migration/moving")]


def landed(service: MigrationService) -> dict[str, bytes]:
    """Everything that can be read through the target once it is canonical, by name."""
    folder = service.landed()
    return {name: b"".join(folder.stream(name)) for name in folder.names()}


class OneContainer(Passing):
    """One new container of an Azure account that other tests use too; `root` begins its names."""

    def __init__(self, store: ObjectStore, purpose: str) -> None:
        super().__init__(store)
        self.root = f"{purpose}-{uuid4().hex[:12]}/"

    def read_several(self, wanted: Sequence[Wanted]) -> list[bytes | None]:
        """See `ReadsSeveral`: as the account does, since names are the same."""
        reads = reads_several(self.inner)
        return [None] * len(wanted) if reads is None else reads.read_several(wanted)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """The blobs of this container only."""
        return super().list(self.root + prefix)


class Killer(Passing):
    """Kills the process at write number `at`: before it takes effect, or just `after` it.

    `puts` counts the writes that took effect, by name.
    """

    def __init__(self, store: ObjectStore, at: int, *, after: bool = False) -> None:
        super().__init__(store)
        self._left = at
        self._after = after
        self._lock = threading.Lock()
        self.puts: dict[str, int] = {}

    def put(
        self,
        name: str,
        data: bytes | Iterable[bytes],
        *,
        if_absent: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        """See `ObjectStore.put`."""
        with self._lock:
            self._left -= 1
            left = self._left
        # Once dead, no other thread of the process writes either.
        if left < 0 or (left == 0 and not self._after):
            raise Killed
        info = super().put(name, data, if_absent=if_absent, metadata=metadata)
        with self._lock:
            self.puts[name] = self.puts.get(name, 0) + 1
        if left == 0:
            raise Killed
        return info


class Labelled(Passing):
    """A source that says more of its objects than memory does: `extra` by name."""

    def __init__(self, store: ObjectStore, extra: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__(store)
        self._extra = extra

    def head(self, name: str) -> ObjectInfo:
        """What the store says, changed by `extra`."""
        return self._labelled(super().head(name))

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """What the store lists, changed by `extra`."""
        return (self._labelled(info) for info in super().list(prefix))

    def _labelled(self, info: ObjectInfo) -> ObjectInfo:
        return evolve(info, **self._extra.get(info.name, {}))


class Changing(Passing):
    """A source whose object `name` becomes the next of `contents` each time a piece was read."""

    def __init__(self, store: ObjectStore, name: str, contents: Iterable[bytes]) -> None:
        super().__init__(store)
        self._name = name
        self._contents = iter(contents)

    def stream(
        self, name: str, *, if_match: str | None = None, chunk: int = CHUNK
    ) -> Iterator[bytes]:
        """Small pieces; the object changes under the reader."""
        for piece in super().stream(name, if_match=if_match, chunk=min(chunk, 4)):
            yield piece
            if name == self._name and (content := next(self._contents, None)) is not None:
                self._store.put(name, content)
