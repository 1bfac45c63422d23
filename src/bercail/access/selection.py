"""Which lines of the lake belong to a permit: joins over the sealed parts, run by DuckDB.

A line of the DCIR belongs to its (BEN_NIR_PSA, BEN_RNG_GEM), a detail line to its line of
ER_PRS_F (9-column key), a line of the PMSI to its stay of the same year and so to NIR_ANO_17.

Two selections over the same snapshots give the same lines in the same order: DuckDB runs on
one thread and may not swap the sides of a join. So an interrupted extract is cut again to
the same bytes.

Names in the queries come from the catalogue and from signed snapshots, values from a scope
checked at birth; nothing that a user writes stands in them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb
import pyarrow as pa
from attrs import evolve

from bercail.access.people import COLUMNS, settle
from bercail.access.permit import DataScope
from bercail.access.route import LINES, PERSONS, Way, find_route
from bercail.access.scope import LakeTable
from bercail.catalogue import Registry
from bercail.cohorts.watched_files import WatchedFiles
from bercail.foundation import Refused, Unavailable
from bercail.lake import Lake

BATCH_ROWS = 65_536
MEMORY = "2GB"
_SETTINGS: Mapping[str, Any] = {
    "threads": 1,
    # Rows that spill would lie on a disk unsealed; running out of memory is an error instead.
    "temp_directory": "",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "python_enable_replacements": False,
}


def pin(lake: Lake, tables: Sequence[LakeTable]) -> dict[str, str]:
    """The snapshot of every lake table that cutting `tables` reads, by name.

    Details are pinned before the tables that they lead to, the persons last: a delivery that
    comes in meanwhile leaves no line whose parent or person is older than itself.
    """
    parents = {table.parent for table in tables if table.route.way is Way.PARENT}
    details = {table.name for table in tables} - parents - {PERSONS}
    names = [*sorted(details), *sorted(parents), PERSONS]
    return {name: lake.snapshot(name).id for name in names}


class Selection:
    """The lines of one permit in pinned snapshots; hold it for one extraction.

    Memory is bounded by the pairs of the population and the keys of the largest delivery,
    within `memory`. Raises `Unavailable` when that does not suffice, `Unproven` when a part
    of the lake does not open.
    """

    def __init__(
        self,
        lake: Lake,
        registry: Registry,
        scope: DataScope,
        pins: Mapping[str, str],
        objecting: Collection[str],
        *,
        memory: str = MEMORY,
    ) -> None:
        self._registry = registry
        self._scope = scope
        self._parts = {name: lake.parts(name, pinned) for name, pinned in pins.items()}
        self._connection = duckdb.connect(config={**_SETTINGS, "memory_limit": memory})
        self._files = WatchedFiles(lake.filesystem())
        self._connection.register_filesystem(self._files)
        self._held: dict[str, pa.Schema] = {}
        for name, pinned in pins.items():
            self._held[name] = lake.read(name, snapshot_id=pinned).schema
            # Parts may lack columns; united with this one they have them all.
            self._connection.register(f"no {name}", self._held[name].empty_table())
        with self._reported():
            self._connection.execute("SET disabled_optimizers = 'join_order,build_side_probe_side'")
            register = self._rows(PERSONS, COLUMNS)
            self._connection.execute(f"CREATE VIEW register AS {register}")
            self.persons = settle(self._connection, scope.population, objecting)

    def columns(self, table: LakeTable) -> tuple[str, ...]:
        """The columns of the scope that the lake table has."""
        held = set(self._held[table.name].names)
        return tuple(name for name in table.columns if name in held)

    def batches(self, table: LakeTable) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """The columns of the scope that the table has, for the lines of the permit."""
        held, columns = self._held[table.name], self.columns(table)
        schema = pa.schema([(name, held.field(name).type) for name in columns])
        return schema, self._chosen(table, columns)

    def close(self) -> None:
        """Let the connection go."""
        self._connection.close()

    @contextmanager
    def _reported(self) -> Iterator[None]:
        """An error of the lake comes out as it is, such as `Unproven` for a broken seal.

        DuckDB's own messages may quote a value of a row: only their kind is told.
        """
        try:
            yield
        except duckdb.Error as error:
            if self._files.caught is not None:
                raise self._files.caught from None
            raise Unavailable(
                f"DuckDB stopped with `{type(error).__name__}` while an extract was cut.",
                remedy="Check that the host answers, or give the extraction more memory.",
            ) from None

    def _chosen(self, table: LakeTable, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        for delivery in self._deliveries(table):
            with self._reported():
                chosen = self._connection.sql(self._kept(table, columns, delivery))
                yield from chosen.to_arrow_reader(BATCH_ROWS)

    def _deliveries(self, table: LakeTable) -> tuple[str, ...]:
        """The deliveries to go through one by one; an empty name stands for all together.

        Ingest lets no delivery in where a detail lacks its line of ER_PRS_F, so each month's
        keys suffice for its details. Nothing of the kind is checked for the PMSI.
        """
        if table.parent != LINES:
            return ("",)
        return tuple(dict.fromkeys(part.delivery for part in self._parts[table.name]))

    def _kept(self, table: LakeTable, columns: Sequence[str], delivery: str) -> str:
        """The query for these columns of the lines that belong to the permit."""
        route = table.route
        needed = dict.fromkeys([*columns, *route.key, *(route.days or ())])
        rows = self._rows(table.name, tuple(needed), delivery)
        match route.way:
            case Way.PERSON:
                leading = "allowed"
            case Way.STAY:
                leading = "stays_allowed"
            case Way.PARENT:
                leading = f"({self._kept(self._parent(table), route.key, delivery)})"
        where = _between(route.days, self._scope) if route.days else "TRUE"
        return (
            f"SELECT {_listed(columns)} FROM ({rows}) "  # noqa: S608 - see the module
            f"SEMI JOIN {leading} USING ({_listed(route.key)}) WHERE {where}"
        )

    def _parent(self, table: LakeTable) -> LakeTable:
        family = self._registry.table(table.route.parent)
        route = find_route(family, self._registry)
        if route is None:
            raise Refused(f"`{table.name}` leads to no person.", rule="WSP-02")
        return evolve(table, name=table.parent, family=family.name, route=route)

    def _rows(self, name: str, columns: Sequence[str], delivery: str = "") -> str:
        """The query for these columns of a lake table, null where a part lacks them.

        With `delivery`, of its parts alone; of all parts when it brought none.
        """
        parts = self._parts[name]
        urls = [part.url for part in parts if part.delivery == delivery]
        urls = urls or [part.url for part in parts]
        rows = f'SELECT * FROM "no {name}"'  # noqa: S608 - see the module
        if urls:
            files = ", ".join(f"'{url}'" for url in urls)
            rows += (
                " UNION ALL BY NAME SELECT * "  # noqa: S608 - see the module
                f"FROM read_parquet([{files}], union_by_name = true)"
            )
        return f"SELECT {_listed(columns)} FROM ({rows})"  # noqa: S608 - see the module


def _listed(columns: Iterable[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


def _between(days: tuple[str, str], scope: DataScope) -> str:
    """The condition that a line holds on some day of the scope's years.

    A line without a first day is left out. A last day that is absent, or before the first
    (the SNDS writes 1600 for unknown), ends nothing.
    """
    first, last = days
    return (
        f"{first} <= DATE '{scope.last_year}-12-31' AND "
        f"({last} IS NULL OR {last} < {first} OR {last} >= DATE '{scope.first_year}-01-01')"
    )
