"""What the DuckDB engine leaves out, and that leaving it out changes no answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest

from bercail.cohorts import (
    Cohort,
    CohortResult,
    DuckdbEngine,
    MemoryEngine,
    Model,
    Scope,
    Sources,
    acts,
    interval,
    match,
    measure,
    persons,
)
from bercail.cohorts.duckdb_engine import to_sql
from bercail.cohorts.events import Exists
from bercail.cohorts.plan import plan_run
from bercail.cohorts.sql.cohort import compile_decided
from bercail.cohorts.sql.decided import ALIKE, measure_sums
from bercail.testing.small_snds import DRUGS, SmallSnds

YEAR = date(2024, 1, 1)
KNOWN = persons.birth_year.is_known()
FRESH = acts.washout(30).between("2024-01-01", "2024-06-30")


def _sources(
    days: Mapping[str, list[date]], *, several: bool = False, scope: Scope | None = None
) -> Sources:
    """Persons by name with the days of their acts; `several` identities by number, or one."""
    data = SmallSnds()
    names = sorted(days)
    for place, name in enumerate(names):
        data.person(name, birth=1940 + place % 3 if place % 7 else None)
    rows = [(place, day) for place, name in enumerate(names) for day in days[name]]
    tables: dict[str, Any] = dict(data.tables())
    tables["silver_acts"] = pa.table(
        {
            "person": pa.array([number for number, _ in rows], pa.int32()),
            "date": pa.array([day for _, day in rows], pa.date32()),
            "system": ["ccam"] * len(rows),
            "code": [f"C{place % 4}" for place in range(len(rows))],
            "activity": ["1"] * len(rows),
            "quantity": pa.array([1] * len(rows), pa.int64()),
        }
    )
    numbers = pa.array(range(len(names)), pa.int32())
    if several:
        # Every third person has a second identity, which comes first in the order of names.
        twice = [(place, f"A{name}") for place, name in enumerate(names) if place % 3 == 0]
        for _, name in twice:
            data.person(name, birth=1940)
        tables["IR_BEN_R"] = data.table("IR_BEN_R")
        held = [*enumerate(names), *twice]
        tables["silver_identities"] = pa.table(
            {
                "person": pa.array([number for number, _ in held], pa.int32()),
                "BEN_IDT_ANO": [name for _, name in held],
            }
        )
    else:
        tables["silver_numbers"] = pa.table({"person": numbers, "identity": names})
    return Sources(tables=tables, drugs=DRUGS, scope=scope or Scope())


def _days(number: int) -> dict[str, list[date]]:
    """Persons with acts all over two years, some with none."""
    found = {}
    for place in range(number):
        steps = range(0, 730, 17 + place * 13 % 200) if place % 4 else ()
        found[f"p{place:03}"] = [YEAR - timedelta(365) + timedelta(step) for step in steps]
    return found


def _both(model: Model, sources: Sources) -> CohortResult:
    """What DuckDB finds, which is what the memory engine finds."""
    found, plain = DuckdbEngine(sources).run(model), MemoryEngine(sources).run(model)
    assert found.flowchart == plain.flowchart
    assert found.persons == plain.persons
    assert found.matches == plain.matches
    assert found.as_dict() == plain.as_dict()
    return found


def _model(**given: Any) -> Model:
    return Cohort(name="s", title="s", **{"population": FRESH.exists() & KNOWN, **given}).model


@pytest.mark.parametrize("several", [False, True])
def test_persons_without_the_events_are_counted_and_not_looked_at(several: bool) -> None:
    sources = _sources(_days(40), several=several)
    model = _model(attributes={"first": FRESH.first().date})
    assert compile_decided(plan_run(model, sources)).everyone is not None
    everyone, left = (step.persons for step in _both(model, sources).flowchart)
    assert everyone == 40
    assert 0 < left < 30


@pytest.mark.parametrize("several", [False, True])
def test_who_objects_is_not_among_all_persons(several: bool) -> None:
    scope = Scope(objections=frozenset({"p001", "p004", "p033"}))
    sources = _sources(_days(40), several=several, scope=scope)
    found = _both(_model(), sources)
    assert found.flowchart[0].persons == 37


@pytest.mark.parametrize(
    "further",
    [
        {"person_rules": ("person-known-birth-year",)},
        {"population": FRESH.exists() | KNOWN},
        {"population": KNOWN},
        {
            "attributes": {"born": persons.birth_year},
            "matching": match(KNOWN & ~FRESH.exists(), on=["born"], ratio=1),
        },
    ],
    ids=["rule", "either", "persons", "matching"],
)
def test_everybody_is_looked_at_where_it_matters(further: dict[str, Any]) -> None:
    sources = _sources(_days(30))
    assert compile_decided(plan_run(_model(**further), sources)).everyone is None
    _both(_model(**further), sources)


def test_a_permit_that_asks_for_events_looks_at_everybody() -> None:
    scope = Scope(population=(acts.count() > 3).node)
    sources = _sources(_days(30), scope=scope)
    assert compile_decided(plan_run(_model(), sources)).everyone is None
    _both(_model(), sources)


def test_a_washout_reads_no_further_back_than_it_looks() -> None:
    text = to_sql(compile_decided(plan_run(_model(), _sources(_days(4)))).query)
    assert "BETWEEN CAST('2023-12-02' AS DATE) AND CAST('2024-06-30' AS DATE)" in text


@pytest.mark.parametrize(("before", "fresh"), [(30, False), (31, True)])
def test_the_last_day_that_a_washout_looks_at(before: int, fresh: bool) -> None:
    sources = _sources({"a": [YEAR, YEAR - timedelta(before)], "b": [YEAR], "c": []})
    found = _both(_model(population=FRESH.exists()), sources)
    assert found.persons["person"].to_pylist() == (["a", "b"] if fresh else ["b"])


def test_a_washout_used_with_and_without_its_columns() -> None:
    sources = _sources(_days(30))
    attributes = {
        "first": FRESH.first().date,
        "code": FRESH.first().code,
        "many": FRESH.count(),
        "days": FRESH.count_dates(),
        "later": acts.washout(30).between("2024-07-01", "2024-12-31").exists(),
    }
    assert _both(_model(attributes=attributes), sources).persons.num_rows


def test_controls_run_out_in_one_group_and_not_in_the_other() -> None:
    sources = _sources(_days(60))
    model = _model(
        index_date=FRESH.first().date,
        attributes={"born": persons.birth_year},
        matching=match(KNOWN & ~FRESH.exists(), on=["born"], ratio=1),
    )
    matches = _both(model, sources).matches
    assert matches is not None
    assert matches.num_rows


def _by_month(count: int, *, denominator: Any = None, each: str = "month") -> Any:
    return measure(
        f"{count} of a {each}",
        first="2023-03-01",
        count=count,
        each=each,
        numerator=acts.where(acts.code != "C1").between(interval.start, interval.end).exists(),
        denominator=persons.alive_on(interval.start) if denominator is None else denominator,
        by=["known"],
    )


MEASURED = {"population": persons.birth_year.is_known() | acts.exists()}


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize(("count", "numbers"), [(2, 0), (3, 1), (63, 1), (65, 2)])
def test_windows_that_do_not_meet_are_bits_of_a_number(
    several: bool, count: int, numbers: int
) -> None:
    sources = _sources(_days(30), several=several)
    model = _model(**MEASURED, attributes={"known": KNOWN}, measures=[_by_month(count)])
    text = to_sql(compile_decided(plan_run(model, sources)).query)
    assert text.count("BIT_OR") == numbers
    (table,) = _both(model, sources).measures
    assert sum(above for *_, above, _ in table.rows) > 5


def test_windows_that_meet_are_asked_one_by_one() -> None:
    sources = _sources(_days(30))
    measures = [_by_month(6), _by_month(4, each="quarter")]
    model = _model(**MEASURED, attributes={"known": KNOWN}, measures=measures)
    assert "BIT_OR" not in to_sql(compile_decided(plan_run(model, sources)).query)
    _both(model, sources)


BEFORE = acts.between(end=interval.start)


@pytest.mark.parametrize("denominator", [BEFORE.count(), BEFORE.exists()])
def test_persons_who_are_alike_are_counted_together(denominator: Any) -> None:
    sources = _sources(_days(40))
    measures = [_by_month(12, denominator=denominator)]
    for population in (KNOWN, persons.birth_year == 1):
        model = _model(population=population, attributes={"known": KNOWN}, measures=measures)
        plan = plan_run(model, sources)
        sums = to_sql(measure_sums(plan, 0, compile_decided(plan).measured))
        # How many are alike says nothing of how many events each of them had.
        assert (ALIKE in sums) == isinstance(denominator.node, Exists)
        (table,) = _both(model, sources).measures
        assert (sum(below for *_, below in table.rows) > 12) == (population is KNOWN)


def test_a_measure_among_persons_with_an_event_alone() -> None:
    sources = _sources(_days(40))
    model = _model(attributes={"known": KNOWN}, measures=[_by_month(5)])
    assert compile_decided(plan_run(model, sources)).everyone is not None
    _both(model, sources)


YEARS = ("1950", " 1950 ", "01950", "+1950", "1950.0", "195e1", "1_950", "1950\n", "1950\r\n")
NO_YEARS = ("", " ", "-", "- 1950", "19 50", "\t1950", "\u00a01950", "1234567890", "-1950", None)


@pytest.mark.parametrize("text", [*YEARS, *NO_YEARS])
def test_a_number_that_stands_as_text_is_read_as_in_plain_python(text: str | None) -> None:
    data = SmallSnds()
    data.person("a", birth=text)
    data.person("b", birth=1950)
    model = _model(population=KNOWN, attributes={"born": persons.birth_year})
    tables = {**data.tables(), **_sources({"a": [], "b": []}).tables}
    tables["IR_BEN_R"] = data.table("IR_BEN_R")
    found = _both(model, Sources(tables=tables, drugs=DRUGS)).persons.to_pylist()
    assert found == [
        {"person": name, "born": 1950} for name in "ab" if name == "b" or text in YEARS[:3]
    ]


@pytest.mark.parametrize(
    ("codes", "sex"),
    [
        ([1], "male"),
        ([2, 2], "female"),
        ([1, 2], None),
        ([2, 1, 1], None),
        ([1, 9], "male"),
        ([3, 2], "female"),
        ([0], None),
        ([None, 1], "male"),
        ([None], None),
    ],
)
def test_rows_that_disagree_on_the_sex_say_nothing(codes: list[int | None], sex: str) -> None:
    data = SmallSnds()
    for code in codes:
        data.person("a", birth=1950, sex=code)
    model = _model(population=KNOWN, attributes={"sex": persons.sex})
    found = _both(model, data.sources()).persons.to_pylist()
    assert found == [{"person": "a", "sex": sex}]
