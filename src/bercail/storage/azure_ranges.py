"""Ranges of blobs, each compared with the checksum that Azure computes of it.

Over the wire, and where that gives no plain answer through the vendor's client: obstore shows
no header of an answer but the few it knows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from attrs import frozen

from bercail.storage import failures
from bercail.storage.inventory import patiently
from bercail.storage.reading import Piece, ReadRange
from bercail.storage.source_checksums import agrees, not_its_own

if TYPE_CHECKING:
    from bercail.storage.azure import AzureStore
    from bercail.storage.azure_control import AzureControl
    from bercail.storage.kept_connections import Answer

MOST = 4 * 1024 * 1024
"""Bytes of a range of which Azure tells the checksum; it refuses to for more."""
READINGS = 3
"""A range that is not what its checksum says is read so often."""
ASK = {"x-ms-range-get-content-crc64": "true"}
_TOLD = "x-ms-content-crc64"
_PARTIAL, _NOT_SATISFIABLE = 206, 416
# What a host says that knows no such header: Azurite and Azure, in this order.
_UNKNOWN = {"FeatureNotSupported", "UnsupportedHeader", "NotImplemented"}


@frozen(kw_only=True)
class _Answer:
    piece: Piece
    told: str | None


def checked_range(store: AzureStore, name: str) -> ReadRange:
    """A reader of a blob that takes no byte but those of the host's own checksum.

    1. What is longer than 4 MiB is asked for in several ranges, all of one version.
    2. A range that does not agree is read again, three times in all.
    3. Then it is `Unproven`, rule `source-checksum`.

    A host that suddenly tells no checksum any more is `Unproven` too: who can change the bytes
    on the way can also leave the header out.
    """

    def read(offset: int, length: int, if_match: str | None) -> Piece:
        found: list[bytes] = []
        got = 0
        while True:  # 1
            wanted = min(MOST, length - got)
            piece = _agreed(store, name, offset + got, wanted, if_match)
            found.append(piece.content)
            got += len(piece.content)
            if_match = piece.etag
            if got >= length or len(piece.content) < wanted:
                return Piece(content=b"".join(found), size=piece.size, etag=piece.etag)

    return read


def told_right(answer: Answer) -> bool:
    """Whether a range came with the checksum that its bytes have."""
    return agrees(answer.body, answer.headers.get(_TOLD, ""))


def tells_ranges(store: AzureStore, name: str, sleep: Callable[[float], None] = time.sleep) -> bool:
    """Whether the host tells checksums of ranges, asked with the first byte of a blob."""

    def told() -> str | None:
        # Azurite refuses with status 500, which the client would take for a passing weakness.
        return _by_client(store.control, name, 0, 1, None, retry_total=0).told

    first = store.wire.question(store.signs("GET", name), {"range": "bytes=0-0", **ASK})
    if first is not None and first.status == _PARTIAL and len(first.body) == 1:
        return _TOLD in first.headers
    if first is not None and first.headers.get("x-ms-error-code") in _UNKNOWN:
        return False
    try:
        return patiently(told, sleep) is not None
    except _NotKnown:
        return False


class _NotKnown(Exception):
    """The host refuses the question for a checksum."""


def _agreed(store: AzureStore, name: str, offset: int, length: int, if_match: str | None) -> Piece:
    for _ in range(READINGS):  # 2
        try:
            answer = _asked(store, name, offset, length, if_match)
        except _NotKnown:
            break
        if not answer.piece.content or (answer.told and agrees(answer.piece.content, answer.told)):
            return answer.piece
    place = f"{length} bytes from {offset}"
    raise not_its_own(store.location, name, place)  # 3


def _asked(store: AzureStore, name: str, offset: int, length: int, if_match: str | None) -> _Answer:
    heard = store.wire.hear(store.signs("GET", name), offset, length, if_match, ASK)
    if heard is None:
        return _by_client(store.control, name, offset, length, if_match)
    return _Answer(piece=heard.piece, told=heard.headers.get(_TOLD))


def _by_client(
    control: AzureControl,
    name: str,
    offset: int,
    length: int,
    if_match: str | None,
    **options: Any,
) -> _Answer:
    """A range, and what the host says of it; nothing from the end of the blob on."""
    from azure.core import MatchConditions
    from azure.core.exceptions import HttpResponseError

    heard: dict[str, str] = {}

    def listen(answer: Any) -> None:
        heard.clear()
        heard.update({k.lower(): v for k, v in answer.http_response.headers.items()})

    if if_match is not None:
        options |= {"etag": if_match, "match_condition": MatchConditions.IfNotModified}
    with control.translated(f"reading `{name}`", name):
        try:
            options |= {"headers": dict(ASK), "raw_response_hook": listen}
            answer = control.blob(name).download_blob(offset=offset, length=length, **options)
            content: bytes = answer.readall()
        except HttpResponseError as error:
            if heard.get("x-ms-error-code") in _UNKNOWN:
                raise _NotKnown from None
            if error.status_code != _NOT_SATISFIABLE:
                raise
            content, heard = b"", {}
    if not content:
        return _Answer(piece=_beyond_the_end(control, name, offset, if_match), told=None)
    size, etag = _size(heard), heard.get("etag", "")
    expected = max(0, min(length, size - offset))
    if len(content) != expected:
        raise failures.cut_short(control.location, name, expected, len(content))
    return _Answer(piece=Piece(content=content, size=size, etag=etag), told=heard.get(_TOLD))


def _beyond_the_end(control: AzureControl, name: str, offset: int, if_match: str | None) -> Piece:
    info = control.head(name)
    if info.size > offset or (if_match is not None and info.etag != if_match):
        raise failures.changed(control.location, name)
    return Piece(content=b"", size=info.size, etag=info.etag)


def _size(heard: dict[str, str]) -> int:
    """The size of the whole, from `bytes 0-9/123`."""
    told = heard.get("content-range", "").rpartition("/")[2]
    return int(told) if told.isdecimal() else 0
