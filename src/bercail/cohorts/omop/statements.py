"""A definition as SQL statements of which it is known what they read and what they make.

A definition is somebody's file, and texts in it end up in SQL. So the SQL is parsed, every
statement must be of a closed list of kinds and name known tables alone, and what runs is
written anew from what was parsed.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlglot
from attrs import field, frozen
from sqlglot import exp
from sqlglot.errors import SqlglotError

from bercail.cohorts.omop.definition import Phenotype
from bercail.cohorts.sql.terms import Term
from bercail.foundation import Invalid, Missing

SCHEMA = "cdm"
FOUND = "cohort_found"
COHORT_ID = 1
_FOUND_COLUMNS = "cohort_definition_id, subject_id, cohort_start_date, cohort_end_date"
# Statistics of the optimiser, and the removal of temporary tables that end with the connection.
_IDLE = (exp.Analyze, exp.Delete, exp.Drop, exp.TruncateTable)
# Functions that reach for files, settings or other queries; none of them stands in a definition.
_PLAIN_FUNCTIONS = frozenset({"to_days", "date_diff", "datediff", "isnumeric", "len"})


@frozen(kw_only=True)
class Compiled:
    """What a definition runs: statements in their order, and the OMOP tables that they read.

    `columns` are the names of columns that they mention, of whatever table.
    """

    statements: tuple[str, ...] = field(repr=False)
    tables: tuple[str, ...]
    columns: frozenset[str]


def compile_phenotype(phenotype: Phenotype) -> Compiled:
    """The statements of a definition, in DuckDB's words.

    They read tables of the schema `cdm`, make temporary ones (`qualified_events`,
    `inclusion_events`, ...), and put persons and periods into `cohort_found`.

    Raises:
        Missing: `duckcdm` is not installed.
        Invalid: Circe does not read the definition, or it would do more than that.
    """
    made = {FOUND}
    kept: list[str] = []
    read: set[str] = set()
    columns: set[str] = set()
    for statement in _parsed(phenotype):
        if isinstance(statement, _IDLE):
            continue
        _require_plain(statement, phenotype)
        read |= set(_tables(statement, made, phenotype))
        columns |= {column.name.lower() for column in statement.find_all(exp.Column)}
        kept.append(statement.sql(dialect="duckdb"))
    return Compiled(statements=tuple(kept), tables=tuple(sorted(read)), columns=frozenset(columns))


def _parsed(phenotype: Phenotype) -> Iterator[Term]:
    try:
        statements = sqlglot.parse(_circe(phenotype), dialect="duckdb")
    except (SqlglotError, RecursionError) as error:
        raise _refused(phenotype) from error
    yield from (one for one in statements if one is not None)


def _circe(phenotype: Phenotype) -> str:
    try:
        from duckcdm.circe import CirceError, build_cohort_query
        from duckcdm.sqlrender import JavaError, render, translate
    except ImportError as error:
        raise Missing(
            "The reader of OHDSI definitions is not installed.", remedy="Install `bercail[omop]`."
        ) from error
    broken = (CirceError, JavaError, ValueError, TypeError, LookupError, AttributeError)
    try:
        query = build_cohort_query(
            phenotype.text, cdm_schema=SCHEMA, target_table=FOUND, cohort_id=COHORT_ID
        )
        return str(translate(render(query), "duckdb"))
    except (*broken, RecursionError) as error:
        raise Invalid(
            f"`{phenotype.name}` is no definition that Circe reads.",
            remedy="Open it in ATLAS, save it there, and export it again.",
        ) from error


def _require_plain(statement: Term, phenotype: Phenotype) -> None:
    """A temporary table, or rows for one; nothing else, and no function that reaches outside."""
    temporary = isinstance(statement, exp.Create) and (
        statement.kind == "TABLE" and statement.find(exp.TemporaryProperty) is not None
    )
    if not temporary and not isinstance(statement, exp.Insert):
        raise _refused(phenotype)
    for call in statement.find_all(exp.Anonymous):
        if call.name.lower() not in _PLAIN_FUNCTIONS:
            raise _refused(phenotype)
    # Commands, files and settings have kinds of their own in the tree.
    if any(isinstance(node, exp.Command | exp.Copy | exp.Set) for node in statement.walk()):
        raise _refused(phenotype)


def _tables(statement: Term, made: set[str], phenotype: Phenotype) -> Iterator[str]:
    """The OMOP tables of a statement; `made` grows by the table that it makes."""
    target = statement.this.this if isinstance(statement.this, exp.Schema) else statement.this
    if isinstance(statement, exp.Create):
        made.add(target.name.lower())
    named = {cte.alias.lower() for cte in statement.find_all(exp.CTE)}
    for table in statement.find_all(exp.Table):
        plain = isinstance(table.this, exp.Identifier) and not table.catalog
        if plain and table.db.lower() == SCHEMA and table is not target:
            yield table.name.lower()
        elif not plain or table.db or table.name.lower() not in made | named:
            raise _refused(phenotype)


def _refused(phenotype: Phenotype) -> Invalid:
    return Invalid(
        f"`{phenotype.name}` would run SQL that no cohort definition needs.",
        remedy="Look for quotes, semicolons, `@` or braces in its texts, and take them out.",
    )
