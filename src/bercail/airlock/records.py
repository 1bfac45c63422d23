"""What people ask of the airlock without changing anything: lists, cells, files, figures."""

from __future__ import annotations

from datetime import timedelta
from statistics import median
from typing import Any

from attrs import frozen

from bercail.airlock import rules, view
from bercail.airlock.ground import Ground, stream_of, submission_of
from bercail.airlock.intact import leaving_names
from bercail.airlock.request import Request
from bercail.airlock.rules import Act
from bercail.airlock.statements import AIRLOCK_SIGNER, CHECKER_SIGNER
from bercail.foundation import Actor, Missing, from_iso
from bercail.vault import Purpose, signer

_SHOWN = frozenset({"findings", "cells", "files", "differencing"})
_DECISIONS = {
    "RequestApproved": "approved",
    "RequestRejected": "rejected",
    "RequestReturned": "returned",
    "RequestQuarantined": "quarantined",
}


@frozen(kw_only=True)
class Records:
    """Answers about requests. Whoever sees cells or files is recorded (LOG-01)."""

    ground: Ground

    def show(self, request_id: str, actor: Actor) -> dict[str, Any]:
        """The request as `actor` may see it; checkers see cells, nobody sees votes too early."""
        _, request, permit = self.ground.require(request_id, actor, Act.SEE)
        _, events = self.ground.project_events(request.project)
        shown = view.summary(request, actor, events)
        if request.checked and rules.may(actor, Act.SEE_CELLS, request, permit).allowed:
            report = self._report(request, actor)
            shown |= {name: part for name, part in report.items() if name in _SHOWN}
        return shown

    def report(self, request_id: str, actor: Actor) -> dict[str, Any]:
        """The checkers' report: true counts, what was found in files, what attackers are left."""
        _, request, _ = self.ground.require(request_id, actor, Act.SEE_CELLS)
        return self._report(request, actor)

    def _report(self, request: Request, actor: Actor) -> dict[str, Any]:
        self.ground.tell_sight(request, "report", actor)
        return self.ground.shelf(request.id).checker_report(submission_of(request))

    def read(self, request_id: str, name: str, actor: Actor) -> bytes:
        """The bytes of one file of a request, for a checker's eyes; recorded.

        `name` is that of a file handed in, or the path of what would leave (`outputs/ages.csv`).

        Raises:
            Missing: the request has no file of that name.
            Refused: the actor is not a checker of this request.
        """
        _, request, _ = self.ground.require(request_id, actor, Act.SEE_CELLS)
        for file in request.files:
            if file.name == name:
                self.ground.tell_sight(request, name, actor)
                return self.ground.shelf(request_id).file(file.commitment)
        if name in leaving_names(request):
            self.ground.tell_sight(request, name, actor)
            shelf = self.ground.shelf(request_id)
            return shelf.leaving(submission_of(request), (name,))[name]
        raise Missing(
            f"The request `{request_id}` has no file `{name}`. / "
            f"La demande `{request_id}` n'a pas de fichier `{name}`.",
            remedy="See its files with `bercail airlock show`. / "
            "Voyez ses fichiers avec `bercail airlock show`.",
        )

    def requests(self) -> tuple[dict[str, Any], ...]:
        """Every request, one line each."""
        return tuple(view.line(request) for request in self._all())

    def _all(self) -> list[Request]:
        prefix = stream_of("")
        names = self.ground.ledger.streams(prefix)
        return [self.ground.find(name.removeprefix(prefix))[1] for name in names]

    def figures(self, days: int = 365) -> dict[str, Any]:
        """What may be published: submissions, decisions and the time they took, by kind.

        A decision is the first of approved, rejected, returned or quarantined after a submission;
        its time runs from the submission. Only those of the last `days` count.
        """
        since = self.ground.clock.now() - timedelta(days=days)
        minutes: dict[str, list[float]] = {name: [] for name in _DECISIONS.values()}
        submissions = waiting = 0
        for stream in self.ground.ledger.streams(stream_of("")):
            asked = None
            for record in self.ground.ledger.history(stream, limit=10_000):
                if record.stream != stream or from_iso(record.at) < since:
                    continue
                if record.kind == "RequestSubmitted":
                    asked, submissions = from_iso(record.at), submissions + 1
                elif asked is not None and record.kind in _DECISIONS:
                    took = (from_iso(record.at) - asked).total_seconds() / 60
                    minutes[_DECISIONS[record.kind]].append(took)
                    asked = None
            waiting += asked is not None
        return {
            "days": days,
            "submissions": submissions,
            "waiting": waiting,
            "decisions": {name: _spread(found) for name, found in sorted(minutes.items())},
        }

    def public_keys(self) -> dict[str, Any]:
        """What `verify` needs: public keys of the airlock and the checkers, revoked packages."""
        checkers = {
            entry.scope.removeprefix(CHECKER_SIGNER): signer(self.ground.keys, entry.scope).public
            for entry in self.ground.keys.entries()
            if entry.purpose is Purpose.DUAL_SIGNER and entry.scope.startswith(CHECKER_SIGNER)
        }
        revoked = [one.revoked.package_digest for one in self._all() if one.revoked]
        return {
            "airlock": signer(self.ground.keys, AIRLOCK_SIGNER).public.as_dict(),
            "checkers": {name: key.as_dict() for name, key in sorted(checkers.items())},
            "revoked": sorted(revoked),
        }


def _spread(minutes: list[float]) -> dict[str, Any]:
    """Number, median and longest: minutes as numbers and hours in words, with one decimal each."""
    if not minutes:
        return {"number": 0}
    middle, longest = median(minutes), max(minutes)
    return {
        "number": len(minutes),
        "median_minutes": round(middle, 1),
        "longest_minutes": round(longest, 1),
        "median_hours": f"{middle / 60:.1f}",
        "longest_hours": f"{longest / 60:.1f}",
    }
