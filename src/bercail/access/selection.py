"""Which lines of a lake table belong to a permit: SQL over the sealed parts, run by DuckDB.

The population comes from IR_BEN_R; a DCIR line belongs to its (BEN_NIR_PSA, BEN_RNG_GEM); a
detail line to its ER_PRS_F line (9-column key, SNDS "tables affinées"); a PMSI line to its
stay of the same year, and the stay to its NIR_ANO_17 in T_MCOaaC.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, cast

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from bercail.access.permit import DataScope, Population
from bercail.access.scope import LakeTable
from bercail.catalogue import Registry
from bercail.foundation import Invalid
from bercail.lake import Lake

BATCH_ROWS = 65_536
PERSON_COLUMNS = (
    "BEN_NIR_PSA",
    "BEN_RNG_GEM",
    "BEN_IDT_ANO",
    "BEN_NAI_ANN",
    "BEN_RES_DPT",
)
PERSONS, PRS = "IR_BEN_R", "ER_PRS_F"
STAY_KEY = ("ETA_NUM", "RSA_NUM")


class Selection:
    """The lines of one permit in one set of snapshots; hold it for one extraction."""

    def __init__(
        self,
        lake: Lake,
        registry: Registry,
        scope: DataScope,
        objecting: Collection[str],
        *,
        memory: str = "1GB",
    ) -> None:
        self._lake = lake
        self._registry = registry
        self._scope = scope
        self._connection = duckdb.connect(
            config={
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "memory_limit": memory,
            }
        )
        self._connection.register_filesystem(lake.filesystem())
        self._known: dict[str, frozenset[str]] = {}
        self._pinned: dict[str, str] = {}
        persons = _persons(lake, self.snapshot(PERSONS), scope.population, objecting)
        self.persons = len(pc.unique(persons.column("BEN_IDT_ANO")))
        self._connection.register("allowed", persons.select(["BEN_NIR_PSA", "BEN_RNG_GEM"]))
        self._connection.register("stays_allowed", _unshared(lake, self.snapshot(PERSONS), persons))

    def batches(self, table: LakeTable) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """The columns of the scope that the table has, for the lines of the permit."""
        present = self._columns(table.name)
        columns = [name for name in table.scope.columns if name in present]
        chosen = ", ".join(f't."{name}"' for name in columns)
        statement = f"SELECT {chosen} FROM {self._parts(table.name)} t WHERE {self._where(table)}"  # noqa: S608 - names come from the catalogue, never from a user
        reader = self._connection.sql(statement).to_arrow_reader(BATCH_ROWS)
        return reader.schema, iter(reader)

    def snapshot(self, table: str) -> str:
        """The snapshot of `table` that this extraction reads, pinned at its first use."""
        if table not in self._pinned:
            self._pinned[table] = self._lake.snapshot(table).id
        return self._pinned[table]

    def close(self) -> None:
        """Let the connection go."""
        self._connection.close()

    def _where(self, table: LakeTable) -> str:
        columns = self._columns(table.name)
        if {"BEN_NIR_PSA", "BEN_RNG_GEM"} <= columns:
            person = (
                "(t.BEN_NIR_PSA, t.BEN_RNG_GEM) IN (SELECT (BEN_NIR_PSA, BEN_RNG_GEM) FROM allowed)"
            )
            return f"{person} AND {self._years('t', columns)}"
        if "NIR_ANO_17" in columns:
            return "t.NIR_ANO_17 IN (SELECT BEN_NIR_PSA FROM stays_allowed)"
        family = self._registry.table(table.name)
        if family.product == "DCIR":
            return self._by_parent(PRS, self._registry.table(PRS).key)
        if set(STAY_KEY) <= columns and table.year is not None:
            chaining = f"T_MCO{table.year % 100:02}C"
            return self._by_parent(chaining, STAY_KEY)
        raise Invalid(
            f"The table `{table.name}` has no way to a person, so it cannot be cut to a permit.",
            remedy="Take it out of the scope.",
        )

    def _by_parent(self, parent: str, key: tuple[str, ...]) -> str:
        mine = ", ".join(f't."{name}"' for name in key)
        theirs = ", ".join(f'p."{name}"' for name in key)
        year = self._registry.year_of(parent)
        inner = self._where(LakeTable(name=parent, scope=self._scope.tables[0], year=year))
        within = inner.replace("t.", "p.")
        return f"({mine}) IN (SELECT ({theirs}) FROM {self._parts(parent)} p WHERE {within})"  # noqa: S608 - same

    def _years(self, alias: str, columns: frozenset[str]) -> str:
        if "EXE_SOI_DTD" not in columns:
            return "TRUE"
        first, last = self._scope.first_year, self._scope.last_year
        return f"{alias}.EXE_SOI_DTD BETWEEN DATE '{first}-01-01' AND DATE '{last}-12-31'"

    def _parts(self, table: str) -> str:
        urls = ", ".join(f"'{part.url}'" for part in self._lake.parts(table, self.snapshot(table)))
        return f"read_parquet([{urls}], union_by_name = true)"

    def _columns(self, table: str) -> frozenset[str]:
        if table not in self._known:
            reader = self._lake.read(table, snapshot_id=self.snapshot(table))
            self._known[table] = frozenset(reader.schema.names)
        return self._known[table]


def _persons(
    lake: Lake, snapshot: str, population: Population, objecting: Collection[str]
) -> pa.Table:
    """The rows of IR_BEN_R in the population, without anybody who objects.

    A person has several rows; an objection to one takes them all, because it names the
    person (BEN_IDT_ANO), not a row.
    """
    rows = lake.read(PERSONS, list(PERSON_COLUMNS), snapshot).read_all()
    keep = pc.invert(pc.is_in(rows.column("BEN_IDT_ANO"), pa.array(objecting, pa.string())))
    born = rows.column("BEN_NAI_ANN")
    if population.born_from is not None:
        keep = pc.and_(keep, pc.greater_equal(born, pa.scalar(f"{population.born_from:04}")))
    if population.born_until is not None:
        keep = pc.and_(keep, pc.less_equal(born, pa.scalar(f"{population.born_until:04}")))
    if population.departments:
        wanted = pa.array(population.departments, pa.string())
        keep = pc.and_(keep, pc.is_in(rows.column("BEN_RES_DPT"), wanted))
    return rows.filter(cast("pa.ChunkedArray[Any]", pc.fill_null(keep, pa.scalar(False))))


def _unshared(lake: Lake, snapshot: str, persons: pa.Table) -> pa.Table:
    """The NIR_ANO_17 whose every bearer is in the population.

    Same-sex twins of one insured share it and the PMSI has no rank: a stay that may be
    somebody else's is left out (SPF; DOC fiche on twins).
    """
    everyone = lake.read(PERSONS, ["BEN_NIR_PSA", "BEN_RNG_GEM"], snapshot).read_all()
    of_all = _bearers(everyone)
    of_population = _bearers(persons)
    joined = of_population.join(of_all, keys="BEN_NIR_PSA", right_suffix="_all")
    same = pc.equal(joined.column("BEN_RNG_GEM_count"), joined.column("BEN_RNG_GEM_count_all"))
    return joined.filter(same).select(["BEN_NIR_PSA"])


def _bearers(rows: pa.Table) -> pa.Table:
    distinct = rows.select(["BEN_NIR_PSA", "BEN_RNG_GEM"])
    unique = distinct.group_by(["BEN_NIR_PSA", "BEN_RNG_GEM"]).aggregate([])
    return unique.group_by("BEN_NIR_PSA").aggregate([("BEN_RNG_GEM", "count")])
