"""Declared results: survival curves, percentiles, ratios and maps, row by row."""

from __future__ import annotations

import io
import json
import random
import re
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attrs import evolve

from bercail.airlock.disclosure.results.judging import ResultAssessment, assess_result
from bercail.airlock.disclosure.results.schema import declares_result, read_result_schema
from bercail.airlock.disclosure.rules.source_policy import SNDS_SOURCE
from bercail.foundation import Invalid

Rows = Sequence[Sequence[object]]
NOT_COMPARED = (
    "The result is not compared with other releases. / "
    "Le résultat n'est pas comparé aux autres sorties."
)

SURVIVAL = {"time": "month", "at_risk": "n_risk", "events": "n_event", "survival": "surv"}
# 200 at risk; 12 and 15 are censored between the steps, 20 after the last.
CURVE: Rows = (
    ("month", "n_risk", "n_event", "surv"),
    (6, 200, 20, 0.9),
    (12, 168, 24, 0.771),
    (24, 129, 30, 0.592),
)
PERCENTILES = {
    "percentile": "p", "value": "days", "persons_below": "below", "persons_above": "above",
}  # fmt: skip
QUARTERS: Rows = (
    ("p", "days", "below", "above"),
    ("p25", 3, 50, 150),
    ("median", 7, 100, 100),
    ("75 %", 12.5, 150, 50),
)
RATIOS = {"ratio": "share", "numerator": "treated", "denominator": "everyone"}
SHARES: Rows = (
    ("sex", "share", "treated", "everyone"),
    ("women", 0.25, 50, 200),
    ("men", 0.333, 40, 120),
)
MAP = {"zone": "dep", "persons": "patients"}
ZONES: Rows = (("dep", "patients"), ("75", 120), ("2A", 11), ("971", 40))


def english(people: Sequence[str]) -> list[str]:
    """What people are told, in English; each is said in French too."""
    assert all(len(one.split(" / ")) == 2 for one in people)
    return [one.split(" / ")[0] for one in people]


def csv(rows: Rows) -> bytes:
    return "".join(",".join(map(str, row)) + "\n" for row in rows).encode()


def schema(kind: str, columns: dict[str, str], **more: Any) -> bytes:
    value = {"format": "bercail-table-schema/1", "result": kind, "columns": columns}
    return json.dumps(value | more).encode()


def judge(kind: str, columns: dict[str, str], data: bytes, **more: Any) -> ResultAssessment:
    return assess_result(data, read_result_schema(schema(kind, columns, **more)), SNDS_SOURCE)


def changed(rows: Rows, row: int, column: int, value: object) -> bytes:
    """The CSV with one cell changed; rows as the messages number them."""
    cells = [list(one) for one in rows]
    cells[row - 1][column] = value
    return csv(cells)


def test_a_curve_that_adds_up_and_holds_passes() -> None:
    found = judge("survival", SURVIVAL, csv(CURVE))
    assert (found.broken, found.people, found.adds_up) == ({}, (NOT_COMPARED,), True)
    assert found.verdict == "people"
    assert found.lines()[0].startswith("people: 0 of 3 rows of `survival` refused / à")


def test_a_curve_may_begin_at_time_zero_and_stand_in_a_parquet_file() -> None:
    rows = (CURVE[0], (0, 200, 0, 1.0), *CURVE[1:])
    out = io.BytesIO()
    columns = {str(name): [row[at] for row in rows[1:]] for at, name in enumerate(rows[0])}
    pq.write_table(pa.table(columns), out)
    assert judge("survival", SURVIVAL, out.getvalue()).people == (NOT_COMPARED,)


def test_each_failing_step_is_named_with_one_step_in_both_languages() -> None:
    rows = (
        CURVE[0],
        (1, 200, 20, 0.9), (2, 180, 5, 0.875), (3, 175, 7, 0.84), (4, 168, 30, 0.69),
    )  # fmt: skip
    found = judge("survival", SURVIVAL, csv(rows))
    assert found.broken == {"survival-step": (3, 4)}
    (finding,) = found.findings
    assert finding.severity == "blocking"
    assert "(rows 3, 4)" in finding.message
    assert "(lignes 3, 4)" in finding.message
    assert "Make one step of each of these rows" in finding.remedy
    assert "2, 3-4, 5" in finding.remedy
    assert "Faites une seule marche" in finding.remedy
    # Done as told, the curve passes.
    mended = (rows[0], rows[1], (3, 180, 12, 0.84), rows[4])
    assert judge("survival", SURVIVAL, csv(mended)).broken == {}


