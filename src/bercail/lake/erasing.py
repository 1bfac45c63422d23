"""Erase rows from a table: a delivery, or persons; and prove what can be proven.

1. The parts that hold such rows are written again without them, in one signed snapshot.
2. Every snapshot before is let go, and its parts, manifests and metadata leave the host, with what
   interrupted appends left. An append that began before 1 is refused at its commit.
3. Every file left is sealed under a new key and the old keys are destroyed, so that a copy of an
   old file, wherever it is, cannot be opened.
4. A certificate is signed and kept on the trust side.

Killed at any point, the same erasure asked for again goes on where it stopped; before 1 is
committed nothing has happened. No delivery may be loaded into the table meanwhile.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from bercail.foundation import Missing, Unproven, canonical_json, new_id, to_iso
from bercail.lake.orphans import find_orphans
from bercail.lake.replacing import Replacing
from bercail.lake.rewrites import DELIVERY_ERASURE, PERSONS_ERASURE
from bercail.lake.rewriting import Rewriting
from bercail.lake.row_choice import DeliveryRows, PersonRows
from bercail.lake.snapshot import Part
from bercail.vault import dsse_envelope, open_dsse_envelope

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyiceberg.table import Table

    from bercail.lake.ground import LakeGround
    from bercail.lake.part_writing import WrittenPart
    from bercail.lake.snapshot import Statement
    from bercail.vault import DualPublicKey

    Progress = Callable[[str, int, int], None]

PAYLOAD_TYPE = "application/vnd.bercail.lake-erasure+json"
FORMAT = "bercail-erasure/1"
PROVEN = (
    "No part of the newest snapshot holds the rows; statements and digests show it.",
    "Every earlier snapshot of the table is let go, and its files were removed from the host.",
)
KEYS_DESTROYED = (
    "The data keys of the table that sealed the rows are destroyed; their files cannot be opened.",
)
NOT_PROVEN = (
    "That the host keeps no copy: a backup or a version of it may hold the old ciphertext.",
    "Copies of the key table made before: whoever has one and the root opens old ciphertext.",
    "Extracts that projects received, tables derived from this one, copies opened for an exit.",
    "Statements stay: digests of the old parts, and how many rows each delivery had.",
)


@frozen(kw_only=True)
class ErasureCertificate:
    """What was erased from one table. `keys` are the ids of its data keys destroyed so far."""

    table: str
    erasure: str
    reason: str
    at: str
    before: str
    after: str
    rows_erased: int
    rows_left: int
    keys: tuple[str, ...]
    envelope: bytes = field(repr=False, eq=False)

    def as_dict(self) -> dict[str, Any]:
        """What is signed, and what `--json` prints."""
        return {
            "format": FORMAT,
            "table": self.table,
            "erasure": self.erasure,
            "reason": self.reason,
            "at": self.at,
            "snapshot_before": self.before,
            "snapshot_after": self.after,
            "rows_erased": self.rows_erased,
            "rows_left": self.rows_left,
            "keys_destroyed": list(self.keys),
            "proven": [*PROVEN, *(KEYS_DESTROYED if self.keys else ())],
            "not_proven": list(NOT_PROVEN),
        }


class Erasing:
    """Erases rows from the tables of one lake."""

    def __init__(self, ground: LakeGround) -> None:
        self._ground = ground
        self._replacing = Replacing(ground)
        self._rewriting = Rewriting(ground)

    def erase(
        self,
        table: str,
        rows: DeliveryRows | PersonRows,
        reason: str,
        *,
        destroy_keys: bool = True,
        progress: Progress | None = None,
    ) -> ErasureCertificate:
        """Erase `rows` from `table`; again, the certificate of the first time is returned.

        Raises `Missing` for a delivery or a column that the table does not have, `Refused` while
        the pseudonyms of the lake change, `Unproven` when a file does not open.
        """
        name = name_of(rows)
        kept = self._ground.erasures.find(table, name)
        if kept is not None:
            return read_erasure(kept, self._ground.signer.public)
        self._ground.gate.require_open()
        self._require_there(table, rows, name)
        made = self._replacing.replace(table, self._maker(rows), name=name, reason=reason)  # 1
        found = self._replacing.find(table, name)
        before = made if found is None else found[0]
        self._rewriting.expire(table, name)  # 2
        keys = self._destroy_keys(table, made, progress) if destroy_keys else ()  # 3
        return self._certified(made, before, name, keys)  # 4

    def _certified(
        self, made: Statement, before: Statement, name: str, keys: tuple[str, ...]
    ) -> ErasureCertificate:
        certificate = ErasureCertificate(
            table=made.table,
            erasure=name,
            reason=made.rewrite.reason if made.rewrite else "",
            at=to_iso(self._ground.clock.now()),
            before=before.snapshot,
            after=made.snapshot,
            rows_erased=before.rows - made.rows,
            rows_left=made.rows,
            keys=keys,
            envelope=b"",
        )
        document = canonical_json(certificate.as_dict())
        signed = canonical_json(dsse_envelope(PAYLOAD_TYPE, document, [self._ground.signer]))
        kept = self._ground.erasures.add(made.table, name, signed)
        return read_erasure(kept, self._ground.signer.public)

    def _require_there(self, table: str, rows: DeliveryRows | PersonRows, name: str) -> None:
        if self._replacing.find(table, name) is not None:
            return
        latest = self._ground.latest(table)
        if isinstance(rows, DeliveryRows):
            if self._ground.shelf.find(table, delivery=rows.delivery) is None:
                raise Missing(
                    f"`{table}` has no delivery `{rows.delivery}`.",
                    remedy="See `bercail lake snapshots`.",
                )
            return
        held = {column.name: column.type for column in latest.columns}
        if held.get(rows.column) != "string":
            raise Missing(
                f"`{table}` has no text column `{rows.column}` to find persons by.",
                remedy="Name the column that holds the pseudonyms.",
            )

    def _maker(
        self, rows: DeliveryRows | PersonRows
    ) -> Callable[[Table, Statement], list[WrittenPart | Part]]:
        written: dict[str, WrittenPart | Part | None] = {}
        stem = new_id("part", self._ground.randomness)

        def make(opened: Table, before: Statement) -> list[WrittenPart | Part]:
            for part in before.parts:
                if part.url not in written:
                    written[part.url] = self._replacing.without(
                        opened, part, rows, stem, len(written)
                    )
            made = [written[part.url] for part in before.parts]
            return [one for one in made if one is not None]

        return make

    def _destroy_keys(
        self, table: str, made: Statement, progress: Progress | None
    ) -> tuple[str, ...]:
        self._forget_absent(table)
        keys = self._ground.files.data_keys(table)
        living = [key for key in keys if key.destroyed is None]
        if len(living) > 1 or any(key.created <= made.at for key in living):
            report = self._ground.files.resealing(table).run(progress=progress)
            if report.left or report.unlisted:
                raise Unproven(
                    f"{len(report.left) + report.unlisted} files of `{table}` are still under an "
                    "old key, which therefore lives.",
                    remedy="See `bercail lake left-to-reseal`, then ask for the erasure again.",
                    rule="lake-erasure",
                )
        return tuple(
            key.id for key in self._ground.files.data_keys(table) if key.destroyed is not None
        )

    def _forget_absent(self, table: str) -> None:
        """Drop the records of files that a killed run announced and never sent."""
        statements = self._ground.every(table)
        gone = self._ground.expiries.of(table)
        live = [one for one in statements if one.snapshot not in gone]
        files = self._ground.shelf.files(table)
        until = self._ground.clock.now() + timedelta(days=1)
        for orphan in find_orphans(table, self._ground.load(table), live, files, until):
            if not self._ground.files.on_host(orphan.location):
                self._ground.files.delete(orphan.location)


def name_of(rows: DeliveryRows | PersonRows) -> str:
    """The name of an erasure: the same for the same request, so that it can be taken up again."""
    if isinstance(rows, DeliveryRows):
        return f"{DELIVERY_ERASURE}{rows.delivery}"
    return f"{PERSONS_ERASURE}{rows.request}"


def read_erasure(envelope: bytes, public: DualPublicKey) -> ErasureCertificate:
    """What a certificate says, once `public` is shown to have signed it; `Unproven` otherwise."""
    try:
        payload = open_dsse_envelope(json.loads(envelope), PAYLOAD_TYPE, [public])
        found = json.loads(payload)
        made = ErasureCertificate(
            table=found["table"],
            erasure=found["erasure"],
            reason=found["reason"],
            at=found["at"],
            before=found["snapshot_before"],
            after=found["snapshot_after"],
            rows_erased=found["rows_erased"],
            rows_left=found["rows_left"],
            keys=tuple(found["keys_destroyed"]),
            envelope=envelope,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise _unformed() from error
    if canonical_json(made.as_dict()) != payload:
        raise _unformed()
    return made


def _unformed() -> Unproven:
    return Unproven(
        "A certificate of erasure cannot be read.",
        remedy="Restore the trust side from its copy.",
        rule="lake-erasure",
    )
