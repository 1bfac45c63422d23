"""Small tables whose best set of hidden cells can be checked by hand.

Cost of a hidden cell: its persons plus one. A small cell must keep 0 and 11 possible.
"""

from __future__ import annotations

from itertools import product

import pytest
from attrs import evolve

from bercail.airlock import SNDS, check_table
from bercail.testing.airlock_desk import counts

ALL = None


def hidden(shape: tuple[int, ...], values: list[int], policy=SNDS) -> set[tuple[str, ...]]:
    """The hidden cells, written as places: `0` the first category, `*` a margin."""
    found = check_table(counts(shape, values), policy).table.hidden
    return {tuple("*" if x is None else x[1:] for x in key) for key in found}


def cells(text: str) -> set[tuple[str, ...]]:
    return {tuple(cell) for cell in text.split()}


OPTIMA = [
    # Nothing is small: nothing is hidden.
    ((3,), [11, 20, 30], ""),
    # An empty cell is shown.
    ((3,), [0, 20, 30], ""),
    # One small cell: the cheapest other cell of the line goes with it.
    ((4,), [5, 20, 12, 30], "0 2"),
    # Two small cells that add up to 11 or more protect each other.
    ((4,), [5, 6, 20, 30], "0 1"),
    # 4 + 5 = 9: together they cannot reach 11, so a third one is needed.
    ((4,), [4, 5, 20, 30], "0 1 2"),
    # An empty cell protects cheaply, when the sum reaches 11.
    ((4,), [5, 6, 0, 30], "0 1"),
    ((4,), [5, 0, 12, 30], "0 2"),
    # The whole table is small: its total is, too.
    ((2,), [3, 4], "0 1 *"),
    # Two by two with one small cell: the rectangle is the only way but for margins.
    ((2, 2), [5, 50, 60, 70], "00 01 10 11"),
    # Three by three: the cheapest rectangle through the small cell.
    ((3, 3), [5, 30, 90, 40, 20, 90, 90, 90, 90], "00 01 10 11"),
    # Two small cells in opposite corners share one rectangle.
    ((3, 3), [9, 30, 90, 40, 9, 90, 90, 90, 90], "00 01 10 11"),
    # 8 and 9 move together in that rectangle: the 9 could not reach 0, so a line is added.
    ((3, 3), [8, 30, 90, 40, 9, 90, 90, 90, 90], "00 01 10 11 20 21"),
    # A whole line under the threshold: its margin is hidden with it. The other margins
    # would give it away, so a second line is hidden where it is cheapest.
    ((2, 2), [3, 4, 50, 60], "00 01 0* 10 11 1*"),
]


@pytest.mark.parametrize(("shape", "values", "expected"), OPTIMA)
def test_the_cheapest_set_is_hidden(shape, values, expected) -> None:
    assert hidden(shape, values) == cells(expected)


def test_hiding_zeros_hides_them() -> None:
    policy = evolve(SNDS, zeros="hide")
    assert hidden((4,), [0, 20, 12, 30], policy) == cells("0 2")


def test_cost_may_count_cells_instead_of_persons() -> None:
    by_persons = check_table(counts((2, 2), [5, 50, 60, 70]), SNDS)
    by_cells = check_table(counts((2, 2), [5, 50, 60, 70]), evolve(SNDS, cost="cells"))
    assert len(by_persons.table.hidden) == 4
    assert by_cells.cost == len(by_cells.table.hidden) == 4


def test_the_example_of_the_literature() -> None:
    """A published total gives a lone hidden cell back: 40 - 35 = 5 (the leak of naive hiding)."""
    result = check_table(counts((2,), [35, 5]), SNDS)
    assert result.table.hidden == (("c0",), ("c1",))
    assert {i.key: i.plain for i in result.attack.intervals} == {
        ("c0",): (0, 40),
        ("c1",): (0, 40),
    }


def test_three_dimensions_need_whole_numbers() -> None:
    """Beyond two dimensions corners need not be whole; the protected table holds all the same."""
    values = [30, 4, 15, 22, 9, 40, 18, 13]
    result = check_table(counts((2, 2, 2), values), SNDS)
    small = {cell.key for cell in result.cells if cell.status == "small"}
    assert len(small) == 2
    for interval in result.attack.intervals:
        if interval.key in small:
            assert interval.informed[0] == 0
            assert interval.informed[1] is None or interval.informed[1] >= 11


@pytest.mark.parametrize("size", [(2, 2), (3, 2), (4, 3)])
def test_a_table_of_small_cells_publishes_what_it_can(size) -> None:
    result = check_table(counts(size, [7] * (size[0] * size[1])), SNDS)
    inner = set(product(*([f"c{n}" for n in range(many)] for many in size)))
    assert inner <= set(result.table.hidden)
    assert not result.attack.weaknesses()
