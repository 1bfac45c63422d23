"""The airlock's desk: hand in, check, vote, release. State is read from the journal each time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bercail.airlock import package, rules, view
from bercail.airlock.disclosure.check import DisclosureCheck, check_file, check_table, read_file
from bercail.airlock.disclosure.counts import parse_counts
from bercail.airlock.disclosure.policy import SNDS, DisclosurePolicy
from bercail.airlock.events import (
    PROJECT_EVENTS,
    REQUEST_EVENTS,
    FileAttached,
    OutputCounted,
    OutputRefused,
    RequestChecked,
    RequestOpened,
    RequestQuarantined,
    RequestReleased,
    RequestReturned,
    RequestSubmitted,
    RequestWithdrawn,
    TamperingFound,
    VoteCast,
)
from bercail.airlock.permits import PermitLookup, PermitView
from bercail.airlock.request import Request, State, fold
from bercail.airlock.rules import Act
from bercail.airlock.shelf import Shelf
from bercail.airlock.statements import (
    AIRLOCK_SIGNER,
    CHECKER_SIGNER,
    RELEASE_TYPE,
    VOTE_TYPE,
    AnonymityStatement,
    set_digest,
    statement_for,
    vote_payload,
)
from bercail.foundation import (
    Actor,
    Clock,
    Invalid,
    Missing,
    Randomness,
    Refused,
    Unproven,
    canonical_json,
    new_id,
    sha256_hex,
    to_iso,
)
from bercail.lake import SealedStore
from bercail.ledger import Ledger
from bercail.vault import Keyring, Purpose, dsse_envelope, opaque_name, signer

ProgressReport = Callable[[str, int, int], None]
SealedPlace = Callable[[str, str], SealedStore]


class AirlockService:
    """One function for each act. Every act names its actor and leaves its event."""

    def __init__(
        self,
        ledger: Ledger,
        sealed: SealedPlace,
        permits: PermitLookup,
        keys: Keyring,
        clock: Clock,
        randomness: Randomness,
        policy: DisclosurePolicy = SNDS,
        *,
        publisher: str = "Bercail",
    ) -> None:
        self._ledger = ledger
        self._sealed = sealed
        self._permits = permits
        self._keys = keys
        self._clock = clock
        self._randomness = randomness
        self._policy = policy
        self._publisher = publisher

    def check(self, file: Path, progress: ProgressReport | None = None) -> DisclosureCheck:
        """What the airlock would say of `file`; nothing is stored or recorded.

        Raises:
            Invalid: the file is no table of distinct persons.
        """
        return check_file(file, self._policy, progress)

    def submit(
        self,
        file: Path,
        permit_id: str,
        actor: Actor,
        *,
        statement: AnonymityStatement | None = None,
        replaces: str | None = None,
        progress: ProgressReport | None = None,
    ) -> Request:
        """Hand in `file` under a permit, and run the automatic check.

        The same bytes under the same permit are the same request: called again, or after a
        crash, it goes on from where the request stands. `replaces` names a returned request
        that takes the new file.

        Raises:
            Refused: the permit is not live, or the actor is not of its project.
            Invalid: the file is no table of distinct persons; that is recorded.
        """
        data = read_file(file)
        permit = self._permit(permit_id)
        request_id = replaces or self._request_id(permit_id, data)
        version, request = self._find(request_id)
        if replaces and request.permit != permit_id:
            raise _missing(request_id)
        if request.state is State.NONE:
            rules.require(actor, Act.OPEN, request, permit)
        check = self._checked_at_the_door(data, permit, actor, progress)
        if request.state is State.NONE:
            opened = RequestOpened(
                request=request_id, permit=permit_id, project=permit.project, author=actor.id
            )
            self._append(request_id, version, (opened,), actor)
        self._attach(request_id, data, actor)
        self._ask(request_id, statement or statement_for(check), actor)
        return self._settle(request_id, check, actor)

    def review(self, request_id: str, actor: Actor, *, approve: bool, reason: str = "") -> Request:
        """Vote on exactly what the request holds now.

        Raises:
            Refused: not a checker, of the project, voted already, permit not live.
            Unproven: the sealed bytes are not those that were checked; recorded, votes void.
        """
        version, request, permit = self._require(request_id, actor, Act.VOTE)
        version = self._require_intact(version, request, actor)
        at = to_iso(self._clock.now())
        statement = vote_payload(request, actor.id, approve=approve, at=at)
        key = signer(self._keys, CHECKER_SIGNER + actor.id)
        vote = VoteCast(
            checker=actor.id,
            approve=approve,
            reason=reason,
            set_digest=request.set_digest,
            at=at,
            envelope=canonical_json(dsse_envelope(VOTE_TYPE, statement, [key])).decode(),
        )
        needed = rules.checkers_needed(permit, self._policy)
        return self._append(request_id, version, rules.voted(request, vote, needed), actor)

    def give_back(self, request_id: str, actor: Actor, reason: str) -> Request:
        """Return the request to its author, with a reason; votes are void."""
        version, _, _ = self._require(request_id, actor, Act.RETURN)
        return self._append(request_id, version, (RequestReturned(reason=_said(reason)),), actor)

    def withdraw(self, request_id: str, actor: Actor, reason: str) -> Request:
        """Take the request back; it is final."""
        version, _, _ = self._require(request_id, actor, Act.WITHDRAW)
        return self._append(request_id, version, (RequestWithdrawn(reason=_said(reason)),), actor)

    def release(self, request_id: str, actor: Actor, out: Path) -> dict[str, Any]:
        """Write the package of an approved request to `out/<request>`.

        1. The votes, the permit and the sealed bytes are looked at again.
        2. The digest of the package and its signature are recorded.
        3. The package is written. Called again it writes the same bytes.

        Raises:
            Refused: not approved, permit not live, votes on another set.
            Unproven: the sealed bytes, or the package, are not what was recorded.
        """
        version, request, permit = self._require(request_id, actor, Act.RELEASE)
        version = self._require_intact(version, request, actor)
        needed = rules.checkers_needed(permit, self._policy)
        rules.require_votes(request, permit, needed)
        if request.released is None:
            released = self._released(request, needed)
            request = self._append(request_id, version, (released,), actor)
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

    def show(self, request_id: str, actor: Actor) -> dict[str, Any]:
        """The request as `actor` may see it; checkers see cells, nobody sees votes too early."""
        _, request, permit = self._require(request_id, actor, Act.SEE)
        shown = view.summary(request, actor, self._alerts(request.project))
        if request.checked and rules.may(actor, Act.SEE_CELLS, request, permit).allowed:
            report = self._shelf(request_id).checker_report(_submission(request))
            shown |= {"findings": report["findings"], "cells": report["cells"]}
        return shown

    def report(self, request_id: str, actor: Actor) -> dict[str, Any]:
        """The checkers' report: true counts, why each cell is hidden, what attackers are left."""
        _, request, _ = self._require(request_id, actor, Act.SEE_CELLS)
        return self._shelf(request_id).checker_report(_submission(request))

    def requests(self) -> tuple[dict[str, Any], ...]:
        """Every request, one line each."""
        streams = self._ledger.streams(_stream(""))
        return tuple(view.line(self._find(name.removeprefix(_stream("")))[1]) for name in streams)

    def public_keys(self) -> dict[str, Any]:
        """What `verify` needs: the airlock's public key and that of every checker."""
        checkers = {
            entry.scope.removeprefix(CHECKER_SIGNER): signer(self._keys, entry.scope).public
            for entry in self._keys.entries()
            if entry.purpose is Purpose.DUAL_SIGNER and entry.scope.startswith(CHECKER_SIGNER)
        }
        return {
            "airlock": signer(self._keys, AIRLOCK_SIGNER).public.as_dict(),
            "checkers": {name: key.as_dict() for name, key in sorted(checkers.items())},
        }

    def _checked_at_the_door(
        self, data: bytes, permit: PermitView, actor: Actor, progress: ProgressReport | None
    ) -> DisclosureCheck:
        try:
            return check_table(parse_counts(data), self._policy, progress)
        except Invalid as error:
            refused = OutputRefused(
                permit=permit.id, author=actor.id, rule=error.rule or "", size=len(data)
            )
            stream = _project_stream(permit.project)
            version, _ = self._ledger.load(stream, PROJECT_EVENTS)
            self._ledger.append(stream, version, (refused,), actor)
            raise

    def _attach(self, request_id: str, data: bytes, actor: Actor) -> None:
        version, request = self._find(request_id)
        shelf = self._shelf(request_id)
        if request.file and request.file.commitment == shelf.commitment("table", data):
            return
        rules.require(actor, Act.ATTACH, request, self._permit(request.permit))
        commitment = shelf.keep_file("table", data)
        attached = FileAttached(name="table", size=len(data), commitment=commitment)
        self._append(request_id, version, (attached,), actor)

    def _ask(self, request_id: str, statement: AnonymityStatement, actor: Actor) -> None:
        version, request = self._find(request_id)
        if request.submitted and request.state is not State.RETURNED:
            return
        permit = self._permit(request.permit)
        rules.require(actor, Act.SUBMIT, request, permit)
        submitted = RequestSubmitted(
            submission=new_id("submission", self._randomness),
            members=tuple(sorted(permit.members)),
            at=to_iso(self._clock.now()),
            **statement.as_dict(),
        )
        self._append(request_id, version, (submitted,), actor)

    def _settle(self, request_id: str, check: DisclosureCheck, actor: Actor) -> Request:
        version, request = self._find(request_id)
        if request.state is not State.SUBMITTED or not request.submitted or not request.file:
            return request
        rules.require(actor, Act.CHECK, request, self._permit(request.permit))
        shelf = self._shelf(request_id)
        shelf.keep_check(request.submitted, check)
        entries = shelf.entries(
            request.submitted.submission, "table", request.file.commitment, check.policy.digest
        )
        self._count(request, len(check.table.cells), actor)
        found = tuple(sorted({finding.rule for finding in check.findings}))
        events: list[Any] = [
            RequestChecked(
                entries=entries,
                set_digest=set_digest(entries),
                policy_digest=check.policy.digest,
                verdict=check.verdict,
                cells=len(check.table.cells),
                hidden_cells=len(check.table.hidden),
                rules=found,
            )
        ]
        if check.verdict == "blocked":
            events.append(RequestQuarantined(rules=found))
        return self._append(request_id, version, tuple(events), actor)

    def _count(self, request: Request, cells: int, actor: Actor) -> None:
        """EXP-08: outputs of a project are counted in a stream of its own."""
        stream = _project_stream(request.project)
        version, earlier = self._ledger.load(stream, PROJECT_EVENTS)
        now = self._clock.now()
        output = OutputCounted(
            request=request.id, submission=_submission(request), cells=cells, at=to_iso(now)
        )
        if events := rules.counted(earlier, output, self._policy, now):
            self._ledger.append(stream, version, events, actor)

    def _alerts(self, project: str) -> tuple[Any, ...]:
        _, events = self._ledger.load(_project_stream(project), PROJECT_EVENTS)
        return events

    def _require_intact(self, version: int, request: Request, actor: Actor) -> int:
        """The set is computed anew from the sealed bytes; anything else voids the votes."""
        shelf = self._shelf(request.id)
        checked, file = request.checked, request.file
        if checked is None or file is None:
            raise _missing(request.id)
        cause: Exception | None = None
        try:
            found = shelf.entries(
                _submission(request), "table", file.commitment, checked.policy_digest
            )
        except (Missing, Unproven) as error:
            where, cause = "a sealed file does not open", error
        else:
            if set_digest(found) == checked.set_digest:
                if request.released is None:
                    self._require_policy(checked.policy_digest)
                return version
            where = ", ".join(sorted({one.name for one in set(found) ^ set(checked.entries)}))
        self._append(request.id, version, (TamperingFound(where=where),), actor)
        raise Unproven(
            f"What the request `{request.id}` holds is not what was checked: {where}.",
            remedy="All votes are void. Return the request; tell the operator.",
            rule="vote-binding",
        ) from cause

    def _require_policy(self, digest: str) -> None:
        if digest != self._policy.digest:
            raise Refused(
                "The disclosure policy has changed since the request was checked.",
                remedy="Return the request; it is checked again under the present policy.",
                rule="policy-changed",
            )

    def _released(self, request: Request, needed: int) -> RequestReleased:
        at = to_iso(self._clock.now())
        reference = canonical_json(self._reference(request.id)).decode()
        facts = package.Facts(
            at=at, ledger=reference, publisher=self._publisher, checkers_required=needed
        )
        leaving = self._shelf(request.id).leaving(_submission(request))
        digest = package.package_digest(package.payload(request, leaving, facts))
        statement = canonical_json(
            {
                "request": request.id,
                "set_digest": request.set_digest,
                "package_digest": digest,
                "released_at": at,
            }
        )
        key = signer(self._keys, AIRLOCK_SIGNER)
        signed = canonical_json(dsse_envelope(RELEASE_TYPE, statement, [key])).decode()
        return RequestReleased(at=at, package_digest=digest, ledger=reference, envelope=signed)

    def _package(self, request: Request, needed: int) -> tuple[dict[str, bytes], RequestReleased]:
        released = request.released
        if released is None:
            raise _missing(request.id)
        facts = package.Facts(
            at=released.at,
            ledger=released.ledger,
            publisher=self._publisher,
            checkers_required=needed,
        )
        leaving = self._shelf(request.id).leaving(_submission(request))
        files = package.payload(request, leaving, facts)
        if package.package_digest(files) != released.package_digest:
            raise Unproven(
                f"The package of `{request.id}` is not the one that was recorded.",
                remedy="Nothing was written. Tell the operator.",
                rule="release-digest",
            )
        return files, released

    def _reference(self, request_id: str) -> dict[str, Any]:
        """Where the ledger holds the request: positions and commitments, no content."""
        records = self._ledger.history(_stream(request_id), limit=1000)
        return {
            "stream": _stream(request_id),
            "events": [
                {
                    "position": record.position,
                    "kind": record.kind,
                    "commitment": record.commitment().hex(),
                }
                for record in records
            ],
        }

    def _require(self, request_id: str, actor: Actor, act: Act) -> tuple[int, Request, PermitView]:
        version, request = self._find(request_id)
        if version == 0:
            raise _missing(request_id)
        permit = self._permit(request.permit)
        rules.require(actor, act, request, permit)
        return version, request, permit

    def _find(self, request_id: str) -> tuple[int, Request]:
        version, events = self._ledger.load(_stream(request_id), REQUEST_EVENTS)
        return version, fold(events)

    def _append(
        self, request_id: str, version: int, events: tuple[Any, ...], actor: Actor
    ) -> Request:
        self._ledger.append(_stream(request_id), version, events, actor)
        return self._find(request_id)[1]

    def _permit(self, permit_id: str) -> PermitView:
        return self._permits.get(permit_id, self._clock.now())

    def _shelf(self, request_id: str) -> Shelf:
        return Shelf(self._sealed("airlock", request_id), self._keys, request_id)

    def _request_id(self, permit_id: str, data: bytes) -> str:
        """The same bytes under the same permit have the same id; it says nothing of them."""
        secret = self._keys.secret("airlock-request", permit_id)
        tag = opaque_name(secret, "airlock-request", permit_id, "table", sha256_hex(data))
        return f"request-{tag.replace('/', '')[:16]}"


def _submission(request: Request) -> str:
    if request.submitted is None:
        raise _missing(request.id)
    return request.submitted.submission


def _said(reason: str) -> str:
    if not reason.strip():
        raise Invalid("A reason is needed.", remedy="Give it with `--reason`.")
    return reason


def _stream(request_id: str) -> str:
    return f"airlock/{request_id}"


def _project_stream(project: str) -> str:
    return f"airlock-project/{project}"


def _missing(request_id: str) -> Missing:
    return Missing(
        f"There is no request `{request_id}` in that state.",
        remedy="List them with `bercail airlock list`.",
    )
