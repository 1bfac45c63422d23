"""Secondary suppression for any tables with linear margins: hierarchies, linked tables, amounts.

1. The primary rules flag cells; a flagged cell is flagged in every table and every measure
   of its population.
2. For each linear system the cheapest set of hidden cells is chosen: exactly up to the size
   that the policy names (Fischetti and Salazar, 2001), by a heuristic above.
3. What one measure hides, the others hide too; step 2 is repeated until nothing moves.
4. The audit, which shares no code with this side, has the last word. A cell that it finds
   short brings the cheapest shown cell of one of its lines into the set, and step 2 again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from attrs import define, field

from bercail.airlock.disclosure.attacker import HouseRule
from bercail.airlock.disclosure.audit import Audit, Insider, Wanted, audit_tables
from bercail.airlock.disclosure.counts import Key
from bercail.airlock.disclosure.heuristic import circulations
from bercail.airlock.disclosure.protect.outcome import (
    ProtectedCell,
    ProtectedTables,
    Status,
    in_unit,
    published,
)
from bercail.airlock.disclosure.rules.cells import Flag, margin_of_safety, primary_cells
from bercail.airlock.disclosure.rules.source_policy import SourcePolicy
from bercail.airlock.disclosure.separation import Need
from bercail.airlock.disclosure.strict import Range, StrictAudit
from bercail.airlock.disclosure.suppression import Audit as Judge
from bercail.airlock.disclosure.suppression import cheapest
from bercail.airlock.disclosure.tables.linked import Identity, LinkedSystem, identity, link
from bercail.airlock.disclosure.tables.typed import SCALE, TypedTable, completed
from bercail.foundation import Invalid, Unproven

Progress = Callable[[str, int, int], None]
_REPAIRS = 30
_PAIRS = 400
"""Insiders are told apart for each primary cell up to this many pairs; above, within a line."""


def suppress(
    tables: Iterable[TypedTable], policy: SourcePolicy, progress: Progress | None = None
) -> ProtectedTables:
    """`tables` of one request with every cell hidden that must be.

    Raises:
        Invalid: the tables do not add up or disagree (`link`), or hold negative amounts.
        Unproven: a solver failed, or the audit refuses the result; nothing of it may be used.
    """
    known = tuple(completed(table) for table in tables)
    flags = tuple(
        (number, flag)
        for number, table in enumerate(known)
        for flag in primary_cells(table, policy)
    )
    work = _Work(tables=known, policy=policy, flags=flags)
    tell = progress or (lambda _label, _done, _total: None)
    tell("protect", 0, 2)
    for _ in range(_REPAIRS):
        work.choose()
        tell("audit", 1, 2)
        found = work.audit()
        if found.holds:
            tell("audit", 2, 2)
            return work.outcome(found)
        if not work.repair(found):
            break
    raise Unproven(
        "The audit refuses the protected tables: an attacker still learns a hidden cell. / "
        "L'audit refuse les tableaux protégés : un attaquant apprend encore une case masquée.",
        remedy="Do not use the output; report the tables' dimensions to the maintainers. / "
        "N'utilisez pas cette sortie ; signalez les dimensions des tableaux aux mainteneurs.",
        rule="attacker-audit",
    )


def house_rule(policy: SourcePolicy) -> HouseRule:
    """What an informed attacker knows of `policy`."""
    counts = policy.counts
    return HouseRule(
        threshold=counts.threshold,
        low=counts.low,
        high=counts.high,
        zeros_published=counts.zeros == "publish" and "hide" not in _classes(policy),
    )


def _classes(policy: SourcePolicy) -> tuple[str, str]:
    return policy.zero_cells, policy.full_cells


@define(kw_only=True)
class _Work:
    """Tables, flags and the hidden sets of each system, while they are decided."""

    tables: tuple[TypedTable, ...]
    policy: SourcePolicy
    flags: tuple[tuple[int, Flag], ...]
    systems: tuple[LinkedSystem, ...] = field(init=False)
    primary: list[dict[int, Need]] = field(init=False)
    hidden: list[frozenset[int]] = field(init=False)
    forced: list[set[int]] = field(init=False)
    optimal: bool = True

    def __attrs_post_init__(self) -> None:
        self.systems = link(self.tables)
        if any(value < 0 for system in self.systems for value in system.lattice.values):
            raise Invalid(
                "A table holds negative amounts: what an attacker knows of them has no lower end. "
                "/ Un tableau a des montants négatifs : ce qu'on en sait n'a pas de borne basse.",
                remedy="Hand in amounts without corrections, or ask a checker for another way. / "
                "Remettez des montants sans corrections, ou demandez une autre voie à un "
                "vérificateur.",
                rule="negative-amounts",
            )
        names = {
            (self.tables[number].population, identity(self.tables[number], flag.key))
            for number, flag in self.flags
            if flag.effect == "hide"
        }
        self.primary = [self._primary(system, names) for system in self.systems]
        self.hidden = [frozenset(needs) for needs in self.primary]
        self.forced = [set() for _ in self.systems]

    def _name(self, system: LinkedSystem, cell: int) -> tuple[str, Identity]:
        at = system.places[cell][0]
        table = self.tables[at.table]
        return table.population, identity(table, at.key)

    def _primary(self, system: LinkedSystem, names: set[tuple[str, Identity]]) -> dict[int, Need]:
        """Needs of primary cells: the whole range of small counts, or a margin of safety."""
        needs = {}
        for cell, value in enumerate(system.lattice.values):
            if self._name(system, cell) not in names:
                continue
            if system.counts and self.policy.counts.is_small(value):
                down = value - min(self.policy.counts.low, value)
                needs[cell] = Need(cell=cell, down=down, up=self.policy.counts.high - value)
            else:
                margin = margin_of_safety(system.facts[cell], self.policy, value)
                needs[cell] = Need(cell=cell, down=min(margin, value), up=margin)
        return needs

    def choose(self) -> None:
        """2 and 3: a set for each system, until no system forces a cell on another."""
        while True:
            for number, system in enumerate(self.systems):
                self.hidden[number] = self._best(number, system)
            if not self._share():
                return

    def _best(self, number: int, system: LinkedSystem) -> frozenset[int]:
        needs = dict(self.primary[number])
        for cell in self.forced[number] - set(needs):
            needs[cell] = Need(cell=cell, down=0, up=0)
        if not needs:
            return frozenset()
        costs = self.costs(system)
        judge = self._judge(number, system)
        counts = self.policy.counts
        if len(system.lattice) <= counts.exact_cells:
            found = cheapest(
                system.lattice,
                needs,
                costs,
                judge,
                most_rounds=counts.exact_rounds,
                insiders=tuple(self._against_insiders(number, system)),
            )
            if found is not None:
                return found.hidden
        self.optimal = False
        return circulations(system.lattice, needs, costs, judge).hidden

    def _judge(self, number: int, system: LinkedSystem) -> Judge:
        if not system.persons:
            return lambda _: ()
        counts = self.policy.counts
        small = frozenset(
            cell for cell in self.primary[number] if counts.is_small(system.lattice.values[cell])
        )
        wanted = Range(
            low=counts.low,
            high=counts.high,
            threshold=counts.threshold,
            zeros_published=house_rule(self.policy).zeros_published,
        )
        return StrictAudit(system.lattice, small, wanted).missing

    def _against_insiders(self, number: int, system: LinkedSystem) -> Iterable[Need]:
        """Primary cells must hold also against the only contributor of another one."""
        primary = self.primary[number]
        insiders = [cell for cell in primary if _is_insider(system, cell)]
        near = _lines_of(system) if len(insiders) * len(primary) > _PAIRS else None
        for insider in insiders:
            for cell, need in primary.items():
                if cell != insider and (near is None or near[cell] & near[insider]):
                    yield Need(cell=cell, down=need.down, up=need.up, without=insider)

    def _share(self) -> bool:
        """3. Cells hidden in one measure are forced on the others; whether any is new."""
        names = {
            self._name(system, cell)
            for number, system in enumerate(self.systems)
            for cell in self.hidden[number]
        }
        moved = False
        for number, system in enumerate(self.systems):
            cells = {c for c in range(len(system.lattice)) if self._name(system, c) in names}
            if not cells <= self.hidden[number]:
                self.forced[number] |= cells
                moved = True
        return moved

    def audit(self) -> Audit:
        """4. The attackers on what would be published."""
        insiders = []
        for number, system in enumerate(self.systems):
            for cell in self.hidden[number]:
                if _is_insider(system, cell):
                    at, value = system.places[cell][0], system.lattice.values[cell]
                    insiders.append(Insider(table=at.table, key=at.key, value=value))
        return audit_tables(
            self.document(), house_rule(self.policy), insiders=insiders, wanted=self.wanted()
        )

    def wanted(self) -> tuple[Wanted, ...]:
        """The range that each primary cell must keep."""
        return tuple(
            Wanted(
                table=system.places[cell][0].table,
                key=system.places[cell][0].key,
                low=system.lattice.values[cell] - need.down,
                high=system.lattice.values[cell] + need.up,
            )
            for number, system in enumerate(self.systems)
            for cell, need in self.primary[number].items()
        )

    def document(self) -> dict[str, Any]:
        """The tables with the hidden cells withheld."""
        hidden = {
            (at.table, at.key)
            for number, system in enumerate(self.systems)
            for cell in self.hidden[number]
            for at in system.places[cell]
        }
        flagged = {(number, flag.key) for number, flag in self.flags if flag.effect == "hide"}
        values = {
            (number, key): None if (number, key) in hidden | flagged else cell.value
            for number, table in enumerate(self.tables)
            for key, cell in table.cells.items()
        }
        return published(self.tables, values, self.policy, method="suppression")

    def repair(self, found: Audit) -> bool:
        """Force the cheapest shown cell of a line of each cell found short; whether one is new."""
        moved = False
        for number, system in enumerate(self.systems):
            costs = self.costs(system)
            for table, key in found.shortfalls:
                cell = _at(system, table, key)
                if cell is None:
                    continue
                near = {
                    member
                    for equation in system.lattice.equations
                    if cell in equation.members
                    for member in equation.members
                } - self.hidden[number]
                if near:
                    self.forced[number].add(min(near, key=lambda one: (costs[one], one)))
                    self.optimal = False
                    moved = True
        return moved

    def costs(self, system: LinkedSystem) -> tuple[int, ...]:
        """What hiding each cell costs: its value plus one, or one."""
        if self.policy.counts.cost == "cells":
            return (1,) * len(system.lattice)
        scale = 1 if system.counts else SCALE
        return tuple(value // scale + 1 for value in system.lattice.values)

    def outcome(self, found: Audit) -> ProtectedTables:
        """The protected tables, with every cell as checkers see it."""
        document = self.document()
        return ProtectedTables(
            policy=self.policy,
            tables=self.tables,
            document=document,
            cells=tuple(self._cells(document, found)),
            flags=self.flags,
            audit=found,
            wanted=self.wanted(),
            cost=sum(
                self.costs(system)[cell]
                for number, system in enumerate(self.systems)
                for cell in self.hidden[number]
            ),
            optimal=self.optimal,
        )

    def _cells(self, document: Mapping[str, Any], found: Audit) -> Iterator[ProtectedCell]:
        rules: dict[tuple[int, Key], list[str]] = {}
        for number, flag in self.flags:
            rules.setdefault((number, flag.key), []).append(flag.rule)
        primary = {(number, flag.key) for number, flag in self.flags if flag.effect == "hide"}
        for number, shown in enumerate(document["tables"]):
            table = self.tables[number]
            for entry in shown["cells"]:
                at = (number, tuple(entry["key"]))
                status: Status = "shown"
                if entry["value"] is None:
                    status = "primary" if at in primary else "protecting"
                seen = found.find(*at) if status != "shown" else None
                yield ProtectedCell(
                    table=number,
                    key=at[1],
                    value=table.cells[at[1]].value,
                    status=status,
                    rules=tuple(dict.fromkeys(rules.get(at, ()))),
                    plain=in_unit(seen.plain, table) if seen else None,
                    informed=in_unit(seen.informed, table) if seen else None,
                    insider=in_unit(seen.insider, table) if seen else None,
                )


def _is_insider(system: LinkedSystem, cell: int) -> bool:
    """Whether a single contributor stands behind a cell and so knows its value."""
    fact = system.facts[cell]
    if not system.lattice.values[cell]:
        return False
    alone = fact.establishments == 1 or fact.prescribers == 1
    # A person in a cell of one does not know that nobody else is there.
    return alone or (not system.persons and fact.persons == 1)


def _lines_of(system: LinkedSystem) -> Mapping[int, set[int]]:
    lines: dict[int, set[int]] = {cell: set() for cell in range(len(system.lattice))}
    for number, equation in enumerate(system.lattice.equations):
        for member in equation.members:
            lines[member].add(number)
    return lines


def _at(system: LinkedSystem, table: int, key: Key) -> int | None:
    for cell, places in enumerate(system.places):
        if any(at.table == table and at.key == key for at in places):
            return cell
    return None
