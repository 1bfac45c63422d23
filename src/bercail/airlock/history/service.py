"""The desk of history: import what another platform decided, once, as history."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from bercail.airlock.history.azuretre import (
    NotReadableError,
    PastRequest,
    find_id,
    past_request,
    read_documents,
)
from bercail.airlock.history.events import (
    HISTORY_EVENTS,
    HistoricalDocumentSeen,
    HistoricalRequestRecorded,
    HistoricalReviewRecorded,
    HistoricalStatusRecorded,
)
from bercail.foundation import Actor, Invalid, Refused, Role
from bercail.ledger import Ledger

STREAM_PREFIX = "history/azuretre/"
RULE = "history-import"


@frozen(kw_only=True)
class NotTaken:
    """A document that was not recorded: its position in the file, its id if it has one, why."""

    position: int
    request: str | None
    reason: str


@frozen(kw_only=True)
class ImportReport:
    """What an import did. `irregular` and `self_reviewed` are requests that auditors look at."""

    documents: int
    recorded: int
    extended: int
    unchanged: int
    not_taken: tuple[NotTaken, ...]
    irregular: tuple[str, ...]
    self_reviewed: tuple[str, ...]


class HistoryService:
    """Records airlock requests of AzureTRE in streams `history/azuretre/<request>`."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def import_azuretre(self, file: Path, actor: Actor) -> ImportReport:
        """Record every document of `file` that is not recorded yet; called again, nothing changes.

        A later state of a document adds what is new. A document that contradicts what was
        recorded, or is no airlock request, is not taken and is listed.

        Raises:
            Refused: only an operator imports history (rule `history-import`).
            Invalid: the file cannot be read, or is no list of documents.
        """
        _require_operator(actor)
        done: list[str] = []
        not_taken = []
        irregular: set[str] = set()
        by_author: set[str] = set()
        documents = read_documents(_bytes(file), file.name)
        for position, document in enumerate(documents):
            try:
                past = past_request(document)
                done.append(self._take(past, actor))
            except NotReadableError as error:
                not_taken.append(_not_taken(position, document, error.reason))
                continue
            if past.irregular:
                irregular.add(past.opening.request)
            if any(review.by_author for review in past.reviews):
                by_author.add(past.opening.request)
        return ImportReport(
            documents=len(documents),
            recorded=done.count("recorded"),
            extended=done.count("extended"),
            unchanged=done.count("unchanged"),
            not_taken=tuple(not_taken),
            irregular=tuple(sorted(irregular)),
            self_reviewed=tuple(sorted(by_author)),
        )

    def _take(self, past: PastRequest, actor: Actor) -> str:
        stream = f"{STREAM_PREFIX}{past.opening.request}"
        version, events = self._ledger.load(stream, HISTORY_EVENTS)
        if not version:
            whole = [past.opening, *past.steps, *past.reviews]
            self._ledger.append(stream, 0, whole, actor)
            return "recorded"
        seen = {
            event.document
            for event in events
            if isinstance(event, HistoricalRequestRecorded | HistoricalDocumentSeen)
        }
        if past.opening.document in seen:
            return "unchanged"
        added = _added(events, past)
        later = [HistoricalDocumentSeen(document=past.opening.document), *added]
        self._ledger.append(stream, version, later, actor)
        return "extended"


def _require_operator(actor: Actor) -> None:
    if not actor.has(Role.OPERATOR):
        raise Refused(
            f"`{actor.id}` is no operator. / `{actor.id}` n'est pas opérateur.",
            remedy="Ask an operator of the platform to import the history. / "
            "Demandez à un opérateur de la plateforme d'importer l'historique.",
            rule=RULE,
        )


def _added(events: tuple[Any, ...], past: PastRequest) -> list[Any]:
    """What `past` has and the recorded events have not.

    Raises:
        NotReadableError: it contradicts them: something recorded is changed or gone.
    """
    opening = events[0]
    constant = evolve(
        past.opening, document=opening.document, files=opening.files, bytes=opening.bytes
    )
    steps = [event for event in events if isinstance(event, HistoricalStatusRecorded)]
    reviews = [event for event in events if isinstance(event, HistoricalReviewRecorded)]
    if (
        constant != opening
        or list(past.steps[: len(steps)]) != steps
        or list(past.reviews[: len(reviews)]) != reviews
    ):
        raise NotReadableError("it contradicts what was imported before")
    return [*past.steps[len(steps) :], *past.reviews[len(reviews) :]]


def _not_taken(position: int, document: Any, reason: str) -> NotTaken:
    return NotTaken(position=position, request=find_id(document), reason=reason)


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Invalid(
            f"Cannot read `{file}`: {error.strerror}. / Impossible de lire `{file}`.",
            remedy="Check the path and its permissions. / Vérifiez le chemin et ses droits.",
        ) from error
