"""OHDSI definitions on OMOP tables: the right persons, within the scope, and no other SQL."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from attrs import evolve
from duckcdm.circe import build_cohort_query
from duckcdm.sqlrender import render, translate

from bercail.cohorts import Scope, Source, Sources, dispensings, persons
from bercail.cohorts.arithmetic import Registered
from bercail.cohorts.omop import OmopEngine, Phenotype, read_phenotype, statements
from bercail.cohorts.omop.statements import compile_phenotype
from bercail.cohorts.result import CohortResult
from bercail.foundation import Invalid, Missing, Unavailable
from bercail.testing.sealed_tables import sealed_tables
from bercail.testing.small_omop import CHILD, DIABETES, FEMALE, MALE, METFORMIN, SmallOmop, small

FILE = Path(__file__).parents[3] / "studies" / "metformin_after_diabetes.json"
ALL_OF_IT = {name: frozenset(table.column_names) for name, table in small().tables().items()}


def written(folder: Path, definition: Any) -> Phenotype:
    path = folder / "definition.json"
    path.write_text(json.dumps(definition))
    return read_phenotype(path)


def expression(**changes: Any) -> dict[str, Any]:
    """The definition of `FILE`, with parts of it replaced."""
    return {**deepcopy(json.loads(FILE.read_bytes())["expression"]), **changes}


def found(scope: Scope, phenotype: Phenotype | None = None) -> CohortResult:
    sources = Sources(tables=small().tables(), permit=scope.permit, scope=scope)
    return OmopEngine(sources).run(phenotype or read_phenotype(FILE))


def who(result: CohortResult) -> list[str]:
    return result.persons["person"].to_pylist()


def counts(result: CohortResult) -> list[int]:
    return [step.persons for step in result.flowchart]


def test_persons_and_flowchart_of_a_definition() -> None:
    result = found(Scope())
    assert who(result) == ["1", "2"]
    assert {str(day) for day in result.persons["index_date"].to_pylist()} == {"2020-03-01"}
    assert [(step.label, step.persons) for step in result.flowchart] == [
        ("Persons in the data", 6),
        ("Entry event", 5),
        ("Inclusion rule: 18 years or more", 4),
        ("Inclusion rule: metformin within 90 days", 2),
        ("In the cohort", 2),
    ]
    assert result.model_digest == read_phenotype(FILE).digest
    assert "P1" not in json.dumps(result.as_dict())


def test_every_period_in_the_cohort_is_a_row(tmp_path: Path) -> None:
    each = expression(
        QualifiedLimit={"Type": "All"},
        ExpressionLimit={"Type": "All"},
        InclusionRules=[],
        EndStrategy={"DateOffset": {"DateField": "StartDate", "Offset": 10}},
    )
    result = found(Scope(), written(tmp_path, each))
    days = [(row["person"], str(row["start"]), str(row["end"])) for row in periods(result)]
    assert ("2", "2020-03-01", "2020-03-11") in days
    assert ("2", "2021-06-01", "2021-06-11") in days
    assert len(days) == 6
    assert who(result) == ["1", "2", "3", "4", "5"]
    assert counts(result) == [6, 5, 5]


def periods(result: CohortResult) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = result.events["periods"].to_pylist()
    return rows


EVER = {"Start": {"Coeff": -1}, "End": {"Coeff": 1}, "UseEventEnd": False}
DRUG = {
    "Criteria": {"DrugExposure": {"CodesetId": 1}},
    "StartWindow": EVER,
    "Occurrence": {"Type": 2, "Count": 1},
}
NEVER = {
    "Criteria": {"DrugExposure": {"CodesetId": 1, "First": True}},
    "StartWindow": EVER,
    "Occurrence": {"Type": 0, "Count": 0},
}
GROUP = {"Type": "ANY", "CriteriaList": [DRUG], "DemographicCriteriaList": [], "Groups": []}
CONCEPTS = [
    {"concept": {"CONCEPT_ID": DIABETES}, "includeDescendants": True, "includeMapped": True},
    {"concept": {"CONCEPT_ID": CHILD}, "isExcluded": True},
]
SHAPES = {
    "as it stands": {},
    "last of all": {"QualifiedLimit": {"Type": "Last"}, "ExpressionLimit": {"Type": "Last"}},
    "any rule": {"InclusionRules": [{"name": "any", "expression": GROUP}]},
    "absence": {
        "InclusionRules": [{"name": "no", "expression": {**GROUP, "CriteriaList": [NEVER]}}]
    },
    "without a child concept": {
        "ConceptSets": [
            {"id": 0, "name": "a", "expression": {"items": CONCEPTS}},
            {
                "id": 1,
                "name": "b",
                "expression": {
                    "items": [{"concept": {"CONCEPT_ID": METFORMIN}, "includeDescendants": True}]
                },
            },
        ]
    },
    "men of an age": {
        "InclusionRules": [
            {
                "name": "men",
                "expression": {
                    "Type": "ALL",
                    "CriteriaList": [],
                    "Groups": [],
                    "DemographicCriteriaList": [
                        {
                            "Age": {"Value": 40, "Op": "bt", "Extent": 70},
                            "Gender": [{"CONCEPT_ID": MALE}],
                        }
                    ],
                },
            }
        ]
    },
    "exposure ends it": {
        "InclusionRules": [],
        "EndStrategy": {
            "CustomEra": {
                "DrugCodesetId": 1,
                "GapDays": 30,
                "Offset": 0,
                "DaysSupplyOverride": None,
            }
        },
    },
    "death ends it": {"CensoringCriteria": [{"Death": {}}]},
    "within dates": {
        "CensorWindow": {"StartDate": "2020-03-15", "EndDate": "2021-12-31"},
        "CollapseSettings": {"CollapseType": "ERA", "EraPad": 60},
    },
    "seen for years": {
        "PrimaryCriteria": {
            "CriteriaList": [
                {
                    "ConditionOccurrence": {
                        "CodesetId": 0,
                        "OccurrenceStartDate": {"Value": "2020-01-01", "Op": "gte"},
                        "Age": {"Value": 18, "Op": "gte"},
                        "CorrelatedCriteria": GROUP,
                    }
                },
                {"DrugExposure": {"CodesetId": 1, "Quantity": {"Value": 1.5, "Op": "gt"}}},
            ],
            "ObservationWindow": {"PriorDays": 365, "PostDays": 30},
            "PrimaryCriteriaLimit": {"Type": "All"},
        }
    },
}


# Worked out by hand, so that equal answers are not equally empty.
FOUND = {
    "as it stands": ["1", "2"],
    "any rule": ["1", "2", "3", "4"],
    "absence": ["5"],
    "men of an age": ["1", "3", "5"],
    "exposure ends it": ["1", "2", "3", "4", "5"],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_what_runs_gives_what_circe_wrote(tmp_path: Path, shape: str) -> None:
    """The text of duckcdm, run as it is by somebody else's hand, finds the same periods."""
    phenotype = written(tmp_path, expression(**SHAPES[shape]))
    text = build_cohort_query(phenotype.text, cdm_schema="cdm", target_table="here", cohort_id=1)
    with duckdb.connect() as plain:
        plain.execute("CREATE SCHEMA cdm")
        for name, table in small().tables().items():
            plain.register(f"given_{name}", table)
            plain.table(f"given_{name}").create(f"cdm.{name}")
        plain.execute(
            "CREATE TABLE here (cohort_definition_id INT, subject_id BIGINT, "
            "cohort_start_date DATE, cohort_end_date DATE)"
        )
        plain.execute(translate(render(text), "duckdb"))
        told = plain.execute(
            "SELECT subject_id::TEXT, cohort_start_date, cohort_end_date FROM here ORDER BY ALL"
        ).fetchall()
    result = found(Scope(), phenotype)
    assert [(row["person"], row["start"], row["end"]) for row in periods(result)] == told
    assert counts(result)[-1] == len({row[0] for row in told})
    assert who(result) == FOUND.get(shape, who(result))
    assert counts(result) == sorted(counts(result), reverse=True)


