"""Random small tables, and every table that fits what is shown of them, listed one by one.

Shares no code with the room: inner cells are listed, added up by the trees below, and kept
when they agree with the shown cells.
"""

from __future__ import annotations

import random
from functools import cache
from itertools import combinations, product
from typing import Any

import numpy as np
from attrs import evolve, frozen

from bercail.airlock.disclosure.audit import HouseRule, audit_tables
from bercail.airlock.disclosure.policy import SNDS
from bercail.airlock.disclosure.protect.outcome import published
from bercail.airlock.disclosure.protect.suppression import suppress
from bercail.airlock.disclosure.rules.source_policy import SNDS_SOURCE
from bercail.airlock.disclosure.tables.dimension import Dimension
from bercail.airlock.disclosure.tables.typed import PERSONS, TypedCell, TypedTable

THRESHOLD = 3
COUNTS = evolve(SNDS, threshold=THRESHOLD, high=THRESHOLD)
POLICY = evolve(SNDS_SOURCE, counts=COUNTS)
RULE = HouseRule(threshold=THRESHOLD, high=THRESHOLD)
MOST = 12
"""No table of the lists counts more persons."""

Tree = dict[str, str | None]
FLAT2: Tree = {"x": None, "y": None}
SHAPES: dict[str, tuple[tuple[Tree, ...], ...]] = {
    "line": (({"a": None, "b": None, "c": None, "d": None},),),
    "tree": (({"u": None, "v": None, "a": "u", "b": "u", "c": "v", "d": "v"},),),
    "deep": (({"u": None, "d": None, "w": "u", "c": "u", "a": "w", "b": "w"},),),
    "square": ((FLAT2, FLAT2),),
    "linked": (
        ({"u": None, "v": None, "a": "u", "b": "u", "c": "v", "d": "v"},),
        ({"p": None, "q": None, "a": "p", "c": "p", "b": "q", "d": "q"},),
    ),
}


@frozen(kw_only=True)
class Listed:
    """All distinct cells of a shape (by name), and every table: one row each."""

    cells: tuple[tuple[int, tuple[str | None, ...]], ...]
    values: Any


def dimensions(shape: str) -> tuple[tuple[Dimension, ...], ...]:
    return tuple(
        tuple(Dimension(name=f"d{n}", parents=tree) for n, tree in enumerate(trees))
        for trees in SHAPES[shape]
    )


def leaves(tree: Tree) -> list[str]:
    return [code for code in tree if code not in tree.values()]


def beneath(tree: Tree, code: str | None) -> set[str]:
    if code is None:
        return set(leaves(tree))
    kids = [kid for kid, parent in tree.items() if parent == code]
    return set().union(*(beneath(tree, kid) for kid in kids)) if kids else {code}


@cache
def listed(shape: str) -> Listed:
    first = SHAPES[shape][0]
    inner = list(product(*(sorted(leaves(tree)) for tree in first)))
    tables = np.array(
        [one for one in product(range(MOST + 1), repeat=len(inner)) if sum(one) <= MOST],
        dtype=np.int16,
    )
    cells, columns, seen = [], [], {}
    for number, trees in enumerate(SHAPES[shape]):
        for key in product(*((*tree, None) for tree in trees)):
            name = frozenset((place, code) for place, code in enumerate(key) if code is not None)
            if name in seen:
                continue
            seen[name] = True
            under = [beneath(tree, code) for tree, code in zip(trees, key, strict=True)]
            held = [
                place
                for place, leaf in enumerate(inner)
                if all(code in group for code, group in zip(leaf, under, strict=True))
            ]
            cells.append((number, key))
            columns.append(tables[:, held].sum(axis=1))
    return Listed(cells=tuple(cells), values=np.array(columns, dtype=np.int16).T)


