"""What the lake holds now that a rotation concerns; reads, decides nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc
from attrs import define

from bercail.catalogue import Registry
from bercail.foundation import Unproven
from bercail.ingest.rotation.plan import (
    DoubtfulColumn,
    ProjectTablePlan,
    RotationPlan,
    TablePlan,
)
from bercail.ingest.rotation.projects import PlannedTable
from bercail.ingest.rotation.rules import Verdicts, taken_columns
from bercail.ingest.rotation.scanning import (
    batches,
    doubtful_columns,
    known_values,
    text_columns,
)
from bercail.lake import Lake, Statement
from bercail.lake.identities import Texts
from bercail.lake.pseudonym_search import Kind, heads, identity_names, persons_in

REGISTER = "IR_BEN_R"


@define
class Survey:
    """Looks at the newest snapshot of every table, by its id: also while the gate is shut."""

    _lake: Lake
    _registry: Registry

    @cached_property
    def _identities(self) -> Mapping[str, Kind]:
        return identity_names(self._registry)

    def tables(self, verdicts: Verdicts) -> tuple[TablePlan, ...]:
        """Every table of the lake and the columns of it that hold pseudonyms."""
        return tuple(self._table(name, verdicts) for name in self._lake.tables())

    def plan(
        self,
        rotation: str,
        epoch: int,
        target: int,
        verdicts: Verdicts,
        projects: Sequence[PlannedTable] = (),
    ) -> RotationPlan:
        """The plan; reads every text column of the lake once, excluded ones twice."""
        tables = self.tables(verdicts)
        doubtful = [one for table in tables for one in self._doubtful(table, verdicts)]
        if verdicts.excluded:
            doubtful += self._wrongly_excluded(tables, verdicts)
        return RotationPlan(
            rotation=rotation,
            from_epoch=epoch,
            to_epoch=target,
            tables=tables,
            excluded=tuple(f"{table}.{column}" for table, column in sorted(verdicts.excluded)),
            doubtful=tuple(doubtful),
            projects=tuple(
                ProjectTablePlan(
                    project=one.project,
                    table=one.label,
                    rows=one.rows,
                    columns=dict(one.columns),
                    doubtful=dict(one.doubtful),
                )
                for one in projects
            ),
        )

    def require_rewrite(self, table: str, rotation: str) -> tuple[Statement, Statement]:
        """The statements before and of the rotation; `Unproven` when the table was left out."""
        found = self._lake.rewriting.find(table, rotation)
        if found is None:
            raise Unproven(
                f"The rotation is not proven: `{table}` was left out.",
                remedy="Run the rotation again.",
                rule="rotation-proof",
            )
        return found

    def identities(self, rotation: str, verdicts: Verdicts) -> Iterator[Texts]:
        """The pseudonyms of the epoch before `rotation`, table by table, in batches.

        Distinct within a batch. The register of persons comes first, then the smaller tables:
        who looks for certain persons soon has them all and stops.
        """
        found = []
        for table in self.tables(verdicts):
            turned = self._lake.rewriting.find(table.table, rotation)
            snapshot = turned[0].snapshot if turned else table.snapshot
            names = [column.name for column in table.columns]
            found.append((table.table != REGISTER, table.rows, table.table, snapshot, names))
        for _, _, table_name, snapshot, names in sorted(found):
            for batch in batches(self._lake, table_name, snapshot, names):
                for column in batch.columns:
                    yield persons_in(cast("Texts", column))

    def _table(self, name: str, verdicts: Verdicts) -> TablePlan:
        newest = self._lake.snapshots(name)[-1]
        texts = text_columns(self._lake.read(name, None, newest.id).schema)
        lineage = self._lake.rewriting.lineage(name)
        return TablePlan(
            table=name,
            snapshot=newest.id,
            rows=newest.rows,
            parts=newest.parts,
            size=sum(part.size for part in self._lake.parts(name, newest.id)),
            columns=taken_columns(name, texts, self._identities, lineage, verdicts),
        )

    def _others(self, table: TablePlan) -> list[str]:
        taken = {column.name for column in table.columns}
        schema = self._lake.read(table.table, None, table.snapshot).schema
        return [name for name in text_columns(schema) if name not in taken]

    def _doubtful(self, table: TablePlan, verdicts: Verdicts) -> tuple[DoubtfulColumn, ...]:
        unjudged = [c for c in self._others(table) if (table.table, c) not in verdicts.excluded]
        return doubtful_columns(self._lake, table.table, table.snapshot, unjudged)

    def _wrongly_excluded(
        self, tables: Sequence[TablePlan], verdicts: Verdicts
    ) -> list[DoubtfulColumn]:
        """Excluded columns that hold what a taken column holds too."""
        known = self._pseudonyms(tables)
        found: list[DoubtfulColumn] = []
        for table in tables:
            columns = [c for c in self._others(table) if (table.table, c) in verdicts.excluded]
            found += known_values(self._lake, table.table, table.snapshot, columns, known)
        return found

    def _pseudonyms(self, tables: Sequence[TablePlan]) -> Texts:
        known: Texts = pa.array([], pa.string())
        for table in tables:
            names = [column.name for column in table.columns]
            for batch in batches(self._lake, table.table, table.snapshot, names):
                found = [heads(cast("Texts", column)) for column in batch.columns]
                known = cast("Texts", pc.unique(pa.chunked_array([known, *found], pa.string())))
        return known
