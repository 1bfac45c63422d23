"""Pairs by places are the pairs that `outcomes.matched` finds one by one."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bercail.cohorts import Cohort, Model, match, pairing, persons
from bercail.cohorts.outcomes import matched
from bercail.cohorts.pairing import in_strata, paired

DAY = date(2024, 1, 1)
# A person's stratum, and whether the person is a case.
PEOPLE = st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=60)


def _model(ratio: int, attributes: dict[str, Any], **named: Any) -> Model:
    known = persons.birth_year.is_known()
    matching = match(known, on=list(attributes), ratio=ratio)
    return Cohort(
        name="s", title="s", population=known, attributes=attributes, matching=matching, **named
    ).model


def _one_by_one(people: list[tuple[int, bool]], ratio: int) -> list[tuple[str, str]]:
    model = _model(ratio, {"birth": persons.birth_year})
    rows = [(f"p{n:02}", stratum) for n, (stratum, case) in enumerate(people) if case]
    cases = pa.table(
        {
            "person": pa.array([name for name, _ in rows], pa.string()),
            "birth": pa.array([stratum for _, stratum in rows], pa.int64()),
        }
    )
    pool = {f"p{n:02}": (stratum,) for n, (stratum, case) in enumerate(people) if not case}
    found = matched(model, cases, pool)
    assert found is not None
    return [(row["case"], row["control"]) for row in found.to_pylist()]


def _by_places(people: list[tuple[int, bool]], ratio: int, batch: int) -> pa.Table:
    # Strata are numbered as they come: only those with cases have a number.
    numbers: dict[int, int] = {}
    for stratum, case in people:
        if case:
            numbers.setdefault(stratum, len(numbers))
    rows = [
        (numbers[stratum], f"p{n:02}", case)
        for n, (stratum, case) in enumerate(people)
        if stratum in numbers
    ]
    cases = [(stratum, name) for stratum, name, case in rows if case]
    days = [DAY + timedelta(int(name[1:])) for _, name in cases]
    table = _table(cases).append_column("index_date", pa.array(days, pa.date32()))
    pool = _table(sorted((stratum, name) for stratum, name, case in rows if not case))
    return paired(table, pool.to_batches(max_chunksize=batch), ratio)


def _table(rows: list[tuple[int, str]]) -> pa.Table:
    return pa.table(
        {
            "stratum": pa.array([stratum for stratum, _ in rows], pa.int32()),
            "person": pa.array([name for _, name in rows], pa.string()),
        }
    )


@given(people=PEOPLE, ratio=st.integers(1, 4), batch=st.sampled_from((1, 2, 7, 100)))
def test_the_pairs_are_those_found_one_by_one(
    people: list[tuple[int, bool]], ratio: int, batch: int
) -> None:
    found = _by_places(people, ratio, batch)
    pairs = list(zip(found["case"].to_pylist(), found["control"].to_pylist(), strict=True))
    assert pairs == _one_by_one(people, ratio)
    assert found["index_date"].to_pylist() == [DAY + timedelta(int(case[1:])) for case, _ in pairs]


# Two attributes, either of them unknown at times, and whether the person is a case.
ATTRIBUTES = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(0, 2)),
        st.one_of(st.none(), st.sampled_from(["", "a", "b"])),
        st.booleans(),
    ),
    max_size=60,
)


@given(people=ATTRIBUTES, ratio=st.integers(1, 3))
def test_strata_are_of_persons_equal_in_all(
    people: list[tuple[int | None, str | None, bool]], ratio: int
) -> None:
    cases, pool = (
        pa.table(
            {
                "person": pa.array([name for name, _ in rows], pa.string()),
                "birth": pa.array([birth for _, (birth, _, _) in rows], pa.int64()),
                "sex": pa.array([sex for _, (_, sex, _) in rows], pa.string()),
                "index_date": pa.array([DAY for _ in rows], pa.date32()),
            }
        )
        for rows in (
            [(f"p{n:02}", one) for n, one in enumerate(people) if one[2] is case]
            for case in (True, False)
        )
    )
    numbered, offered = in_strata(cases, pool, ["birth", "sex"])
    found = paired(numbered, offered.to_batches(), ratio)
    values = {
        name: (birth, sex) for name, birth, sex, _ in zip(*pool.to_pydict().values(), strict=True)
    }
    attributes = {"birth": persons.birth_year, "sex": persons.sex}
    model = _model(ratio, attributes, index_date=persons.death_date)
    expected = matched(model, cases, values)
    assert expected is not None
    assert found.to_pylist() == expected.to_pylist()


def test_pairs_are_written_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    people = [(n % 2, n % 3 == 0) for n in range(40)]
    whole = _by_places(people, 3, 100)
    monkeypatch.setattr(pairing, "PIECE", 4)
    pieces = _by_places(people, 3, 100)
    assert pieces["case"].num_chunks > 1
    assert pieces.equals(whole)


def test_nobody_is_paired_where_nobody_is() -> None:
    found = _by_places([], 2, 10)
    assert found.num_rows == 0
    assert [field.type for field in found.schema] == [pa.string(), pa.string(), pa.date32()]