@pytest.mark.parametrize("names", [{"1"}, {"P1"}, {"1", "P1", "nobody"}])
def test_whoever_objects_is_not_there(names: set[str]) -> None:
    result = found(Scope(objections=frozenset(names)))
    assert who(result) == ["2"]
    assert counts(result) == [5, 4, 3, 1, 1]


def test_a_person_without_a_source_value_is_kept() -> None:
    tables = small().tables()
    nameless = pa.nulls(6, pa.string())
    place = tables["person"].column_names.index("person_source_value")
    tables["person"] = tables["person"].set_column(place, "person_source_value", nameless)
    scope = Scope(objections=frozenset({"P1", "2"}))
    result = OmopEngine(Sources(tables=tables, scope=scope)).run(read_phenotype(FILE))
    assert who(result) == ["1"]


@pytest.mark.parametrize(
    ("years", "left"),
    [
        ({"first_year": 2020, "last_year": 2020}, ["1", "2"]),
        ({"first_year": 2021}, []),
        ({"last_year": 2019}, []),
    ],
)
def test_rows_outside_the_years_are_not_there(years: dict[str, int], left: list[str]) -> None:
    assert who(found(Scope(**years))) == left


def test_what_lasts_into_the_years_is_there() -> None:
    data = SmallOmop()
    for number, (day, end) in enumerate(
        [("2019-06-01", "2019-12-31"), ("2019-06-01", "2020-01-01"), ("2019-06-01", "")], start=1
    ):
        data.person(number, seen=("2019-01-01", "2020-12-31"))
        data.condition(number, day, end)
    entry = read_phenotype(FILE)
    sources = Sources(tables=data.tables(), scope=Scope(first_year=2020, last_year=2020))
    # What has no known end holds on its first day alone, as Circe has it.
    assert counts(OmopEngine(sources).run(entry))[:2] == [3, 1]


