"""The registry of objections (EHDS art. 71; CSP R1461-9): a sealed list, its digest in the ledger.

The list holds platform pseudonyms of persons (BEN_IDT_ANO), never identities, and no event,
log or error holds an entry of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pyarrow as pa
from attrs import asdict, frozen

from bercail.access.events import OBJECTION_EVENTS, ObjectionRegistered, ObjectionWithdrawn
from bercail.foundation import (
    Actor,
    Invalid,
    Refused,
    Role,
    Secret,
    Unproven,
    canonical_json,
    sha256_hex,
)
from bercail.lake import SealedStore
from bercail.lake.identities import PSEUDONYM_LENGTH
from bercail.ledger import Ledger
from bercail.vault import pseudonyms

STREAM = "objections"
ROLES = (Role.CITIZEN, Role.ACCESS_OFFICER)
# The name of the sealed list; each version of it is an object of its own.
LIST = "registry.json"
# A pseudonym, or a pseudonym followed by the rank among twins (BEN_IDT_TOP = 0).
_LEVEL_ONE = re.compile(rf"[A-Z2-7]{{{PSEUDONYM_LENGTH}}}[0-9]?", re.ASCII)


@frozen(kw_only=True)
class Confirmation:
    """What the person is told at once (TEHDAS2 M8.1): the registry's version and digest."""

    version: int
    registry_digest: str
    changed: bool

    def as_dict(self) -> dict[str, str | int | bool]:
        """For `--json`."""
        return asdict(self)


class Objections:
    """The list of persons who object: one sealed object for each version, named by its digest.

    `level_two` is asked for the platform's secret when a person comes, and not before.
    """

    def __init__(
        self, ledger: Ledger, sealed: SealedStore, level_two: Callable[[], Secret]
    ) -> None:
        self._ledger = ledger
        self._sealed = sealed
        self._level_two = level_two

    def current(self) -> tuple[int, tuple[str, ...]]:
        """The version (0 when nobody ever objected) and the persons, sorted.

        Raises `Unproven` when the list is not the one that the ledger names.
        """
        version, digest = self._head()
        return version, self._read(digest)

    def register(self, level_one: str, actor: Actor) -> Confirmation:
        """Add the person whose BEN_IDT_ANO the data holder computed at level one.

        No reason is asked, and twice is once. Raises `Invalid` for what is no pseudonym,
        `Refused` for an actor who may not, or when somebody else's change came first
        (rule `journal-conflict`): the change is then simply made again.
        """
        return self._change(level_one, actor, present=True)

    def withdraw(self, level_one: str, actor: Actor) -> Confirmation:
        """Take a person off the list; an objection is reversible at any time."""
        return self._change(level_one, actor, present=False)

    def _change(self, level_one: str, actor: Actor, *, present: bool) -> Confirmation:
        if not any(actor.has(role) for role in ROLES):
            raise Refused(
                f"`{actor.id}` may not change the registry of objections.",
                remedy="The person does, or the access body in the person's name.",
                rule="OPT-03",
            )
        person = self._platform_pseudonym(level_one, actor)
        version, digest = self._head()
        persons = set(self._read(digest))
        wanted = persons | {person} if present else persons - {person}
        if wanted == persons:
            return Confirmation(version=version, registry_digest=digest, changed=False)
        document = canonical_json(sorted(wanted))
        digest = self._keyed_digest(document)
        # The list comes before the event, under its own digest: an interrupted change leaves
        # a list that nothing names, and two changes at once never replace each other's.
        self._sealed.put(LIST, document, digest)
        kind = ObjectionRegistered if present else ObjectionWithdrawn
        event = kind(version=version + 1, registry_digest=digest)
        self._ledger.append(STREAM, version, [event], actor)
        return Confirmation(version=version + 1, registry_digest=digest, changed=True)

    def _head(self) -> tuple[int, str]:
        version, events = self._ledger.load(STREAM, OBJECTION_EVENTS)
        return version, str(events[-1].registry_digest) if events else ""

    def _read(self, digest: str) -> tuple[str, ...]:
        if not digest:
            return ()
        document = self._sealed.read(LIST, digest)
        if self._keyed_digest(document) != digest:
            raise Unproven(
                "The registry of objections is not the one that was recorded.",
                remedy="Cut no extract; restore the object from the backup.",
                rule="OPT-03",
            )
        return tuple(str(person) for person in json.loads(document))

    def _keyed_digest(self, document: bytes) -> str:
        # It depends on a secret key, so that the digest of a one-person list cannot be found
        # by trying pseudonyms.
        return self._sealed.opaque_name(sha256_hex(document), "digest")

    def _platform_pseudonym(self, level_one: str, _actor: Actor) -> str:
        require_level_one(level_one)
        head, rank = level_one[:PSEUDONYM_LENGTH], level_one[PSEUDONYM_LENGTH:]
        turned: str = pseudonyms.level_two(self._level_two(), pa.array([head]))[0].as_py()
        return turned + rank


def require_level_one(text: str) -> None:
    """`Invalid` unless `text` is a pseudonym at level one, with or without a rank."""
    if not _LEVEL_ONE.fullmatch(text):
        raise Invalid(
            "That is not a person's pseudonym at level one.",
            remedy="The data holder computes it: 17 characters, or 18 with a twin's rank.",
        )
