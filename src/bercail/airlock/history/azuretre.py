"""Airlock requests of AzureTRE: JSON documents to historical events. Pure.

The shape is that of its `AirlockRequest` model: a history item tells one earlier version of
the document (who made it, when, and in `properties.previousStatus` the status it had), the
document itself tells the last. Times are seconds since 1970, as floats.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from attrs import frozen

from bercail.airlock.history.events import (
    HistoricalRequestRecorded,
    HistoricalReviewRecorded,
    HistoricalStatusRecorded,
)
from bercail.foundation import Invalid, canonical_json, sha256_hex, to_iso

ORIGIN = "AzureTRE"
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)
_DECISIONS = frozenset({"approved", "rejected", "revoked"})
_DIRECTIONS = frozenset({"import", "export"})
# The steps that AzureTRE itself allows (its `validate_status_update`).
_STEPS: Mapping[str, frozenset[str]] = {
    "draft": frozenset({"submitted", "cancelled", "failed"}),
    "submitted": frozenset({"in_review", "blocking_in_progress", "failed"}),
    "in_review": frozenset(
        {"approval_in_progress", "rejection_in_progress", "cancelled", "failed"}
    ),
    "approval_in_progress": frozenset({"approved", "failed"}),
    "rejection_in_progress": frozenset({"rejected", "failed"}),
    "blocking_in_progress": frozenset({"blocked_by_scan", "failed"}),
    "approved": frozenset({"revoked"}),
}
_STATUSES = frozenset(_STEPS).union(*_STEPS.values())
_UNKNOWN = "unknown"
_LATEST = datetime(2100, 1, 1, tzinfo=UTC).timestamp()


class NotReadableError(Exception):
    """A document that is not recorded; `reason` names the member at fault, never its value."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@frozen(kw_only=True)
class PastRequest:
    """One document as events; `irregular` when a step is none that AzureTRE allows."""

    opening: HistoricalRequestRecorded
    steps: tuple[HistoricalStatusRecorded, ...]
    reviews: tuple[HistoricalReviewRecorded, ...]
    irregular: bool


def read_documents(raw: bytes, label: str) -> list[Any]:
    """The documents in `raw`: a list, one document, a page of the database or of the API.

    Raises:
        Invalid: it is no whole JSON, or holds no list of documents; the place is named.
    """
    data, place = _parse(raw)
    if place is not None:
        raise Invalid(
            f"`{label}` is not whole JSON: {place[0]}. / "
            f"`{label}` n'est pas du JSON entier : {place[1]}.",
            remedy="Export the documents again. / Exportez de nouveau les documents.",
        )
    if isinstance(data, Mapping):
        listed = (data[name] for name in ("Documents", "airlockRequests", "value") if name in data)
        data = next(listed, [data])
    if not isinstance(data, list):
        raise Invalid(
            f"`{label}` holds no list of airlock requests. / "
            f"`{label}` ne contient pas de liste de demandes du sas.",
            remedy="Export the container `Requests` of AzureTRE's database as a JSON array. / "
            "Exportez le conteneur `Requests` de la base d'AzureTRE en tableau JSON.",
        )
    return [_unwrapped(row) for row in data]


def _parse(raw: bytes) -> tuple[Any, tuple[str, str] | None]:
    """The value, or where and why it is none, in English and French."""
    try:
        # A fraction stays the text it was, so that a digest does not depend on a float.
        return json.loads(raw, parse_float=str, parse_constant=str), None
    except json.JSONDecodeError as error:
        en = f"it ends or breaks at line {error.lineno}, column {error.colno}"
        fr = f"il finit ou se rompt à la ligne {error.lineno}, colonne {error.colno}"
        return None, (en, fr)
    except (RecursionError, ValueError):
        return None, _NO_TEXT


_NO_TEXT = (
    "it is no text, or nested too deeply",
    "ce n'est pas du texte, ou il est trop imbriqué",
)


def _unwrapped(row: Any) -> Any:
    inner = row.get("airlockRequest") if isinstance(row, Mapping) else None
    return inner if isinstance(inner, Mapping) else row


