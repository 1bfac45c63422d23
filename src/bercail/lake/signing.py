"""From an Iceberg commit to a signed statement; and the statement that a crash left unsigned."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bercail.foundation import Unproven, sha256_hex, to_iso
from bercail.lake.filesystem import split_url
from bercail.lake.rereading import reread_part
from bercail.lake.rewrites import require_kept
from bercail.lake.snapshot import (
    COMPACT,
    Column,
    MetadataFile,
    Part,
    Rewrite,
    Statement,
    decode_statement,
    parts_digest,
)
from bercail.vault import verify_dual

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot as IcebergSnapshot

    from bercail.foundation import Clock
    from bercail.lake.fileio import LakeFiles
    from bercail.lake.shelf import Shelf, SignedStatement
    from bercail.vault import DualSigner

DELIVERY = "bercail.delivery"
PARTS = "bercail.parts"
EPOCH = "bercail.epoch"
REWRITE = "bercail.rewrite"
# Statements whose signatures were checked; a statement of a large table takes 100 kB or more.
OPENED_KEPT = 64


class Statements:
    """Signs what was committed, once it is proven; opens what was signed."""

    def __init__(self, files: LakeFiles, shelf: Shelf, signer: DualSigner, clock: Clock) -> None:
        self._files = files
        self._shelf = shelf
        self._signer = signer
        self._clock = clock
        self._opened: dict[bytes, Statement] = {}

    def open(self, signed: SignedStatement) -> Statement:
        """The statement, once both signatures hold; `Unproven` otherwise."""
        known = self._opened.get(signed.statement)
        if known is None:
            verify_dual(self._signer.public, signed.statement, signed.signature)
            known = decode_statement(signed.statement)
            if len(self._opened) >= OPENED_KEPT:
                self._opened.clear()
            self._opened[signed.statement] = known
        return known

    def complete(self, table: Table, known: Mapping[int, Sequence[Part]] | None = None) -> None:
        """Sign every snapshot of `table` that has no statement yet, oldest first.

        `known` holds the parts that this process has just added (all parts of the snapshot,
        for a rewrite), by snapshot id. Any other was left unsigned by a crash: its parts are
        read again in full from the host and compared with the digest that the commit carries;
        `Unproven` when they differ.
        """
        latest = self._shelf.latest(table.name()[-1])
        done = 0 if latest is None else latest.sequence
        if latest is not None:
            _require_up_to(table, latest.snapshot)
        for snapshot in sorted(table.metadata.snapshots, key=sequence_of):
            if sequence_of(snapshot) > done:
                added = (known or {}).get(snapshot.snapshot_id)
                if added is None:
                    added = self._read_again(table, snapshot)
                self._sign(table, snapshot, added)

    def _sign(self, table: Table, snapshot: IcebergSnapshot, added: Sequence[Part]) -> None:
        """Sign and keep one statement; one that another process kept first stays."""
        name = table.name()[-1]
        latest = self._shelf.latest(name)
        before = None if latest is None else self.open(latest)
        parent = None if snapshot.parent_snapshot_id is None else str(snapshot.parent_snapshot_id)
        if parent != (before.snapshot if before else None):
            self._require_signed(name, str(snapshot.snapshot_id))
            return
        rewrite = rewrite_of(snapshot)
        held = before.parts if before and rewrite is None else ()
        if rewrite is not None and before is not None:
            require_kept(name, rewrite.id, before.parts, added)
        epoch = self._epoch(name, snapshot, before, added)
        parts = (*held, *added)
        statement = Statement(
            table=name,
            snapshot=str(snapshot.snapshot_id),
            sequence=sequence_of(snapshot),
            parent=parent,
            previous=before.digest() if before else None,
            delivery=delivery_of(snapshot),
            at=to_iso(self._clock.now()),
            rows=sum(part.rows for part in parts),
            columns=columns_of(table, snapshot),
            metadata=self._metadata(table, snapshot),
            parts=parts,
            epoch=epoch,
            rewrite=rewrite,
        )
        self._shelf.store(statement, self._signer.sign(statement.encode()))

    def _epoch(
        self,
        name: str,
        snapshot: IcebergSnapshot,
        before: Statement | None,
        added: Sequence[Part],
    ) -> int:
        """The epoch that the commit states; `Unproven` when it does not follow `before`.

        Once the parts of a table were rewritten, a part that a former snapshot held cannot
        come back: that would be an old pseudonym planted again.
        """
        epoch = int(_summary(snapshot).get(EPOCH, "1"))
        if before is None or (before.epoch == 1 and before.rewrite is None and epoch == 1):
            return epoch
        rewritten = rewrite_of(snapshot) is not None
        follows = epoch >= before.epoch if rewritten else epoch == before.epoch
        kept = {part.url for part in before.parts} if rewritten else set()
        fresh = {part.url for part in added} - kept
        former = (part.url for one in self._shelf.statements(name) for part in self.open(one).parts)
        if not follows or any(url in fresh for url in former):
            raise Unproven(
                f"Snapshot `{snapshot.snapshot_id}` of `{name}` brings back parts or pseudonyms "
                "of a former epoch.",
                remedy="Find out who wrote to the catalogue; restore it from a copy.",
                rule="lake-epoch",
            )
        return epoch

    def _require_signed(self, name: str, snapshot_id: str) -> None:
        """Pass when another process kept this statement meanwhile; else the chain is broken."""
        if self._shelf.find(name, snapshot=snapshot_id) is None:
            raise Unproven(
                f"Snapshot `{snapshot_id}` of `{name}` does not follow the last signed one.",
                remedy="Restore catalogue and statements from one copy of the trust side.",
                rule="lake-chain",
            )

    def _metadata(self, table: Table, snapshot: IcebergSnapshot) -> MetadataFile:
        """The newest metadata file that has `snapshot` as the current one."""
        former = [entry.metadata_file for entry in reversed(table.metadata.metadata_log)]
        for url in (table.metadata_location, *former):
            data = self._files.read(url)
            if json.loads(data)["current-snapshot-id"] == snapshot.snapshot_id:
                return MetadataFile(url=url, size=len(data), sha256=sha256_hex(data))
        raise Unproven(
            f"No metadata of `{table.name()[-1]}` makes `{snapshot.snapshot_id}` current.",
            remedy="Restore the catalogue from a copy of the trust side.",
            rule="lake-chain",
        )

    def _read_again(self, table: Table, snapshot: IcebergSnapshot) -> tuple[Part, ...]:
        name = table.name()[-1]
        own = [
            entry.data_file.file_path
            for manifest in snapshot.manifests(table.io)
            if manifest.added_snapshot_id == snapshot.snapshot_id
            for entry in manifest.fetch_manifest_entry(table.io)
            if entry.snapshot_id == snapshot.snapshot_id
        ]
        latest = self._shelf.latest(name)
        held = snapshot.manifests(table.io)
        if held and not own and rewrite_of(snapshot) is not None and latest is not None:
            # A rewrite that changed no part carries the parts of the snapshot before; one that
            # left nothing has no manifest.
            parts = self.open(latest).parts
        else:
            # A rewrite may keep parts among new ones: their order is that of the manifest. Those
            # of a delivery are numbered in their names, in the order in which they were written.
            rewritten = rewrite_of(snapshot) is not None
            urls = own if rewritten else sorted(own, key=lambda url: url.rsplit("/", 1)[-1])
            reader = self._files.reader
            parts = tuple(reread_part(reader, url, delivery_in(url)) for url in urls)
        if parts_digest(parts) != _summary(snapshot).get(PARTS):
            raise Unproven(
                f"The parts of delivery `{delivery_of(snapshot)}` in `{name}` are not those "
                "that were committed.",
                remedy="Restore the host from a copy; the snapshot stays unsigned until then.",
                rule="lake-parts",
            )
        return parts


def sequence_of(snapshot: IcebergSnapshot) -> int:
    """The sequence number of a snapshot, from 1."""
    return snapshot.sequence_number or 0


def _summary(snapshot: IcebergSnapshot) -> Mapping[str, str]:
    return snapshot.summary.additional_properties if snapshot.summary is not None else {}


def _require_up_to(table: Table, snapshot_id: str) -> None:
    """`Unproven` when the catalogue was turned back to before a snapshot that is signed."""
    wanted = int(snapshot_id)
    if table.metadata.snapshot_by_id(wanted) is None:
        # Loaded a moment before another process committed and signed: look again.
        table.refresh()
    if table.metadata.snapshot_by_id(wanted) is None:
        raise Unproven(
            f"The catalogue of `{table.name()[-1]}` does not have the signed snapshot "
            f"`{snapshot_id}`: it was turned back.",
            remedy="Restore catalogue and statements from one copy of the trust side.",
            rule="lake-chain",
        )


def delivery_of(snapshot: IcebergSnapshot) -> str:
    """The delivery that made a snapshot; `Unproven` when its summary names none."""
    delivery = _summary(snapshot).get(DELIVERY)
    if delivery is None:
        raise Unproven(
            f"Snapshot `{snapshot.snapshot_id}` names no delivery: the lake did not make it.",
            remedy="Find out who wrote to the catalogue; restore it from a copy.",
            rule="lake-parts",
        )
    return str(delivery)


def delivery_in(url: str) -> str:
    """The delivery whose rows a part holds, from its location; the empty text for none.

    A compacted part is named after itself.
    """
    place, _, name = split_url(url)[1].rpartition("/")
    folder, _, delivery = place.partition("/")
    if folder == "compact":
        return f"{COMPACT}{name.removesuffix('.parquet')}"
    return delivery if folder == "data" else ""


def rewrite_of(snapshot: IcebergSnapshot) -> Rewrite | None:
    """The rewrite that made a snapshot; None when a delivery did."""
    reason = _summary(snapshot).get(REWRITE)
    return None if reason is None else Rewrite(id=delivery_of(snapshot), reason=str(reason))


def columns_of(table: Table, snapshot: IcebergSnapshot) -> tuple[Column, ...]:
    """The columns of the table as of `snapshot`."""
    schema = table.schemas()[snapshot.schema_id or 0]
    return tuple(Column(name=field.name, type=str(field.field_type)) for field in schema.fields)
