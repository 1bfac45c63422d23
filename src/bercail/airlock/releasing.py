"""The acts that reach outside: write the package of an approved request; take a release back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from bercail.airlock import package, rules
from bercail.airlock.events import RequestReleased, RequestRevoked
from bercail.airlock.ground import Ground, missing, stream_of, submission_of
from bercail.airlock.guarding import remember_tables
from bercail.airlock.intact import leaving_names, require_intact
from bercail.airlock.permits import PermitView
from bercail.airlock.request import Request
from bercail.airlock.reviewing import said
from bercail.airlock.rules import Act
from bercail.airlock.statements import AIRLOCK_SIGNER, RELEASE_TYPE, REVOCATION_TYPE
from bercail.foundation import Actor, Refused, Unproven, canonical_json, to_iso
from bercail.vault import dsse_envelope, signer


@frozen(kw_only=True)
class Releasing:
    """Releases and revocations."""

    ground: Ground

    def release(self, request_id: str, actor: Actor, out: Path) -> dict[str, Any]:
        """See `AirlockService.release`; the same three steps."""
        # 1. The votes, the permit and the sealed bytes are looked at again.
        version, request, permit = self.ground.require(request_id, actor, Act.RELEASE)
        version = require_intact(self.ground, version, request, permit, actor)
        needed = rules.checkers_of(request, permit, self.ground.policy(permit))
        rules.require_votes(request, permit, needed)
        # 2. The digest of the package and its signature are recorded.
        if request.released is None:
            self._remember(request, permit, actor)
            released = self._released(request, needed)
            request = self.ground.append(request_id, version, (released,), actor)
        # 3. The package is written.
        files, released = self._package(request, needed)
        folder = out / request_id
        out.mkdir(parents=True, exist_ok=True)
        package.write(folder, package.bag(request, files, released.at, released.envelope))
        return {
            "request": request_id,
            "package": str(folder),
            "package_digest": released.package_digest,
            "files": len(files),
        }

    def revoke(
        self, request_id: str, actor: Actor, reason: str, marked: Path | None
    ) -> dict[str, Any]:
        """See `AirlockService.revoke`."""
        _, found = self.ground.find(request_id)
        if found.revoked is None:
            found = self._revoked(request_id, actor, reason)
        revoked = found.revoked
        if revoked is None:
            raise missing(request_id)
        if marked is not None:
            package.mark(marked, revoked.package_digest, revoked.envelope)
        return {
            "request": request_id,
            "package_digest": revoked.package_digest,
            "revoked_at": revoked.at,
            "marked": str(marked) if marked else None,
        }

    def _revoked(self, request_id: str, actor: Actor, reason: str) -> Request:
        version, request, _ = self.ground.require(request_id, actor, Act.REVOKE)
        if request.released is None:
            raise missing(request_id)
        at = to_iso(self.ground.clock.now())
        digest = request.released.package_digest
        statement = canonical_json(
            {"request": request.id, "package_digest": digest, "revoked_at": at}
        )
        key = signer(self.ground.keys, AIRLOCK_SIGNER)
        signed = canonical_json(dsse_envelope(REVOCATION_TYPE, statement, [key])).decode()
        event = RequestRevoked(reason=said(reason), at=at, package_digest=digest, envelope=signed)
        return self.ground.append(request_id, version, (event,), actor)

    def _remember(self, request: Request, permit: PermitView, actor: Actor) -> None:
        """Every table becomes a constraint on later releases, before it can be seen."""
        report = self.ground.shelf(request.id).checker_report(submission_of(request))
        policy = self.ground.policy(permit)
        remember_tables(self.ground, report, policy, actor)

    def _released(self, request: Request, needed: int) -> RequestReleased:
        at = to_iso(self.ground.clock.now())
        reference = canonical_json(self._reference(request.id)).decode()
        facts = self._facts(request, at, reference, needed)
        digest = package.package_digest(package.payload(request, self._leaving(request), facts))
        statement = canonical_json(
            {
                "request": request.id,
                "set_digest": request.set_digest,
                "package_digest": digest,
                "released_at": at,
            }
        )
        key = signer(self.ground.keys, AIRLOCK_SIGNER)
        signed = canonical_json(dsse_envelope(RELEASE_TYPE, statement, [key])).decode()
        return RequestReleased(at=at, package_digest=digest, ledger=reference, envelope=signed)

    def _package(self, request: Request, needed: int) -> tuple[dict[str, bytes], RequestReleased]:
        released = request.released
        if released is None:
            raise missing(request.id)
        facts = self._facts(request, released.at, released.ledger, needed)
        leaving = self._leaving(request)
        # A release of before has its metadata in English alone, and keeps them: its digest says.
        for one in (facts, evolve(facts, only_english=True)):
            files = package.payload(request, leaving, one)
            if package.package_digest(files) == released.package_digest:
                return files, released
        raise Unproven(
            f"The package of `{request.id}` is not the one that was recorded. / "
            f"Le paquet de `{request.id}` n'est pas celui qui a été enregistré.",
            remedy="Nothing was written. Tell the operator. / "
            "Rien n'a été écrit. Prévenez l'opérateur.",
            rule="release-digest",
        )

    def _facts(self, request: Request, at: str, ledger: str, needed: int) -> package.Facts:
        shelf, submission = self.ground.shelf(request.id), submission_of(request)
        names = leaving_names(request) if request.is_salted else ()
        return package.Facts(
            at=at,
            ledger=ledger,
            publisher=self.ground.publisher,
            checkers_required=needed,
            salts={name: shelf.salt(submission, name) for name in names},
        )

    def _leaving(self, request: Request) -> dict[str, bytes]:
        shelf = self.ground.shelf(request.id)
        return shelf.leaving(submission_of(request), leaving_names(request))

    def _reference(self, request_id: str) -> dict[str, Any]:
        """Where the ledger holds the request: positions and commitments, no content."""
        stream = stream_of(request_id)
        # A request has no more than some dozens of events; a longer one was not made by people.
        records = self.ground.ledger.history(stream, limit=1000)
        if len(records) == 1000:
            raise Refused(
                f"The request `{request_id}` has too long a history. / "
                f"La demande `{request_id}` a une histoire trop longue.",
                remedy="Submit it anew under another request. / "
                "Déposez-la de nouveau sous une autre demande.",
                rule="airlock-state",
            )
        return {
            "stream": stream,
            "events": [
                {
                    "position": record.position,
                    "kind": record.kind,
                    "commitment": record.commitment().hex(),
                }
                for record in records
            ],
        }
