"""Pictures hold what they were given, in two languages, without script or address."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bercail.cohorts.plots import (
    alarms,
    curves,
    departements,
    draw,
    flowchart,
    intervals,
    pyramid,
    reproduction,
)
from bercail.cohorts.plots.layout import ISLAND, OVERSEAS, lay_out, neighbours
from bercail.cohorts.plots.map import all_departements, departement_code
from bercail.cohorts.plots.style import ALARM, CALM, PALETTE, svg
from bercail.cohorts.plots.words import WORDS
from bercail.foundation import Invalid

STEPS = [
    ("Persons in the data", 12345),
    ("Adults, with a label that is long enough for two lines", 900),
]
WEEKS = [
    {
        "monday": (date(2024, 1, 1) + timedelta(weeks=n)).isoformat(),
        "events": n,
        "expected": 3.0,
        "bound": 8.0,
        "alarm": n > 8,
    }
    for n in range(12)
]


def texts(drawn: str) -> str:
    return " ".join(re.findall(r">([^<>]+)<", drawn))


def values_of(chart: Any) -> list[dict[str, Any]]:
    """The rows of a chart with one table."""
    made = chart.to_dict()
    (values,) = made["datasets"].values() if "datasets" in made else [made["data"]["values"]]
    return list(values)


def test_the_flowchart_says_who_is_left_and_who_is_not() -> None:
    drawn = texts(svg(flowchart(STEPS)))
    for told in ("Persons in the data", "12,345 persons", "11,445 left out", "900 persons"):
        assert told in drawn
    french = texts(svg(flowchart(STEPS, "fr")))
    assert "12\u202f345 personnes" in french
    assert "11\u202f445 écartées" in french
    assert "Personnes dans les données" in french
    assert "Persons in the data" not in french


def test_no_label_of_the_flowchart_is_cut() -> None:
    words_of_it = [f"word{n:02}" for n in range(28)]
    drawn = texts(svg(flowchart([("All", 9), (" ".join(words_of_it), 3)])))
    assert [word for word in words_of_it if word not in drawn] == []


def test_steps_of_a_run_are_told_in_french_and_those_of_an_author_left() -> None:
    steps = [("Rule person-known-sex", 9), ("Not excluded: under 18", 8), ("Rules of mine", 7)]
    french = texts(svg(flowchart(steps, "fr")))
    for told in ("Règle person-known-sex", "Non exclues : under 18", "Rules of mine"):
        assert told in french


def test_the_pyramid_has_two_sides() -> None:
    rows = [
        {"age_group": age, "sex": sex, "persons": n}
        for n, age in enumerate(("0-4", "5-9", "85+"), start=10)
        for sex in ("female", "male", "unknown")
    ]
    chart = pyramid(rows, language="fr")
    sides = {row["sex"]: row["side"] for row in values_of(chart)}
    assert sides["femmes"] < 0 < sides["hommes"]
    drawn = texts(svg(chart))
    assert "Âge et sexe" in drawn
    assert "sexe inconnu: 33" in drawn
    with pytest.raises(Invalid, match="has 1 sexes"):
        pyramid(rows[:1])


def test_curves_begin_where_they_must() -> None:
    rows: list[dict[str, Any]] = [
        {"arm": arm, "time": 2.0, "survival": 0.5, "low": 0.3, "high": None} for arm in ("a", "b")
    ]
    begun = [row for row in values_of(curves(rows, by=["arm"])) if row["time"] == 0]
    assert [(row["group"], row["value"]) for row in begun] == [("a", 1.0), ("b", 1.0)]
    risk = [{"cause": 1, "time": 2.0, "incidence": 0.5, "low": 0.3, "high": 0.6}]
    late = [{**risk[0], "time": 1500.0}]
    assert "1\u202f000" in texts(svg(curves(late, value="incidence", language="fr")))
    assert "1,000" in texts(svg(curves(late, value="incidence")))
    drawn = svg(curves(risk, value="incidence", language="fr"))
    assert "Incidence cumulée" in texts(drawn)


def test_intervals_leave_the_constant_out() -> None:
    rows = [
        {"term": "constant", "rate_ratio": 0.001, "low": 0.0005, "high": 0.002},
        {"term": "smokes", "rate_ratio": 1.4, "low": 1.1, "high": 1.8},
        {"term": "rare", "rate_ratio": 2.0, "low": None, "high": None},
    ]
    drawn = texts(svg(intervals(rows)))
    assert "smokes" in drawn
    assert "constant" not in drawn
    assert "rare" not in drawn
    with pytest.raises(Invalid, match="no estimate with an interval"):
        intervals([{"week": "2024-W01"}])
    with pytest.raises(Invalid, match="nothing to draw"):
        intervals(rows[:1])


def test_alarms_are_marked_by_shape_and_colour() -> None:
    drawn = svg(alarms(WEEKS, language="fr"))
    assert "au-dessus du seuil" in texts(drawn)
    assert ALARM in drawn
    assert CALM in drawn


def test_marks_of_weeks_stand_under_mondays() -> None:
    first = date(2023, 8, 7)
    mondays = [(first + timedelta(weeks=n)).isoformat() for n in range(30)]
    weeks = [
        {"monday": day, "events": 3, "bound": 8, "expected": 4.0, "alarm": False} for day in mondays
    ]
    marked = set(re.findall(r">(\d{4}-\d\d-\d\d)<", svg(alarms(weeks))))
    assert len(marked) >= 10
    assert marked <= set(mondays)
    assert "tirets : seuil" in texts(svg(alarms(weeks, language="fr")))


def test_reproduction_has_its_line_at_one() -> None:
    rows = [{"to": "2024-01-07", "reproduction": 1.2, "low": 0.9, "high": 1.5}] * 2
    assert "Nombre de reproduction" in texts(svg(reproduction(rows, language="fr")))


def test_the_map_has_every_departement_once() -> None:
    known = all_departements()
    assert len(known) == 101
    tiles = [one.tile for one in known.values()]
    assert len(set(tiles)) == 101
    drawn = texts(svg(departements({code: 1.0 + n for n, code in enumerate(known)})))
    for code in known:
        assert f" {code} " in f" {drawn} "


def test_the_map_was_laid_out_from_the_seats() -> None:
    """The data file holds what the layout makes of the seats of prefectures."""
    known = all_departements()
    found = lay_out({code: one.seat for code, one in known.items()})
    assert found == {code: one.tile for code, one in known.items()}


def test_the_map_is_one_country_with_its_directions() -> None:
    known = all_departements()
    home = {one.tile for one in known.values() if one.code not in {*ISLAND, *OVERSEAS}}
    seen, waiting = set(), [next(iter(home))]
    while waiting:
        tile = waiting.pop()
        if tile in home and tile not in seen:
            seen.add(tile)
            waiting += neighbours(tile)
    assert seen == home
    # North is up and east is right, for the mainland as a whole and for its corners.
    mainland = [one for one in known.values() if one.tile in home]
    rows, columns = ([one.tile[n] for one in mainland] for n in (1, 0))
    assert np.corrcoef(rows, [-one.seat[0] for one in mainland])[0, 1] > 0.97
    assert np.corrcoef(columns, [one.seat[1] for one in mainland])[0, 1] > 0.97
    place = {one.code: one.tile for one in mainland}
    assert place["59"][1] < place["75"][1] < place["66"][1]
    assert place["29"][0] < place["75"][0] < place["67"][0]


@pytest.mark.parametrize(
    ("written", "code"),
    [("1", "01"), ("01", "01"), ("001", "01"), ("02A", "2A"), ("2b", "2B"), ("974", "974")],
)
def test_codes_as_data_write_them(written: str, code: str) -> None:
    assert departement_code(written) == code


def test_what_is_no_departement_is_refused() -> None:
    for wrong in ("20", "96", "975", "", "ZZ", "000"):
        with pytest.raises(Invalid, match="no département"):
            departement_code(wrong)
    with pytest.raises(Invalid, match="has two values"):
        departements({"1": 1.0, "01": 2.0})


def test_missing_values_are_grey_and_told() -> None:
    drawn = svg(departements({"75": 3.0, "13": 1.0}, language="fr"))
    assert "gris : sans valeur" in texts(drawn)
    assert drawn.count("#d5d9e2") >= 99


def test_pictures_need_no_network_and_run_no_script(tmp_path: Path) -> None:
    for chart in (flowchart(STEPS), alarms(WEEKS), departements({"75": 1.0})):
        drawn = svg(chart)
        assert "<script" not in drawn
        addresses = set(re.findall(r"https?://[^\"' ]+", drawn))
        assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    draw(flowchart(STEPS), tmp_path / "flow.png")
    assert (tmp_path / "flow.png").read_bytes().startswith(b"\x89PNG")
    draw(flowchart(STEPS), tmp_path / "flow.svg")
    assert (tmp_path / "flow.svg").read_text("utf-8").startswith("<svg")
    with pytest.raises(Invalid, match="neither SVG nor PNG"):
        draw(flowchart(STEPS), tmp_path / "flow.pdf")


def test_both_languages_have_every_word() -> None:
    assert set(WORDS["en"]) == set(WORDS["fr"])
    with pytest.raises(Invalid, match="no language `de`"):
        flowchart(STEPS, "de")


def luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_colours_stand_out_from_white() -> None:
    """WCAG 2.2, 1.4.11: graphics contrast at least 3 to 1; those used first and for alarms."""
    for colour in (*PALETTE[:3], ALARM, CALM):
        assert 1.05 / (luminance(colour) + 0.05) >= 3.0, colour
