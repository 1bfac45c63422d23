"""Re-seal on suspicion: every object of a kind and scope under a new key, then the old one dies.

The progress of the work is in the objects: each says in its header which key sealed it. So a run
killed at any instruction leaves every object readable, and the next run goes on by itself.

For each object:

1. Settle what a killed run left beside it.
2. Look whose key it is under; the new one means done.
3. Seal it under the new key beside the old one, and open the new one in full.
4. Put the proven one in the place of the old one, and open that in full.
5. Remove the one beside.

At every moment one of the two is whole and proven. It takes twice the traffic of a rewriting in
place, which would trust the host with the only copy. Nobody may write the same objects meanwhile;
a reader in the middle of one is refused (`Unproven`) and opens it again.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from attrs import field, frozen

from bercail.foundation import Missing, Unproven
from bercail.vault import Binding, Purpose, SealedReader, opaque_name, seal_chunks
from bercail.vault.sealed_format import MAGIC, PREAMBLE_SIZE, parse_preamble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from bercail.foundation import Randomness
    from bercail.storage import ObjectStore
    from bercail.vault import DataKey, DestructionCertificate, Keyring

    Progress = Callable[[str, int, int], None]
    Names = Callable[[], Sequence[tuple[str, str]]]


@frozen(kw_only=True)
class LeftObject:
    """An object that is not under the newest key: `epoch` of its key, None when it is not there."""

    name: str
    version: str
    epoch: int | None

    def as_dict(self) -> dict[str, str | int | None]:
        """The values as `--json` prints them."""
        return {"name": self.name, "version": self.version, "epoch": self.epoch}


@frozen(kw_only=True)
class ResealReport:
    """What one run did. Old keys live on while anything is `left` or `unlisted`.

    `unlisted` counts objects of the host under an old key that the caller did not name.
    """

    kind: str
    scope: str
    epoch: int
    resealed: int
    already: int
    left: tuple[LeftObject, ...]
    unlisted: int
    destroyed: tuple[DestructionCertificate, ...] = field(default=())

    def as_dict(self) -> dict[str, object]:
        """The values as `--json` prints them."""
        return {
            "kind": self.kind,
            "scope": self.scope,
            "epoch": self.epoch,
            "resealed": self.resealed,
            "already": self.already,
            "left": [one.as_dict() for one in self.left],
            "unlisted": self.unlisted,
            "destroyed": [one.as_dict() for one in self.destroyed],
        }


class Resealing:
    """Re-seals the objects of one kind and scope on one store.

    `names` gives every (name, version) there is; it is asked again before old keys are destroyed.
    """

    def __init__(
        self,
        store: ObjectStore,
        keys: Keyring,
        kind: str,
        scope: str,
        names: Names,
        randomness: Randomness,
    ) -> None:
        self._store = store
        self._keys = keys
        self.kind = kind
        self.scope = scope
        self._names = names
        self._randomness = randomness
        self._name_key = keys.secret("names", kind)

    def run(
        self,
        *,
        new_key: bool = False,
        destroy_old: bool = True,
        progress: Progress | None = None,
    ) -> ResealReport:
        """Bring every object under the newest key; then destroy the older ones.

        A new key is begun when only one lives, or when `new_key` says so; when several live, an
        earlier run (or a rotation) is taken further. Old keys are destroyed only when every named
        object was shown to open with the new one and no object of the whole host carries an old
        one; else the report says what is left.

        Raises:
            Missing: there is no data key of that kind and scope, or the newest was destroyed.
            Unproven: an object does not open, was changed by another meanwhile, or the host does
                not hold what it was sent. Nothing is lost; the old key stays.
        """
        key = self._target(new_key)
        names = self._names()
        resealed = self._reseal_all(names, key, progress)
        left = self.left()
        there = len(names) - sum(one.epoch is None for one in left)
        old = self._old_keys(key)
        unlisted = sum(1 for _ in self._carrying(set(old))) if old and not left else 0
        destroyed = old.values() if destroy_old and not left and not unlisted else ()
        return ResealReport(
            kind=self.kind,
            scope=self.scope,
            epoch=key.epoch,
            resealed=resealed,
            already=there - resealed,
            left=left,
            unlisted=unlisted,
            destroyed=tuple(
                self._keys.destroy(self.kind, self.scope, epoch, purpose=Purpose.DATA)
                for epoch in destroyed
            ),
        )

    def left(self) -> tuple[LeftObject, ...]:
        """The named objects that are not under the newest key, or not there.

        Raises:
            Unproven: an object under the newest key does not open.
        """
        newest = self._keys.data_key(self.kind, self.scope)
        found = []
        for name, version in self._names():
            opaque = self._opaque(name, version)
            key_id = self._key_id(opaque)
            if key_id == newest.id:
                self._reader(opaque, name, version)
                continue
            epoch = None if key_id is None else self._keys.by_id(key_id).epoch
            found.append(LeftObject(name=name, version=version, epoch=epoch))
        return tuple(found)

    def _target(self, new_key: bool) -> DataKey:
        living = self._living()
        if not living:
            raise Missing(
                f"There is no living data key of `{self.kind}` `{self.scope}`.",
                remedy="See `bercail vault keys`.",
            )
        if new_key or len(living) == 1:
            self._keys.next_epoch(self.kind, self.scope)
        return self._keys.data_key(self.kind, self.scope)

    def _living(self) -> dict[bytes, int]:
        """Epoch by key id of the living data keys."""
        return {
            bytes.fromhex(entry.id): entry.epoch
            for entry in self._keys.entries()
            if (entry.purpose, entry.kind, entry.scope) == (Purpose.DATA, self.kind, self.scope)
            and entry.destroyed is None
        }

    def _old_keys(self, newest: DataKey) -> dict[bytes, int]:
        return {key: epoch for key, epoch in self._living().items() if key != newest.id}

    def _reseal_all(
        self, names: Sequence[tuple[str, str]], key: DataKey, progress: Progress | None
    ) -> int:
        """How many had to be sealed again."""
        tell = progress or (lambda _label, _done, _total: None)
        label = f"{self.kind}/{self.scope}"
        resealed = 0
        for done, (name, version) in enumerate(names):
            tell(label, done, len(names))
            resealed += self._reseal_one(name, version, key)
        tell(label, len(names), len(names))
        return resealed

    def _reseal_one(self, name: str, version: str, key: DataKey) -> bool:
        """Whether the object had to be sealed again; numbers as in the module's text."""
        place, beside = self._opaque(name, version), self._beside(name, version)
        self._settle(place, beside, name, version)  # 1
        found = self._key_id(place)
        if found is None or found == key.id:  # 2
            return False
        before = self._store.head(place)
        digest = hashlib.sha256()
        plain = _hashed(self._reader(place, name, version).chunks(), digest)
        self._store.put(
            beside, seal_chunks(plain, key, self._binding(name, version), self._randomness)
        )  # 3
        self._prove(beside, name, version, digest.digest(), key)
        if self._store.head(place).etag != before.etag:
            raise Unproven(
                f"`{name}` was changed by another while it was sealed again.",
                remedy="Stop what writes to it, and run the same command again.",
                rule="reseal-changed",
            )
        self._store.put(place, self._store.stream(beside))  # 4
        self._prove(place, name, version, digest.digest(), key)
        self._store.delete(beside)  # 5
        return True

    def _settle(self, place: str, beside: str, name: str, version: str) -> None:
        """Keep the object that opens: the one in place, else the one a killed run left beside."""
        if self._key_id(beside) is None:
            return
        try:
            _read_through(self._reader(place, name, version))
        except Unproven:
            _read_through(self._reader(beside, name, version))
            self._store.put(place, self._store.stream(beside))
            _read_through(self._reader(place, name, version))
        self._store.delete(beside)

    def _prove(self, opaque: str, name: str, version: str, digest: bytes, key: DataKey) -> None:
        """The host holds the same plaintext, under the new key; every byte is opened."""
        found = hashlib.sha256()
        for _ in _hashed(self._reader(opaque, name, version).chunks(), found):
            pass
        if found.digest() != digest or self._key_id(opaque) != key.id:
            raise Unproven(
                f"The host does not hold `{name}` as it was sealed again.",
                remedy="Run the same command again; if it happens twice, survey the host.",
                rule="reseal-proof",
            )

    def _carrying(self, key_ids: set[bytes]) -> Iterator[str]:
        """The opaque names of all objects of the store whose header names one of these keys."""
        for info in self._store.list():
            if self._key_id(info.name) in key_ids:
                yield info.name

    def _key_id(self, opaque: str) -> bytes | None:
        """The key that the header names; None when there is no object, or not a sealed one."""
        try:
            head = self._store.read(opaque, 0, PREAMBLE_SIZE)
        except Missing:
            return None
        if head[: len(MAGIC)] != MAGIC:
            return None
        return parse_preamble(head).header.key_id

    def _reader(self, opaque: str, name: str, version: str) -> SealedReader:
        return SealedReader(
            lambda offset, length: self._store.read(opaque, offset, length),
            self._store.head(opaque).size,
            self._keys.by_id,
            self._binding(name, version),
        )

    def _binding(self, name: str, version: str) -> Binding:
        return Binding(kind=self.kind, store=self.scope, name=name, version=version)

    def _opaque(self, name: str, version: str) -> str:
        return opaque_name(self._name_key, self.kind, self.scope, name, version)

    def _beside(self, name: str, version: str) -> str:
        """Where the new sealing waits: a name that no object of this name key can have."""
        kind = f"re-sealing of {self.kind}"
        return opaque_name(self._name_key, kind, self.scope, name, version)


def _hashed(chunks: Iterable[bytes], digest: hashlib._Hash) -> Iterator[bytes]:
    for chunk in chunks:
        digest.update(chunk)
        yield chunk


def _read_through(reader: SealedReader) -> None:
    """Open every byte; raises Unproven at the first that does not hold."""
    for _ in reader.chunks():
        pass
