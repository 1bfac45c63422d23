"""The registry of objections across epochs of the platform's secret.

After a rotation an objection arrives at level one as before and goes through the secrets of all
epochs; while one is under way, the registry waits (rule `rotation-under-way`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import pyarrow as pa

from bercail.access.events import OBJECTION_EVENTS
from bercail.access.objections import LIST, STREAM, Objections, require_level_one
from bercail.access.rotation.events import ROTATED_OBJECTION_EVENTS, ObjectionsTurned
from bercail.foundation import Actor, Unproven, canonical_json
from bercail.lake import Lake, SealedStore, pseudonym_chain
from bercail.lake.identities import PSEUDONYM_LENGTH, Turn
from bercail.ledger import Ledger
from bercail.ledger.vault_book import VaultBook
from bercail.vault import Keyring

KINDS = (*OBJECTION_EVENTS, *ROTATED_OBJECTION_EVENTS)


class ChainedObjections(Objections):
    """The registry of objections across epochs of the platform's secret.

    A reader that does not know `ObjectionsTurned` cannot read the registry after a rotation
    (`Unproven`), so no extract is ever cut against a list of old pseudonyms.
    """

    def __init__(self, ledger: Ledger, sealed: SealedStore, lake: Lake, keys: Keyring) -> None:
        super().__init__(
            ledger, sealed, partial(keys.secret, pseudonym_chain.KIND, pseudonym_chain.SCOPE)
        )
        self._book = VaultBook(ledger=ledger)
        self._lake = lake
        self._keys = keys

    def current(self) -> tuple[int, tuple[str, ...]]:
        """The version and the persons; `Refused` while the platform's pseudonyms change."""
        self._lake.rewriting.gate.require_open()
        return super().current()

    def carry(self, rotation: str, epoch: int, actor: Actor) -> tuple[int, int]:
        """Replace the list by the pseudonyms of `epoch`, once; entries before and after."""
        done = [one for one in self._events() if isinstance(one, ObjectionsTurned)]
        for event in done:
            if event.rotation == rotation:
                return event.persons, event.persons
        version, digest = self._head()
        persons = self._read(digest)
        turn = pseudonym_chain.step(self._keys, epoch)
        wanted = sorted({_turned(person, turn) for person in persons})
        if len(wanted) != len(persons):
            raise Unproven(
                f"{len(persons)} objections became {len(wanted)}: two pseudonyms fell together.",
                remedy="The lake stays shut; no extract may be cut.",
                rule="rotation-proof",
            )
        document = canonical_json(wanted)
        digest = self._keyed_digest(document)
        self._sealed.put(LIST, document, digest)
        event = ObjectionsTurned(
            version=version + 1, registry_digest=digest, rotation=rotation, persons=len(wanted)
        )
        self._ledger.append(STREAM, version, [event], actor)
        return len(persons), len(wanted)

    def expire(self, rotation: str) -> None:
        """Remove every list from before `rotation`."""
        events = self._events()
        kept: set[str] = set()
        former: set[str] = set()
        for event in events:
            if isinstance(event, ObjectionsTurned) and event.rotation == rotation:
                former, kept = former | kept, set()
            kept.add(event.registry_digest)
        for digest in former - kept:
            self._sealed.delete(LIST, digest)

    def _events(self) -> Sequence[Any]:
        return self._ledger.load(STREAM, KINDS)[1]

    def _head(self) -> tuple[int, str]:
        events = self._events()
        return len(events), str(events[-1].registry_digest) if events else ""

    def _platform_pseudonym(self, level_one: str, actor: Actor) -> str:
        require_level_one(level_one)
        epoch = self._lake.rewriting.gate.require_open()
        for used in pseudonym_chain.uses(epoch, "objection", "registry of objections", 1):
            self._book.record_use(used, actor)
        return _turned(level_one, pseudonym_chain.entry(self._keys, epoch))


def _turned(person: str, turn: Turn) -> str:
    """A pseudonym through `turn`; the rank that may follow it stays."""
    head, rank = person[:PSEUDONYM_LENGTH], person[PSEUDONYM_LENGTH:]
    return str(turn(pa.array([head], pa.string()))[0].as_py()) + rank
