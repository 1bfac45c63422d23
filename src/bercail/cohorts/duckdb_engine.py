"""The DuckDB engine: one query per cohort over Parquet files, in this process.

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
from bercail.cohorts.plan import Reading, RunPlan, plan_run
from bercail.cohorts.result import CohortResult
from bercail.cohorts.sources import Source, Sources
from bercail.cohorts.sql_answer import persons_of, result_of, sides_of
from bercail.cohorts.sql_cohort import COHORT_PERSONS, compile_cohort, compile_event_rows
from bercail.cohorts.sql_matching import CASES, POOL, compile_matching
from bercail.cohorts.sql_views import DRUGS
from bercail.cohorts.watched_files import WatchedFiles
from bercail.foundation import Invalid, Unavailable


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
        events: dict[str, pa.Table] = {}
        pairs: pa.Table | None = None
        try:
            with duckdb.connect(":memory:", config=self._settings.as_config()) as connection:
                _Tables(connection, watched).show(plan)
                answer: pa.Table = connection.sql(to_sql(plan)).to_arrow_table()
                if plan.scoped.model.event_rows:
                    connection.register(COHORT_PERSONS, persons_of(plan, answer))
                for rows in plan.scoped.model.event_rows:
                    query = _text(compile_event_rows(plan, rows))
                    events[rows.name] = connection.sql(query).to_arrow_table()
                if plan.model.matching is not None:
                    for name, side in zip((CASES, POOL), sides_of(plan, answer), strict=True):
                        connection.register(name, side)
                    query = _text(compile_matching(plan.model.matching))
                    pairs = connection.sql(query).to_arrow_table()
        except duckdb.Error as error:
            caught = [files.caught for files in watched.values() if files.caught is not None]
            if caught:
                raise caught[0] from None
            # DuckDB's own messages may quote a value of a row: only their kind is told.
            raise Unavailable(
                f"DuckDB stopped with `{type(error).__name__}`.",
                remedy="Check that the files are reachable, or give the engine more memory.",
            ) from None
        return result_of(plan, answer, events, pairs)


def to_sql(plan: RunPlan) -> str:
    """The query of a plan as DuckDB text; anything that DuckDB lacks is an error."""
    return _text(compile_cohort(plan))


def _text(query: exp.Query) -> str:
    return query.sql(dialect="duckdb", unsupported_level=ErrorLevel.RAISE)


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
        files = self.connection.read_parquet(list(content.urls), union_by_name=True)
        files.create_view(name)

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
