"""Controlled rounding: every cell to a neighbouring multiple of a base, and still additive.

Zero-restricted controlled rounding (Cox, JASA 82, 1987; Salazar, Management Science 52, 2006):
a multiple of the base stays as it is, any other number goes to one of its two neighbours, so
that every line still adds up; of all such tables the one nearest to the truth is taken, by an
integer program. In three dimensions and more, and for linked tables, there may be none: then
cells may go one base further, two, and so on; the outcome says how far was needed.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from attrs import field, frozen
from scipy.sparse import coo_array

from bercail.airlock.disclosure.audit import Audit, audit_tables
from bercail.airlock.disclosure.counts import Key
from bercail.airlock.disclosure.lattice import Lattice
from bercail.airlock.disclosure.programs import integer_program
from bercail.airlock.disclosure.protect.outcome import (
    ProtectedCell,
    ProtectedTables,
    in_unit,
    published,
)
from bercail.airlock.disclosure.protect.suppression import house_rule
from bercail.airlock.disclosure.rules.cells import primary_cells
from bercail.airlock.disclosure.rules.source_policy import SourcePolicy
from bercail.airlock.disclosure.tables.linked import link
from bercail.airlock.disclosure.tables.typed import TypedTable, completed
from bercail.foundation import Refused, Unproven

_FURTHEST = 8


@frozen(kw_only=True)
class Rounding:
    """Rounded values of a system, in its order; `steps` is 1 when zero-restricted."""

    values: tuple[int, ...] = field(repr=False)
    steps: int
    distance: int


def rounded(lattice: Lattice, base: int) -> Rounding:
    """The additive table of multiples of `base` nearest to `lattice`.

    Raises:
        Unproven: no table was found within eight bases of the truth.
    """
    truth = np.array(lattice.values, dtype=int)
    below = truth // base
    exact = truth % base == 0
    for steps in range(1, _FURTHEST + 1):
        found = _nearest(lattice, truth, below, exact, base, steps)
        if found is not None:
            distance = int(np.abs(found * base - truth).sum())
            values = tuple(int(value) * base for value in found)
            return Rounding(values=values, steps=steps, distance=distance)
    raise Unproven(
        "No additive table of rounded numbers was found. / "
        "Aucun tableau additif de nombres arrondis n'a été trouvé.",
        remedy="Use suppression, or fewer linked tables. / "
        "Employez la suppression, ou moins de tableaux liés.",
        rule="controlled-rounding",
    )


def _nearest(
    lattice: Lattice,
    truth: np.ndarray,
    below: np.ndarray,
    exact: np.ndarray,
    base: int,
    steps: int,
) -> np.ndarray | None:
    """Multiples y of the base with M y = 0, and their distances d >= |base y - truth|."""
    size = len(lattice)
    low = np.maximum(below - (steps - 1), 0)
    high = np.where(exact, below + (steps - 1), below + steps)
    lines = lattice.matrix().tocoo()
    rows = [int(row) for row in lines.row]
    columns = [int(column) for column in lines.col]
    entries = [float(entry) for entry in lines.data]
    many = lines.shape[0]
    for cell in range(size):
        for sign, offset in ((1.0, 0), (-1.0, size)):
            # A distance is at least the difference, whichever sign that has.
            row = many + offset + cell
            rows += [row, row]
            columns += [cell, size + cell]
            entries += [-sign * base, 1.0]
    matrix = coo_array((entries, (rows, columns)), shape=(many + 2 * size, 2 * size)).tocsr()
    floor = np.concatenate((np.zeros(many), -truth, truth))
    roof = np.concatenate((np.zeros(many), np.full(2 * size, np.inf)))
    aim = np.concatenate((np.zeros(size), np.ones(size)))
    limits = np.column_stack(
        (
            np.concatenate((low, np.zeros(size))),
            np.concatenate((high, np.full(size, float(base * (steps + 1))))),
        )
    ).astype(float)
    found = integer_program(aim, matrix, floor.astype(float), roof, limits)
    if found.status == 2:
        return None
    if found.x is None or found.status != 0:
        raise _unanswered()
    return np.asarray(np.round(found.x[:size]), dtype=int)


def _unanswered() -> Unproven:
    return Unproven(
        "The solver gave no answer while rounding. / Le solveur n'a pas répondu pendant l'arrondi.",
        remedy="Use suppression, or fewer linked tables. / "
        "Employez la suppression, ou moins de tableaux liés.",
        rule="controlled-rounding",
    )


def round_tables(
    tables: Iterable[TypedTable], policy: SourcePolicy, base: int | None = None
) -> ProtectedTables:
    """`tables` of counts with every cell rounded to the base of `policy` (or a larger one).

    A rounded number says of itself that the truth is less than one base away; the audit says
    what additivity adds to that.

    Raises:
        Refused: a table holds amounts or statistics, or `base` is smaller than the policy's.
        Unproven: as `rounded`, or the audit finds a small count that can be computed.
    """
    known = tuple(completed(table) for table in tables)
    wide = base or policy.rounding
    _require_counts(known, policy, wide)
    values: dict[tuple[int, Key], float | None] = {}
    distance, steps = 0, 1
    for system in link(known):
        found = rounded(system.lattice, wide)
        distance, steps = distance + found.distance, max(steps, found.steps)
        for cell, places in enumerate(system.places):
            values.update({(at.table, at.key): float(found.values[cell]) for at in places})
    document = published(known, values, policy, method="rounding", base=wide * steps)
    audit = audit_tables(document, house_rule(policy))
    flags = [(n, flag) for n, table in enumerate(known) for flag in primary_cells(table, policy)]
    outcome = ProtectedTables(
        policy=policy,
        tables=known,
        document=document,
        cells=_rounded_cells(known, audit),
        flags=tuple(flags),
        audit=audit,
        wanted=(),
        cost=distance,
        optimal=steps == 1,
    )
    require_uncertain(outcome, policy)
    return outcome


def _require_counts(tables: tuple[TypedTable, ...], policy: SourcePolicy, base: int) -> None:
    counts = all(table.measure.kind in ("persons", "records") for table in tables)
    if base < policy.rounding or not counts:
        raise Refused(
            f"Rounding to {base} is not for these tables under the policy `{policy.name}`. / "
            f"L'arrondi à {base} ne convient pas à ces tableaux sous la politique "
            f"`{policy.name}`.",
            remedy=f"Round counts only, to {policy.rounding} or more; amounts are suppressed. / "
            f"N'arrondissez que des effectifs, à {policy.rounding} ou plus ; les montants sont "
            "supprimés.",
            rule="controlled-rounding",
        )


def _rounded_cells(tables: tuple[TypedTable, ...], audit: Audit) -> tuple[ProtectedCell, ...]:
    return tuple(
        ProtectedCell(
            table=number,
            key=key,
            value=cell.value,
            status="rounded",
            rules=(),
            plain=in_unit(seen.plain, table) if (seen := audit.find(number, key)) else None,
        )
        for number, table in enumerate(tables)
        for key, cell in table.cells.items()
    )


def require_uncertain(outcome: ProtectedTables, policy: SourcePolicy) -> None:
    """No small count is left with a single value, nor is any known to be small and not empty."""
    for cell in outcome.cells:
        if cell.plain is None or cell.value is None or not policy.counts.is_small(int(cell.value)):
            continue
        low, high = cell.plain
        if low > 0 and high is not None and high < policy.threshold:
            raise Unproven(
                "An attacker still knows that a cell is small. / "
                "Un attaquant sait encore qu'une case est petite.",
                remedy="Use a larger base of rounding, or suppression. / "
                "Employez une base d'arrondi plus grande, ou la suppression.",
                rule="attacker-audit",
            )
