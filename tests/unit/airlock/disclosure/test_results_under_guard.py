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
from bercail.airlock.disclosure.guard import systems as systems_module
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
OTHER = {"ratio": "rate", "numerator": "readmitted", "denominator": "discharged"}
CURVE: Rows = ((6, 203, 21, 0.897), (12, 168, 24, 0.768), (24, 129, 31, 0.584))
QUARTERS: Rows = (("p25", 3, 50, 150, 200), ("p50", 7, 100, 100, 200), ("p75", 12, 150, 50, 200))
MODEL: Rows = (("sex", 0.8, 497, "F", 240, 90), ("age", 1.3, 497, "75+", 130, 90))


def judged(
    kind: str,
    rows: Rows,
    *,
    cohort: str = COHORT,
    by: Sequence[str] = (),
    columns: dict[str, str] | None = None,
) -> Any:
    columns = columns or COLUMNS[kind]
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


def ratio(release: str, denominator: int, numerator: int, *, other: bool = False) -> ReleaseRecord:
    rows = [(round(numerator / denominator, 6), numerator, denominator)]
    return result(release, "ratios", rows, columns=OTHER if other else None)


def test_denominators_of_two_results_a_few_persons_apart_go_to_people() -> None:
    """Both may be one group less three persons, or have nothing to do with each other."""
    verdict = look(ratio("r2", 303, 150, other=True), ratio("r1", 300, 90))
    assert verdict.allowed
    (reason,) = verdict.people
    assert reason.startswith("Counts of `r1` and of this release are fewer persons apart")
    assert "`treated of everyone of share of 0` with `readmitted of discharged of rate of 0`" in (
        reason
    )
    assert "(pairs: 1)" in reason
    assert "Des effectifs de `r1`" in reason
    assert "300" not in reason
    assert "303" not in reason
    assert verdict.rules == ("differencing-undecided",)


@pytest.mark.parametrize(("denominator", "told"), [(300, 0), (301, 1), (310, 1), (311, 0)])
def test_only_counts_from_one_to_ten_persons_apart_are_told(denominator: int, told: int) -> None:
    verdict = look(ratio("r2", denominator, 150, other=True), ratio("r1", 300, 90))
    assert (verdict.allowed, len(verdict.people)) == (True, told)


def test_persons_at_risk_at_the_start_are_compared_with_those_of_a_model() -> None:
    model = [("sex", 0.8, 206, "F", 110, 57), ("age", 1.3, 206, "75+", 80, 57)]
    verdict = look(result("r2", "regression", model), result("r1", "survival", CURVE))
    assert verdict.allowed
    (reason,) = verdict.people
    assert "`at risk 6 to 24 by month" in reason
    assert "with `model / n`" in reason
    far = [("sex", 0.8, 260, "F", 110, 57), ("age", 1.3, 260, "75+", 80, 57)]
    assert look(result("r2", "regression", far), result("r1", "survival", CURVE)).people == ()


def test_parts_of_one_result_are_not_told_again() -> None:
    """Two levels of 130 and 134 persons, and events of one curve beside those of another step."""
    model = [("sex", 0.8, 497, "F", 134, 90), ("age", 1.3, 497, "75+", 130, 90)]
    assert look(result("r1", "regression", model)).people == ()
    again = look(result("r2", "regression", MODEL), result("r1", "regression", model))
    assert not any("fewer persons apart" in reason for reason in again.people)
    near = (6, 203, 21, 0.897), (12, 168, 24, 0.768), (24, 22, 22, 0.0)
    assert look(result("r1", "survival", near)).people == ()


def test_rows_of_one_file_that_count_different_groups_are_told() -> None:
    rows = [(0.3, 90, 300), (0.495, 150, 303)]
    verdict = look(result("r1", "ratios", rows))
    assert verdict.allowed
    assert verdict.people[0].startswith("Counts of different parts of `r1` are fewer")
    assert "(pairs: 1)" in verdict.people[0]


def test_counts_under_other_labels_are_not_compared() -> None:
    women, men = ("women", 0.3, 90, 300), ("men", 0.495, 150, 303)
    first = result("r1", "ratios", [women], by=["sex"])
    assert look(result("r2", "ratios", [men], by=["sex"], columns=OTHER), first).people == ()
    same = ("women", *men[1:])
    assert look(result("r2", "ratios", [same], by=["sex"], columns=OTHER), first).people != ()


def test_parts_of_nested_cohorts_are_compared() -> None:
    wider = result("r2", "ratios", [(0.495, 150, 303)], columns=OTHER, cohort=WIDER)
    verdict = look(wider, ratio("r1", 300, 90), apart=100)
    assert verdict.allowed
    assert "Counts of `r1` and of this release" in verdict.people[0]