@pytest.mark.parametrize(
    ("scope", "left"),
    [
        (Scope(registered=Registered(born_from=1955)), [5, 4, 3, 1, 1]),
        (Scope(registered=Registered(born_from=1940, born_until=1950)), [1, 1, 1, 1, 1]),
        (Scope(population=(persons.sex == "female").node), [3, 2, 1, 1, 1]),
        (Scope(population=(persons.birth_year < 1955).node), [1, 1, 1, 1, 1]),
    ],
)
def test_the_population_of_the_permit_comes_first(scope: Scope, left: list[int]) -> None:
    assert counts(found(scope)) == left


@pytest.mark.parametrize(
    "scope",
    [
        Scope(permit="p1", registered=Registered(departments=("075",))),
        Scope(permit="p1", population=dispensings.exists().node),
        Scope(permit="p1", population=(persons.department == "075").node),
    ],
)
def test_a_population_that_omop_does_not_tell_is_refused(scope: Scope) -> None:
    with pytest.raises(Invalid, match=r"permit `p1`.*OMOP tables do not tell"):
        found(scope)


def test_tables_and_columns_beyond_the_permit_are_refused_by_name() -> None:
    assert who(found(Scope(permit="p1", tables=ALL_OF_IT))) == ["1", "2"]
    less = {name: columns for name, columns in ALL_OF_IT.items() if name != "drug_exposure"}
    with pytest.raises(Invalid, match=r"`drug_exposure`.*outside the scope of permit `p1`"):
        found(Scope(permit="p1", tables=less))
    narrow = {**ALL_OF_IT, "person": ALL_OF_IT["person"] - {"year_of_birth"}}
    with pytest.raises(Invalid, match=r"`person.year_of_birth`.*outside the scope") as refused:
        found(Scope(permit="p1", tables=narrow))
    assert "Ask for it in the permit" in str(refused.value.remedy)


