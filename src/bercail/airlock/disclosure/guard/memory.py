"""Where releases are remembered: a sealed object for each, and one event that makes it count.

The object is written first, the event after it, at the version that was read: a crash between
both leaves an object that nothing names, and two requests that were checked against the same
past cannot both be appended.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from bercail.airlock.disclosure.guard.events import GUARD_EVENTS, ReleaseRemembered
from bercail.airlock.disclosure.guard.record import ReleaseRecord, read_record
from bercail.foundation import Actor, Refused, Unproven, sha256_hex
from bercail.lake import SealedStore
from bercail.ledger import Ledger
from bercail.vault import Keyring, opaque_name

_KIND = "airlock-guard"


class ReleaseMemory(Protocol):
    """Remembers releases by lake, in order, for ever.

    `load` gives the version (their number) and the records. `append` adds one at the version
    that was read: `Refused` (`journal-conflict`) when another came first; the same record again
    does nothing. A record that does not open is `Unproven`.
    """

    def load(self, lake: str) -> tuple[int, tuple[ReleaseRecord, ...]]:
        """The version and every record of `lake`, oldest first."""
        ...

    def append(self, expected: int, record: ReleaseRecord, actor: Actor) -> None:
        """Remember `record`."""
        ...


class MemoryOfReleases:
    """In memory, for the library and for tests."""

    def __init__(self) -> None:
        self._records: dict[str, list[ReleaseRecord]] = {}
        self.acts: list[tuple[str, str]] = []

    def load(self, lake: str) -> tuple[int, tuple[ReleaseRecord, ...]]:
        """The version and every record of `lake`, oldest first."""
        found = tuple(self._records.get(lake, ()))
        return len(found), found

    def append(self, expected: int, record: ReleaseRecord, actor: Actor) -> None:
        """Remember `record` and who released it."""
        known = self._records.setdefault(record.lake, [])
        if _is_known(record, tuple(known)):
            return
        if len(known) != expected:
            raise _overtaken(record.lake)
        known.append(record)
        self.acts.append((record.release, actor.id))


class LedgerMemory:
    """Records sealed as the airlock's other files are; the journal says which ones count."""

    def __init__(
        self, ledger: Ledger, sealed: Callable[[str, str], SealedStore], keys: Keyring
    ) -> None:
        self._ledger = ledger
        self._sealed = sealed
        self._keys = keys

    def load(self, lake: str) -> tuple[int, tuple[ReleaseRecord, ...]]:
        """The version and every record of `lake`, oldest first."""
        version, events = self._ledger.load(_stream(lake), GUARD_EVENTS)
        store = self._sealed(_KIND, lake)
        records = []
        for event in events:
            data = store.read(f"release/{event.commitment}")
            if self._commitment(lake, data) != event.commitment:
                raise Unproven(
                    f"The record of the release `{event.release}` was altered. / "
                    f"La trace de la sortie `{event.release}` a été altérée.",
                    remedy="Release nothing more of this lake; tell the operator. / "
                    "Ne sortez plus rien de ce lac ; prévenez l'opérateur.",
                    rule="differencing",
                )
            records.append(read_record(data))
        return version, tuple(records)

    def append(self, expected: int, record: ReleaseRecord, actor: Actor) -> None:
        """Remember `record`: the object first, then the event that makes it count."""
        version, known = self.load(record.lake)
        if _is_known(record, known):
            return
        if version != expected:
            raise _overtaken(record.lake)
        data = record.to_bytes()
        commitment = self._commitment(record.lake, data)
        self._sealed(_KIND, record.lake).put(f"release/{commitment}", data)
        event = ReleaseRemembered(release=record.release, cells=record.cells, commitment=commitment)
        self._ledger.append(_stream(record.lake), expected, (event,), actor)

    def _commitment(self, lake: str, data: bytes) -> str:
        secret = self._keys.secret(_KIND, lake)
        tag = opaque_name(secret, _KIND, lake, "release", sha256_hex(data))
        return f"hmac-sha256:{tag.replace('/', '')}"


def _is_known(record: ReleaseRecord, known: tuple[ReleaseRecord, ...]) -> bool:
    for one in known:
        if one.release == record.release:
            if one.to_bytes() != record.to_bytes():
                raise Unproven(
                    f"The release `{record.release}` is remembered with other numbers. / "
                    f"La sortie `{record.release}` est retenue avec d'autres nombres.",
                    remedy="Release nothing more of this lake; tell the operator. / "
                    "Ne sortez plus rien de ce lac ; prévenez l'opérateur.",
                    rule="differencing",
                )
            return True
    return False


def _overtaken(lake: str) -> Refused:
    return Refused(
        f"Another release of `{lake}` was remembered since this one was audited. / "
        f"Une autre sortie de `{lake}` a été retenue depuis l'audit de celle-ci.",
        remedy="Audit it again, against that one too. / "
        "Auditez-la de nouveau, aussi contre celle-là.",
        rule="journal-conflict",
    )


def _stream(lake: str) -> str:
    return f"{_KIND}/{lake}"
