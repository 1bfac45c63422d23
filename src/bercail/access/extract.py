"""Cutting an extract: the permit's tables, columns, years and persons, under project pseudonyms.

Each project's pseudonyms come from a secret of its own (SNDS referential 6.1), the files are
sealed under the project's key (ENC-02), and the manifest pins the snapshots they come from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
from attrs import frozen

from bercail.access.events import ExtractMade
from bercail.access.permit import DataPermit
from bercail.access.scope import LakeTable, reached
from bercail.access.selection import Selection
from bercail.catalogue import PseudonymColumn, Registry
from bercail.cohorts.sources import PROJECT_NAMES
from bercail.foundation import Missing, canonical_json, sha256_hex
from bercail.lake import Lake, SealedStore
from bercail.lake.identities import Turn, turn_identities
from bercail.lake.parquet_stream import ParquetStream
from bercail.vault import Keyring, pseudonyms

ProgressReport = Callable[[str, int, int], None]
MANIFEST = "extract.json"


@frozen(kw_only=True)
class ExtractPart:
    """One table of an extract."""

    table: str
    name: str
    columns: tuple[str, ...]
    rows: int
    sha256: str
    snapshot: str

    def as_dict(self) -> dict[str, Any]:
        """As the manifest writes it."""
        return {
            "table": self.table,
            "name": self.name,
            "columns": list(self.columns),
            "rows": self.rows,
            "sha256": self.sha256,
            "snapshot": self.snapshot,
        }


@frozen(kw_only=True)
class Cutter:
    """What cutting needs: the lake, the catalogue, the keys, the project's sealed place."""

    lake: Lake
    registry: Registry
    keys: Keyring
    sealed: SealedStore

    def cut(
        self,
        permit: DataPermit,
        extract: str,
        objections: tuple[int, Sequence[str]],
        progress: ProgressReport | None = None,
    ) -> ExtractMade:
        """Materialise the extract; a killed run is simply made again over the same names.

        Raises:
            Missing: the lake holds nothing that the permit names.
        """
        tables = reached(permit.scope, self.lake.tables(), self.registry)
        if not tables:
            raise Missing(
                f"The lake holds no table that the permit `{permit.id}` names.",
                remedy="Load the deliveries of its years first.",
            )
        version, objecting = objections
        selection = Selection(self.lake, self.registry, permit.scope, objecting)
        try:
            parts = []
            for done, table in enumerate(tables):
                if progress:
                    progress("extract", done, len(tables))
                parts.append(self._cut_table(permit, extract, table, selection))
            if progress:
                progress("extract", len(tables), len(tables))
            return self._finished(extract, permit, parts, version, selection.persons)
        finally:
            selection.close()

    def _cut_table(
        self, permit: DataPermit, extract: str, table: LakeTable, selection: Selection
    ) -> ExtractPart:
        schema, batches = selection.batches(table)
        held = set(schema.names)
        columns = [c for c in self.registry.pseudonyms(table.scope.table) if c.name in held]
        names = [PROJECT_NAMES.get(name, name) for name in schema.names]
        target = pa.schema(
            [field.with_name(name) for field, name in zip(schema, names, strict=True)]
        )
        secret = self.keys.secret("pseudonym", f"project/{permit.project}")
        turn = partial(pseudonyms.project, secret)
        stream = ParquetStream(target, _turned(batches, columns, turn, target))
        name = f"{extract}/{table.name}.parquet"
        written = self.sealed.put(name, stream.pieces())
        return ExtractPart(
            table=table.name,
            name=name,
            columns=tuple(names),
            rows=stream.rows,
            sha256=written.sha256,
            snapshot=selection.snapshot(table.name),
        )

    def _finished(
        self,
        extract: str,
        permit: DataPermit,
        parts: Sequence[ExtractPart],
        objections: int,
        persons: int,
    ) -> ExtractMade:
        manifest = canonical_json(
            {
                "extract": extract,
                "permit": permit.id,
                "project": permit.project,
                "objections": objections,
                "parts": [part.as_dict() for part in parts],
            }
        )
        self.sealed.put(f"{extract}/{MANIFEST}", manifest)
        return ExtractMade(
            extract=extract,
            manifest_sha256=sha256_hex(manifest),
            objections=objections,
            persons=persons,
            rows={part.table: part.rows for part in parts},
            snapshots={part.table: part.snapshot for part in parts},
        )


def _turned(
    batches: Iterator[pa.RecordBatch],
    columns: Sequence[PseudonymColumn],
    turn: Turn,
    target: pa.Schema,
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        turned = turn_identities(batch, columns, turn)
        yield pa.RecordBatch.from_arrays(turned.columns, schema=target)
