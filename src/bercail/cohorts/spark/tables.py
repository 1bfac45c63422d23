"""The tables of a plan, made visible to one session of a cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from attrs import frozen

from bercail.cohorts.arithmetic import OBJECTIONS
from bercail.cohorts.plan import Reading, RunPlan
from bercail.cohorts.sources import Source, open_part
from bercail.cohorts.spark.columns import ddl, plain_schema, plain_table, reading_schema, spark_type
from bercail.cohorts.spark.settings import SparkSettings
from bercail.cohorts.spark.ticket import Ticket, seal_ticket
from bercail.cohorts.sql.cohort import COHORT_PERSONS
from bercail.cohorts.sql.views import DRUGS
from bercail.foundation import Clock, Invalid
from bercail.storage import Location
from bercail.vault import Party
from bercail.vault.placement import PlacedPart

# What one task reads at least, so that starting it is worth its while.
ROWS_A_TASK = 500_000
# Tables held in memory travel inside the session: reference lists, and the persons of a cohort.
MOST_ROWS_SENT = 5_000_000


def table_types(plan: RunPlan) -> dict[str, dict[str, str]]:
    """The SQL type of every column of every table that `show` and `send` make."""
    person = {"person": "TEXT"}
    found = {OBJECTIONS: person, COHORT_PERSONS: person, DRUGS: _types(plain_schema(plan.drugs))}
    for readings in plan.readings.values():
        for reading in readings:
            found[reading.piece.name] = _types(reading_schema(reading))
    return found


def _types(schema: pa.Schema) -> dict[str, str]:
    return {one.name: spark_type(one.type) for one in schema}


class PlacesParts(Protocol):
    """A filesystem that tells where its sealed files lie, as the lake's does."""

    def placement(self, path: str) -> PlacedPart:
        """Where a file lies on the host, and what opens it."""
        ...


@frozen(kw_only=True)
class ClusterTables:
    """Shows the tables of a plan to one session."""

    session: Any
    settings: SparkSettings
    clock: Clock

    def show(self, plan: RunPlan) -> None:
        """Every table that the query of `plan` names.

        Raises:
            Invalid: the cluster cannot be given one of them.
        """
        self.send(DRUGS, plan.drugs)
        if plan.scoped.scope.objections:
            listed = pa.array(sorted(plan.scoped.scope.objections), pa.string())
            self.send(OBJECTIONS, pa.table({"person": listed}))
        registered = False
        for readings in plan.readings.values():
            for reading in readings:
                content = reading.piece.content
                if isinstance(content, pa.Table):
                    wanted = sorted({here for here, _ in reading.columns.values()})
                    self.send(reading.piece.name, content, wanted)
                elif content.filesystem is None:
                    self._plain(reading, content)
                else:
                    registered = registered or self._register()
                    self._sealed(reading, content, plan.until)

    def send(self, name: str, table: pa.Table, columns: list[str] | None = None) -> None:
        """Send a table of this process inside the session; raises `Invalid` for a large one."""
        if table.num_rows > MOST_ROWS_SENT:
            raise Invalid(
                f"`{name}` has {table.num_rows} rows in memory; a cluster is sent at most "
                f"{MOST_ROWS_SENT}.",
                remedy="Load it into the lake, so that the workers read it themselves.",
            )
        plain = plain_table(table, columns)
        # The client asks an Arrow table without rows for its schema, and has none.
        rows: Any = plain if plain.num_rows else []
        schema = None if plain.num_rows else ddl(plain.schema)
        self.session.createDataFrame(rows, schema).createOrReplaceTempView(name)

    def _plain(self, reading: Reading, source: Source) -> None:
        """Parquet in clear, which every worker sees under the same path."""
        reader = self.session.read.schema(ddl(reading_schema(reading)))
        reader.parquet(*source.urls).createOrReplaceTempView(reading.piece.name)

    def _register(self) -> bool:
        from bercail.cohorts.spark.sealed_source import SealedParts

        self.session.dataSource.register(SealedParts)
        return True

    def _sealed(self, reading: Reading, source: Source, end: datetime | None) -> None:
        from bercail.cohorts.spark.sealed_source import FORMAT

        store, workers = self._trusted()
        place = getattr(source.filesystem, "placement", None)
        if place is None:
            raise Invalid(
                f"The files of `{reading.piece.name}` can be read on this machine only.",
                remedy="Use the DuckDB engine, or read from the lake or from an extract.",
            )
        files: PlacesParts = source.filesystem
        until = self.clock.now() + timedelta(minutes=self.settings.ticket_minutes)
        ticket = Ticket(
            location=store,
            credentials=self.settings.credentials,
            until=until if end is None else min(until, end),
            parts={url: files.placement(url) for url in source.urls},
        )
        schema = reading_schema(reading)
        columns = [[one.name, spark_type(one.type)] for one in schema]
        reader = self.session.read.format(FORMAT).schema(ddl(schema))
        reader = reader.option("ticket", seal_ticket(ticket, workers))
        reader = reader.option("columns", json.dumps(columns))
        reader = reader.option("runs", json.dumps(list(runs(source))))
        reader.load().createOrReplaceTempView(reading.piece.name)

    def _trusted(self) -> tuple[Location, Party]:
        settings = self.settings
        if settings.store is None or settings.workers is None:
            raise Invalid(
                "The cluster was given no way to open sealed parts.",
                remedy="Name the public file of the workers' key and the store they read from.",
            )
        return settings.store, settings.workers


def runs(source: Source) -> Iterator[tuple[str, int, int]]:
    """The row groups of every file, in runs of about `ROWS_A_TASK` rows: (file, first, end)."""
    for url in source.urls:
        with open_part(source, url) as part:
            file = pq.read_metadata(part)
        first, rows = 0, 0
        for group in range(file.num_row_groups):
            rows += file.row_group(group).num_rows
            if rows >= ROWS_A_TASK or group == file.num_row_groups - 1:
                yield url, first, group + 1
                first, rows = group + 1, 0
