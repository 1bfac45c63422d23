"""A request as people see it. Votes stay hidden until the decision: reviews are independent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from bercail.airlock.disclosure.guard.uncompared import NOT_COMPARED
from bercail.airlock.events import OutputAlert, OutputRefused, VoteCast
from bercail.airlock.request import Request, State
from bercail.airlock.rules import ALERT_BYTES, ALERT_CELLS, OWNERS
from bercail.foundation import Actor, Role

_OPEN = frozenset({State.CHECKED, State.IN_REVIEW, State.CONSOLIDATING})


def summary(request: Request, actor: Actor, project_events: tuple[Any, ...]) -> dict[str, Any]:
    """What `actor` sees of a request, without its cells."""
    shown: dict[str, Any] = line(request) | {
        "reason": request.reason,
        "votes_cast": len(request.votes),
    }
    if request.checked:
        shown |= {
            "verdict": request.checked.verdict,
            "rules": list(request.checked.rules),
            "set_digest": request.set_digest,
            "policy_digest": request.checked.policy_digest,
        }
    if request.files:
        shown["files"] = [
            {"name": one.name, "kind": one.kind, "role": one.role} for one in request.files
        ]
    if request.submitted:
        shown["context"] = request.submitted.context
        shown["anonymity"] = {
            "singling_out": request.submitted.singling_out,
            "correlation": request.submitted.correlation,
            "inference": request.submitted.inference,
        }
    shown["votes"] = [_vote(vote) for vote in visible_votes(request, actor)]
    if request.released:
        shown["package_digest"] = request.released.package_digest
    if request.revoked:
        shown["revoked_at"] = request.revoked.at
    shown["alerts"] = [text for event in project_events if (text := _alert(event))]
    return shown


def line(request: Request) -> dict[str, Any]:
    """A request in one line."""
    return {
        "request": request.id,
        "state": request.state.value,
        "turn": OWNERS[request.state].value,
        "permit": request.permit,
        "project": request.project,
        "author": request.author,
        "cell_count": request.checked.cells if request.checked else None,
        "hidden_cells": request.checked.hidden_cells if request.checked else None,
    }


def visible_votes(request: Request, actor: Actor) -> tuple[VoteCast, ...]:
    """While the review is open each checker sees their own vote only.

    Once they disagree, the checkers see each other's; the author still does not.
    """
    divided = request.state is State.CONSOLIDATING and actor.has(Role.OUTPUT_CHECKER)
    outside = actor.id not in request.members | {request.author}
    if request.state in _OPEN and not (divided and outside):
        return tuple(vote for vote in request.votes if vote.checker == actor.id)
    return request.votes


def _vote(vote: VoteCast) -> dict[str, Any]:
    return {
        "checker": vote.checker,
        "decision": "approve" if vote.approve else "reject",
        "reason": vote.reason,
        "at": vote.at,
    }


_NAMED = 3
"""Earlier releases named in a line that stands for many."""

_ONE_NOT_COMPARED = re.compile(
    re.escape(NOT_COMPARED)
    .replace(r"\{0\}", "(?P<release>.+)", 1)
    .replace(r"\{0\}", "(?P=release)")
)
_MANY_NOT_COMPARED = (
    "The cohorts of {0} earlier releases may be nearly the same persons, the latest of {1}: nobody "
    "compared them, and the totals differ by less than the threshold or a total or a digest is "
    "missing. Give the tables their `population`, or compare by hand. / "
    "Les cohortes de {0} sorties antérieures comptent peut-être presque les mêmes personnes, les "
    "dernières de {1} : personne ne les a comparées, et les totaux diffèrent de moins que le "
    "seuil, ou un total ou une empreinte manque. Donnez leur `population` aux tables, ou comparez "
    "à la main."
)


def folded_reasons(people: Sequence[str]) -> list[str]:
    """The guard's reasons for a reader: those that repeat for each earlier release as one line.

    The line counts the releases and names the latest; the sealed report keeps one reason for each.
    """
    found = [_ONE_NOT_COMPARED.fullmatch(reason) for reason in people]
    releases = [one["release"] for one in found if one]
    if len(releases) < 2:
        return list(people)
    latest = ", ".join(f"`{release}`" for release in releases[-_NAMED:])
    rest = [reason for reason, one in zip(people, found, strict=True) if not one]
    return [_MANY_NOT_COMPARED.format(len(releases), latest), *rest]


def _alert(event: Any) -> str:
    match event:
        case OutputAlert():
            many = f"{event.requests} requests of this project within {event.days} days"
            many_fr = f"{event.requests} demandes de ce projet en {event.days} jours"
            if event.cells > ALERT_CELLS or event.bytes > ALERT_BYTES:
                many += f", {event.cells} cells, {event.bytes} bytes"
                many_fr += f", {event.cells} cases, {event.bytes} octets"
            return f"{many} / {many_fr}"
        case OutputRefused():
            return (
                f"a file of `{event.author}` was turned away ({event.rule}) / "
                f"un fichier de `{event.author}` a été refusé à la porte ({event.rule})"
            )
    return ""
