"""What a change of pseudonym secrets means here: the objections carried over, projects renewed.

The registry of objections holds platform pseudonyms. After a rotation an objection arrives at
level one as before and goes through the secrets of all epochs; while one is under way, the
registry waits (rule `rotation-under-way`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import pyarrow as pa
from attrs import frozen

from bercail.access.events import OBJECTION_EVENTS
from bercail.access.objections import _LEVEL_ONE, _NAME, STREAM, Objections
from bercail.foundation import Actor, Invalid, Missing, Refused, Role, Unproven, canonical_json
from bercail.lake import Lake, SealedStore, pseudonym_chain
from bercail.lake.identities import PSEUDONYM_LENGTH, Turn
from bercail.ledger import Ledger
from bercail.ledger.vault_book import VaultBook
from bercail.vault import DestructionCertificate, Keyring, Purpose


@frozen(kw_only=True)
class ObjectionsTurned:
    """The registry holds the pseudonyms of a new epoch, of as many persons as before."""

    version: int
    registry_digest: str
    rotation: str
    persons: int


@frozen(kw_only=True)
class ProjectSecretRenewed:
    """A project's pseudonyms come from a new secret; its former secrets are destroyed."""

    project: str
    epoch: int
    reason: str


KINDS = (*OBJECTION_EVENTS, ObjectionsTurned)


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
        self._sealed.put(_NAME, document, digest)
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
            self._sealed.delete(_NAME, digest)

    def _events(self) -> Sequence[Any]:
        return self._ledger.load(STREAM, KINDS)[1]

    def _head(self) -> tuple[int, str]:
        events = self._events()
        return len(events), str(events[-1].registry_digest) if events else ""

    def _platform_pseudonym(self, level_one: str, actor: Actor) -> str:
        if not _LEVEL_ONE.fullmatch(level_one):
            raise Invalid(
                "That is not a person's pseudonym at level one.",
                remedy="The data holder computes it: 17 characters, or 18 with a twin's rank.",
            )
        epoch = self._lake.rewriting.gate.require_open()
        for used in pseudonym_chain.uses(epoch, "objection", "registry of objections", 1):
            self._book.record_use(used, actor)
        return _turned(level_one, pseudonym_chain.entry(self._keys, epoch))


def renew_project(
    project: str, keys: Keyring, ledger: Ledger, actor: Actor, *, reason: str
) -> DestructionCertificate:
    """Give a project a new pseudonym secret and destroy the former ones.

    Extracts cut from now on have other pseudonyms; those that exist keep theirs. A call that
    was killed is finished by the next one.

    Raises:
        Refused: the actor is no operator.
        Missing: the project never had a secret.
    """
    if not actor.has(Role.OPERATOR):
        raise Refused(
            f"`{actor.id}` may not change a project's pseudonyms.",
            remedy="An operator does.",
            rule="PSE-04",
        )
    scope, stream = f"project/{project}", f"project-secret/{project}"
    living = secret_epochs(keys, scope)
    if not living:
        raise Missing(
            f"The project `{project}` has no pseudonym secret.",
            remedy="It gets one with its first extract; there is nothing to change before.",
        )
    version, events = ledger.load(stream, (ProjectSecretRenewed,))
    target = int(events[-1].epoch) if events else living[-1]
    if living == [target]:
        target += 1
        event = ProjectSecretRenewed(project=project, epoch=target, reason=reason)
        ledger.append(stream, version, [event], actor)
    if living[-1] < target:
        keys.next_epoch("pseudonym", scope, Purpose.SECRET)
    for epoch in living:
        if epoch < target:
            certificate = keys.destroy("pseudonym", scope, epoch)
    return certificate


def secret_epochs(keys: Keyring, scope: str) -> list[int]:
    """The epochs of a pseudonym secret that are not destroyed, oldest first."""
    return sorted(
        one.epoch
        for one in keys.entries()
        if (one.purpose, one.kind, one.scope) == (Purpose.SECRET, "pseudonym", scope)
        and one.destroyed is None
    )


def _turned(person: str, turn: Turn) -> str:
    """A pseudonym through `turn`; the rank that may follow it stays."""
    head, rank = person[:PSEUDONYM_LENGTH], person[PSEUDONYM_LENGTH:]
    return str(turn(pa.array([head], pa.string()))[0].as_py()) + rank