def test_what_left_before_in_the_same_words_is_not_told_again() -> None:
    first, second = ratio("r1", 300, 90), ratio("r2", 303, 150, other=True)
    assert look(ratio("r3", 303, 150, other=True), first, second).people == ()
    assert len(look(ratio("r3", 303, 151, other=True), first).people) == 1


def test_one_line_names_three_pairs_and_how_many_more() -> None:
    def four(release: str, more: int, other: bool) -> ReleaseRecord:
        rows = [
            (round(numerator / many, 6), numerator, many)
            for many, numerator in ((300 + more, 50), (400 + more, 90), (500 + more, 150))
        ]
        rows.append((round(200 / (600 + more), 6), 200, 600 + more))
        return result(release, "ratios", rows, columns=OTHER if other else None)

    verdict = look(four("r2", 3, True), four("r1", 0, False))
    (reason,) = verdict.people
    assert "(pairs: 4)" in reason
    assert "and 1 more. / " in reason
    assert reason.endswith("et 1 de plus.")


def totals_hidden(release: str) -> ReleaseRecord:
    """500 persons, of whom readers see no other number; three in `X` were promised to hide."""
    record = table(release, {"F": 200, "M": 297, "X": 3})
    (one,) = record.document["tables"]
    cells = [{**cell, "value": 500 if cell["key"] == [None] else None} for cell in one["cells"]]
    document = {**record.document, "tables": [{**one, "cells": cells}]}
    return evolve(record, document=document, secrets=((0, ("X",), 0, 11),))


def test_two_parts_together_narrow_a_secret_that_neither_does_alone() -> None:
    """Of 500 persons 200 women are in one denominator and 297 men in another: three are left."""
    hidden = totals_hidden("r0")
    women = result("r1", "ratios", [("F", 0.45, 90, 200)], by=["sex"])
    men = result("r2", "ratios", [("M", 0.505051, 150, 297)], by=["sex"], columns=OTHER)
    assert look(women, hidden).allowed
    assert look(men, hidden).allowed
    verdict = look(men, hidden, women)
    (breach,) = verdict.breaches
    assert (breach.rule, breach.earlier, breach.new) == ("differencing", "r0", "r2")
    assert breach.places == (("r0", 0, ("X",)),)
    assert "with the numbers of both, and of `r1`. / " in breach.message
    # The table last: what it was promised to hide is known before it leaves.
    late = look(evolve(hidden, release="r3"), women, men)
    assert not late.allowed


def test_results_that_tell_too_many_groups_apart_are_held_against_tables_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(systems_module, "MOST_PART_ATOMS", 5)
    hidden = totals_hidden("r0")
    women = result("r1", "ratios", [("F", 0.45, 90, 200)], by=["sex"])
    men = result("r2", "ratios", [("M", 0.505051, 150, 297)], by=["sex"], columns=OTHER)
    verdict = look(men, hidden, women)
    assert verdict.allowed
    (reason,) = verdict.people
    assert "held against the tables alone: compare `readmitted of discharged of rate of 0`" in (
        reason
    )
    assert "chacun ne l'a été qu'aux tableaux" in reason
    # Each part is still held against the tables, and near counts are still told.
    monkeypatch.setattr(systems_module, "MOST_PART_ATOMS", 8)
    near = table("r0", {"F": 150, "M": 150})
    bare = ratio("r2", 297, 150, other=True)
    close = look(bare, near, women)
    assert close.breaches[0].earlier == "r0"
    assert "held against the tables alone" in close.people[0]
    monkeypatch.setattr(systems_module, "MOST_PART_ATOMS", 3)
    told = look(ratio("r2", 303, 150, other=True), ratio("r1", 300, 90)).people
    assert any("fewer persons apart" in reason for reason in told)


def test_a_part_that_fits_no_table_leaves_the_other_parts_under_guard() -> None:
    """Persons stand twice under two years; the model beside is compared all the same."""
    years = ("2023", 0.3, 90, 300), ("2024", 0.313, 100, 320)
    earlier = table("r0", {"women": 250, "men": 250})
    twice = result("r1", "ratios", years, by=["year"])
    close = look(result("r2", "regression", MODEL), earlier, twice)
    assert {one.earlier for one in close.breaches} == {"r0"}
    # What never fitted was told when it left; a result that it does not touch hears nothing.
    far = [("sex", 0.8, 450, "F", 240, 90), ("age", 1.3, 450, "75+", 130, 90)]
    assert look(result("r2", "regression", far), earlier, twice).people == ()


def test_two_parts_whose_names_differ_in_signs_only_stay_two() -> None:
    first = {"ratio": "share", "numerator": "n_1", "denominator": "all"}
    second = {"ratio": "share", "numerator": "n1", "denominator": "all"}
    verdict = look(
        result("r2", "ratios", [(0.5, 150, 300)], columns=second),
        result("r1", "ratios", [(0.3, 90, 300)], columns=first),
    )
    assert (verdict.allowed, verdict.people) == (True, ())
