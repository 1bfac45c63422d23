"""Reading a former version of an object of a bucket."""

from __future__ import annotations

from bercail.storage.names import require_sendable
from bercail.storage.past import PastState
from bercail.storage.port import ObjectInfo
from bercail.storage.reading import Piece, ReadRange
from bercail.storage.s3_control import S3Control


def head(control: S3Control, prefix: str, past: PastState) -> ObjectInfo:
    """What the host says about one former version.

    Raises:
        Missing: when it keeps none of this id.
    """
    require_sendable(past.name)
    with control.translated(f"asking about `{past.name}`", past.name):
        found = control.client.head_object(
            Bucket=control.location.name, Key=prefix + past.name, VersionId=past.id
        )
    return ObjectInfo(
        name=past.as_name,
        size=found["ContentLength"],
        etag=found["ETag"],
        modified=found["LastModified"],
        version=past.id,
        metadata=found["Metadata"],
        tier=found.get("StorageClass"),
    )


def reader(control: S3Control, prefix: str, past: PastState) -> ReadRange:
    """A reader of one former version, which the host never changes."""
    info = head(control, prefix, past)

    def read(offset: int, length: int, if_match: str | None) -> Piece:
        if offset >= info.size:
            return Piece(content=b"", size=info.size, etag=info.etag)
        with control.translated(f"reading `{past.name}`", past.name):
            answer = control.client.get_object(
                Bucket=control.location.name,
                Key=prefix + past.name,
                VersionId=past.id,
                Range=f"bytes={offset}-{offset + length - 1}",
                IfMatch=if_match or info.etag,
            )
            content = answer["Body"].read()
        return Piece(content=content, size=info.size, etag=answer["ETag"])

    return read
