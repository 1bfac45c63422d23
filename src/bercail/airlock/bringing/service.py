"""The desk of the way in: declare, scan, approve in two steps, hand over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen

from bercail.airlock import package
from bercail.airlock.bringing import rules
from bercail.airlock.bringing.events import (
    BRINGING_EVENTS,
    BringingApproved,
    BringingDeclared,
    BringingHandedOver,
    BringingRefused,
    BroughtFile,
)
from bercail.airlock.bringing.rules import Bringing, BringingAct, BringingState
from bercail.airlock.door import require_plain
from bercail.airlock.ground import SealedPlace
from bercail.airlock.inspection import Inspection, inspect_bytes
from bercail.airlock.permits import PermitLookup, PermitView
from bercail.airlock.reviewing import said
from bercail.airlock.submitting import read_files
from bercail.foundation import (
    Actor,
    Clock,
    Invalid,
    Missing,
    Unproven,
    canonical_json,
    sha256_hex,
    to_iso,
)
from bercail.lake import SealedStore
from bercail.ledger import Ledger
from bercail.ledger.halting import HaltBook

STREAM = "bringing/"


@frozen(kw_only=True)
class BringingService:
    """One function for each act. The files stay sealed until the project takes them."""

    ledger: Ledger
    sealed: SealedPlace = field(repr=False)
    permits: PermitLookup
    clock: Clock

    def declare(
        self,
        files: Sequence[Path],
        permit_id: str,
        actor: Actor,
        *,
        purpose: str,
        origin: str,
        terms: str,
    ) -> dict[str, Any]:
        """Declare files and have them scanned; the same files and words are the same bringing.

        Raises:
            Invalid: no file; or what for, where from, which terms is missing or names a person.
            Refused: the permit is not live, or the actor is not of its project.
        """
        bodies = read_files(files)
        if not bodies or not all(word.strip() for word in (purpose, origin, terms)):
            raise _undeclared()
        require_plain(purpose, origin, terms)
        permit = self._permit(permit_id)
        seen = [inspect_bytes(name, data) for name, data in bodies.items()]
        words = {"purpose": purpose, "origin": origin, "terms": terms}
        declared = _declared(permit, actor, words, seen, bodies)
        bringing = declared.bringing
        version, found = self._find(bringing)
        if found.state is BringingState.NONE:
            rules.require(actor, BringingAct.DECLARE, found, permit)
            for name, data in bodies.items():
                self._store(bringing).put(name, data)
            found = self._append(bringing, version, declared, actor)
            version += 1
        if found.state is BringingState.DECLARED:
            rules.require(actor, BringingAct.SCAN, found, permit)
            self._append(bringing, version, rules.scanned(seen), actor)
        return self.show(bringing)

    def approve(self, bringing: str, actor: Actor) -> dict[str, Any]:
        """Take the step of approval that is next: the responsible person, then the specialist.

        Raises:
            Refused: it is not this person's step, or the permit is not live.
            Unproven: the sealed files are not those that were declared.
        """
        version, found, _ = self._require(bringing, actor, BringingAct.APPROVE)
        self._intact(bringing, found)
        step, _ = rules.STEPS[found.state]
        event = BringingApproved(step=step, by=actor.id, set_digest=found.set_digest)
        self._append(bringing, version, event, actor)
        return self.show(bringing)

    def refuse(self, bringing: str, actor: Actor, reason: str) -> dict[str, Any]:
        """Refuse the files; final."""
        version, _, _ = self._require(bringing, actor, BringingAct.REFUSE)
        event = BringingRefused(by=actor.id, reason=said(reason))
        self._append(bringing, version, event, actor)
        return self.show(bringing)

    def take(self, bringing: str, actor: Actor, out: Path) -> dict[str, Any]:
        """Write the approved files to `out/<bringing>`, in the project's space; again is the same.

        Raises:
            Refused: not approved twice, or the permit is not live.
            Unproven: the sealed files are not those that were declared and approved.
        """
        version, found, _ = self._require(bringing, actor, BringingAct.TAKE)
        files = self._intact(bringing, found)
        if any(one.set_digest != found.set_digest for one in found.approvals):
            raise _changed(bringing)
        if found.state is BringingState.APPROVED:
            at = to_iso(self.clock.now())
            event = BringingHandedOver(set_digest=found.set_digest, at=at)
            self._append(bringing, version, event, actor)
        out.mkdir(parents=True, exist_ok=True)
        package.write(out / bringing, files)
        return self.show(bringing) | {"folder": str(out / bringing)}

    def show(self, bringing: str) -> dict[str, Any]:
        """Where the files stand; raises Missing when there are none."""
        version, found = self._find(bringing)
        if version == 0 or found.declared is None:
            raise _none(bringing)
        declared = found.declared
        return {
            "bringing": bringing,
            "state": found.state.value,
            "project": declared.project,
            "author": declared.author,
            "purpose": declared.purpose,
            "origin": declared.origin,
            "terms": declared.terms,
            "files": [
                {"name": one.name, "kind": one.kind, "size": one.size, "sha256": one.sha256}
                for one in declared.files
            ],
            "rules": list(found.rules),
            "approved_by": [f"{one.by} ({one.step})" for one in found.approvals],
            "reason": found.reason,
        }

    def all(self) -> tuple[dict[str, Any], ...]:
        """Everything that was ever declared."""
        names = [name.removeprefix(STREAM) for name in self.ledger.streams(STREAM)]
        return tuple(self.show(name) for name in names)

    def _require(
        self, bringing: str, actor: Actor, act: BringingAct
    ) -> tuple[int, Bringing, PermitView]:
        version, found = self._find(bringing)
        if version == 0 or found.declared is None:
            raise _none(bringing)
        permit = self._permit(found.declared.permit)
        rules.require(actor, act, found, permit)
        return version, found, permit

    def _intact(self, bringing: str, found: Bringing) -> dict[str, bytes]:
        if found.declared is None:
            raise _none(bringing)
        store = self._store(bringing)
        files = {one.name: store.read(one.name) for one in found.declared.files}
        if any(sha256_hex(files[one.name]) != one.sha256 for one in found.declared.files):
            raise _changed(bringing)
        return files

    def _permit(self, permit_id: str) -> PermitView:
        """The permit as it stands now; one whose project is halted is not live (LOG-07)."""
        found = self.permits.get(permit_id, self.clock.now())
        if HaltBook(ledger=self.ledger).is_halted(found.project):
            return evolve(found, is_live=False, is_halted=True)
        return found

    def _store(self, bringing: str) -> SealedStore:
        return self.sealed("airlock", bringing)

    def _find(self, bringing: str) -> tuple[int, Bringing]:
        version, events = self.ledger.load(STREAM + bringing, BRINGING_EVENTS)
        return version, rules.fold(events)

    def _append(self, bringing: str, version: int, event: Any, actor: Actor) -> Bringing:
        self.ledger.append(STREAM + bringing, version, (event,), actor)
        return self._find(bringing)[1]


def _declared(
    permit: PermitView,
    actor: Actor,
    words: Mapping[str, str],
    seen: Sequence[Inspection],
    bodies: Mapping[str, bytes],
) -> BringingDeclared:
    """The declaration; the same files and words under the same permit have the same id."""
    brought = tuple(
        BroughtFile(
            name=one.name, kind=one.kind.value, size=one.size, sha256=sha256_hex(bodies[one.name])
        )
        for one in seen
    )
    said = [permit.id, dict(words), [[one.name, one.sha256] for one in brought]]
    return BringingDeclared(
        bringing=f"bringing-{sha256_hex(canonical_json(said))[:16]}",
        permit=permit.id,
        project=permit.project,
        author=actor.id,
        files=brought,
        **words,
    )


def _undeclared() -> Invalid:
    return Invalid(
        "A declaration names its files, what they are for, where from, their terms. / "
        "Une déclaration nomme ses fichiers, leur but, leur origine, leurs conditions.",
        remedy="Give FILE, `--purpose`, `--origin` and `--terms`. / "
        "Donnez FILE, `--purpose`, `--origin` et `--terms`.",
        rule="bringing",
    )


def _changed(bringing: str) -> Unproven:
    return Unproven(
        f"The files of `{bringing}` are not those that were declared. / "
        f"Les fichiers de `{bringing}` ne sont pas ceux qui ont été déclarés.",
        remedy="Nothing went in. Declare them again; tell the operator. / "
        "Rien n'est entré. Déclarez-les de nouveau ; prévenez l'opérateur.",
        rule="bringing",
    )


def _none(bringing: str) -> Missing:
    return Missing(
        f"There are no files on their way in under `{bringing}`. / "
        f"Aucun fichier n'est en train d'entrer sous `{bringing}`.",
        remedy="List them with `bercail airlock bring list`. / "
        "Listez-les avec `bercail airlock bring list`.",
    )