def test_a_curve_put_together_as_told_always_passes() -> None:
    dice, told = random.Random(3), 0
    for _ in range(60):
        rows, risk, left = list[tuple[int, int, int, float]](), dice.randint(60, 400), 1.0
        for month in range(1, dice.randint(4, 20)):
            if not risk:
                break
            events = dice.randint(0, min(risk, 12))
            left *= 1 - events / risk
            rows.append((month, risk, events, round(left, 4)))
            risk -= events + dice.randint(0, min(risk - events, 8))
        found = judge("survival", SURVIVAL, csv([CURVE[0], *rows]))
        assert found.adds_up
        spans = re.search(r"of the curve: ([-\d, ]+)\.", found.findings[0].remedy)
        if not spans:
            continue
        told += 1
        ends = [one.partition("-") for one in spans[1].split(", ")]
        parts = [rows[int(first) - 2 : int(last or first) - 1] for first, _, last in ends]
        mended = [(one[-1][0], one[0][1], sum(row[2] for row in one), one[-1][3]) for one in parts]
        again = judge("survival", SURVIVAL, csv([CURVE[0], *mended]))
        assert (again.broken, again.adds_up) == ({}, True)
    assert told > 30


def test_few_persons_between_two_rows_are_told_to_people() -> None:
    rows = changed_rows(CURVE, 3, 1, 172)
    found = judge("survival", SURVIVAL, csv(changed_rows(rows, 3, 3, 0.774)))
    assert english(found.people)[0] == "Few persons are censored after row 2."
    assert "Peu de personnes sont censurées après" in found.people[0]
    assert found.adds_up
    near = [*QUARTERS[:2], ("p28", 4, 56, 144), *QUARTERS[2:]]
    told = judge("percentiles", PERCENTILES, csv(near))
    between = "Few persons stand between a percentile and the next in row 3."
    assert (told.broken, english(told.people)[0]) == ({}, between)


def test_a_curve_of_too_few_persons_is_to_be_taken_out() -> None:
    found = judge("survival", SURVIVAL, csv((CURVE[0], (1, 15, 3, 0.8))))
    assert found.broken == {"survival-step": (2,)}
    assert "Take the curve out" in found.findings[0].remedy


@pytest.mark.parametrize(
    ("row", "column", "value", "reason"),
    [
        (3, 1, 230, "The persons at risk grow in row 3."),
        (3, 0, 6, "The times do not grow in row 3."),
        (2, 2, 40, "The events do not add up with the persons at risk in row 2."),
        (4, 2, 130, "The events do not add up with the persons at risk in row 4."),
        (3, 3, 0.85, "The curve is not what the events say in row 3."),
        (3, 2, "none yet", "`events` is no whole number of persons in row 3."),
        (3, 2, "<11", "The author withheld `events` in row 3."),
        (2, 3, "high", "`survival` is no number in row 2."),
    ],
)
def test_a_curve_that_does_not_add_up_goes_to_people(
    row: int, column: int, value: object, reason: str
) -> None:
    found = judge("survival", SURVIVAL, changed(CURVE, row, column, value))
    assert reason in english(found.people)
    assert found.verdict == "people"
    assert not found.adds_up


def test_the_censored_must_be_those_who_leave_without_an_event() -> None:
    columns = SURVIVAL | {"censored": "cens"}
    rows = [(*CURVE[0], "cens"), (*CURVE[1], 12), (*CURVE[2], 15), (*CURVE[3], 20)]
    assert judge("survival", columns, csv(rows)).people == (NOT_COMPARED,)
    wrong = judge("survival", columns, changed(rows, 3, 4, 16))
    assert "The events do not add up with the persons at risk in row 3." in english(wrong.people)
    # 129 at risk, 30 events, 95 censored after it: four persons stay.
    few = judge("survival", columns, changed(rows, 4, 4, 95))
    assert few.broken == {"survival-step": (4,)}


def test_curves_of_groups_are_judged_apart() -> None:
    rows = [("arm", *CURVE[0])] + [(arm, *row) for arm in ("a", "b") for row in CURVE[1:]]
    assert judge("survival", SURVIVAL, csv(rows), by=["arm"]).people == (NOT_COMPARED,)
    found = judge("survival", SURVIVAL, changed(rows, 5, 2, 120), by=["arm"])
    assert english(found.people)[0].endswith("in row 6.")


def test_percentiles_with_enough_persons_on_each_side_pass() -> None:
    found = judge("percentiles", PERCENTILES, csv(QUARTERS))
    assert (found.broken, found.people) == ({}, (NOT_COMPARED,))


def test_percentiles_that_fail_are_named() -> None:
    rows = [QUARTERS[0], ("min", 1, 0, 199), ("p5", 2, 10, 190), *QUARTERS[1:], (100, 90, 199, 0)]
    found = judge("percentiles", PERCENTILES, csv(rows))
    assert found.broken == {"extreme": (2, 7), "percentile-sides": (3,)}
    assert found.verdict == "blocked"
    assert all(" / " in one.remedy for one in found.findings)
    eleven = [QUARTERS[0], ("p5.5", 2, 11, 189), *QUARTERS[1:]]
    assert judge("percentiles", PERCENTILES, csv(eleven)).broken == {}