def intervals(shape: str, truth: Any, hidden: set[int]) -> dict[int, tuple[int, int]] | None:
    """Least and greatest of each hidden cell for who knows the rule; None: a contradiction."""
    values = listed(shape).values
    shown = [cell for cell in range(values.shape[1]) if cell not in hidden]
    fits = values[(values[:, shown] == truth[shown]).all(axis=1)]
    while True:
        bounds = {cell: (int(fits[:, cell].min()), int(fits[:, cell].max())) for cell in hidden}
        kept = np.ones(len(fits), dtype=bool)
        for cell, (low, high) in bounds.items():
            if low > 0:
                kept &= fits[:, cell] >= THRESHOLD
            elif high < THRESHOLD:
                kept &= fits[:, cell] == 0
        if not kept.any():
            return None
        if kept.all():
            return bounds
        fits = fits[kept]


def draw(shape: str, seed: int, most: int) -> Any:
    """A random table of the list with at most so many persons, as its row."""
    values = listed(shape).values
    few = np.flatnonzero(values.max(axis=1) <= most)
    return values[few[random.Random(seed).randrange(len(few))]]


def tables_of(shape: str, truth: Any) -> tuple[TypedTable, ...]:
    found = listed(shape)
    named = {
        frozenset((place, code) for place, code in enumerate(key) if code is not None): int(value)
        for (_, key), value in zip(found.cells, truth, strict=True)
    }
    return tuple(
        TypedTable(
            name=f"t{number}",
            dimensions=spaces,
            measure=PERSONS,
            cells={
                key: TypedCell(value=value, persons=value)
                for key in product(*(space.codes for space in spaces))
                for value in (named[frozenset((p, c) for p, c in enumerate(key) if c is not None)],)
            },
        )
        for number, spaces in enumerate(dimensions(shape))
    )


def disagreement(shape: str, seed: int) -> str:
    """Where the audit and the list differ on a random table with random hidden cells."""
    found, source = listed(shape), random.Random(seed + 1)
    truth = draw(shape, seed, MOST)
    # The grand total stays shown, so that the list of tables is complete.
    total = next(n for n, (_, key) in enumerate(found.cells) if set(key) == {None})
    hidden = {n for n in range(len(found.cells)) if n != total and source.random() < 0.5}
    tables = tables_of(shape, truth)
    names = {
        frozenset((p, c) for p, c in enumerate(found.cells[n][1]) if c is not None) for n in hidden
    }
    shown = {
        (number, key): None
        if frozenset((p, c) for p, c in enumerate(key) if c is not None) in names
        else cell.value
        for number, table in enumerate(tables)
        for key, cell in table.cells.items()
    }
    seen = audit_tables(published(tables, shown, POLICY, method="suppression"), RULE)
    expected = intervals(shape, truth, hidden)
    if seen.consistent != (expected is not None):
        return f"{shape} {seed}: one of both finds a contradiction"
    for cell, bounds in (expected or {}).items():
        ours = seen.find(*found.cells[cell])
        if ours is None or ours.informed != bounds:
            return f"{shape} {seed}: {found.cells[cell]} {ours and ours.informed} {bounds}"
    return ""


def holds(shape: str, truth: Any, hidden: set[int], small: set[int]) -> bool:
    bounds = intervals(shape, truth, hidden)
    return bounds is not None and all(
        bounds[cell][0] == 0 and bounds[cell][1] >= THRESHOLD for cell in small
    )


def failure(shape: str, seed: int) -> str:
    """What is wrong with the protection of a random table: a secret, or a cheaper set."""
    truth = draw(shape, seed, MOST - THRESHOLD)
    found = suppress(tables_of(shape, truth), POLICY)
    cells = {place: n for n, place in enumerate(listed(shape).cells)}
    hidden = {cells[place] for place in found.hidden if place in cells}
    small = {n for n, value in enumerate(truth) if 0 < value < THRESHOLD}
    if not small:
        return f"{shape} {seed}: nothing is small, {len(hidden)} are hidden" if hidden else ""
    if not holds(shape, truth, hidden, small):
        return f"{shape} {seed}: a small cell can be narrowed down"
    cost = sum(int(truth[cell]) + 1 for cell in hidden)
    others = [cell for cell in range(len(truth)) if cell not in small]
    for size in range(len(others) + 1):
        for more in combinations(others, size):
            tried = small | set(more)
            if sum(int(truth[c]) + 1 for c in tried) < cost and holds(shape, truth, tried, small):
                return f"{shape} {seed}: {sorted(tried)} is cheaper than {sorted(hidden)}"
    return ""
