"""Controlled rounding and cell-key noise."""

from __future__ import annotations

import random
from itertools import product

import pytest
from attrs import evolve

from bercail.airlock.disclosure.lattice import Equation, Lattice
from bercail.airlock.disclosure.protect.cell_key import NoiseTable, cell_key, record_key
from bercail.airlock.disclosure.protect.rounding import round_tables, rounded
from bercail.airlock.disclosure.rules.source_policy import SNDS_SOURCE
from bercail.airlock.disclosure.tables.dimension import flat
from bercail.airlock.disclosure.tables.typed import PERSONS, Measure, TypedCell, TypedTable
from bercail.foundation import Invalid, Refused, Secret


def table(shape: tuple[int, ...], seed: int, measure: Measure = PERSONS) -> TypedTable:
    source = random.Random(seed)
    dimensions = tuple(
        flat(f"d{n}", tuple(f"c{k}" for k in range(size))) for n, size in enumerate(shape)
    )
    cells = {}
    for key in product(*(dimension.leaves for dimension in dimensions)):
        value = source.choice([0, 3, 7, 12, 20, 41])
        cells[key] = TypedCell(value=value, persons=value)
    return TypedTable(name="t", dimensions=dimensions, measure=measure, cells=cells)


@pytest.mark.parametrize("base", [10, 20])
@pytest.mark.parametrize("shape", [(5,), (4, 3), (2, 2, 3)])
def test_rounded_tables_add_up_and_stay_near(shape: tuple[int, ...], base: int) -> None:
    found = round_tables([table(shape, 3)], SNDS_SOURCE, base)
    values = {tuple(entry["key"]): entry["value"] for entry in found.document["tables"][0]["cells"]}
    for key, value in values.items():
        truth = found.tables[0].cells[key].value or 0
        assert value % base == 0
        assert abs(value - truth) < found.document["base"]
        if truth % base == 0 and found.optimal:
            assert value == truth
    for cell in found.cells:
        assert cell.plain is not None
        assert cell.plain[0] <= (cell.value or 0) <= (cell.plain[1] or 0)
    assert values[(None,) * len(shape)] == sum(v for k, v in values.items() if None not in k)


def test_base_five_is_a_matter_of_the_policy() -> None:
    loose = evolve(SNDS_SOURCE, rounding=5)
    big = TypedTable(
        name="t",
        dimensions=(flat("d", ("a", "b")),),
        measure=PERSONS,
        cells={("a",): TypedCell(value=23, persons=23), ("b",): TypedCell(value=34, persons=34)},
    )
    assert round_tables([big], loose).document["base"] == 5
    with pytest.raises(Refused, match="Rounding to 5"):
        round_tables([big], SNDS_SOURCE, 5)


def test_amounts_are_not_rounded() -> None:
    euros = Measure(name="cost", kind="sum", unit="euros")
    with pytest.raises(Refused, match="not for these tables"):
        round_tables([table((2,), 1, euros)], SNDS_SOURCE)


def test_the_nearest_table_is_found() -> None:
    """Seven cells of 3 add up to 21: two of them must go up to 10 and the total to 20."""
    lattice = Lattice(
        keys=tuple((str(n),) for n in range(8)),
        values=(21, 3, 3, 3, 3, 3, 3, 3),
        equations=(Equation(total=0, parts=(1, 2, 3, 4, 5, 6, 7)),),
    )
    found = rounded(lattice, 10)
    assert found.steps == 1
    assert found.values[0] == 20
    assert sorted(found.values[1:]) == [0, 0, 0, 0, 0, 10, 10]
    assert found.distance == 1 + 2 * 7 + 5 * 3


def test_without_a_neighbouring_table_cells_go_further() -> None:
    """Three cells of 5 that make 10 in each pair: an odd ring cannot be rounded to neighbours."""
    pairs = ((0, 1), (1, 2), (0, 2))
    lattice = Lattice(
        keys=tuple((str(n),) for n in range(6)),
        values=(5, 5, 5, 10, 10, 10),
        equations=tuple(Equation(total=3 + n, parts=pair) for n, pair in enumerate(pairs)),
    )
    found = rounded(lattice, 10)
    assert found.steps == 2
    for equation in lattice.equations:
        assert found.values[equation.total] == sum(found.values[p] for p in equation.parts)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 9, 15, 40])
def test_noise_is_unbiased_and_never_shows_a_small_count(count: int) -> None:
    table = NoiseTable()
    noise = table.noise(count)
    assert sum(share for _, share in noise) == pytest.approx(1)
    assert sum(change * share for change, share in noise) == pytest.approx(0, abs=1e-6)
    variance = sum(change**2 * share for change, share in noise)
    if count > 4:
        assert variance == pytest.approx(table.variance, rel=1e-3)
    else:
        # A small count must become 0 or 5 at least, which takes more.
        assert variance == pytest.approx(count * (5 - count), rel=1e-3)
    for change, share in noise:
        if share > 1e-9:
            assert count + change == 0 or count + change > table.hidden


def test_the_same_persons_get_the_same_noise() -> None:
    secret = Secret(bytes(range(32)))
    keys = [record_key(secret, f"person {number}") for number in range(25)]
    table = NoiseTable()
    shown = table.published(25, cell_key(keys))
    assert shown == table.published(25, cell_key(reversed(keys)))
    assert keys != [record_key(Secret(bytes(32)), f"person {number}") for number in range(25)]
    assert table.published(0, 7) == 0
    assert table.noise(20) == table.noise(1_000_000)


def test_all_keys_together_follow_the_table() -> None:
    table = NoiseTable()
    points = range(0, 2**32, 2**20)
    shown = [table.published(30, point) for point in points]
    assert sum(shown) / len(shown) == pytest.approx(30, abs=0.01)
    assert {abs(value - 30) <= 10 for value in shown} == {True}
    assert table.published(30, 2**32 - 1) <= 40


def test_noise_that_cannot_be_is_refused() -> None:
    with pytest.raises(Invalid, match="too narrow"):
        NoiseTable(most=4, hidden=4)
    with pytest.raises(Invalid, match="too narrow"):
        NoiseTable(variance=200)
    with pytest.raises(Invalid, match="not negative"):
        NoiseTable().noise(-1)
