"""The DuckDB engine: one query over Parquet files decides of all persons, in this process.

It reads through the filesystem given with the sources, loads no extension, and writes
nothing to disk unless it is given a folder to spill to.
"""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa
from attrs import frozen
from sqlglot import ErrorLevel, exp

from bercail.cohorts.arithmetic import OBJECTIONS
from bercail.cohorts.model import Model
from bercail.cohorts.nearest import nearest
from bercail.cohorts.outcomes import measure_table
from bercail.cohorts.outputs import Matching
from bercail.cohorts.pairing import paired
from bercail.cohorts.plan import Reading, RunPlan, plan_run
from bercail.cohorts.result import CohortResult, persons_schema
from bercail.cohorts.sources import Source, Sources
from bercail.cohorts.sql.answer import told
from bercail.cohorts.sql.cohort import (
    COHORT_PERSONS,
    DECIDED,
    compile_decided,
    compile_event_rows,
)
from bercail.cohorts.sql.decided import (
    cohort_persons,
    compared_cases,
    compared_pool,
    count_steps,
    matched_cases,
    matched_pool,
    matched_strata,
    measure_sums,
    persons_table,
)
from bercail.cohorts.sql.matching import STRATA
from bercail.cohorts.sql.views import DRUGS
from bercail.cohorts.watched_files import WatchedFiles
from bercail.foundation import Invalid, Unavailable

# How many rows of a table come at once, where it is not kept whole.
BATCH_ROWS = 100_000


@frozen(kw_only=True)
class DuckdbSettings:
    """`threads`; `memory_limit` such as `2GB`; `spill_folder`, empty for no spilling.

    Spilled rows are plaintext, so the folder must be as protected as the rows.
    """

    threads: int = 2
    memory_limit: str = "2GB"
    spill_folder: str = ""

    def as_config(self) -> dict[str, Any]:
        """The settings as DuckDB reads them."""
        return {
            "threads": self.threads,
            "memory_limit": self.memory_limit,
            "temp_directory": self.spill_folder,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "python_enable_replacements": False,
        }


class DuckdbEngine:
    """Runs models on DuckDB."""

    def __init__(self, sources: Sources, settings: DuckdbSettings | None = None) -> None:
        self._sources = sources
        self._settings = settings if settings is not None else DuckdbSettings()

    def run(self, model: Model) -> CohortResult:
        """Run one model.

        Raises:
            Invalid: the sources lack what the model reads.
            Unavailable: DuckDB ran out of memory, or could not read a file.
            BercailError: what the filesystem of the sources raised, such as `Unproven`.
        """
        return self._answer(plan_run(model, self._sources))

    def _answer(self, plan: RunPlan) -> CohortResult:
        watched: dict[str, WatchedFiles] = {}
        try:
            with duckdb.connect(":memory:", config=self._settings.as_config()) as connection:
                _Tables(connection, watched).show(plan)
                return _Questions(connection, plan).result()
        # Of a table that is read as it comes, DuckDB's errors are told as `OSError`.
        except (duckdb.Error, OSError) as error:
            caught = [files.caught for files in watched.values() if files.caught is not None]
            if caught:
                raise caught[0] from None
            # DuckDB's own messages may quote a value of a row: only their kind is told.
            raise Unavailable(
                f"DuckDB stopped with `{type(error).__name__}`.",
                remedy="Check that the files are reachable, or give the engine more memory.",
            ) from None


def to_sql(query: exp.Query) -> str:
    """A query as DuckDB text; anything that DuckDB lacks is an error.

    The tree is used up: writing it works on the tree itself, as a copy takes a third of the time.
    """
    return query.sql(dialect="duckdb", copy=False, unsupported_level=ErrorLevel.RAISE)


