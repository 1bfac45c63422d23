"""Tables and parts of declared results in one system, against every way persons could be."""

from __future__ import annotations

import random
from functools import cache
from itertools import combinations_with_replacement, product

import numpy as np
import pytest
from attrs import evolve

from bercail.airlock.disclosure.guard import ReleaseRecord
from bercail.airlock.disclosure.guard import star as star_module
from bercail.airlock.disclosure.guard.atoms import GuardedCell
from bercail.airlock.disclosure.guard.joint import Joint
from bercail.airlock.disclosure.guard.star import star_of

FIRST, SECOND = "first", "second"
VALUES = {
    "sex": frozenset({"F", "M"}),
    "region": frozenset({"N", "S"}),
    "declaredresultfirst": frozenset({"in", "out"}),
    "declaredresultsecond": frozenset({"in", "else"}),
}
PERSONS = 4


@cache
def worlds(groups: int) -> np.ndarray:
    """Every way `PERSONS` persons could be in `groups` groups, one a line."""
    found = [
        np.bincount(choice, minlength=groups)
        for choice in combinations_with_replacement(range(groups), PERSONS)
    ]
    return np.array(found)


def drawn(seed: int) -> tuple[list[GuardedCell], list[frozenset[int]]]:
    """Cells of a table and of two parts; the second population of some lies in the first."""
    chance = random.Random(seed)
    populations = [frozenset({0}), frozenset({0, 1})][: 1 + chance.randrange(2)]
    wanted: list[tuple[str, dict[str, str]]] = [("", {})]
    wanted += [("", {"sex": code}) for code in ("F", "M")]
    for part in (FIRST, SECOND):
        own = {f"declaredresult{part}": "in"}
        wanted += [(part, own), *((part, own | {"sex": code}) for code in ("F", "M"))]
    # A label of one part alone.
    wanted += [(FIRST, {"declaredresultfirst": "in", "region": code}) for code in ("N", "S")]
    cells = []
    for number, (part, condition) in enumerate(wanted):
        if number and chance.random() < 0.3:
            continue
        cells.append(
            GuardedCell(
                release=0,
                table=0,
                part=part,
                key=(str(number),),
                population=chance.randrange(len(populations)) if number else 0,
                condition={name: frozenset({code}) for name, code in condition.items()},
                value=None,
                base=0,
            )
        )
    return cells, populations


def takes_in(
    cell: GuardedCell, pattern: frozenset[int], group: tuple[str, ...], names: list[str]
) -> bool:
    said = zip(names, group, strict=True)
    return cell.population in pattern and all(
        name not in cell.condition or code in cell.condition[name] for name, code in said
    )


def broken(
    cells: list[GuardedCell], patterns: list[frozenset[int]], promises: list[tuple[int, int, int]]
) -> int:
    secrets = tuple((0, cells[place].key, low, high) for place, low, high in promises)
    record = ReleaseRecord(release="r", lake="l", snapshot="1", document={}, secrets=secrets)
    atoms = star_of(cells, VALUES, patterns, 4000, 4000)
    return len(list(Joint([record], cells, atoms, counts=True).broken_promises()))


@pytest.mark.parametrize("fine", [60, 0])
def test_the_star_leaves_exactly_what_persons_leave(
    fine: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every world of four persons over tables x first part x second part, in a hundred draws."""
    monkeypatch.setattr(star_module, "MOST_FINE", fine)
    narrowed = 0
    for seed in range(100):
        cells, patterns = drawn(seed)
        names = sorted({name for cell in cells for name in cell.condition})
        groups = list(product(*(sorted(VALUES[name]) for name in names)))
        holds = np.array(
            [[takes_in(cell, *one, names) for one in product(patterns, groups)] for cell in cells]
        )
        numbers = worlds(holds.shape[1]) @ holds.T
        chance = random.Random(seed)
        truth = numbers[chance.randrange(len(numbers))]
        shown = [0, *(n for n in range(1, len(cells)) if chance.random() < 0.55)]
        # The largest group is everybody of the first population: all four of them.
        numbers = numbers[(numbers[:, shown] == truth[shown]).all(axis=1)]
        known = [
            evolve(cell, value=int(truth[n])) if n in shown else cell
            for n, cell in enumerate(cells)
        ]
        hidden = [n for n in range(len(cells)) if n not in shown]
        ranges = [(n, int(numbers[:, n].min()), int(numbers[:, n].max())) for n in hidden]
        narrowed += sum(high - low < PERSONS for _, low, high in ranges)
        assert broken(known, patterns, ranges) == 0
        wider = [(n, low - 1, low) for n, low, _ in ranges]
        wider += [(n, high, high + 1) for n, _, high in ranges]
        assert broken(known, patterns, wider) == len(wider)
    assert narrowed > 100


def cell(part: str, value: int | None, **condition: str) -> GuardedCell:
    return GuardedCell(
        release=0,
        table=0,
        part=part,
        key=tuple(sorted(condition.values())),
        population=0,
        condition={name: frozenset({code}) for name, code in condition.items()},
        value=value,
        base=0,
    )


def test_a_part_adds_its_groups_and_never_multiplies_them() -> None:
    sexes = [cell("", 20, sex="F"), cell("", 30, sex="M")]
    part = [cell(FIRST, 15, sex="F", declaredresultfirst="in")]
    other = [cell(SECOND, 40, declaredresultsecond="in")]
    everybody = [frozenset({0})]
    assert star_of(sexes, VALUES, everybody, 4000, 4000).count == 2
    assert star_of(sexes + part, VALUES, everybody, 4000, 4000).count == 2 + 2
    # Up to sixty, each group of tables is cut in two; the men are no matter of the first part.
    assert star_of(sexes + part + other, VALUES, everybody, 4000, 4000).count == 2 + 2 + 4
    assert star_of(sexes + part + other, VALUES, everybody, 2, 5).limit_passed == 6


def test_whoever_is_in_one_part_is_not_known_to_be_in_another() -> None:
    cells = [
        cell("", 50),
        cell(FIRST, 40, declaredresultfirst="in"),
        cell(FIRST, 20, sex="F", declaredresultfirst="in"),
        cell(SECOND, 45, declaredresultsecond="in"),
    ]
    atoms = star_of(cells, VALUES, [frozenset({0})], 4000, 4000)
    inside = {(a, b) for a, b in product(range(4), repeat=2) if a != b and atoms.lies_in(a, b)}
    assert inside == {(1, 0), (2, 0), (3, 0), (2, 1)}


def test_a_group_that_tables_tell_apart_is_found_small_however_parts_cut_it() -> None:
    """77 in the north, of whom 70 were in the cohort before: seven came since."""
    north = {"region": frozenset({"N"})}
    cells = [
        evolve(cell("", 77, region="N"), population=2),
        evolve(cell("", 24, sex="F"), release=1, condition=north | {"sex": frozenset({"F"})}),
        evolve(cell("", 46, sex="M"), release=1, condition=north | {"sex": frozenset({"M"})}),
        # The state between both: nobody knows who of the seven was in it already.
        evolve(cell(FIRST, 60, declaredresultfirst="in"), population=1),
    ]
    records = [
        ReleaseRecord(release=name, lake="l", snapshot="1", document={}, secrets=())
        for name in ("r0", "r1")
    ]
    states = [frozenset({2}), frozenset({2, 1}), frozenset({2, 1, 0})]
    for taken in (cells[:3], cells):
        atoms = star_of(taken, VALUES, states, 4000, 4000)
        assert list(Joint(records, taken, atoms, counts=True).small_atoms(11)) == ["r0"]
