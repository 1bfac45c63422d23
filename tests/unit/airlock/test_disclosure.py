"""The parts of the disclosure library that tables with known answers do not reach."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from attrs import evolve

from bercail.airlock import SNDS, DisclosurePolicy, check_table, plot_protected_table, strictest
from bercail.airlock.disclosure import attacker
from bercail.airlock.disclosure.attacker import HouseRule, attack
from bercail.airlock.disclosure.check import span
from bercail.airlock.disclosure.counts import counts_from_dict, parse_counts
from bercail.airlock.disclosure.lattice import lattice_of
from bercail.airlock.disclosure.protected import protected_table
from bercail.foundation import Invalid, Unproven
from bercail.testing.airlock_desk import counts, document


def broken(**changes: object) -> dict[str, object]:
    return document([(40, 31), (20, 58)], **changes)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"title": ""}, "`title`"),
        ({"dimensions": []}, "`dimensions`"),
        ({"dimensions": ["age"]}, "dimension 1 is not an object"),
        ({"dimensions": [{"name": "", "categories": ["a"]}]}, "dimension 1 has no name"),
        ({"dimensions": [{"name": "a", "categories": []}]}, "dimension 1 has no categories"),
        ({"dimensions": [{"name": "a", "categories": ["(all)"]}]}, "not a plain label"),
        ({"dimensions": [{"name": "a", "categories": ["x\n"]}]}, "not a plain label"),
        ({"dimensions": [{"name": "a", "categories": ["x", "x"]}]}, "stands twice"),
        ({"dimensions": [{"name": "a", "categories": ["x"]}] * 2}, "the same name"),
        ({"cells": {}}, "`cells`"),
        ({"cells": [3]}, "cell 1 is not an object"),
        ({"cells": [{"categories": "x", "persons": 1}]}, "cell 1 has no `categories`"),
        ({"cells": [{"categories": ["age 0"], "persons": 1}]}, "cell 1 names no category"),
        ({"cells": [{"categories": ["age 0", "women"], "persons": 1}] * 2}, "cell 2 stands twice"),
    ],
)
def test_a_table_is_read_strictly(change: dict[str, object], why: str) -> None:
    with pytest.raises(Invalid, match=why):
        counts_from_dict(broken(**change))


def test_a_refusal_never_repeats_a_label() -> None:
    table = broken(cells=[{"categories": ["secret label", "women"], "persons": 1}])
    with pytest.raises(Invalid) as refusal:
        parse_counts(json.dumps(table).encode())
    assert "secret label" not in str(refusal.value)


def test_margins_are_every_subtotal_and_the_grand_total() -> None:
    lattice = lattice_of(counts((2, 3), [1, 2, 3, 4, 5, 6]))
    shown = dict(zip(lattice.keys, lattice.values, strict=True))
    assert len(lattice) == 12
    assert shown[("c0", None)] == 6
    assert shown[(None, "c2")] == 9
    assert shown[(None, None)] == 21
    for equation in lattice.equations:
        assert lattice.values[equation.total] == sum(lattice.values[p] for p in equation.parts)


def test_an_absent_cell_counts_nobody() -> None:
    table = broken(cells=[{"categories": ["age 0", "women"], "persons": 20}])
    assert lattice_of(counts_from_dict(table)).values[-1] == 20


def test_policies_are_checked_at_birth() -> None:
    with pytest.raises(ValueError, match="under the threshold"):
        DisclosurePolicy(name="x", version=1, high=5)
    with pytest.raises(ValueError, match="lower end"):
        DisclosurePolicy(name="x", version=1, low=2)
    with pytest.raises(ValueError):
        DisclosurePolicy(name="x", version=1, checkers=1)
    with pytest.raises(ValueError, match="no policy"):
        strictest([])
    assert evolve(SNDS, version=2).digest != SNDS.digest


def hidden_table(
    rows: list[tuple[int, ...]], hide: set[tuple[str | None, ...]]
) -> dict[str, object]:
    table = counts_from_dict(document(rows))
    lattice = lattice_of(table)
    places = {cell for cell, key in enumerate(lattice.keys) if key in hide}
    return protected_table(table, lattice, places).as_dict()


def test_the_attacker_says_what_is_wrong_with_naive_hiding() -> None:
    seen = attack(hidden_table([(40, 31), (6, 58)], {("age 1", "women")}), HouseRule())
    assert seen.intervals[0].plain == (6, 6)
    assert not seen.consistent
    assert (
        "hidden cell 1 can be computed exactly",
        "la case masquée 1 se calcule exactement",
    ) in seen.weaknesses()


def test_the_attacker_knows_small_and_narrow_cells() -> None:
    line = {("age 0", "women"), ("age 0", "men"), ("age 1", "women"), ("age 1", "men")}
    small = attack(hidden_table([(5, 2), (3, 58)], line), HouseRule())
    assert any(
        "known to be small" in english or "narrower" in english for english, _ in small.weaknesses()
    )


def test_numbers_that_do_not_add_up_are_unproven() -> None:
    table = hidden_table([(40, 31), (20, 58)], set())
    table["cells"][0]["persons"] = 41  # type: ignore[index]
    with pytest.raises(Unproven, match="does not add up"):
        attack(table, HouseRule())
    table = hidden_table([(40, 31), (20, 58)], {("age 0", "women"), ("age 0", "men")})
    table["cells"][2]["persons"] = 7  # type: ignore[index]
    with pytest.raises(Unproven):
        attack(table, HouseRule())


def test_a_cell_without_limit_has_no_upper_bound() -> None:
    result = check_table(counts((2,), [3, 4]), SNDS)
    assert {interval.plain for interval in result.attack.intervals} == {(0, None)}
    assert (span((3, None)), span((0, 4)), span(None)) == ("3..", "0..4", "")


def test_the_attacker_is_a_program_of_its_own(tmp_path) -> None:
    path = tmp_path / "table.json"
    table = hidden_table([(40, 31), (6, 58)], {("age 1", "women")})
    path.write_text(json.dumps(table))
    ran = subprocess.run(
        [sys.executable, attacker.__file__, str(path), "11"], capture_output=True, text=True
    )
    assert ran.returncode == 1, ran.stderr
    assert json.loads(ran.stdout)["intervals"][0]["informed"] == [6, 6]
    assert attacker.main([str(path), "5"]) == 1


def test_the_public_report_says_nothing_about_hidden_counts() -> None:
    result = check_table(counts_from_dict(document([(40, 31), (6, 58)])), SNDS)
    public = json.dumps(result.public_report()) + json.dumps(result.certificate())
    assert 'cost": ' not in public.replace('"cost": "persons"', "")
    assert "small" not in public
    assert result.checker_report()["cost"] == result.cost > 0


def test_above_the_exact_size_a_heuristic_chooses_under_the_same_audit() -> None:
    table = counts((4, 3), [5, 40, 30, 60, 7, 90, 33, 21, 18, 44, 12, 70])
    exact = check_table(table, SNDS)
    by_size = check_table(table, evolve(SNDS, exact_cells=10))
    by_rounds = check_table(table, evolve(SNDS, exact_rounds=1))
    assert exact.optimal
    assert not by_size.optimal
    assert not by_rounds.optimal
    assert exact.cost <= by_size.cost
    assert not by_size.attack.weaknesses()
    assert by_size.public_report()["chosen"] == "heuristic"


@pytest.mark.parametrize(
    ("shape", "values"),
    [((3,), [5, 20, 30]), ((2, 2), [5, 50, 60, 70]), ((2, 2, 2), [30, 4, 15, 22, 19, 40, 18, 13])],
)
def test_the_picture_shows_intervals_and_no_hidden_count(shape, values) -> None:
    report = check_table(counts(shape, values), SNDS).checker_report()
    drawn = plot_protected_table(report).to_dict()
    rows = (
        next(iter(drawn["datasets"].values())) if "datasets" in drawn else drawn["data"]["values"]
    )
    assert len(rows) == len(report["cells"])
    hidden = [row for row in rows if not row["status"].startswith("published / ")]
    assert hidden
    for row in hidden:
        assert "persons" not in row
        assert row["label"] == "\u2022\u2022\u2022"
        assert ".." in row["attacker"]


def test_lines_for_the_terminal() -> None:
    lines = check_table(counts_from_dict(document([(40, 31), (6, 58)])), SNDS).lines()
    assert lines[0] == "protected: 4 of 9 cells hidden / protégé : 4 cases masquées sur 9"
    assert any(
        line.startswith("age 1 / women: under the threshold, an attacker finds 0..")
        for line in lines
    )
    empty = check_table(counts_from_dict(document([(0, 0), (0, 0)])), SNDS)
    assert [finding.rule for finding in empty.findings] == ["empty-table"]
    assert empty.verdict == "clear"
