"""Reading a former version or a snapshot of a blob."""

from __future__ import annotations

from attrs import evolve
from azure.core import MatchConditions
from azure.storage.blob import BlobClient

from bercail.storage import failures
from bercail.storage.azure_control import AzureControl, info_of
from bercail.storage.names import require_sendable
from bercail.storage.past import PastKind, PastState
from bercail.storage.port import ObjectInfo
from bercail.storage.reading import Piece, ReadRange


def head(control: AzureControl, past: PastState) -> ObjectInfo:
    """What the host says about one former state.

    Raises:
        Missing: when it keeps none of this id.
    """
    require_sendable(past.name)
    with control.translated(f"asking about `{past.name}`", past.name):
        found = info_of(past.as_name, _blob(control, past).get_blob_properties())
    return evolve(found, version=past.id)


def reader(control: AzureControl, past: PastState) -> ReadRange:
    """A reader of one former state, which the host never changes."""
    info, blob = head(control, past), _blob(control, past)

    def read(offset: int, length: int, if_match: str | None) -> Piece:
        if if_match is not None and if_match != info.etag:
            raise failures.changed(control.location, past.name)
        if offset >= info.size:
            return Piece(content=b"", size=info.size, etag=info.etag)
        with control.translated(f"reading `{past.name}`", past.name):
            answer = blob.download_blob(
                offset=offset,
                length=length,
                etag=info.etag,
                match_condition=MatchConditions.IfNotModified,
            )
            return Piece(content=answer.readall(), size=info.size, etag=info.etag)

    return read


def _blob(control: AzureControl, past: PastState) -> BlobClient:
    container, _, blob = past.name.partition("/")
    if past.kind is PastKind.SNAPSHOT:
        return control.service.get_blob_client(container, blob, snapshot=past.id)
    return control.service.get_blob_client(container, blob, version_id=past.id)