@pytest.mark.parametrize(
    ("row", "column", "value", "reason"),
    [
        (2, 0, "mode", "`percentile` is none in row 2."),
        (3, 0, "p25", "A percentile stands twice in row 3."),
        (3, 1, 2, "The values fall in row 3."),
        (3, 2, 40, "The persons below and above do not follow the percentiles in row 3."),
        (3, 2, 110, "The persons below and above are not those of the percentile in row 3."),
        (4, 3, "", "The author withheld `persons_above` in row 4."),
    ],
)
def test_percentiles_that_do_not_add_up_go_to_people(
    row: int, column: int, value: object, reason: str
) -> None:
    found = judge("percentiles", PERCENTILES, changed(QUARTERS, row, column, value))
    assert reason in english(found.people)
    assert not found.adds_up


def test_equal_values_are_understood_when_all_persons_are_told() -> None:
    # Of 200 persons, 80 have the median itself.
    rows = [("p", "days", "below", "above", "n"), ("p50", 7, 70, 50, 200)]
    columns = PERCENTILES | {"persons": "n"}
    assert judge("percentiles", columns, csv(rows)).people == (NOT_COMPARED,)
    too_few = judge("percentiles", columns, changed(rows, 2, 4, 100))
    assert too_few.people[0].startswith("The persons below and above are not those")


def test_ratios_with_both_counts_pass() -> None:
    found = judge("ratios", RATIOS, csv(SHARES), by=["sex"])
    assert (found.broken, found.people) == ({}, (NOT_COMPARED,))
    percent = changed(changed_rows(SHARES, 2, 1, 25), 3, 1, 33.3)
    assert judge("ratios", RATIOS, percent, by=["sex"], scale=100).people == (NOT_COMPARED,)


def test_a_zero_may_be_written_with_any_power_of_ten() -> None:
    assert judge("ratios", RATIOS, changed(SHARES, 2, 1, "0e999999"), by=["sex"]).broken == {}


def changed_rows(rows: Rows, row: int, column: int, value: object) -> Rows:
    cells = [list(one) for one in rows]
    cells[row - 1][column] = value
    return cells


@pytest.mark.parametrize(
    "small", [(0.05, 10, 200), (0.5, 4, 8), (0.95, 190, 200)], ids=["few", "both", "difference"]
)
def test_a_ratio_with_a_small_count_is_refused(small: tuple[float, int, int]) -> None:
    found = judge("ratios", RATIOS, csv([*SHARES, ("other", *small)]), by=["sex"])
    assert found.broken == {"ratio-counts": (4,)}
    assert "(row 4)" in found.findings[0].message


@pytest.mark.parametrize(
    ("row", "column", "value", "reason"),
    [
        (2, 1, "7e0", "The ratio is not its numerator over its denominator in row 2."),
        (3, 1, "0.3e-999999", "The ratio is not its numerator over its denominator in row 3."),
        (2, 1, "1e999", "`ratio` is no number in row 2."),
        (2, 1, 0.26, "The ratio is not its numerator over its denominator in row 2."),
        (2, 2, 300, "The numerator is greater than the denominator in row 2."),
        (3, 3, 0, "The denominator is zero in row 3."),
        (3, 0, "women", "The labels of a ratio stand twice in row 3."),
        (3, 3, 120.5, "`denominator` is no whole number of persons in row 3."),
    ],
)
def test_a_ratio_that_is_none_goes_to_people(
    row: int, column: int, value: object, reason: str
) -> None:
    found = judge("ratios", RATIOS, changed(SHARES, row, column, value), by=["sex"])
    assert reason in english(found.people)
    assert not found.adds_up


def test_a_map_that_passes_is_a_table_for_the_guard() -> None:
    found = judge("map", MAP, csv(ZONES), zoning="departments", population="ab" * 32)
    assert (found.verdict, found.people) == ("clear", ())
    assert found.document is not None
    (table,) = found.document["tables"]
    shown = {tuple(cell["key"]): cell["value"] for cell in table["cells"]}
    assert shown == {("75",): 120, ("2A",): 11, ("971",): 40, (None,): 171}
    assert table["population"] == "ab" * 32


def test_zones_and_classes_that_fail_are_named() -> None:
    found = judge("map", MAP, changed(ZONES, 3, 1, 10), zoning="departments")
    assert (found.broken, found.document) == ({"map-zone": (3,)}, None)
    rows = [("dep", "patients", "colour")]
    rows += [(f"{n:02d}", 100 + n, "dark" if n < 3 else "light") for n in range(1, 7)]
    columns = MAP | {"class": "colour"}
    found = judge("map", columns, csv(rows), zoning="departments")
    assert found.broken == {"map-bounds": (2, 3)}
    assert judge("map", columns, csv([rows[0], *rows[3:]]), zoning="departments").broken == {}


