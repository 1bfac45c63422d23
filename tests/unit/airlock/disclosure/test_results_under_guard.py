"""Declared results against what left before: curves, percentiles, ratios and models."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from attrs import evolve

from bercail.airlock.disclosure.guard import (
    GuardVerdict,
    Population,
    Relation,
    ReleaseRecord,
    guard_release,
    record_of,
    relation_of,
)
from bercail.airlock.disclosure.protect.suppression import suppress
from bercail.airlock.disclosure.results.judging import ResultAssessment, assess_result
from bercail.airlock.disclosure.results.schema import read_result_schema
from bercail.airlock.disclosure.rules.source_policy import SNDS_SOURCE
from bercail.airlock.disclosure.tables.dimension import flat
from bercail.airlock.disclosure.tables.typed import PERSONS, TypedCell, TypedTable, completed

Rows = Sequence[Sequence[object]]
COHORT, NEAR, WIDER = "ab" * 32, "cd" * 32, "ef" * 32
COLUMNS = {
    "survival": {"time": "month", "at_risk": "n_risk", "events": "n_event", "survival": "surv"},
    "ratios": {"ratio": "share", "numerator": "treated", "denominator": "everyone"},
    "percentiles": {
        "percentile": "p",
        "value": "days",
        "persons_below": "below",
        "persons_above": "above",
        "persons": "n",
    },
    "regression": {
        "term": "term",
        "estimate": "hr",
        "persons": "n",
        "level": "level",
        "level_persons": "n_level",
        "events": "deaths",
    },
}
CURVE: Rows = ((6, 203, 21, 0.897), (12, 168, 24, 0.768), (24, 129, 31, 0.584))
QUARTERS: Rows = (("p25", 3, 50, 150, 200), ("p50", 7, 100, 100, 200), ("p75", 12, 150, 50, 200))
MODEL: Rows = (("sex", 0.8, 497, "F", 240, 90), ("age", 1.3, 497, "75+", 130, 90))


def judged(kind: str, rows: Rows, *, cohort: str = COHORT, by: Sequence[str] = ()) -> Any:
    columns = COLUMNS[kind]
    schema: dict[str, Any] = {"format": "bercail-table-schema/1", "result": kind, "by": list(by)}
    schema |= {"columns": columns, "population": cohort, "snapshots": ["ER_PRS_F@7"]}
    lines = [[*by, *columns.values()], *rows]
    data = "".join(",".join(map(str, line)) + "\n" for line in lines).encode()
    found: ResultAssessment = assess_result(
        data, read_result_schema(json.dumps(schema).encode()), SNDS_SOURCE
    )
    assert not found.broken
    return found


def result(release: str, kind: str, rows: Rows, **more: Any) -> ReleaseRecord:
    found = judged(kind, rows, **more)
    assert found.document is not None
    return ReleaseRecord(
        release=release, lake="lake", snapshot="ER_PRS_F@7", document=found.document, secrets=()
    )


def table(release: str, persons: dict[str, int], cohort: str = COHORT) -> ReleaseRecord:
    """Persons by sex, with their total."""
    counted = TypedTable(
        name="by sex",
        dimensions=(flat("sex", tuple(persons)),),
        measure=PERSONS,
        cells={(code,): TypedCell(value=n, persons=n) for code, n in persons.items()},
        population=cohort,
    )
    found = suppress([completed(counted)], SNDS_SOURCE)
    return record_of(found, release=release, lake="lake", snapshot="ER_PRS_F@7")


def look(new: ReleaseRecord, *earlier: ReleaseRecord, apart: int = 0) -> GuardVerdict:
    """`apart`: persons that the cohort `WIDER` has beside those of `COHORT`, and `NEAR` too."""

    def relations(first: Population, second: Population) -> Relation | None:
        sizes = {COHORT: 0, NEAR: apart, WIDER: apart}
        more = sizes[second.cohort] - sizes[first.cohort]
        return relation_of(max(0, -more), max(0, more), 500, SNDS_SOURCE.threshold)

    return guard_release(new, earlier, SNDS_SOURCE, relations)


@pytest.mark.requirement("EXP-03")
def test_curves_of_cohorts_that_differ_by_three_persons_are_refused() -> None:
    other = (6, 206, 21, 0.898), (12, 171, 24, 0.772), (24, 132, 31, 0.591)
    verdict = look(
        result("r2", "survival", other, cohort=NEAR), result("r1", "survival", CURVE), apart=3
    )
    assert ("nearly-identical-cohorts", "r1", "r2") in {
        (one.rule, one.earlier, one.new) for one in verdict.breaches
    }


def test_steps_of_nested_cohorts_that_differ_by_few_are_refused() -> None:
    """The cohorts are far enough apart; the persons at risk at 24 months are not."""
    other = (6, 243, 41, 0.831), (12, 188, 31, 0.694), (24, 132, 31, 0.531)
    verdict = look(
        result("r2", "survival", other, cohort=WIDER), result("r1", "survival", CURVE), apart=40
    )
    places = {place for one in verdict.breaches for place in one.places}
    assert ("r1", 0, ("from 24",)) in places
    assert ("r2", 0, ("from 24",)) in places
    far = (6, 363, 61, 0.831), (12, 288, 54, 0.675), (24, 219, 61, 0.487)
    assert look(
        result("r2", "survival", far, cohort=WIDER), result("r1", "survival", CURVE), apart=160
    ).allowed


def test_a_curve_again_gives_nothing_away() -> None:
    verdict = look(result("r2", "survival", CURVE), result("r1", "survival", CURVE))
    assert (verdict.allowed, verdict.people) == (True, ())


def test_persons_at_risk_are_held_against_the_total_of_a_table() -> None:
    near = table("r1", {"F": 104, "M": 102})
    far = table("r1", {"F": 124, "M": 122})
    curve = result("r2", "survival", CURVE)
    assert not look(curve, near).allowed
    assert not look(table("r2", {"F": 104, "M": 102}), result("r1", "survival", CURVE)).allowed
    assert look(curve, far).allowed
    assert look(curve, far).people == ()
    # A table after a curve is no news of the cohort's dimensions.
    after = look(table("r2", {"F": 124, "M": 122}), result("r1", "survival", CURVE))
    assert (after.allowed, after.people) == (True, ())


def test_a_ratio_of_the_cohort_of_a_table_is_fine() -> None:
    earlier = table("r1", {"women": 200, "men": 120})
    shares = ("women", 0.25, 50, 200), ("men", 0.333, 40, 120), ("Total", 0.28125, 90, 320)
    verdict = look(result("r2", "ratios", shares, by=["sex"]), earlier)
    assert (verdict.allowed, verdict.people) == (True, ())


def test_a_denominator_a_few_persons_under_a_total_is_refused() -> None:
    earlier = table("r1", {"women": 200, "men": 120})
    verdict = look(result("r2", "ratios", [(0.284, 90, 317)]), earlier)
    assert [(one.rule, one.earlier, one.new) for one in verdict.breaches][:1] == [
        ("differencing", "r1", "r2")
    ]
    assert look(result("r2", "ratios", [(0.3, 90, 300)]), earlier).allowed


def test_a_denominator_that_narrows_an_earlier_secret_is_refused() -> None:
    """No total left, and three persons are hidden: 303 persons in a part leave no doubt of them."""
    persons = {"F": 200, "M": 100, "X": 3}
    counted = TypedTable(
        name="by sex",
        dimensions=(flat("sex", tuple(persons), total=False),),
        measure=PERSONS,
        cells={(code,): TypedCell(value=n, persons=n) for code, n in persons.items()},
        population=COHORT,
    )
    found = suppress([counted], SNDS_SOURCE)
    earlier = record_of(found, release="r1", lake="lake", snapshot="ER_PRS_F@7")
    verdict = look(result("r2", "ratios", [(0.297, 90, 303)]), earlier)
    assert ("r1", 0, ("X",)) in {place for one in verdict.breaches for place in one.places}
    assert look(result("r2", "ratios", [(0.321, 90, 280)]), earlier).allowed


def test_labels_under_which_a_person_stands_twice_go_to_people() -> None:
    years = ("2023", 0.3, 90, 300), ("2024", 0.313, 100, 320)
    verdict = look(
        result("r2", "ratios", years, by=["year"]), table("r1", {"women": 250, "men": 250})
    )
    assert verdict.allowed
    assert any("do not fit those of `r1`" in reason for reason in verdict.people)


def test_a_numerator_of_a_nested_cohort_is_compared() -> None:
    verdict = look(
        result("r2", "ratios", [(0.233, 93, 400)], cohort=WIDER),
        result("r1", "ratios", [(0.3, 90, 300)]),
        apart=100,
    )
    places = {place for one in verdict.breaches for place in one.places}
    assert ("r2", 0, ("numerator",)) in places


def test_other_numbers_under_the_same_names_go_to_people() -> None:
    """Nobody defines a numerator: the same column may count something else."""
    verdict = look(
        result("r2", "ratios", [(0.5, 150, 300)]), result("r1", "ratios", [(0.3, 90, 300)])
    )
    assert verdict.allowed
    assert "do not fit those of `r1`" in verdict.people[0]


def test_the_persons_of_percentiles_and_those_on_their_sides_are_compared() -> None:
    first = result("r1", "percentiles", QUARTERS)
    assert look(result("r2", "percentiles", QUARTERS), first).allowed
    assert not look(
        result("r2", "percentiles", QUARTERS), table("r1", {"F": 104, "M": 101})
    ).allowed
    others = ("p25", 3, 54, 166, 220), ("p50", 8, 110, 110, 220), ("p75", 14, 165, 55, 220)
    verdict = look(result("r2", "percentiles", others, cohort=WIDER), first, apart=20)
    names = {
        record.document["tables"][number]["name"]
        for record in (result("r2", "percentiles", others),)
        for one in verdict.breaches
        for release, number, _key in one.places
        if release == "r2"
    }
    assert names == {"persons_below 3 days"}


def test_the_persons_of_a_model_are_held_against_a_total() -> None:
    earlier = table("r1", {"F": 250, "M": 250})
    assert not look(result("r2", "regression", MODEL), earlier).allowed
    assert look(result("r2", "regression", MODEL), table("r1", {"F": 270, "M": 250})).allowed


def test_two_models_of_one_file_are_not_added_up() -> None:
    two = [("all", *row) for row in MODEL] + [("some", *row) for row in MODEL]
    verdict = look(result("r2", "regression", two, by=["model"]), table("r1", {"F": 270, "M": 250}))
    assert verdict.allowed
    assert not any("do not fit" in reason for reason in verdict.people)


def test_every_count_of_a_result_is_remembered() -> None:
    cells = [
        cell["value"]
        for part in result("r1", "survival", CURVE).document["tables"]
        for cell in part["cells"]
    ]
    assert sorted(cells) == sorted([203, 168, 129, 21, 24, 31])
    model = result("r1", "regression", MODEL).document["tables"]
    assert sorted(cell["value"] for part in model for cell in part["cells"]) == [90, 130, 240, 497]


def test_a_result_of_nobody_knows_whom_is_not_compared() -> None:
    found = judged("survival", CURVE, cohort="")
    assert found.document is None
    assert found.people[-1].startswith("The result is not compared with other releases.")


def test_a_dimension_called_like_a_part_is_looked_at_as_any_other() -> None:
    def named(release: str, name: str) -> ReleaseRecord:
        record = table(release, {"F": 104, "M": 102})
        (one,) = record.document["tables"]
        (dimension,) = one["dimensions"]
        changed = one | {"dimensions": [dimension | {"name": name}]}
        return evolve(record, document=record.document | {"tables": [changed]})

    verdict = look(named("r2", "declared result: x"), named("r1", "sex"))
    assert any("declaredresult" in one for one in verdict.people)
