"""The OMOP tables of a run as a definition sees them: with the scope already put on them.

`show_scoped` is the only function that makes a table of the schema `cdm`, and statements of a
definition can name no other (`statements`): so no definition runs without its scope.
Source of names and dates: OMOP common data model 5.3 and 5.4 (OHDSI).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import duckdb
import pyarrow as pa
from attrs import field, frozen
from sqlglot import exp

from bercail.cohorts.expressions import Column, Expression, title_of
from bercail.cohorts.memory.evaluate import evaluate
from bercail.cohorts.omop.statements import SCHEMA
from bercail.cohorts.scope import Scope, require_reach
from bercail.cohorts.sources import Source, Sources
from bercail.cohorts.sql.terms import Term
from bercail.cohorts.views import PERSONS
from bercail.cohorts.watched_files import WatchedFiles
from bercail.foundation import Invalid

PERSON = "person"
# The first and the last day on which a row holds; it is one day where there is no second.
DATES: Mapping[str, tuple[str, str]] = {
    "observation_period": ("observation_period_start_date", "observation_period_end_date"),
    "payer_plan_period": ("payer_plan_period_start_date", "payer_plan_period_end_date"),
    "visit_occurrence": ("visit_start_date", "visit_end_date"),
    "visit_detail": ("visit_detail_start_date", "visit_detail_end_date"),
    "condition_occurrence": ("condition_start_date", "condition_end_date"),
    "condition_era": ("condition_era_start_date", "condition_era_end_date"),
    "drug_exposure": ("drug_exposure_start_date", "drug_exposure_end_date"),
    "drug_era": ("drug_era_start_date", "drug_era_end_date"),
    "dose_era": ("dose_era_start_date", "dose_era_end_date"),
    "device_exposure": ("device_exposure_start_date", "device_exposure_end_date"),
    "episode": ("episode_start_date", "episode_end_date"),
    "procedure_occurrence": ("procedure_date", ""),
    "measurement": ("measurement_date", ""),
    "observation": ("observation_date", ""),
    "specimen": ("specimen_date", ""),
    "note": ("note_date", ""),
    "death": ("death_date", ""),
}
# What says nothing of a person.
REFERENCE = frozenset(
    {
        "care_site",
        "concept",
        "concept_ancestor",
        "concept_class",
        "concept_relationship",
        "concept_synonym",
        "domain",
        "drug_strength",
        "location",
        "provider",
        "relationship",
        "source_to_concept_map",
        "vocabulary",
    }
)
_SEXES = {8507: "male", 8532: "female"}
_IN_SCOPE, _FITTING, _OBJECTING = "persons_in_scope", "persons_that_fit", "persons_objecting"


@frozen(kw_only=True)
class OmopTables:
    """The tables of some sources, made visible to one connection."""

    connection: duckdb.DuckDBPyConnection
    sources: Sources
    watched: list[WatchedFiles] = field(factory=list)

    def show_scoped(self, tables: Iterable[str]) -> None:
        """Make each of `tables` in the schema `cdm`, limited to the scope of the sources.

        1. Hold the tables against the scope, and the data against the tables.
        2. Persons: of the population, and none who object.
        3. Each table: its columns within the scope, its rows within the years, of those persons.

        Raises:
            Invalid: a table is unknown, out of scope or not there, or the scope asks of persons
                what OMOP tables do not tell.
        """
        scope = self.sources.scope
        wanted = sorted({PERSON, *tables})
        for name in wanted:  # 1
            self._require(name, scope)
        held = {name: self._held(name) for name in wanted}
        self._choose_persons(held[PERSON], scope)  # 2
        self.connection.execute(f"CREATE SCHEMA {SCHEMA}")
        for name in wanted:  # 3
            view = _limited(name, held[name], scope)
            made = exp.Create(this=exp.table_(name, db=SCHEMA), kind="VIEW", expression=view)
            self.connection.execute(made.sql(dialect="duckdb"))

    def columns(self, table: str) -> tuple[str, ...]:
        """The columns that the data hold of a table, whatever the scope."""
        described = self.connection.table(_raw(table))
        return tuple(name.lower() for name in described.columns)

    def _require(self, name: str, scope: Scope) -> None:
        if name not in DATES and name not in REFERENCE and name != PERSON:
            raise Invalid(
                f"The definition reads the OMOP table `{name}`, which no scope can be put on.",
                remedy="Take it out of the definition.",
            )
        require_reach({name: frozenset()}, scope)

    def _held(self, name: str) -> tuple[str, ...]:
        """Show the table as it lies in the sources, under a name that no definition can say."""
        by_name = {one.lower(): content for one, content in self.sources.tables.items()}
        content = by_name.get(name)
        if content is None:
            of_whom = f"the extract of permit `{self.sources.permit}`"
            raise Invalid(
                f"The definition reads the OMOP table `{name}`, which "
                f"{of_whom if self.sources.permit else 'the data'} does not hold.",
                remedy=f"Give `{name}.parquet` with the other tables.",
            )
        if isinstance(content, pa.Table):
            self.connection.register(_raw(name), content)
        else:
            self._know(content)
            urls = list(content.urls)
            self.connection.read_parquet(urls, union_by_name=True).create_view(_raw(name))
        return self.columns(name)

    def _know(self, source: Source) -> None:
        if source.filesystem is None:
            return
        if any(known.inner is source.filesystem for known in self.watched):
            return
        self.watched.append(WatchedFiles(source.filesystem))
        self.connection.register_filesystem(self.watched[-1])

    def _choose_persons(self, held: tuple[str, ...], scope: Scope) -> None:
        query = exp.select(exp.column("person_id")).from_(_raw(PERSON))
        if scope.registered is not None:
            query = query.where(*_born(scope))
        if scope.population is not None:
            self._show_fitting(scope.population, scope.permit)
            same = "year_of_birth IS NOT DISTINCT FROM f.year AND gender_concept_id IS NOT "
            query = query.join(f"{_FITTING} AS f", on=same + "DISTINCT FROM f.gender")
        if scope.objections:
            listed = pa.array(sorted(scope.objections), pa.string())
            self.connection.register(_OBJECTING, pa.table({"name": listed}))
            # A list names persons as the data do: by their number, or by where they come from.
            names = [name for name in ("person_id", "person_source_value") if name in held]
            for name in names:
                text = exp.Coalesce(
                    this=exp.cast(exp.column(name), "TEXT"), expressions=[exp.Literal.string("")]
                )
                objecting = exp.select("name").from_(_OBJECTING)
                query = query.where(exp.Not(this=exp.In(this=text, query=objecting.subquery())))
        made = exp.Create(this=exp.table_(_IN_SCOPE), kind="TABLE", expression=query)
        self.connection.execute(made.sql(dialect="duckdb"))

    def _show_fitting(self, population: Expression, permit: str) -> None:
        """The pairs (year of birth, sex) for which the population of the permit is true."""
        told = exp.select("year_of_birth", "gender_concept_id").from_(_raw(PERSON)).distinct()
        pairs = self.connection.sql(told.sql(dialect="duckdb")).fetchall()
        fitting = [pair for pair in pairs if _fits(pair, population, permit)]
        years, sexes = (pa.array([pair[side] for pair in fitting], pa.int64()) for side in (0, 1))
        self.connection.register(_FITTING, pa.table({"year": years, "gender": sexes}))


def _raw(table: str) -> str:
    return f"held_{table}"


def _limited(table: str, held: tuple[str, ...], scope: Scope) -> exp.Select:
    """The rows and columns of a table that a definition may see."""
    allowed = None if scope.tables is None else scope.tables[table]
    columns = [name for name in held if allowed is None or name in allowed]
    query = exp.select(*(exp.column(name, quoted=True) for name in columns)).from_(_raw(table))
    if table in REFERENCE:
        return query
    if table in DATES:
        query = query.where(*_within(table, held, scope))
    chosen = exp.select("person_id").from_(_IN_SCOPE)
    return query.where(exp.In(this=exp.column("person_id"), query=chosen.subquery()))


def _within(table: str, held: tuple[str, ...], scope: Scope) -> list[Term]:
    """The conditions that a row touches the years.

    A row without a known end, or with one before its start, holds on its first day: as Circe
    has it, and unlike the care of the SNDS, where an unknown end is an open one.
    """
    if scope.first_year is None and scope.last_year is None:
        return []
    first, last = DATES[table]
    if first not in held:
        raise Invalid(
            f"`{table}` has no column `{first}`, by which the years of the permit are kept.",
            remedy="Give the table whole.",
        )
    start = exp.cast(exp.column(first), "DATE")
    tests: list[Term] = [_not_null(start)]
    if scope.last_year is not None:
        tests.append(exp.LTE(this=start.copy(), expression=_day(f"{scope.last_year}-12-31")))
    if scope.first_year is not None:
        opening = _day(f"{scope.first_year}-01-01")
        begun: Term = exp.GTE(this=start.copy(), expression=opening)
        if last in held:
            end = exp.cast(exp.column(last), "DATE")
            begun = exp.or_(begun, exp.GTE(this=end, expression=opening.copy()))
        tests.append(begun)
    return tests


def _not_null(term: Term) -> Term:
    return exp.Not(this=exp.Is(this=term.copy(), expression=exp.null()))


def _day(text: str) -> Term:
    return exp.cast(exp.Literal.string(text), "DATE")


def _born(scope: Scope) -> list[Term]:
    asked = scope.registered
    if asked is None:
        return []
    if asked.departments:
        raise Invalid(
            f"The population of permit `{scope.permit}` is told by département, which OMOP tables "
            "do not tell.",
            remedy="Run the definition on data cut to the population, under a permit without it.",
        )
    born, tests = exp.column("year_of_birth"), [_not_null(exp.column("year_of_birth"))]
    if asked.born_from is not None:
        low = exp.Literal.number(asked.born_from)
        tests.append(exp.GTE(this=born.copy(), expression=low))
    if asked.born_until is not None:
        high = exp.Literal.number(asked.born_until)
        tests.append(exp.LTE(this=born.copy(), expression=high))
    return tests


def _fits(pair: tuple[int | None, int | None], population: Expression, permit: str) -> bool:
    """Whether the population is true for a person of whom these two things are known."""
    told = {"birth_year": pair[0], "sex": _SEXES.get(pair[1] or 0)}

    def look(node: Expression) -> object:
        if isinstance(node, Column) and node.of == PERSONS and node.name in told:
            return told[node.name]
        raise Invalid(
            f"The population of permit `{permit}` asks for `{title_of(node)}`, which OMOP tables "
            "do not tell.",
            remedy="Run the definition under a permit whose population is by birth and sex.",
        )

    return evaluate(population, look) is True
