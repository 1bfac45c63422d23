"""What was decided elsewhere. None of these is an event of a request of ours."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class HistoricalRequestRecorded:
    """A request of another platform's airlock, as its document says.

    `document` is the SHA-256 of the document (see docs/explanation/estate.md), times are as
    claimed there, `author` is a directory id or `unknown`, `bytes` the sum of its files.
    """

    origin: str
    request: str
    workspace: str
    direction: str
    author: str
    created_claimed: str
    files: int
    bytes: int
    document: str


@frozen(kw_only=True)
class HistoricalStatusRecorded:
    """The request had `status` in its `version`, put there by `by` at the time claimed."""

    version: int
    status: str
    by: str
    at_claimed: str


@frozen(kw_only=True)
class HistoricalReviewRecorded:
    """A review that the other platform took; `by_author` when the author reviewed it.

    `explanation` is the SHA-256 of the reason given, empty when none was.
    """

    review: str
    reviewer: str
    decision: str
    by_author: bool
    at_claimed: str
    explanation: str


@frozen(kw_only=True)
class HistoricalDocumentSeen:
    """A later state of the same document was imported; what it adds follows."""

    document: str


HISTORY_EVENTS: tuple[type, ...] = (
    HistoricalRequestRecorded,
    HistoricalStatusRecorded,
    HistoricalReviewRecorded,
    HistoricalDocumentSeen,
)
