"""The desk of the lake: append a delivery, read a snapshot, prove it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog

from bercail.foundation import Missing
from bercail.lake.appending import NAMESPACE, Appending
from bercail.lake.compaction import Compaction
from bercail.lake.correcting import Correcting
from bercail.lake.database import catalogue_url, making_tables, open_engine, report_unavailable
from bercail.lake.epochs import EpochGate
from bercail.lake.erasing import Erasing
from bercail.lake.erasures import Erasures
from bercail.lake.expiries import Expiries
from bercail.lake.expiring import Expiring
from bercail.lake.fileio import LakeFiles, file_io_properties
from bercail.lake.ground import LakeGround
from bercail.lake.history import By, History
from bercail.lake.open_copy import OpenCopying
from bercail.lake.orphans import Orphan, find_orphans
from bercail.lake.part_writing import arrow_schema
from bercail.lake.reading import read_parts
from bercail.lake.renewing import Renewing
from bercail.lake.rereading import require_snapshot
from bercail.lake.rewriting import Rewriting
from bercail.lake.rules import SILVER, require_table_name
from bercail.lake.shelf import Shelf
from bercail.lake.signing import Statements
from bercail.lake.snapshot import Part, Snapshot, Statement, snapshot_of
from bercail.lake.staging import Staging
from bercail.lake.turns import Turns
from bercail.lake.verification import Verification, verify_snapshot
from bercail.vault import signer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import date, datetime, timedelta

    from pyiceberg.table import Table
    from sqlalchemy.engine import URL

    from bercail.catalogue import Registry
    from bercail.foundation import Clock, Randomness
    from bercail.lake.cuts import Cut
    from bercail.lake.filesystem import SealedFilesystem
    from bercail.lake.shelf import SignedStatement
    from bercail.lake.staging import Staged
    from bercail.storage import ObjectStore
    from bercail.vault import Keyring

SIGNER = "lake"


class Lake:
    """Sealed tables with signed, immutable snapshots.

    Nothing is overwritten: a delivery adds parts and makes one snapshot. Every call may be
    repeated after a crash at any instruction. Table names are those of the catalogue;
    a dated name such as T_MCO23B is a table of its own, since a stay's key holds in one year only.
    """

    def __init__(
        self,
        store: ObjectStore,
        keys: Keyring,
        catalog_url: str,
        registry: Registry | None,
        randomness: Randomness,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._randomness = randomness
        self._clock = clock
        url = catalogue_url(catalog_url)
        engine = open_engine(url)
        with making_tables(engine):
            self._shelf = Shelf(engine)
            self._expiries = Expiries(engine)
            self._gate = EpochGate(engine)
            erasures = Erasures(engine)
            self._files = LakeFiles(store, keys, self._shelf, randomness, clock)
            self._catalog = _catalog(url, self._files)
        self._signer = signer(keys, SIGNER)
        self._statements = Statements(self._files, self._shelf, self._signer, clock)
        self._ground = LakeGround(
            load=self._load,
            files=self._files,
            shelf=self._shelf,
            statements=self._statements,
            expiries=self._expiries,
            erasures=erasures,
            gate=self._gate,
            signer=self._signer,
            randomness=randomness,
            clock=clock,
        )
        self._appending = Appending(self._ground, self._catalog)
        self._rewriting = Rewriting(self._ground)
        self._turns = Turns(engine)

    def __enter__(self) -> Lake:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections to the trust side."""
        self._shelf.close()
        self._catalog.engine.dispose()

    @property
    def files(self) -> LakeFiles:
        """The sealed files below the tables, for acts on every file of one."""
        return self._files

    @property
    def rewriting(self) -> Rewriting:
        """Replaces all parts of a table, and knows the epoch of the lake's pseudonyms."""
        return self._rewriting

    @property
    def history(self) -> History:
        """What changed between two snapshots, and what was known on a day."""
        return History(self._ground)

    @property
    def compaction(self) -> Compaction:
        """Joins small parts."""
        return Compaction(self._ground)

    @property
    def correcting(self) -> Correcting:
        """Puts a delivery in the place of another."""
        return Correcting(self._ground, self._appending.evolved)

    @property
    def renewing(self) -> Renewing:
        """Puts a delivery in the place of chosen parts."""
        return Renewing(self._ground, self._appending)

    @property
    def staging(self) -> Staging:
        """Seals parts that no snapshot names yet."""
        return Staging(self._ground, self._catalog)

    @property
    def expiring(self) -> Expiring:
        """Lets old snapshots go."""
        return Expiring(self._ground)

    @property
    def erasing(self) -> Erasing:
        """Erases deliveries and persons."""
        return Erasing(self._ground)

    @property
    def turns(self) -> Turns:
        """Lets one process at a time do an act on the lake."""
        return self._turns

    @property
    def opening(self) -> OpenCopying:
        """Writes unsealed copies, for an exit."""
        return OpenCopying(self._ground)

    def append(
        self,
        table: str,
        batches: Iterable[pa.RecordBatch],
        schema: pa.Schema,
        *,
        delivery: str,
        epoch: int | None = None,
        cut: Cut | None = None,
        staged: Staged | None = None,
    ) -> Snapshot:
        """Add one delivery to `table`, which is created when absent; one signed snapshot.

        Repeated for a delivery that the table has, it returns that snapshot and takes
        nothing from `batches`. Columns that the delivery lacks read as null; columns that
        it adds are added to the table, and a wider type widens the column. `epoch` is that of
        the pseudonyms in `batches`; that of the lake when None. `cut` says where parts end too.
        With `staged` (`staging`), nothing is taken from `batches` while the parts fit the table.

        Raises `Invalid` for a name, a type or a batch that does not fit; `Refused` while the
        pseudonyms of the lake change, for those of another epoch, for a delivery that was
        erased, or when rows of the table were erased meanwhile.
        """
        signed = self._appending.append(
            self._named(table),
            batches,
            schema,
            delivery=delivery,
            epoch=epoch,
            cut=cut,
            staged=staged,
        )
        return self._snapshot(signed)

    def tables(self) -> tuple[str, ...]:
        """Names of the tables that have a snapshot, sorted."""
        return tuple(name for name in self._shelf.tables() if self._has_snapshot(name))

    def snapshots(self, table: str) -> tuple[Snapshot, ...]:
        """The signed snapshots of `table`, oldest first."""
        table = self._completed(table)
        return tuple(self._snapshot(signed) for signed in self._shelf.statements(table))

    def snapshot(self, table: str, id: str | None = None) -> Snapshot:  # noqa: A002
        """One snapshot by its id, the newest when None; `Missing` when there is none."""
        return self._snapshot(self._signed(table, id))

    def parts(self, table: str, snapshot_id: str | None = None) -> tuple[Part, ...]:
        """The parts of a snapshot, oldest first: what any engine reads.

        Parts may differ in their columns: a reader unites them by name
        (DuckDB: `read_parquet(urls, union_by_name = true)`).
        """
        return self._statements.open(self._signed(table, snapshot_id)).parts

    def read(
        self,
        table: str,
        columns: Sequence[str] | None = None,
        snapshot_id: str | None = None,
        *,
        as_of: date | None = None,
        by: By = "arrival",
    ) -> pa.RecordBatchReader:
        """The rows of a snapshot, part after part, in bounded memory.

        With `as_of`, the rows known at the end of that day instead (see `History.known`). All
        columns of that state in table order, or those named; `Missing` for a column that the
        table does not have.
        """
        known = None if as_of is None else self.history.known(self._named(table), as_of, by)
        statement = self._statements.open(
            self._signed(table, known.snapshot if known else snapshot_id)
        )
        loaded = self._catalog.load_table((NAMESPACE, statement.table))
        held = require_snapshot(loaded.metadata, statement.snapshot)
        schema = arrow_schema(loaded.schemas()[held.schema_id or 0])
        if known is not None:
            then = {column.name for column in known.columns}
            schema = pa.schema([field for field in schema if field.name in then])
        return read_parts(self._files.filesystem, statement, schema, columns, known)

    def verify(
        self,
        table: str,
        snapshot_id: str | None = None,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> Verification:
        """Prove a snapshot, the newest when None, from the host's bytes; see `verification`."""
        table = self._completed(table)
        self._require_kept(table, snapshot_id)
        return verify_snapshot(
            table,
            snapshot_id,
            self._shelf.statements(table),
            self._signer.public,
            self._files.reader,
            progress,
        )

    def filesystem(self) -> SealedFilesystem:
        """The parts as files `sealed://<table>/<name>`, for DuckDB's `register_filesystem`."""
        return self._files.filesystem

    def orphans(self, older_than: timedelta) -> tuple[Orphan, ...]:
        """Files begun more than `older_than` ago that no snapshot names.

        An interrupted append leaves them; one still running has them too, so give it the
        time that the longest append takes.
        """
        before = self._clock.now() - older_than
        found: list[Orphan] = []
        for table in self._shelf.tables():
            found += self._orphans_of(table, before)
        return tuple(found)

    def _orphans_of(self, table: str, before: datetime) -> tuple[Orphan, ...]:
        # Listed first: what is begun while the snapshots are read is not judged.
        files = self._shelf.files(table)
        loaded = self._appending.find(table)
        if loaded is not None:
            self._statements.complete(loaded)
        expired = self._expiries.of(table)
        opened = [
            self._statements.open(one)
            for one in self._shelf.statements(table)
            if one.snapshot not in expired
        ]
        return find_orphans(table, loaded, opened, files, before)

    def remove_orphans(self, older_than: timedelta) -> tuple[Orphan, ...]:
        """Remove the files that `orphans` lists from the host; returns them.

        What a commit names meanwhile stays: each is judged again where its table changed.
        """
        before = self._clock.now() - older_than
        removed: list[Orphan] = []
        judged: dict[str, tuple[str, frozenset[Orphan]]] = {}
        for orphan in self.orphans(older_than):
            table = orphan.table
            loaded = self._appending.find(table)
            state = "" if loaded is None else loaded.metadata_location
            if table not in judged or judged[table][0] != state:
                judged[table] = (state, frozenset(self._orphans_of(table, before)))
            if orphan in judged[table][1]:
                self._files.delete(orphan.location)
                removed.append(orphan)
        return tuple(removed)

    def _named(self, table: str) -> str:
        if self._registry is not None and not table.startswith(SILVER):
            self._registry.table(table)
        require_table_name(table)
        return table

    def _load(self, table: str) -> Table:
        found = self._appending.find(table)
        if found is None:
            raise Missing(f"The lake has no table `{table}`.", remedy="See `bercail lake tables`.")
        return found

    def _has_snapshot(self, table: str) -> bool:
        if self._shelf.latest(table) is None:
            loaded = self._appending.find(table)
            if loaded is not None:
                self._statements.complete(loaded)
        return self._shelf.latest(table) is not None

    def _completed(self, table: str) -> str:
        """The name of the table, once every snapshot of it is signed."""
        table = self._named(table)
        self._statements.complete(self._load(table))
        return table

    def _signed(self, table: str, snapshot_id: str | None) -> SignedStatement:
        table = self._completed(table)
        self._require_kept(table, snapshot_id)
        if snapshot_id is None:
            self._ground.require_epoch(table, None)
        return self._ground.signed_as(table, snapshot_id)

    def _require_kept(self, table: str, snapshot_id: str | None) -> None:
        if snapshot_id is not None and snapshot_id in self._expiries.of(table):
            raise Missing(
                f"The parts of snapshot `{snapshot_id}` of `{table}` were let go.",
                remedy="Read a newer snapshot: `bercail lake snapshots` lists them.",
            )

    def _snapshot(self, signed: SignedStatement) -> Snapshot:
        statement: Statement = self._statements.open(signed)
        return snapshot_of(statement, signed.signature)


def _catalog(url: URL, files: LakeFiles) -> SqlCatalog:
    catalog = SqlCatalog(
        NAMESPACE,
        uri=url.render_as_string(hide_password=False),
        pool_pre_ping=str(url.drivername != "sqlite"),
        **file_io_properties(files),
    )
    report_unavailable(catalog.engine)
    return catalog
