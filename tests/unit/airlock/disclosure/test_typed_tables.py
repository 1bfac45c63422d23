"""Dimensions, typed tables, and tables of one request as one system."""

from __future__ import annotations

import pytest
from attrs import evolve

from bercail.airlock.disclosure.tables.dimension import Dimension, dimension_from_dict, flat
from bercail.airlock.disclosure.tables.linked import link
from bercail.airlock.disclosure.tables.typed import (
    PERSONS,
    Measure,
    TypedCell,
    TypedTable,
    completed,
    typed_counts,
)
from bercail.foundation import Invalid
from bercail.testing.airlock_desk import counts

AGES = Dimension(
    name="age", parents={"young": None, "old": None, "0-19": "young", "20-59": "young"}
)
SEX = flat("sex", ("F", "M"))


def cell(value: float) -> TypedCell:
    return TypedCell(value=value, persons=int(value))


def by_age_and_sex(**changes: object) -> TypedTable:
    cells = {
        ("0-19", "F"): cell(20),
        ("0-19", "M"): cell(30),
        ("20-59", "F"): cell(40),
        ("20-59", "M"): cell(50),
        ("old", "F"): cell(60),
    }
    return TypedTable(name="t", dimensions=(AGES, SEX), measure=PERSONS, cells=cells, **changes)


def test_a_tree_knows_its_leaves_families_and_values() -> None:
    assert AGES.leaves == ("old", "0-19", "20-59")
    assert AGES.families == ((None, ("young", "old")), ("young", ("0-19", "20-59")))
    assert AGES.above("0-19") == ("0-19", "young", None)
    assert AGES.covered("young") == {"0-19", "20-59"}
    assert dimension_from_dict(AGES.as_dict()) == AGES


@pytest.mark.parametrize(
    ("parents", "why"),
    [
        ({}, "no codes"),
        ({"": None}, "empty"),
        ({"a": "b"}, "not one of its codes"),
        ({"a": "b", "b": "a"}, "own ancestor"),
    ],
)
def test_a_broken_tree_is_refused(parents: dict[str, str | None], why: str) -> None:
    with pytest.raises(Invalid, match=why):
        Dimension(name="d", parents=parents)


def test_values_stand_behind_leaves_only() -> None:
    with pytest.raises(Invalid, match="not a leaf"):
        evolve(AGES, covers={"young": frozenset({"1"})})
    with pytest.raises(Invalid, match="shape"):
        dimension_from_dict({"name": "x"})


def test_missing_cells_are_empty_and_margins_are_sums() -> None:
    table = completed(by_age_and_sex())
    values = {key: one.value for key, one in table.cells.items()}
    assert values[("old", "M")] == 0
    assert values[("young", "F")] == 60
    assert values[("young", None)] == 140
    assert values[(None, None)] == 200
    assert len(values) == len(table.all_keys()) == 15


def test_persons_behind_a_margin_of_stays_are_not_added_up() -> None:
    stays = Measure(name="stays", kind="records", unit="stays")
    table = completed(
        TypedTable(
            name="t",
            dimensions=(SEX,),
            measure=stays,
            cells={
                ("F",): TypedCell(value=50, persons=20),
                ("M",): TypedCell(value=30, persons=20),
            },
        )
    )
    assert table.cells[(None,)].value == 80
    assert table.cells[(None,)].persons is None


def test_other_statistics_have_no_margins() -> None:
    mean = Measure(name="mean", kind="other", unit="years")
    table = TypedTable(name="t", dimensions=(SEX,), measure=mean, cells={("F",): cell(3)})
    assert completed(table) is table
    assert link([table]) == ()


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"value": float("nan")}, "finite"),
        ({"value": 1, "persons": -1}, "less than nobody"),
        ({"value": 9, "top": (1.0, 5.0)}, "in order"),
    ],
)
def test_a_wrong_cell_cannot_be(wrong: dict[str, object], why: str) -> None:
    with pytest.raises(Invalid, match=why):
        TypedCell(**wrong)


def test_a_wrong_table_cannot_be() -> None:
    with pytest.raises(Invalid, match="no dimension"):
        by_age_and_sex().__class__(
            name="t", dimensions=(SEX,), measure=PERSONS, cells={("X",): cell(1)}
        )
    with pytest.raises(Invalid, match="same name"):
        TypedTable(name="t", dimensions=(SEX, SEX), measure=PERSONS, cells={})
    many = flat("d", tuple(map(str, range(200))))
    spaces = (many, evolve(many, name="e"))
    with pytest.raises(Invalid, match="the most is"):
        TypedTable(name="t", dimensions=spaces, measure=PERSONS, cells={})
    with pytest.raises(Invalid, match="kind of measure"):
        Measure(name="x", kind="persona", unit="x")  # type: ignore[arg-type]


def test_linked_tables_share_their_margins() -> None:
    region = flat("region", ("N", "S"))
    other = TypedTable(
        name="u",
        dimensions=(AGES, region),
        measure=PERSONS,
        cells={
            (age, place): cell(value)
            for (age, place), value in {
                ("0-19", "N"): 25, ("0-19", "S"): 25, ("20-59", "N"): 45, ("20-59", "S"): 45,
                ("old", "N"): 60,
            }.items()
        },
    )  # fmt: skip
    (system,) = link([completed(by_age_and_sex()), completed(other)])
    # 15 cells each, of which 5 margins by age are the same.
    assert len(system.lattice) == 25
    shared = [places for places in system.places if len(places) == 2]
    assert len(shared) == 5
    for equation in system.lattice.equations:
        parts = sum(system.lattice.values[part] for part in equation.parts)
        assert system.lattice.values[equation.total] == parts
    # Another population shares nothing.
    assert len(link([completed(by_age_and_sex()), completed(by_age_and_sex(population="x"))])) == 2


def test_tables_that_disagree_or_do_not_add_up_are_refused() -> None:
    table = completed(by_age_and_sex())
    wrong = evolve(table, cells={**table.cells, (None, None): cell(201)})
    with pytest.raises(Invalid, match="two values"):
        link([table, wrong])
    with pytest.raises(Invalid, match="does not add up"):
        link([wrong])


def test_codes_that_overlap_make_no_equation() -> None:
    drugs = Dimension(name="drug", parents={"a": None, "b": None}, partition=False)
    table = TypedTable(
        name="t",
        dimensions=(drugs,),
        measure=PERSONS,
        cells={("a",): cell(60), ("b",): cell(70), (None,): cell(100)},
    )
    (system,) = link([completed(table)])
    assert system.lattice.equations == ()


def test_a_count_table_is_a_typed_table() -> None:
    table = typed_counts(counts((2, 2), [40, 31, 6, 58]))
    assert table.cells[("c1", None)].value == 64
    assert table.measure == PERSONS