@pytest.mark.parametrize("code", ["20", "99", "Total", ""])
def test_unknown_zones_go_to_people(code: str) -> None:
    found = judge("map", MAP, changed(ZONES, 3, 0, code), zoning="departments")
    assert "The code of the zone is unknown in row 3." in english(found.people)
    assert found.document is None
    assert not found.adds_up


def test_maps_of_groups_name_the_same_zones_once() -> None:
    rows = [("year", *ZONES[0])] + [(year, *row) for year in (2023, 2024) for row in ZONES[1:]]
    whole = judge("map", MAP, csv(rows), zoning="departments", by=["year"])
    assert whole.verdict == "clear"
    partial = judge("map", MAP, csv(rows[:-1]), zoning="departments", by=["year"])
    assert "The maps of the file do not name the same zones." in english(partial.people)
    twice = judge("map", MAP, csv([*rows, rows[-1]]), zoning="departments", by=["year"])
    assert "A zone stands twice in row 8." in english(twice.people)
    total = judge("map", MAP, changed(rows, 2, 0, "Total"), zoning="departments", by=["year"])
    assert "A label of a map is a total or empty." in english(total.people)


def test_the_author_may_list_the_zones() -> None:
    assert judge("map", MAP, csv(ZONES), zones=["75", "2A", "971"]).adds_up
    assert not judge("map", MAP, csv(ZONES), zones=["75", "971"]).adds_up


def test_the_policy_of_the_source_decides() -> None:
    strict = evolve(SNDS_SOURCE, counts=evolve(SNDS_SOURCE.counts, threshold=15, high=15))
    declared = read_result_schema(schema("map", MAP, zoning="departments"))
    assert assess_result(csv(ZONES), declared, strict).broken == {"map-zone": (3,)}


def test_no_message_holds_a_label_or_a_number_of_the_file() -> None:
    rows = [*SHARES, ("lonely", 0.0375, 9, 240)]
    found = judge("ratios", RATIOS, csv(rows), by=["sex"])
    said = json.dumps([found.checker_report(), found.lines()])
    assert "lonely" not in said
    assert "240" not in said
    assert "0.0375" not in said


def test_labels_that_identify_or_run_are_found() -> None:
    rows = [("sex", *SHARES[0][1:]), ("=cmd()", *SHARES[1][1:])]
    found = judge("ratios", RATIOS, csv(rows), by=["sex"])
    assert "formula" in {one.rule for one in found.findings}
    rows = [("nir", *SHARES[0][1:]), *SHARES[1:]]
    found = judge("ratios", RATIOS, csv(rows), by=["nir"])
    assert "identifier" in {one.rule for one in found.findings}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"result": "violin"}, "its `result` is none of"),
        ({"columns": {"zone": "dep"}}, "it names no column for `persons`"),
        ({"columns": MAP | {"colour": "c"}}, "1 of its `columns` are no parts"),
        ({"columns": {"zone": "dep", "persons": "dep"}}, "it uses one column twice"),
        ({"by": ["dep"]}, "it uses one column twice"),
        ({"by": "dep"}, "`by` is no list"),
        ({"zoning": "planets"}, "its `zoning` is none of"),
        ({"zones": ["75"]}, "either its `zoning` or"),
        ({"zoning": ""}, "either its `zoning` or"),
        ({"scale": 7}, "its `scale` is none of"),
        ({"population": "me"}, "64 hexadecimal digits"),
        ({"snapshots": ["now"]}, "`TABLE@number`"),
        ({"format": "other"}, "it does not say"),
    ],
)
def test_a_wrong_schema_says_what_is_wrong(change: dict[str, Any], why: str) -> None:
    good = json.loads(schema("map", MAP, zoning="departments"))
    read_result_schema(json.dumps(good).encode())
    with pytest.raises(Invalid, match=why):
        read_result_schema(json.dumps(good | change).encode())


def test_a_schema_speaks_of_exactly_the_columns_of_the_file() -> None:
    wide = [(*row, 1) for row in ZONES]
    for data, why in (
        (csv([("dep", "patients", "more"), *wide[1:]]), "1 columns of the file"),
        (csv([("dep", "people"), *ZONES[1:]]), "1 columns of the schema"),
        (csv([("dep", "dep"), *ZONES[1:]]), "its header does not name"),
        (csv(ZONES[:1]), "it has no rows"),
    ):
        with pytest.raises(Invalid, match=why):
            judge("map", MAP, data, zoning="departments")


def test_only_a_result_is_declared_as_one() -> None:
    assert declares_result(schema("map", MAP))
    assert not declares_result(b'{"tables": []}')
    assert not declares_result(b"\xff[")
