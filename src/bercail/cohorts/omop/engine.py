"""The engine of OHDSI definitions: DuckDB, in this process, on tables within the scope."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from bercail.cohorts.duckdb_engine import DuckdbSettings
from bercail.cohorts.omop.definition import Phenotype
from bercail.cohorts.omop.statements import FOUND, Compiled, compile_phenotype
from bercail.cohorts.omop.tables import OmopTables
from bercail.cohorts.result import CohortResult, FlowStep
from bercail.cohorts.scope import require_reach
from bercail.cohorts.sources import Sources
from bercail.foundation import Invalid, Unavailable

PERIODS = "periods"
_FOUND_COLUMNS = (
    "cohort_definition_id BIGINT, subject_id BIGINT, cohort_start_date DATE, cohort_end_date DATE"
)
_PERIODS = f"""
SELECT CAST(subject_id AS TEXT) AS person, cohort_start_date AS start, cohort_end_date AS "end"
FROM {FOUND} ORDER BY person, start, "end"
"""  # noqa: S608  # a name of ours
_PERSONS = f"""
SELECT CAST(subject_id AS TEXT) AS person, min(cohort_start_date) AS index_date,
    arg_min(cohort_end_date, cohort_start_date) AS end_date
FROM {FOUND} GROUP BY subject_id ORDER BY person
"""  # noqa: S608
_RULES_PASSED = """
SELECT count(DISTINCT person_id) FROM (
    SELECT person_id, event_id FROM inclusion_events WHERE inclusion_rule_id < ?
    GROUP BY person_id, event_id HAVING count(DISTINCT inclusion_rule_id) = ?
)
"""


class OmopEngine:
    """Runs OHDSI definitions on OMOP tables, held by the sources under their OMOP names."""

    def __init__(self, sources: Sources, settings: DuckdbSettings | None = None) -> None:
        self._sources = sources
        self._settings = settings if settings is not None else DuckdbSettings()

    def run(self, phenotype: Phenotype) -> CohortResult:
        """Run one definition.

        `persons` has `person` (person_id), `index_date` and `end_date` of the first period in
        the cohort; the event rows `periods` have every one (`person`, `start`, `end`). The
        flowchart counts persons: in the scope, with an entry event, with one event that keeps
        all inclusion rules so far, and in the cohort.

        Raises:
            Missing: `duckcdm` is not installed.
            Invalid: the definition, or a table or column that is missing or out of scope.
            Unavailable: DuckDB ran out of memory, or could not read a file.
            BercailError: what the filesystem of the sources raised, such as `Unproven`.
        """
        compiled = compile_phenotype(phenotype)
        with duckdb.connect(":memory:", config=self._settings.as_config()) as connection:
            tables = OmopTables(connection=connection, sources=self._sources)
            try:
                return self._answer(connection, tables, phenotype, compiled)
            except duckdb.Error as error:
                raise self._told(error, tables, compiled) from None

    def _answer(
        self,
        connection: duckdb.DuckDBPyConnection,
        tables: OmopTables,
        phenotype: Phenotype,
        compiled: Compiled,
    ) -> CohortResult:
        tables.show_scoped(compiled.tables)
        connection.execute(f"CREATE TEMP TABLE {FOUND} ({_FOUND_COLUMNS})")
        for statement in compiled.statements:
            connection.execute(statement)
        periods: pa.Table = connection.sql(_PERIODS).to_arrow_table()
        persons: pa.Table = connection.sql(_PERSONS).to_arrow_table()
        counted = [
            _number(connection, "SELECT count(*) FROM persons_in_scope"),
            _number(connection, "SELECT count(DISTINCT person_id) FROM qualified_events"),
        ]
        places = range(1, len(phenotype.rules) + 1)
        counted += [_number(connection, _RULES_PASSED, [place, place]) for place in places]
        counted.append(persons.num_rows)
        return CohortResult(
            model_digest=phenotype.digest,
            flowchart=tuple(
                FlowStep(label=label, persons=number)
                for label, number in zip(phenotype.steps, counted, strict=True)
            ),
            persons=persons,
            tables=(),
            snapshots=self._sources.snapshots(),
            events={PERIODS: periods},
        )

    def _told(self, error: duckdb.Error, tables: OmopTables, compiled: Compiled) -> Exception:
        """The error to raise in place of DuckDB's, whose text may quote a value of a row."""
        caught = [files.caught for files in tables.watched if files.caught is not None]
        if caught:
            return caught[0]
        if isinstance(error, duckdb.BinderException):
            return self._unread(tables, compiled)
        return Unavailable(
            f"DuckDB stopped with `{type(error).__name__}`.",
            remedy="Check the types of the tables, or give the engine more memory.",
        )

    def _unread(self, tables: OmopTables, compiled: Compiled) -> Invalid:
        """Which columns of OMOP the statements mention and may not, or cannot, read.

        DuckDB's own words name an alias at best.
        """
        from duckcdm.omop import cdm_fields

        missing = []
        for table in compiled.tables:
            held = tables.columns(table)
            fields = {name.lower() for name, _ in cdm_fields().get(table, ())}
            mentioned = sorted(fields & compiled.columns)
            try:
                within = frozenset(name for name in mentioned if name in held)
                require_reach({table: within}, self._sources.scope)
            except Invalid as refusal:
                return refusal
            missing += [f"`{table}.{name}`" for name in mentioned if name not in held]
        return Invalid(
            f"The definition reads {' or '.join(missing) or 'a column'}, which the data do not "
            "hold.",
            remedy="Give the table with all columns of OMOP 5.4, empty where nothing is known.",
        )


def _number(
    connection: duckdb.DuckDBPyConnection, query: str, given: list[int] | None = None
) -> int:
    ((number,),) = connection.execute(query, given).fetchall()
    return int(number)