@frozen(kw_only=False)
class _Questions:
    """What is asked of one connection that has the tables of a plan."""

    connection: duckdb.DuckDBPyConnection
    plan: RunPlan

    def result(self) -> CohortResult:
        """Decide of each person, keep that, and ask it for every output.

        Kept, it is read as often as there are outputs, and only what is given out is sorted.
        """
        model = self.plan.model
        decided = compile_decided(self.plan)
        self._keep(DECIDED, decided.query)
        stopped = dict(self.connection.execute(to_sql(count_steps())).fetchall())
        if decided.everyone is not None:
            (everyone,) = self.connection.execute(to_sql(decided.everyone)).fetchall()[0]
            stopped[0] = stopped.get(0, 0) + everyone - sum(stopped.values())
        return told(
            self.plan,
            stopped,
            self._table(persons_table(self.plan), persons_schema(model)),
            measures=tuple(
                measure_table(
                    model, place, self._table(measure_sums(self.plan, place, decided.measured))
                )
                for place in range(len(model.measures))
            ),
            events=self._events(),
            matches=self._matches(),
        )

    def _keep(self, name: str, query: exp.Query) -> None:
        self.connection.execute(f"CREATE TEMPORARY TABLE {name} AS {to_sql(query)}")

    def _table(self, query: exp.Query, schema: pa.Schema | None = None) -> pa.Table:
        found: pa.Table = self.connection.sql(to_sql(query)).to_arrow_table()
        return found if schema is None else found.cast(schema)

    def _events(self) -> dict[str, pa.Table]:
        outputs = self.plan.scoped.model.event_rows
        if outputs:
            self._keep(COHORT_PERSONS, cohort_persons(self.plan))
        return {rows.name: self._table(compile_event_rows(self.plan, rows)) for rows in outputs}

    def _matches(self) -> pa.Table | None:
        matching = self.plan.model.matching
        if matching is None:
            return None
        return self._nearest(matching) if matching.propensity else self._equal(matching)

    def _equal(self, matching: Matching) -> pa.Table:
        self._keep(STRATA, matched_strata(self.plan))
        cases = self._table(matched_cases(self.plan))
        # Read as it comes: most of the pool is never a control.
        pool = self.connection.sql(to_sql(matched_pool(self.plan))).to_arrow_reader(BATCH_ROWS)
        return paired(cases, pool, matching.ratio)

    def _nearest(self, matching: Matching) -> pa.Table:
        cases, pool = (self._table(one(self.plan)) for one in (compared_cases, compared_pool))
        return nearest(cases, pool, matching)


@frozen(kw_only=False)
class _Tables:
    """The tables of a plan, made visible to one connection."""

    connection: duckdb.DuckDBPyConnection
    watched: dict[str, WatchedFiles]

    def show(self, plan: RunPlan) -> None:
        self.connection.register(DRUGS, plan.drugs)
        if plan.scoped.scope.objections:
            listed = pa.array(sorted(plan.scoped.scope.objections), pa.string())
            self.connection.register(OBJECTIONS, pa.table({"person": listed}))
        for readings in plan.readings.values():
            for reading in readings:
                self._show(reading)

    def _show(self, reading: Reading) -> None:
        content, name = reading.piece.content, reading.piece.name
        if isinstance(content, pa.Table):
            wanted = [here for here, _ in reading.columns.values()]
            self.connection.register(name, content.select(wanted))
            return
        self._know(content)
        files = exp.Array(expressions=[exp.Literal.string(url) for url in content.urls])
        by_name = exp.PropertyEQ(this=exp.to_identifier("union_by_name"), expression=exp.true())
        held = exp.func("READ_PARQUET", files, by_name, copy=False, dialect="duckdb")
        self.connection.execute(f"CREATE TEMPORARY VIEW {name} AS FROM {held.sql('duckdb')}")

    def _know(self, source: Source) -> None:
        if source.filesystem is None:
            return
        protocol = source.filesystem.protocol
        protocol = protocol if isinstance(protocol, str) else protocol[0]
        known = self.watched.get(protocol)
        if known is None:
            self.watched[protocol] = WatchedFiles(source.filesystem)
            self.connection.register_filesystem(self.watched[protocol])
        elif known.inner is not source.filesystem:
            raise Invalid(
                f"Two filesystems of the sources answer to `{protocol}`.",
                remedy="Open all tables of one extract through one filesystem.",
            )