def past_request(document: Any) -> PastRequest:
    """The events of one document.

    Raises:
        NotReadableError: the document is none of an airlock request; the member is named.
    """
    if not isinstance(document, Mapping):
        raise NotReadableError("it is no object")
    own = _id(document, "id")
    author = _person(document.get("createdBy") or document.get("user"))
    created = document.get("createdWhen", document.get("creationTime"))
    opening = HistoricalRequestRecorded(
        origin=ORIGIN,
        request=own,
        workspace=_id(document, "workspaceId"),
        direction=_one_of(document, "type", _DIRECTIONS, document.get("requestType")),
        author=author,
        created_claimed=_moment(created, "createdWhen"),
        files=len(_list(document, "files")),
        bytes=sum(_bytes(file) for file in _list(document, "files")),
        document=digest(document),
    )
    steps = tuple(_steps(document))
    chain = [step.status for step in steps]
    return PastRequest(
        opening=opening,
        steps=steps,
        reviews=tuple(_review(row, author) for row in _list(document, "reviews")),
        irregular=any(
            later != earlier and later not in _STEPS.get(earlier, ())
            for earlier, later in pairwise(chain)
        ),
    )


def digest(document: Mapping[str, Any]) -> str:
    """SHA-256 of the document in canonical JSON, without the database's own members (`_...`)."""
    kept = {key: value for key, value in document.items() if not key.startswith("_")}
    return sha256_hex(canonical_json(kept))


def _steps(document: Mapping[str, Any]) -> Iterator[HistoricalStatusRecorded]:
    last = -1
    for place, item in enumerate(_list(document, "history")):
        where = f"history[{place}]"
        if not isinstance(item, Mapping):
            raise NotReadableError(f"`{where}` is no object")
        told = item.get("properties")
        status = told.get("previousStatus") if isinstance(told, Mapping) else None
        step = _step(item, status, where)
        if step.version <= last:
            raise NotReadableError(f"`{where}.resourceVersion` does not grow")
        last = step.version
        yield step
    final = _step(document, document.get("status"), "document")
    if final.version <= last:
        raise NotReadableError("`resourceVersion` does not grow")
    yield final


def _step(item: Mapping[str, Any], status: Any, where: str) -> HistoricalStatusRecorded:
    version = item.get("resourceVersion")
    if not isinstance(version, int) or isinstance(version, bool) or version < 0:
        raise NotReadableError(f"`{where}.resourceVersion` is no whole number")
    if status not in _STATUSES:
        raise NotReadableError(f"the status of `{where}` is none of AzureTRE")
    return HistoricalStatusRecorded(
        version=version,
        status=str(status),
        by=_person(item.get("updatedBy")),
        at_claimed=_moment(item.get("updatedWhen"), f"{where}.updatedWhen"),
    )


def _review(row: Any, author: str) -> HistoricalReviewRecorded:
    if not isinstance(row, Mapping):
        raise NotReadableError("a review is no object")
    reviewer = _person(row.get("reviewer"))
    said = row.get("decisionExplanation")
    return HistoricalReviewRecorded(
        review=_id(row, "id"),
        reviewer=reviewer,
        decision=_one_of(row, "reviewDecision", _DECISIONS),
        by_author=reviewer == author != _UNKNOWN,
        at_claimed=_moment(row.get("dateCreated"), "reviews.dateCreated"),
        explanation=sha256_hex(said.encode("utf-8", "replace"))
        if isinstance(said, str) and said
        else "",
    )


def find_id(document: Any) -> str | None:
    """The id of a document that may be wrong in everything else; None when it has none."""
    value = document.get("id") if isinstance(document, Mapping) else None
    return value.lower() if isinstance(value, str) and _ID.fullmatch(value) else None


def _id(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise NotReadableError(f"`{name}` is no identifier of AzureTRE")
    return value.lower()


def _person(value: Any) -> str:
    """The directory id of a person; their name and address are left behind."""
    own = value.get("id") if isinstance(value, Mapping) else None
    return own.lower() if isinstance(own, str) and _ID.fullmatch(own) else _UNKNOWN


def _one_of(row: Mapping[str, Any], name: str, allowed: frozenset[str], other: Any = None) -> str:
    value = row.get(name, other)
    if value not in allowed:
        raise NotReadableError(f"`{name}` is none of {', '.join(sorted(allowed))}")
    return str(value)


def _list(row: Mapping[str, Any], name: str) -> list[Any]:
    value = row.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise NotReadableError(f"`{name}` is no list")
    return value


def _moment(value: Any, name: str) -> str:
    seconds = _number(value, name)
    if not 0 <= seconds < _LATEST:
        raise NotReadableError(f"`{name}` is no time after 1970 and before 2100")
    return to_iso(datetime.fromtimestamp(seconds, UTC))


def _bytes(file: Any) -> int:
    size = _number(file.get("size") if isinstance(file, Mapping) else None, "files.size")
    if not 0 <= size < 1 << 60:
        raise NotReadableError("`files.size` is no number of bytes")
    return int(size)


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise NotReadableError(f"`{name}` is no number")
    try:
        return float(value)
    except (OverflowError, ValueError):
        raise NotReadableError(f"`{name}` is no number") from None
