"""From an Iceberg commit to a signed statement; and the statement that a crash left unsigned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bercail.foundation import Unproven, sha256_hex, to_iso
from bercail.lake.rereading import reread_part
from bercail.lake.snapshot import (
    Column,
    MetadataFile,
    Part,
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

    def complete(self, table: Table) -> None:
        """Sign each snapshot of `table` that a crash left without a statement.

        Its parts are read again in full from the host and compared with the digest that the
        commit carries; `Unproven` when they differ.
        """
        name = table.name()[-1]
        latest = self._shelf.latest(name)
        done = 0 if latest is None else latest.sequence
        for snapshot in sorted(table.metadata.snapshots, key=sequence_of):
            if sequence_of(snapshot) > done:
                self.sign(table, snapshot, self._read_again(table, snapshot))

    def sign(
        self, table: Table, snapshot: IcebergSnapshot, added: Sequence[Part]
    ) -> SignedStatement:
        """Sign and keep the statement of `snapshot`, whose delivery brought `added`.

        When another process signed it first, its statement is the one that stays.
        """
        name = table.name()[-1]
        latest = self._shelf.latest(name)
        before = None if latest is None else self.open(latest)
        parent = None if snapshot.parent_snapshot_id is None else str(snapshot.parent_snapshot_id)
        if parent != (before.snapshot if before else None):
            return self._signed_elsewhere(name, str(snapshot.snapshot_id))
        parts = (*(before.parts if before else ()), *added)
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
            metadata=self._metadata(table),
            parts=parts,
        )
        self._shelf.store(statement, self._signer.sign(statement.encode()))
        kept = self._shelf.find(name, snapshot=statement.snapshot)
        if kept is None:
            raise Unproven(
                f"The statement of `{name}` was not kept.",
                remedy="Check the database of the trust side.",
            )
        return kept

    def _signed_elsewhere(self, name: str, snapshot_id: str) -> SignedStatement:
        """The statement that another process kept; `Unproven` when the chain is broken."""
        kept = self._shelf.find(name, snapshot=snapshot_id)
        if kept is None:
            raise Unproven(
                f"Snapshot `{snapshot_id}` of `{name}` does not follow the last signed one.",
                remedy="Restore catalogue and statements from one copy of the trust side.",
                rule="lake-chain",
            )
        return kept

    def _metadata(self, table: Table) -> MetadataFile:
        data = self._files.read(table.metadata_location)
        return MetadataFile(url=table.metadata_location, size=len(data), sha256=sha256_hex(data))

    def _read_again(self, table: Table, snapshot: IcebergSnapshot) -> tuple[Part, ...]:
        delivery = delivery_of(snapshot)
        urls = sorted(
            entry.data_file.file_path
            for manifest in snapshot.manifests(table.io)
            if manifest.added_snapshot_id == snapshot.snapshot_id
            for entry in manifest.fetch_manifest_entry(table.io)
            if entry.snapshot_id == snapshot.snapshot_id
        )
        parts = tuple(reread_part(self._files.reader, url, delivery) for url in urls)
        if parts_digest(parts) != _summary(snapshot).get(PARTS):
            raise Unproven(
                f"The parts of delivery `{delivery}` in `{table.name()[-1]}` are not those "
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


def columns_of(table: Table, snapshot: IcebergSnapshot) -> tuple[Column, ...]:
    """The columns of the table as of `snapshot`."""
    schema = table.schemas()[snapshot.schema_id or 0]
    return tuple(Column(name=field.name, type=str(field.field_type)) for field in schema.fields)
