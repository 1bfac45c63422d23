"""Crude rates and prevalence by group."""

from __future__ import annotations

import pyarrow as pa
import pytest

from bercail.cohorts.analysis.rates import groups, in_order, incidence, prevalence
from bercail.foundation import Invalid, Missing


def test_rates_by_group_carry_their_counts() -> None:
    table = pa.table(
        {
            "events": [2, 3, 0],
            "person_years": [100.0, 400.0, 250.0],
            "age": ["5-9", "10-14", "5-9"],
        }
    )
    found = incidence(table, events="events", person_years="person_years", by=["age"], per=1000)
    assert [row["age"] for row in found.rows] == ["5-9", "10-14"]
    first = found.rows[0]
    assert (first["rows"], first["events"], first["person_years"]) == (2, 2, 350.0)
    assert first["rate"] == pytest.approx(2 / 350 * 1000)
    # Garwood's limits for 2 events: 0.2422 and 7.2247.
    assert first["low"] == pytest.approx(0.2422 / 350 * 1000, rel=1e-3)
    assert first["high"] == pytest.approx(7.2247 / 350 * 1000, rel=1e-3)
    assert (found.events, found.facts["person_years"]) == (5, 750.0)


def test_prevalence_counts_persons() -> None:
    table = pa.table({"case": [True, False, True, False], "sex": ["f", "f", None, "m"]})
    found = prevalence(table, case="case", by=["sex"])
    assert [(r["sex"], r["persons"], r["events"]) for r in found.rows] == [
        ("f", 2, 1),
        ("m", 1, 0),
        ("unknown", 1, 1),
    ]
    assert (found.persons, found.events) == (4, 2)
    assert prevalence(table, case="case").rows[0]["prevalence"] == 50.0


def test_groups_cover_every_row_once() -> None:
    table = pa.table({"a": ["x", "y", "x"], "b": ["1", "1", "2"]})
    found = list(groups(table, ["a", "b"]))
    assert [labels for labels, _ in found] == [
        {"a": "x", "b": "1"},
        {"a": "x", "b": "2"},
        {"a": "y", "b": "1"},
    ]
    assert sum(chosen.astype(int) for _, chosen in found).tolist() == [1, 1, 1]
    assert sorted(["85+", "5-9", "unknown", "10-14", "0"], key=in_order) == [
        "0",
        "5-9",
        "10-14",
        "85+",
        "unknown",
    ]


def test_what_cannot_be_is_refused() -> None:
    table = pa.table({"events": [1, -1], "person_years": [1.0, 0.0], "g": ["a", "b"]})
    with pytest.raises(Invalid, match="1 negative"):
        incidence(table, events="events", person_years="person_years")
    with pytest.raises(Missing, match="no column `years`"):
        incidence(table, events="person_years", person_years="years")
    with pytest.raises(Invalid, match="no person-years"):
        incidence(
            pa.table({"e": [1, 1], "y": [1.0, 0.0], "g": ["a", "b"]}),
            events="e",
            person_years="y",
            by=["g"],
        )
    with pytest.raises(Invalid, match="more than yes and no"):
        prevalence(pa.table({"case": [0, 1, 2]}), case="case")
    with pytest.raises(Invalid, match="1 unknown"):
        prevalence(pa.table({"case": [True, None]}), case="case")
    with pytest.raises(Invalid, match="no rows"):
        prevalence(pa.table({"case": pa.array([], pa.bool_())}), case="case")
