"""The DuckDB engine: one query per cohort over Parquet files, in this process.

It reads through the filesystem given with the sources, loads no extension, and writes
nothing to disk unless it is given a folder to spill to.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen
from sqlglot import ErrorLevel

from bercail.cohorts.model import Model
from bercail.cohorts.plan import Reading, RunPlan, plan_run
from bercail.cohorts.result import CohortResult, count_table, flowchart, persons_schema
from bercail.cohorts.sources import Source, Sources
from bercail.cohorts.sql_cohort import compile_cohort
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
        plan = plan_run(model, self._sources)
        answer = self._answer(plan, to_sql(plan))
        return _result(plan, answer)

    def _answer(self, plan: RunPlan, sql: str) -> pa.Table:
        watched: dict[str, WatchedFiles] = {}
        try:
            with duckdb.connect(":memory:", config=self._settings.as_config()) as connection:
                _Tables(connection, watched).show(plan)
                answer: pa.Table = connection.sql(sql).to_arrow_table()
                return answer
        except duckdb.Error as error:
            caught = [files.caught for files in watched.values() if files.caught is not None]
            if caught:
                raise caught[0] from None
            # DuckDB's own messages may quote a value of a row: only their kind is told.
            raise Unavailable(
                f"DuckDB stopped with `{type(error).__name__}`.",
                remedy="Check that the files are reachable, or give the engine more memory.",
            ) from None


def to_sql(plan: RunPlan) -> str:
    """The query of a plan as DuckDB text; anything that DuckDB lacks is an error."""
    return compile_cohort(plan).sql(dialect="duckdb", unsupported_level=ErrorLevel.RAISE)


@frozen(kw_only=False)
class _Tables:
    """The tables of a plan, made visible to one connection."""

    connection: duckdb.DuckDBPyConnection
    watched: dict[str, WatchedFiles]

    def show(self, plan: RunPlan) -> None:
        self.connection.register(DRUGS, plan.drugs)
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


def _result(plan: RunPlan, answer: pa.Table) -> CohortResult:
    model = plan.model
    schema = persons_schema(model)
    stopped: Counter[int] = Counter()
    counts = answer.select(["step", "persons"]).group_by("step").aggregate([("persons", "sum")])
    for step, number in zip(*counts.to_pydict().values(), strict=True):
        stopped[step] += number
    last = len(model.person_rules) + 1 + len(model.exclusions)
    passed = pc.equal(answer["step"], pa.scalar(last, pa.int64()))
    kept = answer.filter(passed).drop_columns(["step", "persons"])
    persons = kept.rename_columns(schema.names).cast(schema)
    return CohortResult(
        model_digest=model.digest,
        flowchart=flowchart(model, stopped),
        persons=persons,
        tables=tuple(
            count_table(model, place, _counted(persons, request.by), plan.snapshots)
            for place, request in enumerate(model.tables)
        ),
        snapshots=plan.snapshots,
    )


def _counted(persons: pa.Table, by: tuple[str, ...]) -> dict[tuple[Any, ...], int]:
    counts = persons.group_by(list(by)).aggregate([("person", "count")])
    rows = zip(*(counts[name].to_pylist() for name in (*by, "person_count")), strict=True)
    return {row[:-1]: row[-1] for row in rows}