def test_tables_and_columns_that_are_not_there_are_named() -> None:
    tables = small().tables()
    without = {name: table for name, table in tables.items() if name != "concept_ancestor"}
    with pytest.raises(Invalid, match=r"`concept_ancestor`, which the extract of permit `p1`"):
        OmopEngine(Sources(tables=without, permit="p1")).run(read_phenotype(FILE))
    blind = {**tables, "person": tables["person"].drop_columns(["year_of_birth"])}
    with pytest.raises(Invalid, match=r"`person.year_of_birth`, which the data do not hold"):
        OmopEngine(Sources(tables=blind)).run(read_phenotype(FILE))
    undated = tables["condition_occurrence"].drop_columns(["condition_start_date"])
    sources = Sources(tables={**tables, "condition_occurrence": undated})
    with pytest.raises(Invalid, match=r"no column `condition_start_date`"):
        OmopEngine(evolve(sources, scope=Scope(first_year=2020))).run(read_phenotype(FILE))


def test_sealed_parts_give_the_same(tmp_path: Path) -> None:
    plain = Sources(tables=small().tables(), scope=Scope(objections=frozenset({"P1"})))
    with sealed_tables(plain, tmp_path) as (sealed, _):
        result = OmopEngine(sealed).run(read_phenotype(FILE))
    assert result.persons.equals(found(plain.scope).persons)
    assert "person@s1" in result.snapshots


def test_a_broken_part_is_told_as_the_filesystem_tells_it(tmp_path: Path) -> None:
    with sealed_tables(Sources(tables=small().tables()), tmp_path) as (sealed, location):
        for part in Path(location.path).rglob("*"):
            if part.is_file():
                part.write_bytes(part.read_bytes()[:-1] + b"x")
        with pytest.raises(Exception, match=r"seal|opened|changed") as told:
            OmopEngine(sealed).run(read_phenotype(FILE))
    assert not isinstance(told.value, Unavailable)


def test_no_value_of_a_row_stands_in_an_error() -> None:
    tables = small().tables()
    texts = pa.array(["secret-value"] * 6)
    place = tables["person"].column_names.index("year_of_birth")
    tables["person"] = tables["person"].set_column(place, "year_of_birth", texts)
    with pytest.raises((Invalid, Unavailable)) as told:
        OmopEngine(Sources(tables=tables)).run(read_phenotype(FILE))
    assert "secret-value" not in str(told.value)


@pytest.mark.parametrize(
    "text",
    [
        "COPY (SELECT 1) TO '/x'",
        "ATTACH '/x' AS y",
        "SET memory_limit = '1GB'",
        "PRAGMA version",
        "INSTALL httpfs",
        "CREATE TABLE kept AS SELECT 1",
        "CREATE TEMP VIEW x AS SELECT 1",
        "SELECT 1",
        "UPDATE cohort_found SET subject_id = 1",
        "INSERT INTO cdm.person SELECT 1",
        "INSERT INTO cohort_found SELECT * FROM held_person",
        "INSERT INTO cohort_found SELECT * FROM persons_in_scope",
        "INSERT INTO cohort_found SELECT * FROM '/x.parquet'",
        "INSERT INTO cohort_found SELECT * FROM read_parquet('/x')",
        "INSERT INTO cohort_found SELECT * FROM read_csv('/x')",
        "INSERT INTO cohort_found SELECT * FROM glob('/*')",
        "INSERT INTO cohort_found SELECT * FROM query('SELECT 1')",
        "INSERT INTO cohort_found SELECT * FROM other.person",
        "INSERT INTO cohort_found SELECT * FROM memory.cdm.person",
        "INSERT INTO cohort_found SELECT getenv('HOME')",
        "INSERT INTO cohort_found SELECT content FROM read_text('/x')",
        "CREATE TEMP TABLE x AS SELECT * FROM duckdb_settings()",
        "SELEC 1",
    ],
)
def test_sql_that_no_definition_needs_is_refused(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(statements, "_circe", lambda _: text)
    with pytest.raises(Invalid, match="SQL that no cohort definition needs"):
        compile_phenotype(read_phenotype(FILE))


NASTY = [
    "x'; COPY (SELECT 1) TO '/tmp/never'; --",
    "x') UNION SELECT * FROM read_csv('/etc/passwd') --",
    "{1 == 1}?{'; DROP TABLE cohort_found; --}",
    "@cdm_database_schema @target_cohort_id",
    "'' OR 1 = 1 --",
]


@pytest.mark.parametrize("text", NASTY)
def test_a_text_in_a_definition_stays_a_text_or_is_refused(tmp_path: Path, text: str) -> None:
    criteria = {"CodesetId": 0, "StopReason": {"Text": text, "Op": "contains"}}
    changed = expression()
    changed["PrimaryCriteria"]["CriteriaList"] = [{"ConditionOccurrence": criteria}]
    changed["ConceptSets"][0]["name"] = text
    changed["InclusionRules"][0]["name"] = text
    phenotype = written(tmp_path, changed)
    try:
        result = found(Scope(), phenotype)
    except (Invalid, Unavailable):
        return
    assert who(result) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"not json", "is not JSON"),
        (b"[1]", "no `PrimaryCriteria`"),
        (b'{"expression": {}}', "no `PrimaryCriteria`"),
        (b'{"PrimaryCriteria": {"CriteriaList": 3}}', "no definition that Circe reads"),
        (b'{"PrimaryCriteria": {"CriteriaList": [{"Nothing": {}}]}}', "that Circe reads"),
        (b"[" * 100_000, "is not JSON"),
    ],
)
def test_what_is_no_definition_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(Invalid, match=said):
        compile_phenotype(read_phenotype(path))


