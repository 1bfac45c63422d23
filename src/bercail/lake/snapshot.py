"""Snapshot, part and statement: what a table held after a delivery. Values only."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from attrs import asdict, frozen

from bercail.foundation import Unproven, canonical_json, sha256_hex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bercail.vault import DualSignature

FORMAT = "bercail-snapshot/1"
# Written once the pseudonyms of a table left their first epoch, or its parts were rewritten.
FORMAT_WITH_EPOCH = "bercail-snapshot/2"
# Written once a part holds the rows of several deliveries.
FORMAT_WITH_SHARES = "bercail-snapshot/3"
# The `delivery` of such a part; no delivery can have a name with a colon.
COMPACT = "compact:"
_MEMBERS = frozenset(
    {
        "format",
        "table",
        "snapshot",
        "sequence",
        "parent",
        "previous",
        "delivery",
        "at",
        "rows",
        "columns",
        "metadata",
        "parts",
    }
)
_MEMBERS_WITH_EPOCH = _MEMBERS | {"epoch", "rewrite"}
_DECODED = frozenset({"format", "columns", "metadata", "parts", "rewrite"})


@frozen(kw_only=True)
class Share:
    """Rows of one delivery that stand one after the other in a part."""

    delivery: str
    rows: int

    def as_dict(self) -> dict[str, str | int]:
        """The share as the statement writes it."""
        return asdict(self)


@frozen(kw_only=True)
class Part:
    """One sealed Parquet file of a table.

    `size` (bytes) and `sha256` are those of the plaintext; `url` is `sealed://<table>/<name>`.
    A compacted part names no delivery but itself (`compact:...`), and `holds` the shares of the
    deliveries in it, in the order of its rows.
    """

    url: str
    delivery: str
    rows: int
    size: int
    sha256: str
    holds: tuple[Share, ...] = ()

    @property
    def shares(self) -> tuple[Share, ...]:
        """Whose rows stand in it, in their order, also for a part of one delivery."""
        return self.holds or (Share(delivery=self.delivery, rows=self.rows),)

    def as_dict(self) -> dict[str, Any]:
        """The part as the statement writes it."""
        held = {"holds": [share.as_dict() for share in self.holds]} if self.holds else {}
        return {
            "url": self.url,
            "delivery": self.delivery,
            "rows": self.rows,
            "size": self.size,
            "sha256": self.sha256,
            **held,
        }


@frozen(kw_only=True)
class Column:
    """Name and Iceberg type of one column, for example `decimal(18, 4)`."""

    name: str
    type: str

    def as_dict(self) -> dict[str, str]:
        """The column as the statement writes it."""
        return {"name": self.name, "type": self.type}


@frozen(kw_only=True)
class MetadataFile:
    """The Iceberg table metadata file that made a snapshot current; plaintext size and digest."""

    url: str
    size: int
    sha256: str

    def as_dict(self) -> dict[str, str | int]:
        """The file as the statement writes it."""
        return asdict(self)


@frozen(kw_only=True)
class Rewrite:
    """What replaced all parts of a snapshot by others: its name, and why."""

    id: str
    reason: str

    def as_dict(self) -> dict[str, str]:
        """The rewrite as the statement writes it."""
        return asdict(self)


@frozen(kw_only=True)
class Statement:
    """What is signed for one snapshot; see `docs/reference/formats/snapshot.md`.

    `epoch` is that of the pseudonyms in the table; `rewrite` is set when the parts do not
    continue those of the snapshot before.
    """

    table: str
    snapshot: str
    sequence: int
    parent: str | None
    previous: str | None
    delivery: str
    at: str
    rows: int
    columns: tuple[Column, ...]
    metadata: MetadataFile
    parts: tuple[Part, ...]
    epoch: int = 1
    rewrite: Rewrite | None = None

    def encode(self) -> bytes:
        """The canonical bytes, which are signed and hashed."""
        shared = any(part.holds for part in self.parts)
        later: dict[str, Any] = {}
        if shared or self.epoch != 1 or self.rewrite is not None:
            later["epoch"] = self.epoch
            later["rewrite"] = self.rewrite.as_dict() if self.rewrite else None
        plain = FORMAT_WITH_EPOCH if later else FORMAT
        return canonical_json(
            {
                **later,
                "format": FORMAT_WITH_SHARES if shared else plain,
                "table": self.table,
                "snapshot": self.snapshot,
                "sequence": self.sequence,
                "parent": self.parent,
                "previous": self.previous,
                "delivery": self.delivery,
                "at": self.at,
                "rows": self.rows,
                "columns": [column.as_dict() for column in self.columns],
                "metadata": self.metadata.as_dict(),
                "parts": [part.as_dict() for part in self.parts],
            }
        )

    def digest(self) -> str:
        """SHA-256 of the canonical bytes."""
        return sha256_hex(self.encode())


@frozen(kw_only=True)
class Snapshot:
    """A signed snapshot of a table.

    `rows` counts the whole snapshot; `parts_digest` is over the list of all its parts;
    `statement_digest` is what a ledger entry or a study pins.
    """

    table: str
    id: str
    sequence: int
    delivery: str
    rows: int
    parts: int
    parts_digest: str
    metadata_digest: str
    statement_digest: str
    signature: DualSignature
    at: str

    @property
    def signer(self) -> str:
        """The id of the key pair that signed it."""
        return self.signature.key_id

    def as_dict(self) -> dict[str, str | int]:
        """The snapshot for `--json` and for the ledger; the signature stays on its shelf."""
        return {
            "table": self.table,
            "snapshot": self.id,
            "sequence": self.sequence,
            "delivery": self.delivery,
            "rows": self.rows,
            "parts": self.parts,
            "parts_digest": self.parts_digest,
            "metadata_digest": self.metadata_digest,
            "statement_digest": self.statement_digest,
            "at": self.at,
        }


def parts_digest(parts: Sequence[Part]) -> str:
    """SHA-256 of the canonical JSON list of `parts`, in their order."""
    return sha256_hex(canonical_json([part.as_dict() for part in parts]))


def snapshot_of(statement: Statement, signature: DualSignature) -> Snapshot:
    """The short form of a signed statement."""
    return Snapshot(
        table=statement.table,
        id=statement.snapshot,
        sequence=statement.sequence,
        delivery=statement.delivery,
        rows=statement.rows,
        parts=len(statement.parts),
        parts_digest=parts_digest(statement.parts),
        metadata_digest=statement.metadata.sha256,
        statement_digest=statement.digest(),
        signature=signature,
        at=statement.at,
    )


def decode_statement(data: bytes) -> Statement:
    """The statement written in `data`.

    Raises `Unproven` when it is not canonical, has other members than the format, or
    counts other rows than its parts.
    """
    try:
        found: dict[str, Any] = json.loads(data)
        later = dict.fromkeys((FORMAT_WITH_EPOCH, FORMAT_WITH_SHARES), _MEMBERS_WITH_EPOCH)
        members = {FORMAT: _MEMBERS, **later}
        if frozenset(found) != members.get(found["format"]):
            raise _malformed("its members are not those of the format")
        rewrite = found.get("rewrite")
        statement = Statement(
            **{name: value for name, value in found.items() if name not in _DECODED},
            rewrite=None if rewrite is None else Rewrite(**rewrite),
            columns=tuple(Column(**column) for column in found["columns"]),
            metadata=MetadataFile(**found["metadata"]),
            parts=tuple(_part(part) for part in found["parts"]),
        )
        if type(statement.epoch) is not int or statement.epoch < 1:
            raise _malformed("its epoch is not a number from 1")
        if statement.encode() != data:
            raise _malformed("it is not canonical")
        if statement.rows != sum(part.rows for part in statement.parts):
            raise _malformed("its rows are not the sum over its parts")
        for part in statement.parts:
            _require_shares(part)
    except (ValueError, TypeError, KeyError) as error:
        raise _malformed("it cannot be read") from error
    return statement


def rows_by_delivery(parts: Sequence[Part]) -> dict[str, int]:
    """How many rows each delivery has in `parts`, the first delivery first."""
    found: dict[str, int] = {}
    for part in parts:
        for share in part.shares:
            found[share.delivery] = found.get(share.delivery, 0) + share.rows
    return found


def _part(found: dict[str, Any]) -> Part:
    holds = tuple(Share(**share) for share in found.get("holds", ()))
    return Part(**{**found, "holds": holds})


def _require_shares(part: Part) -> None:
    """A compacted part says whose rows it holds; any other does not."""
    if part.delivery.startswith(COMPACT) != bool(part.holds):
        raise _malformed("a part that holds several deliveries does not say which")
    if sum(share.rows for share in part.shares) != part.rows:
        raise _malformed("the shares of a part are not its rows")


def _malformed(why: str) -> Unproven:
    return Unproven(
        f"A snapshot statement is not as `{FORMAT}` says: {why}.",
        remedy="Restore the trust side from its copy; do not use the snapshot.",
        rule="lake-statement",
    )
