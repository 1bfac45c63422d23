"""Cutting an extract: the permit's tables, columns, years and persons, under project pseudonyms.

Each project's pseudonyms come from a secret of its own (SNDS referential 6.1), the files are
sealed under the project's key (ENC-02), and the manifest pins the snapshots they come from.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any

import pyarrow as pa
from attrs import asdict, frozen

from bercail.access.events import ExtractMade
from bercail.access.permit import DataPermit
from bercail.access.project_secrets import secret_epochs, secret_scope
from bercail.access.scope import LakeTable, reached
from bercail.access.selection import Selection, pin
from bercail.catalogue import PseudonymColumn, Registry
from bercail.cohorts.sources import PROJECT_NAMES
from bercail.foundation import Refused, Secret, Unproven, canonical_json, sha256_hex
from bercail.lake import Lake, SealedStore
from bercail.lake.identities import Turn, turn_identities
from bercail.lake.parquet_stream import ParquetStream
from bercail.lake.rules import LINEAGE
from bercail.vault import Keyring, pseudonyms
from bercail.vault.events import SecretUsed

ProgressReport = Callable[[str, int, int], None]
MANIFEST = "extract.json"
FORMAT = "bercail-extract/2"


@frozen(kw_only=True)
class ExtractPart:
    """One table of an extract; `sha256` is that of the plaintext."""

    table: str
    name: str
    columns: tuple[str, ...]
    rows: int
    sha256: str
    snapshot: str


@frozen(kw_only=True)
class Cutter:
    """What cutting needs: the lake, the catalogue, the keys, the project's sealed place.

    `used` is told of the project's secret before a pseudonym is made with it.
    """

    lake: Lake
    registry: Registry
    keys: Keyring
    sealed: SealedStore
    used: Callable[[SecretUsed], None]

    def cut(
        self,
        permit: DataPermit,
        objections: tuple[int, Sequence[str]],
        epoch: int,
        progress: ProgressReport | None = None,
    ) -> ExtractMade:
        """Materialise the extract; the objections are in pseudonyms of `epoch`.

        Its name says what it is cut from: the permit, the snapshots, the version of the
        registry of objections, the epoch of the project's secret. So a killed run made again
        writes the same bytes over its own names, and no run replaces another state's.

        Raises:
            Missing: the lake holds nothing of a table that the permit names.
            Refused: the pseudonyms of the lake are of another epoch.
            Unavailable: the host does not answer, or memory does not suffice.
        """
        tables, pins = self._pinned(permit, epoch)
        version, objecting = objections
        secret_epoch, secret = self._secret(permit)
        extract = _name(permit, pins, version, secret_epoch)
        self.used(_use(permit, secret_epoch, extract))
        turn = partial(pseudonyms.project, secret)
        chosen = Selection(self.lake, self.registry, permit.scope, pins, objecting)
        with closing(chosen) as selection:
            cut = _told([table for table in tables if selection.columns(table)], progress)
            parts = [self._cut_table(extract, table, selection, pins, turn) for table in cut]
        under = {"epoch": epoch, "secret": secret_epoch}
        manifest = _manifest(permit, extract, version, under, parts)
        self.sealed.put(f"{extract}/{MANIFEST}", manifest)
        return ExtractMade(
            extract=extract,
            manifest_sha256=sha256_hex(manifest),
            objections=version,
            persons=selection.persons,
            rows={part.table: part.rows for part in parts},
            snapshots=pins,
        )

    def _pinned(
        self, permit: DataPermit, epoch: int
    ) -> tuple[tuple[LakeTable, ...], dict[str, str]]:
        """The lake tables that the permit reaches, and the snapshots they are read at."""
        tables = reached(permit.scope, self.lake.tables(), self.registry)
        pins = pin(self.lake, tables)
        if self.lake.rewriting.require_one_epoch(pins) != epoch:
            raise Refused(
                "The platform's pseudonyms changed between the objections and the tables.",
                remedy="Cut the extract again.",
                rule="pseudonym-epoch",
            )
        return tables, pins

    def _secret(self, permit: DataPermit) -> tuple[int, Secret]:
        """The project's secret in use, made at its first extract, and its epoch."""
        scope = secret_scope(permit.project)
        self.keys.secret("pseudonym", scope)
        epoch = secret_epochs(self.keys, scope)[-1]
        return epoch, self.keys.secret("pseudonym", scope, epoch)

    def _cut_table(
        self,
        extract: str,
        table: LakeTable,
        selection: Selection,
        pins: Mapping[str, str],
        turn: Turn,
    ) -> ExtractPart:
        schema, batches = selection.batches(table)
        held = set(schema.names)
        columns = [c for c in self.registry.pseudonyms(table.family) if c.name in held]
        names = [PROJECT_NAMES.get(name, name) for name in schema.names]
        sources = {column.name: f"{table.family}.{column.name}" for column in columns}
        target = pa.schema(
            [
                _told_from(field.with_name(name), sources.get(field.name, ""))
                for field, name in zip(schema, names, strict=True)
            ]
        )
        stream = ParquetStream(target, _turned(batches, columns, turn, target))
        name = f"{extract}/{table.name}.parquet"
        written = self.sealed.put(name, stream.pieces())
        return ExtractPart(
            table=table.name,
            name=name,
            columns=tuple(names),
            rows=stream.rows,
            sha256=written.sha256,
            snapshot=pins[table.name],
        )


