"""What was done to sealed files as a whole; the journal keeps these in stream `lake/keeping`."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class ResealingBegun:
    """Objects of a kind and scope are about to be sealed again; `new_key` when that was asked."""

    kind: str
    scope: str
    new_key: bool


@frozen(kw_only=True)
class ObjectsResealed:
    """A run of re-sealing ended: counts of objects, and of the old keys that it destroyed.

    While `left` or `unlisted` is not 0, the old keys live.
    """

    kind: str
    scope: str
    epoch: int
    resealed: int
    already: int
    left: int
    unlisted: int
    destroyed: int


@frozen(kw_only=True)
class LakeSwept:
    """Files that no snapshot names, by table, are about to leave the host."""

    older_than_hours: int
    files: dict[str, int]


@frozen(kw_only=True)
class TableCompacted:
    """Small parts of a table were joined; its former snapshots stay."""

    table: str
    snapshot: str
    parts_before: int
    parts_after: int


@frozen(kw_only=True)
class SnapshotsExpired:
    """Snapshots of a table are about to be let go, with the files that only they reach."""

    table: str
    older_than_days: int
    snapshots: int


@frozen(kw_only=True)
class ErasureBegun:
    """Rows of a table are about to be erased; `erasure` names the delivery or the request."""

    table: str
    erasure: str
    reason: str


@frozen(kw_only=True)
class RowsErased:
    """An erasure ended with its certificate; `keys` counts the data keys destroyed so far."""

    table: str
    erasure: str
    snapshot: str
    rows: int
    keys: int
    certificate_sha256: str


@frozen(kw_only=True)
class OpenCopyBegun:
    """A snapshot is about to be written in clear outside the lake."""

    table: str
    snapshot: str
    folder: str
    reason: str


@frozen(kw_only=True)
class OpenCopyWritten:
    """An unsealed copy was written and proven."""

    table: str
    snapshot: str
    folder: str
    parts: int
    rows: int


KEEPING_EVENTS = (
    ResealingBegun,
    ObjectsResealed,
    LakeSwept,
    TableCompacted,
    SnapshotsExpired,
    ErasureBegun,
    RowsErased,
    OpenCopyBegun,
    OpenCopyWritten,
)
