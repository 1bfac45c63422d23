"""Regression models as rows, and minima and maxima wherever they stand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from attrs import evolve

from bercail.airlock.disclosure.policy import SNDS
from bercail.airlock.disclosure.results.judging import ResultAssessment, assess_result
from bercail.airlock.disclosure.results.schema import read_result_schema
from bercail.airlock.disclosure.rules.source_policy import SNDS_SOURCE
from bercail.airlock.disclosure.rules.statistics import extreme
from bercail.airlock.door import look_at, require_takeable
from bercail.foundation import Invalid, Refused

Rows = Sequence[Sequence[object]]
NOT_COMPARED = (
    "The result is not compared with other releases. / "
    "Le résultat n'est pas comparé aux autres sorties."
)

COLUMNS = {
    "term": "variable", "level": "level", "estimate": "coef", "low": "low", "high": "high",
    "persons": "n", "level_persons": "n_level",
}  # fmt: skip
HEADER = ("variable", "level", "coef", "low", "high", "n", "n_level")
MODEL: Rows = (
    HEADER,
    ("intercept", "", 1.2, 1.0, 1.4, 400, ""),
    ("age", "", 0.03, 0.01, 0.05, 400, ""),
    ("sex", "women", "ref", "", "", 400, 190),
    ("sex", "men", -0.2, -0.4, 0.0, 400, 210),
    ("region", "south", 0.1, -0.1, 0.3, 400, 150),
)


def english(people: Sequence[str]) -> list[str]:
    """What people are told, in English; each is said in French too."""
    assert all(len(one.split(" / ")) == 2 for one in people)
    return [one.split(" / ")[0] for one in people]


def csv(rows: Rows) -> bytes:
    return "".join(",".join(map(str, row)) + "\n" for row in rows).encode()


def judge(rows: Rows, columns: dict[str, str] | None = None, **more: Any) -> ResultAssessment:
    value = {
        "format": "bercail-table-schema/1",
        "result": "regression",
        "columns": columns or COLUMNS,
    }
    declared = read_result_schema(json.dumps(value | more).encode())
    return assess_result(csv(rows), declared, SNDS_SOURCE)


def with_persons(many: int, rows: Rows = MODEL) -> Rows:
    return (rows[0], *((*row[:5], many, row[6]) for row in rows[1:]))


def test_a_model_with_degrees_enough_passes() -> None:
    found = judge(MODEL)
    assert (found.broken, found.people, found.adds_up) == ({}, (NOT_COMPARED,), True)
    assert found.lines()[0].startswith("people: 0 of 5 rows of `regression` refused / à")


@pytest.mark.parametrize(("persons", "refused"), [(14, False), (13, True), (4, True)])
def test_ten_residual_degrees_of_freedom_at_least(persons: int, refused: bool) -> None:
    rows = (HEADER, *((f"x{n}", "", 0.5, 0.1, 0.9, persons, "") for n in range(4)))
    found = judge(rows)
    assert ("degrees-of-freedom" in found.broken) is refused
    if refused:
        assert found.broken["degrees-of-freedom"] == (2, 3, 4, 5)
        told = next(one for one in found.findings if one.rule == "degrees-of-freedom")
        assert "rows 2, 3, 4, 5" in told.message
        assert "lignes 2, 3, 4, 5" in told.message
        assert "Use fewer terms" in told.remedy
        assert "Réduisez" in told.remedy


def test_terms_that_the_file_leaves_out_count_through_the_degrees_given() -> None:
    rows = (("term", "b", "n", "df"), ("x", 0.4, 400, 8), ("z", 0.1, 400, 8))
    columns = {"term": "term", "estimate": "b", "persons": "n", "residual_degrees": "df"}
    assert set(judge(rows, columns).broken) == {"degrees-of-freedom"}
    more = (rows[0], *((*row[:3], 399) for row in rows[1:]))
    assert english(judge(more, columns).people)[0] == (
        "The residual degrees are more than persons less terms in rows 2, 3."
    )


def test_crossed_categories_with_a_parameter_for_each_cell_are_a_table() -> None:
    crossed = ("sex:region", "men:south", 0.3, 0.1, 0.5, 400, 70)
    saturated = (HEADER, MODEL[1], *MODEL[3:], crossed)
    assert set(judge(saturated).broken) == {"degrees-of-freedom"}
    # With age, which is no category, the intercept is the mean of no cell.
    assert judge((*MODEL, crossed)).broken == {}
    # Without the crossing the two terms do not fit each cell.
    assert judge((HEADER, MODEL[1], *MODEL[3:])).broken == {}


def test_each_level_holds_enough_persons_and_the_reference_too() -> None:
    few = [list(row) for row in MODEL]
    few[5][6] = 9
    assert judge(few).broken == {"persons-threshold": (6,)}
    few[5][6] = 393
    # 7 persons of the reference level stand in no row.
    assert judge(few).broken == {"persons-threshold": (6,)}
    few[5][6] = 400
    assert judge(few).broken == {}


def test_a_model_of_one_category_is_told_to_people() -> None:
    rows = (HEADER, MODEL[1], *MODEL[3:5])
    assert english(judge(rows).people)[0] == (
        "A model of one category shows the mean of each level in rows 2, 3, 4."
    )


def test_without_persons_of_levels_people_are_told() -> None:
    rows = (("term", "b", "n"), ("intercept", 1.5, 400), ("C(sex)[T.2]", 0.4, 400))
    columns = {"term": "term", "estimate": "b", "persons": "n"}
    found = judge(rows, columns)
    assert found.broken == {}
    assert "Nobody said how many persons stand in each level" in found.people[0]


def test_events_and_those_without_inherit_the_threshold() -> None:
    columns = {"term": "t", "estimate": "or", "persons": "n", "events": "d"}
    for events, refused in ((4, True), (11, False), (389, False), (390, True), (0, False)):
        rows = (("t", "or", "n", "d"), ("x", 1.4, 400, events), ("z", 0.9, 400, events))
        assert bool(judge(rows, columns).broken) is refused, events


@pytest.mark.parametrize(
    ("row", "column", "value", "why"),
    [
        (2, 2, "n/a", "The author withheld `estimate` in row 2."),
        (2, 2, "high", "`estimate` is no number in row 2."),
        (2, 5, 399.5, "`persons` is no whole number of persons in row 2."),
        (3, 5, 399, "The persons, degrees or events of one model differ in row 3."),
        (3, 4, 0.02, "An estimate lies outside its interval in row 3."),
        (6, 0, "age", ""),
        (6, 6, 401, "A level holds more persons than the model in row 6."),
        (3, 0, "intercept", "A term of a model stands twice in row 3."),
    ],
)
def test_a_model_that_does_not_add_up_goes_to_people(
    row: int, column: int, value: object, why: str
) -> None:
    rows = [list(one) for one in MODEL]
    rows[row - 1][column] = value
    found = judge(rows)
    assert (why in english(found.people)) is bool(why)
    assert found.adds_up is not bool(why)


def test_a_standard_error_of_zero_is_told() -> None:
    columns = {"term": "t", "estimate": "b", "persons": "n", "error": "se", "p_value": "p"}
    rows = (("t", "b", "n", "se", "p"), ("x", 1.4, 400, 0.2, "<0.001"), ("z", 0.9, 400, 0, 0.2))
    assert "A standard error is zero or less in row 3." in english(judge(rows, columns).people)


def test_models_of_groups_are_judged_apart_and_close_ones_are_told() -> None:
    short = (HEADER, *MODEL[1:3], MODEL[5])
    rows = [(*row, "a") for row in MODEL[1:]]
    rows += [(*row, "b") for row in with_persons(405, short)[1:]]
    found = judge(((*HEADER, "model"), *rows), by=["model"])
    assert found.broken == {}
    assert "Two models differ by few persons, from row 7 on." in english(found.people)
    small = [(*row, "b") for row in with_persons(12, (HEADER, *MODEL[1:3]))[1:]]
    many = [(*row, "a") for row in MODEL[1:]]
    found = judge(((*HEADER, "model"), *many, *small), by=["model"])
    assert found.broken == {}
    tiny = [(*row[:5], 11, "", "b") for row in MODEL[1:3]]
    found = judge(((*HEADER, "model"), *many, *tiny), by=["model"])
    assert found.broken == {"degrees-of-freedom": (7, 8)}


def test_the_policy_of_the_source_decides_on_degrees() -> None:
    declared = read_result_schema(
        json.dumps(
            {"format": "bercail-table-schema/1", "result": "regression", "columns": COLUMNS}
        ).encode()
    )
    strict = evolve(SNDS_SOURCE, residual_degrees=397)
    assert set(assess_result(csv(MODEL), declared, strict).broken) == {"degrees-of-freedom"}


@pytest.mark.parametrize(
    "name",
    ["min", "Maximum", "age_max", "age (min)", "valeur minimale", "P100", "range", "BMI maximum"],
)
def test_extremes_are_known_by_name(name: str) -> None:
    assert extreme(name) == ("extreme",)


@pytest.mark.parametrize("name", ["age", "time_min", "minutes", "Maxime", "age range", "p50"])
def test_other_names_are_no_extremes(name: str) -> None:
    assert extreme(name) == ()


TABLE: Rows = (
    ("sex", "statistic", "persons"), ("women", "seen", 40), ("women", "max", 95),
    ("men", "seen", 31), ("men", "max", 87),
)  # fmt: skip


def declared(measure: str, rows: Rows) -> bytes:
    return json.dumps(
        {
            "format": "bercail-table-schema/1",
            "tables": [
                {
                    "measure": {"name": measure, "kind": "persons", "unit": "distinct persons"},
                    "dimensions": [{"column": str(column)} for column in rows[0][:-1]],
                    "columns": {"value": rows[0][-1]},
                }
            ],
        }
    ).encode()


@pytest.mark.parametrize(
    ("measure", "rows"),
    [
        ("persons", TABLE),
        ("age max", (("sex", "age max"), ("women", 95), ("men", 87))),
    ],
)
def test_a_declared_table_with_extremes_is_refused(measure: str, rows: Rows) -> None:
    bundle = look_at({"t.csv": csv(rows)}, {}, SNDS, schemas={"t.csv": declared(measure, rows)})
    with pytest.raises(Refused) as told:
        require_takeable(bundle)
    assert told.value.rule == "extreme"
    assert "Retirez" in str(told.value.remedy)


@pytest.mark.parametrize(
    "rows",
    [
        (("sex", "mean", "min", "max", "n"), ("women", 61, 18, 97, 40), ("men", 60, 19, 95, 35)),
        (("statistic", "n"), ("persons", 45), ("minimum", 20), ("maximum", 95)),
    ],
)
def test_an_undeclared_table_with_extremes_is_turned_back(rows: Rows) -> None:
    bundle = look_at({"t.csv": csv(rows)}, {}, SNDS, context="Age of the treated by sex")
    assert "extreme" in {cause.rule for cause in bundle.causes}
    with pytest.raises(Invalid) as told:
        require_takeable(bundle)
    assert "percentile" in str(told.value.remedy)


@pytest.mark.parametrize("form", ["html", "latex"])
def test_the_usual_causes_are_found_in_pages_and_latex_too(form: str) -> None:
    rows = (("group", "mean", "patients"), ("a", 51, 7), ("max", 102, 43))
    lines = [[str(value) for value in row] for row in rows]
    if form == "html":
        cells = ["".join(f"<td>{value}</td>" for value in line) for line in lines]
        data = f"<table>{''.join(f'<tr>{line}</tr>' for line in cells)}</table>"
    else:
        body = "\n".join(" & ".join(line) + r" \\" for line in lines)
        data = "\\begin{tabular}{lll}\n" + body + "\n\\end{tabular}\n"
    bundle = look_at(
        {f"t.{form[:4]}": data.encode()}, {}, SNDS, context="Age of the treated by sex"
    )
    found = {cause.rule: cause.places for cause in bundle.causes}
    assert set(found) == {"extreme", "cause-unredacted", "cause-unrounded"}
    assert found["extreme"] == ("table 1, row 3",)


def test_a_label_of_a_declared_result_may_be_an_extreme() -> None:
    rows = (("stat", "share", "a", "b"), ("rate", 0.25, 50, 200), ("max", 0.5, 60, 120))
    value = {
        "format": "bercail-table-schema/1",
        "result": "ratios",
        "columns": {"ratio": "share", "numerator": "a", "denominator": "b"},
        "by": ["stat"],
    }
    found = assess_result(csv(rows), read_result_schema(json.dumps(value).encode()), SNDS_SOURCE)
    assert found.broken == {"extreme": (3,)}