def _told(tables: Sequence[LakeTable], progress: ProgressReport | None) -> Iterator[LakeTable]:
    """The tables one by one, with progress told before each and at the end."""
    report = progress or (lambda _label, _done, _total: None)
    for done, table in enumerate(tables):
        report("extract", done, len(tables))
        yield table
    report("extract", len(tables), len(tables))


def _use(permit: DataPermit, epoch: int, extract: str) -> SecretUsed:
    """How many values go through the secret is known at the end: `ExtractMade` tells the rows."""
    return SecretUsed(
        kind="pseudonym",
        scope=secret_scope(permit.project),
        epoch=epoch,
        purpose="extract",
        subject=extract,
        identifiers=None,
    )


def _name(permit: DataPermit, pins: Mapping[str, str], objections: int, secret: int) -> str:
    state = {"objections": objections, "secret": secret, "snapshots": dict(pins)}
    cut_from = canonical_json(state)
    return f"extract-{permit.id.removeprefix('permit-')}-{sha256_hex(cut_from)[:16]}"


def read_manifest(store: SealedStore, made: ExtractMade) -> dict[str, Any]:
    """The manifest of a recorded extract.

    Raises:
        Missing: it is not there.
        Unproven: it is not the one that was recorded.
    """
    document = store.read(f"{made.extract}/{MANIFEST}")
    if sha256_hex(document) != made.manifest_sha256:
        raise Unproven(
            f"The manifest of `{made.extract}` is not the one that was recorded.",
            remedy="Do not use the extract; tell the operator.",
            rule="extract-manifest",
        )
    found: dict[str, Any] = json.loads(document)
    return found


def _told_from(field: pa.Field[Any], source: str) -> pa.Field[Any]:
    """The field with its lineage, so that a table made from the extract carries it further."""
    return field.with_metadata({LINEAGE: source.encode()}) if source else field


def _manifest(
    permit: DataPermit,
    extract: str,
    objections: int,
    under: Mapping[str, int],
    parts: Sequence[ExtractPart],
) -> bytes:
    """`under` says which pseudonyms: the lake's epoch, and that of the project's secret."""
    return canonical_json(
        {
            "format": FORMAT,
            "extract": extract,
            "permit": permit.id,
            "project": permit.project,
            "objections": objections,
            **under,
            "parts": [asdict(part) for part in parts],
        }
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
