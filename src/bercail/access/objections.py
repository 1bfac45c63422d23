"""The registry of objections (EHDS art. 71; CSP R1461-9): a sealed list, its digest in the ledger.

The list holds platform pseudonyms of persons (BEN_IDT_ANO), never identities, and no event,
log or error holds an entry of it.
"""

from __future__ import annotations

import json

import pyarrow as pa
from attrs import frozen

from bercail.access.events import OBJECTION_EVENTS, ObjectionRegistered, ObjectionWithdrawn
from bercail.foundation import Actor, Invalid, Refused, Role, Secret, canonical_json
from bercail.lake import SealedStore
from bercail.lake.identities import PSEUDONYM_LENGTH
from bercail.ledger import Ledger
from bercail.vault import pseudonyms

STREAM = "objections"
_NAME = "registry.json"
_LENGTHS = (17, 18)


@frozen(kw_only=True)
class Confirmation:
    """What the person is told at once (TEHDAS2 M8.1): the registry's version and digest."""

    version: int
    registry_sha256: str
    changed: bool

    def as_dict(self) -> dict[str, str | int | bool]:
        """For `--json`."""
        return {
            "version": self.version,
            "registry_sha256": self.registry_sha256,
            "changed": self.changed,
        }


class Objections:
    """The list of persons who object, one sealed object for each version."""

    def __init__(self, ledger: Ledger, sealed: SealedStore, level_two: Secret) -> None:
        self._ledger = ledger
        self._sealed = sealed
        self._level_two = level_two

    def current(self) -> tuple[int, tuple[str, ...]]:
        """The version (0 when nobody ever objected) and the persons, sorted."""
        version, _ = self._ledger.load(STREAM, OBJECTION_EVENTS)
        return version, self._read(version)

    def register(self, level_one: str, actor: Actor) -> Confirmation:
        """Add the person whose BEN_IDT_ANO the data holder computed at level one.

        No reason is asked, and twice is once. Raises `Invalid` for what is no pseudonym,
        `Refused` for an actor who may not.
        """
        return self._change(self._platform_pseudonym(level_one), actor, present=True)

    def withdraw(self, level_one: str, actor: Actor) -> Confirmation:
        """Take a person off the list; an objection is reversible at any time."""
        return self._change(self._platform_pseudonym(level_one), actor, present=False)

    def _platform_pseudonym(self, level_one: str) -> str:
        if len(level_one) not in _LENGTHS:
            raise Invalid(
                "That is not a person's pseudonym at level one.",
                remedy="The data holder computes it: 17 characters, or 18 with a twin's rank.",
            )
        head, rank = level_one[:PSEUDONYM_LENGTH], level_one[PSEUDONYM_LENGTH:]
        turned: str = pseudonyms.level_two(self._level_two, pa.array([head]))[0].as_py()
        return turned + rank

    def _change(self, person: str, actor: Actor, *, present: bool) -> Confirmation:
        if not (actor.has(Role.CITIZEN) or actor.has(Role.ACCESS_OFFICER)):
            raise Refused(
                f"`{actor.id}` may not change the registry of objections.",
                remedy="The person does, or the access body in the person's name.",
                rule="OPT-03",
            )
        version, persons = self.current()
        wanted = set(persons) | {person} if present else set(persons) - {person}
        if wanted == set(persons):
            digest = self._digest(version)
            return Confirmation(version=version, registry_sha256=digest, changed=False)
        document = canonical_json(sorted(wanted))
        # The list comes before the event: an interrupted change is simply made again.
        written = self._sealed.put(_NAME, document, str(version + 1))
        kind = ObjectionRegistered if present else ObjectionWithdrawn
        event = kind(version=version + 1, registry_sha256=self._salted(written.sha256))
        self._ledger.append(STREAM, version, [event], actor)
        return Confirmation(
            version=version + 1, registry_sha256=event.registry_sha256, changed=True
        )

    def _read(self, version: int) -> tuple[str, ...]:
        if version == 0:
            return ()
        found: list[str] = json.loads(self._sealed.read(_NAME, str(version)))
        return tuple(found)

    def _digest(self, version: int) -> str:
        _, events = self._ledger.load(STREAM, OBJECTION_EVENTS)
        return str(events[version - 1].registry_sha256) if version else ""

    def _salted(self, digest: str) -> str:
        # The opaque name depends on a secret key, so the digest of a one-person list
        # cannot be found by trying pseudonyms.
        return self._sealed.opaque_name(digest, "digest")
