"""The primary rules of tables: which cells may not be shown as they are, and by which rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil
from typing import Literal

from attrs import field, frozen

from bercail.airlock.disclosure.counts import Key
from bercail.airlock.disclosure.rules.source_policy import SourcePolicy
from bercail.airlock.disclosure.tables.typed import SCALE, TypedCell, TypedTable

Effect = Literal["hide", "note", "people"]
"""`hide`: a primary cell. `note`: checkers read it. `people`: what the rule needs is missing."""


@frozen(kw_only=True)
class Flag:
    """A rule that a cell breaks, and what follows."""

    rule: str
    effect: Effect
    key: Key = field(repr=False)


def primary_cells(table: TypedTable, policy: SourcePolicy) -> tuple[Flag, ...]:
    """Every flag on the cells of `table` (complete), in the order of its cells and the rules."""
    flags = []
    for key, cell in table.cells.items():
        for rule, effect in cell_rules(table, cell, policy):
            flags.append(Flag(rule=rule, effect=effect, key=key))
    return (*flags, *_classes(table, policy))


def cell_rules(
    table: TypedTable, cell: TypedCell, policy: SourcePolicy
) -> Iterator[tuple[str, Effect]]:
    """The rules that one cell breaks, whatever stands around it."""
    if cell.withheld or cell.value is None:
        return
    empty = cell.value == 0 and not cell.persons and not cell.records
    persons = cell.persons
    if persons is None and table.measure.kind == "persons":
        persons = int(cell.value)
    if persons is None and not empty:
        yield "persons-unknown", "people"
    if any(policy.counts.is_small(number) for number in _counts(table, cell, persons)):
        yield "persons-threshold", "hide"
    for name, floor in (
        ("establishments", policy.establishments),
        ("prescribers", policy.prescribers),
    ):
        number = getattr(cell, name)
        if number is not None and 0 < number < floor:
            yield f"{name}-threshold", "hide"
    if table.measure.kind == "sum" and not empty:
        yield from _amount(cell, policy)


def _counts(table: TypedTable, cell: TypedCell, persons: int | None) -> list[int]:
    """Persons, and records too: few stays are of few persons (EXP-03)."""
    known = [number for number in (persons, cell.records) if number is not None]
    return [*known, int(cell.value or 0)] if table.measure.kind == "records" else known


def _amount(cell: TypedCell, policy: SourcePolicy) -> Iterator[tuple[str, Effect]]:
    total = cell.value or 0.0
    if not cell.top:
        yield "contributors-unknown", "people"
        return
    if total < 0 or cell.top[-1] < 0:
        # Neither share nor remainder means anything with amounts of both signs.
        yield "contributors-unknown", "people"
        return
    dominated, narrow = is_dominated(cell, policy), within_p_percent(cell, policy)
    if dominated:
        yield "dominance", "hide"
    if narrow:
        yield "p-percent", "hide"
    if not (dominated or narrow or knows_contributors(cell, policy)):
        yield "contributors-unknown", "people"


def knows_contributors(cell: TypedCell, policy: SourcePolicy) -> bool:
    """Whether the contributions given are those that both rules ask about, or all there are.

    Without the second one, what is left of the amount beside both is only known to be at most
    what the first one leaves: neither rule can say that the cell holds.
    """
    asked = max(2, policy.dominance_units)
    return len(cell.top) >= asked or sum(cell.top) >= (cell.value or 0.0)


def is_dominated(cell: TypedCell, policy: SourcePolicy) -> bool:
    """NK(n, k): the n greatest contributors make up more than k % of the amount."""
    greatest = sum(cell.top[: policy.dominance_units])
    return greatest * 100 > policy.dominance_percent * (cell.value or 0.0)


def within_p_percent(cell: TypedCell, policy: SourcePolicy) -> bool:
    """The rest of the amount, without its two greatest, is under p % of the greatest."""
    greatest = cell.top[0]
    rest = (cell.value or 0.0) - sum(cell.top[:2])
    return greatest > 0 and rest * 100 < policy.p_percent * greatest


def margin_of_safety(cell: TypedCell, policy: SourcePolicy, scaled: int) -> int:
    """How far a hidden value must be able to move each way, in units of the system.

    For amounts, what separates the second contributor's estimate from p % (Hundepool et al.,
    4.2.2) or the amount from a share of k %, whichever is more; p % of the value at least.
    """
    least = max(1, ceil(scaled * policy.p_percent / 100))
    if not cell.top or cell.value is None:
        return least
    greatest = cell.top[0]
    # A second contributor that nobody named may give as much as the first one.
    second = cell.top[1] if len(cell.top) > 1 else min(greatest, cell.value - greatest)
    rest = cell.value - greatest - second
    by_p = policy.p_percent * greatest / 100 - rest
    by_share = sum(cell.top[: policy.dominance_units]) * 100 / policy.dominance_percent - cell.value
    return max(least, ceil(max(by_p, by_share) * SCALE))


def _classes(table: TypedTable, policy: SourcePolicy) -> Iterator[Flag]:
    """Zero and full cells of a group large enough to be shown (class disclosure)."""
    effects: Mapping[str, str] = {"zero-cell": policy.zero_cells, "full-cell": policy.full_cells}
    seen = set()
    for place, dimension in enumerate(table.dimensions):
        for parent, kids in dimension.families:
            if len(kids) < 2:
                continue
            for key, whole in table.cells.items():
                if key[place] != parent or not whole.value:
                    continue
                if whole.persons is not None and whole.persons < policy.threshold:
                    continue
                for kid in kids:
                    at = (*key[:place], kid, *key[place + 1 :])
                    part = table.cells.get(at)
                    rule = _class_rule(part, whole)
                    effect = effects.get(rule, "allow")
                    if effect != "allow" and (rule, at) not in seen:
                        seen.add((rule, at))
                        yield Flag(rule=rule, effect="hide" if effect == "hide" else "note", key=at)


def _class_rule(part: TypedCell | None, whole: TypedCell) -> str:
    if part is None or part.withheld or part.value is None:
        return ""
    return "zero-cell" if part.value == 0 else "full-cell" if part.value == whole.value else ""