def test_a_file_that_is_not_there_or_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Missing):
        read_phenotype(tmp_path / "x.json")
    monkeypatch.setattr("bercail.cohorts.omop.definition.MAX_BYTES", 10)
    with pytest.raises(Invalid, match="more than 10 bytes"):
        read_phenotype(FILE)


@pytest.fixture
def without_duckcdm(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in sys.modules if name.startswith("duckcdm")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "duckcdm", None)
    return


@pytest.mark.usefixtures("without_duckcdm")
def test_without_the_extra_it_is_named() -> None:
    with pytest.raises(Missing) as missing:
        compile_phenotype(read_phenotype(FILE))
    assert "bercail[omop]" in str(missing.value.remedy)


def test_a_definition_keeps_its_identity_however_it_is_written(tmp_path: Path) -> None:
    compact = tmp_path / "again.json"
    compact.write_text(json.dumps(json.loads(FILE.read_bytes())["expression"], sort_keys=True))
    assert read_phenotype(compact).digest == read_phenotype(FILE).digest
    assert written(tmp_path, expression(QualifiedLimit={"Type": "All"})).digest != (
        read_phenotype(FILE).digest
    )


def test_only_scoped_tables_can_be_named() -> None:
    """Nothing but `show_scoped` puts a table into the schema that definitions read."""
    room = Path(statements.__file__).parent
    makers = [path.name for path in room.glob("*.py") if "CREATE SCHEMA" in path.read_text("utf-8")]
    assert makers == ["tables.py"]
    compiled = compile_phenotype(read_phenotype(FILE))
    assert set(compiled.tables) <= set(ALL_OF_IT)
    assert not any("held_" in one or "persons_in_scope" in one for one in compiled.statements)


def test_a_table_that_no_scope_can_be_put_on_is_refused(tmp_path: Path) -> None:
    region = {"LocationRegion": {"CodesetId": 0}}
    changed = expression()
    changed["PrimaryCriteria"]["CriteriaList"] = [region]
    with pytest.raises(Invalid, match="`location_history`, which no scope can be put on"):
        found(Scope(), written(tmp_path, changed))


def test_parquet_beside_the_tables_has_a_source_of_its_own(tmp_path: Path) -> None:
    """Tables may be named in capitals, as some exports do."""
    tables: dict[str, pa.Table | Source] = {
        name.upper(): table for name, table in small().tables().items()
    }
    assert who(OmopEngine(Sources(tables=tables)).run(read_phenotype(FILE))) == ["1", "2"]
    assert FEMALE != MALE
