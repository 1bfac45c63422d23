"""A shelf on which a project keeps sealed tables of its own: for tests of their rotation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
from attrs import evolve

from bercail.access.rotation import ProjectTable
from bercail.lake import SealedStore
from bercail.lake.parquet_stream import ParquetStream
from bercail.lake.pseudonym_search import Kind


class MemoryShelf:
    """Keeps in memory which version of each table is the newest; the tables are sealed."""

    def __init__(self, store: SealedStore) -> None:
        self._store = store
        self._tables: dict[str, ProjectTable] = {}
        self._former: dict[str, list[ProjectTable]] = {}

    def put(self, table: str, rows: pa.Table, declared: Mapping[str, Kind] | None = None) -> None:
        """Seal a table of the project."""
        name = f"own/{table}.parquet"
        written = self._store.put(name, ParquetStream(rows.schema, rows.to_batches()).pieces())
        self._tables[name] = ProjectTable(
            table=table, name=name, sha256=written.sha256, declared=dict(declared or {})
        )

    def tables(self, project: str) -> Sequence[ProjectTable]:
        """The newest version of each table, by name."""
        if project != self._store.scope:
            return ()
        return [self._tables[name] for name in sorted(self._tables)]

    def replace(self, project: str, turn: str, tables: Mapping[str, tuple[str, str]]) -> None:
        """Each table of `tables` is at this version and digest."""
        del project, turn
        for name, (version, sha256) in tables.items():
            before = self._tables[name]
            if before.version != version:
                self._former.setdefault(name, []).append(before)
                self._tables[name] = evolve(before, version=version, sha256=sha256)

    def expire(self, project: str) -> int:
        """Remove the versions that were replaced."""
        if project != self._store.scope:
            return 0
        gone = [one for former in self._former.values() for one in former]
        for one in gone:
            self._store.delete(one.name, one.version)
        self._former.clear()
        return len(gone)
