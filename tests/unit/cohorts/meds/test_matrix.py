"""Matrices of persons and periods: nothing counted twice, nothing from the future."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bercail.cohorts.meds import assign_splits, feature_matrix, write_matrix
from bercail.cohorts.meds.splits import Splits
from bercail.foundation import Invalid, sha256_hex

START = date(2022, 1, 1)
NAMES = {"start": "start", "end": "end", "period_days": 30}


def day(number: int) -> date:
    return START + timedelta(days=number)


def two() -> pa.Table:
    return pa.table(
        {
            "person": ["a", "b"],
            "start": [day(0), day(10)],
            "end": [day(64), day(39)],
            "sex": ["f", "m"],
        }
    )


def table_of(rows: list[tuple[str, date, str]]) -> pa.Table:
    columns = list(zip(*rows, strict=True))
    return pa.table({n: list(c) for n, c in zip(("person", "date", "code"), columns, strict=True)})


SEEN = table_of(
    [
        ("a", day(0), "X"),
        ("a", day(29), "X"),
        ("a", day(30), "Y"),
        ("a", day(64), "D"),
        ("a", day(65), "X"),
        ("b", day(9), "X"),
        ("b", day(39), "X"),
        ("c", day(20), "X"),
    ]
)


def test_events_fall_into_their_period() -> None:
    found = feature_matrix(two(), SEEN, **NAMES, static=["sex"])
    rows = [
        (
            r["person"],
            r["period"],
            r["from"],
            r["to"],
            r["days"],
            r["sex"],
            r["n_D"],
            r["n_X"],
            r["n_Y"],
        )
        for r in found.table.to_pylist()
    ]
    assert rows == [
        ("a", 0, day(0), day(29), 30, "f", 0, 2, 0),
        ("a", 1, day(30), day(59), 30, "f", 0, 0, 1),
        ("a", 2, day(60), day(64), 5, "f", 1, 0, 0),
        ("b", 0, day(10), day(39), 30, "m", 0, 1, 0),
    ]
    assert [one.name for one in found.columns] == found.table.column_names
    assert found.persons == 2


def test_the_label_is_of_the_next_period_and_no_feature() -> None:
    found = feature_matrix(two(), SEEN, **NAMES, label="D")
    assert "n_D" not in found.table.column_names
    assert found.table.column("label_next").to_pylist() == [False, True, None, None]


def test_a_next_period_cut_short_proves_no_absence() -> None:
    """Days 60 to 64 show no `Y`, but the person leaves before the period is over."""
    cut = feature_matrix(two(), SEEN, **NAMES, label="Y").table
    assert cut.column("label_next").to_pylist() == [True, None, None, None]
    people = two().set_column(2, "end", pa.array([day(89), day(39)]))
    whole = feature_matrix(people, SEEN, **NAMES, label="Y").table
    assert whole.column("days").to_pylist() == [30, 30, 30, 30]
    assert whole.column("label_next").to_pylist() == [True, False, None, None]


def test_codes_of_others_are_no_features() -> None:
    """`c` is not in the cohort, and `b` is kept to judge by: neither decides on the columns."""
    seen = pa.concat_tables([SEEN, table_of([("c", day(20), "C"), ("b", day(20), "B")])])

    def features(splits: Splits | None = None) -> list[str]:
        made = feature_matrix(two(), seen, **NAMES, splits=splits)
        return [name for name in made.table.column_names if name.startswith("n_")]

    assert features() == ["n_B", "n_D", "n_X", "n_Y"]
    apart = Splits(of={"a": "train", "b": "held_out"}, seed="s", shares={})
    assert features(apart) == ["n_D", "n_X", "n_Y"]


def test_features_can_be_fixed_beforehand() -> None:
    found = feature_matrix(two(), SEEN, **NAMES, features=["Y", "Z"])
    assert [n for n in found.table.column_names if n.startswith("n_")] == ["n_Y", "n_Z"]
    assert found.table.column("n_Z").to_pylist() == [0, 0, 0, 0]


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 200)), min_size=1, max_size=6),
    st.lists(
        st.tuples(st.integers(0, 6), st.integers(-20, 260), st.sampled_from("XYZ")), max_size=40
    ),
    st.integers(min_value=1, max_value=90),
)
@settings(max_examples=40)
def test_every_event_inside_is_counted_once(
    lives: list[tuple[int, int]], seen: list[tuple[int, int, str]], period: int
) -> None:
    people = pa.table(
        {
            "person": [f"p{n}" for n in range(len(lives))],
            "start": [day(a) for a, _ in lives],
            "end": [day(a + b) for a, b in lives],
        }
    )
    events = table_of([(f"p{n}", day(at), code) for n, at, code in seen] or [("p0", day(-1), "X")])
    found = feature_matrix(
        people, events, start="start", end="end", period_days=period, features=["X", "Y", "Z"]
    ).table
    inside = [
        (n, at, code)
        for n, at, code in seen
        if n < len(lives) and lives[n][0] <= at <= sum(lives[n])
    ]
    for code in "XYZ":
        assert sum(found.column(f"n_{code}").to_pylist()) == sum(c == code for *_, c in inside)
    # Periods of a person follow one another and cover follow-up exactly.
    for n, (_, length) in enumerate(lives):
        own = [row for row in found.to_pylist() if row["person"] == f"p{n}"]
        assert sum(row["days"] for row in own) == length + 1
        assert [row["period"] for row in own] == list(range(len(own)))


def test_the_dictionary_tells_every_column(tmp_path: Path) -> None:
    splits = assign_splits(["a", "b"], seed="s")
    made = feature_matrix(two(), SEEN, **NAMES, label="D", static=["sex"], splits=splits)
    told = write_matrix(made, tmp_path)
    assert told == json.loads((tmp_path / "matrix.json").read_text("utf-8"))
    assert told["sha256"] == sha256_hex((tmp_path / "matrix.parquet").read_bytes())
    columns = pq.read_table(tmp_path / "matrix.parquet").column_names
    assert [one["name"] for one in told["columns"]] == columns
    assert all(one["meaning"] for one in told["columns"])
    assert told["splits"]["digest"] == splits.digest
    assert set(made.table.column("split").to_pylist()) <= {"train", "tuning", "held_out"}
    with pytest.raises(Invalid, match="a matrix already"):
        write_matrix(made, tmp_path)


def test_what_cannot_be_is_refused() -> None:
    def asked(persons: pa.Table = two(), **more: Any) -> Any:  # noqa: B008 - a table is a value
        return feature_matrix(persons, SEEN, **{**NAMES, **more})

    with pytest.raises(Invalid, match="make no period"):
        asked(period_days=0)
    with pytest.raises(Invalid, match="2 persons have two rows"):
        asked(pa.concat_tables([two(), two()]))
    with pytest.raises(Invalid, match="2 persons leave before"):
        asked(start="end", end="start")
    with pytest.raises(Invalid, match="1 persons have no split"):
        asked(splits=assign_splits(["a"], seed="s"))
    with pytest.raises(Invalid, match="given twice"):
        asked(features=["X", "X"])
    with pytest.raises(Invalid, match="more than 2000"):
        asked(features=[str(n) for n in range(2001)])
