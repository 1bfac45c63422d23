"""Random small tables: the exact way against every set of cells tried one by one.

The oracle shares no code with the room: it lists every table of whole numbers that fits
what is published, and both attackers reason over that list.
"""

from __future__ import annotations

from itertools import chain, combinations, product

import numpy as np
import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bercail.airlock import SNDS, check_table
from bercail.airlock.disclosure.attacker import HouseRule, attack
from bercail.airlock.disclosure.heuristic import circulations
from bercail.airlock.disclosure.lattice import lattice_of
from bercail.airlock.disclosure.protected import protected_table
from bercail.airlock.disclosure.separation import Need
from bercail.airlock.disclosure.strict import Range, StrictAudit
from bercail.testing.airlock_desk import counts

THRESHOLD = 3
POLICY = evolve(SNDS, threshold=THRESHOLD, high=THRESHOLD)
RULE = HouseRule(threshold=THRESHOLD, high=THRESHOLD)
SHAPES = [(2,), (3,), (4,), (2, 2), (3, 2)]


def universe(shape: tuple[int, ...], top: int) -> np.ndarray:
    """Every table with inner cells of 0 to `top`, margins included; one per row."""
    inner = np.array(list(product(range(top + 1), repeat=int(np.prod(shape)))), dtype=np.int16)
    whole = inner.reshape(-1, *shape)
    for axis in range(1, len(shape) + 1):
        whole = np.concatenate((whole, whole.sum(axis=axis, keepdims=True)), axis=axis)
    return whole.reshape(len(inner), -1)


TOPS = {(2,): 16, (3,): 12, (4,): 9, (2, 2): 9, (3, 2): 5}
UNIVERSES = {shape: universe(shape, TOPS[shape]) for shape in SHAPES}


def oracle(
    shape: tuple[int, ...], truth: np.ndarray, hidden: set[int]
) -> dict[int, tuple[int, int]]:
    """Least and greatest count of each hidden cell for the informed attacker."""
    tables = UNIVERSES[shape]
    shown = [cell for cell in range(len(truth)) if cell not in hidden]
    fits = tables[(tables[:, shown] == truth[shown]).all(axis=1)]
    while True:
        bounds = {c: (int(fits[:, c].min()), int(fits[:, c].max())) for c in hidden}
        kept = np.ones(len(fits), dtype=bool)
        for cell, (low, high) in bounds.items():
            if low > 0 or high < THRESHOLD:
                if low == 0:
                    kept &= fits[:, cell] == 0
                else:
                    kept &= fits[:, cell] >= THRESHOLD
        if not kept.any():
            return dict.fromkeys(hidden, (1, 1))
        if kept.all():
            return bounds
        fits = fits[kept]


def holds(shape, truth, hidden, small) -> bool:
    bounds = oracle(shape, truth, hidden)
    return all(bounds[cell][0] == 0 and bounds[cell][1] >= THRESHOLD for cell in small)


def cheapest_by_trying(shape, truth, small) -> int:
    others = [cell for cell in range(len(truth)) if cell not in small]
    best = sum(int(persons) + 1 for persons in truth)
    for extra in chain.from_iterable(combinations(others, n) for n in range(len(others) + 1)):
        hidden = set(small) | set(extra)
        cost = sum(int(truth[cell]) + 1 for cell in hidden)
        if cost < best and holds(shape, truth, hidden, small):
            best = cost
    return best


@st.composite
def tables(draw: st.DrawFn, shapes=tuple(SHAPES)) -> tuple[tuple[int, ...], list[int]]:
    shape = draw(st.sampled_from(shapes))
    # The universe must hold tables with room above the truth.
    most = TOPS[shape] - THRESHOLD
    size = int(np.prod(shape))
    return shape, draw(st.lists(st.integers(0, most), min_size=size, max_size=size))


@pytest.mark.requirement("EXP-03")
@given(tables())
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_hidden_set_is_the_cheapest_that_holds(case) -> None:
    shape, values = case
    table = counts(shape, values)
    lattice = lattice_of(table)
    truth = np.array(lattice.values)
    small = {cell for cell, persons in enumerate(truth) if 0 < persons < THRESHOLD}
    result = check_table(table, POLICY)
    places = {key: cell for cell, key in enumerate(lattice.keys)}
    hidden = {places[key] for key in result.table.hidden}
    assert small <= hidden
    if small:
        assert result.optimal
        assert holds(shape, truth, hidden, small)
        assert result.cost == cheapest_by_trying(shape, truth, small)
    else:
        assert not hidden


@given(tables(), st.randoms(use_true_random=False))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_attacker_program_finds_what_listing_every_table_finds(case, random) -> None:
    shape, values = case
    table = counts(shape, values)
    lattice = lattice_of(table)
    truth = np.array(lattice.values)
    # The grand total stays shown, so that the list of tables is complete.
    hidden = {cell for cell in range(len(truth) - 1) if random.random() < 0.5}
    if int(truth[-1]) > TOPS[shape]:
        return
    found = attack(protected_table(table, lattice, hidden).as_dict(), RULE)
    expected = oracle(shape, truth, hidden) if hidden else {}
    order = sorted(hidden)
    assert [i.key for i in found.intervals] == [lattice.keys[cell] for cell in order]
    if found.consistent:
        assert [i.informed for i in found.intervals] == [expected[cell] for cell in order]
    else:
        assert set(expected.values()) == {(1, 1)}


@given(tables(shapes=((3,), (2, 2), (3, 2))))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_heuristic_holds_and_never_beats_the_optimum(case) -> None:
    shape, values = case
    table = counts(shape, values)
    lattice = lattice_of(table)
    needs = {
        cell: Need(cell=cell, down=persons, up=THRESHOLD - persons)
        for cell, persons in enumerate(lattice.values)
        if 0 < persons < THRESHOLD
    }
    if not needs:
        return
    wanted = Range(low=0, high=THRESHOLD, threshold=THRESHOLD, zeros_published=True)
    audit = StrictAudit(lattice, frozenset(needs), wanted)
    costs = tuple(persons + 1 for persons in lattice.values)
    found = circulations(lattice, needs, costs, audit.missing)
    assert holds(shape, np.array(lattice.values), set(found.hidden), set(needs))
    assert found.cost >= check_table(table, POLICY).cost
