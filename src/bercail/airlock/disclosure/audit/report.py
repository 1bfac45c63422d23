"""Three attackers on published tables, and the certificate of what they are left with.

*Plain*: the published numbers, that lines add up, that nothing is negative. *Informed*: also
the rule of the house for distinct persons (see `attacker`). *Insider*: also the value of one
hidden cell, being its only contributor, or that a cell holds so many at least.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from attrs import field, frozen

from bercail.airlock.disclosure.attacker import HouseRule
from bercail.airlock.disclosure.audit.bounds import Bounds
from bercail.airlock.disclosure.audit.published import Group, Key, groups_of
from bercail.foundation import canonical_json, sha256_hex

FORMAT = "bercail-tables-certificate/1"


@frozen(kw_only=True)
class Insider:
    """Somebody who knows a cell from inside: its value, or that it is `at_least` so much."""

    table: int
    key: Key
    value: int | None = field(default=None, repr=False)
    at_least: int = field(default=0, repr=False)


@frozen(kw_only=True)
class Wanted:
    """The range that every attacker must still hold possible for a cell."""

    table: int
    key: Key
    low: int = field(repr=False)
    high: int = field(repr=False)


@frozen(kw_only=True)
class AuditedCell:
    """One unknown cell, where it stands, and what each attacker is left with.

    Amounts are in hundredths. `insider` is the narrowest interval of any insider but those of
    the cell itself; the same as `informed` when there is none.
    """

    places: tuple[tuple[int, Key], ...]
    plain: Bounds
    informed: Bounds
    insider: Bounds


@frozen(kw_only=True, slots=False)
class Audit:
    """The outcome of an audit; `shortfalls` are the wanted ranges that are not kept."""

    rule: HouseRule
    digest: str
    cells: tuple[AuditedCell, ...] = field(repr=False)
    consistent: bool
    rounds: int
    shortfalls: tuple[tuple[int, Key], ...] = field(repr=False)

    @property
    def holds(self) -> bool:
        """Whether every wanted range is kept against every attacker."""
        return self.consistent and not self.shortfalls

    def find(self, table: int, key: Key) -> AuditedCell | None:
        """The unknown cell at `key` of table number `table`, if it is unknown to readers."""
        return self._index.get((table, key))

    @cached_property
    def _index(self) -> Mapping[tuple[int, Key], AuditedCell]:
        return {place: cell for cell in self.cells for place in cell.places}

    def certificate(self) -> dict[str, Any]:
        """What anyone can compute again from the published tables; holds no insider's view."""
        body: dict[str, Any] = {
            "format": FORMAT,
            "tables_sha256": self.digest,
            "rule": {
                "threshold": self.rule.threshold,
                "low": self.rule.low,
                "high": self.rule.high,
                "zeros_published": self.rule.zeros_published,
            },
            "consistent": self.consistent,
            "rounds": self.rounds,
            "cells": [
                {
                    "places": [{"table": number, "key": list(key)} for number, key in cell.places],
                    "plain": list(cell.plain),
                    "informed": list(cell.informed),
                }
                for cell in self.cells
            ],
        }
        return body | {"sha256": sha256_hex(canonical_json(body))}


def audit_tables(
    document: Mapping[str, Any],
    rule: HouseRule,
    *,
    insiders: Iterable[Insider] = (),
    wanted: Iterable[Wanted] = (),
) -> Audit:
    """Every attacker on the published `document` (JSON form of protected tables).

    `insiders` and `wanted` are known to the platform only.

    Raises:
        Unproven: the published numbers contradict each other, or the solver fails.
    """
    known, ranges = tuple(insiders), tuple(wanted)
    rounded = bool(document.get("base"))
    cells: list[AuditedCell] = []
    short: list[tuple[int, Key]] = []
    consistent, rounds = True, 1
    for group in groups_of(document):
        attack = _Attack(group, None if rounded else rule)
        consistent &= attack.consistent
        rounds = max(rounds, attack.rounds)
        seen = attack.cells(known)
        cells += seen.values()
        for want in ranges:
            cell = group.where(want.table, want.key)
            if cell is not None and not _kept(seen.get(cell), want):
                short.append((want.table, want.key))
    return Audit(
        rule=rule,
        digest=sha256_hex(canonical_json(dict(document))),
        cells=tuple(cells),
        consistent=consistent,
        rounds=rounds,
        shortfalls=tuple(short),
    )


def _kept(cell: AuditedCell | None, want: Wanted) -> bool:
    """A wanted cell that readers see is not kept."""
    if cell is None:
        return False
    return all(
        low <= want.low and (high is None or high >= want.high)
        for low, high in (cell.plain, cell.informed, cell.insider)
    )


class _Attack:
    """The plain and the informed attacker on one group."""

    def __init__(self, group: Group, rule: HouseRule | None) -> None:
        self._group = group
        self.plain = {place: group.unknowns.bounds(place) for place in group.unknown.values()}
        self.informed, self._knowledge = self.plain, group.unknowns
        self.consistent, self.rounds = True, 1
        if rule is not None and group.kind == "persons":
            self._learn(rule)

    def _learn(self, rule: HouseRule) -> None:
        """A cell that does not keep the range of small ones is empty or at least the threshold."""
        settled: set[int] = set()
        while True:
            found: dict[int, Bounds] = {}
            for place, (low, high) in self.informed.items():
                if place in settled or rule.keeps((low, high)):
                    continue
                could_be_empty = low == 0 and rule.zeros_published
                if could_be_empty and high is not None and high < rule.threshold:
                    found[place] = (0, 0)
                elif not could_be_empty:
                    found[place] = (rule.threshold, None)
            if not found:
                return
            settled |= set(found)
            self.rounds += 1
            self._knowledge = self._knowledge.known(found)
            if not self._knowledge.possible():
                self.consistent = False
                return
            self.informed = {place: self._knowledge.bounds(place) for place in self.informed}

    def cells(self, insiders: tuple[Insider, ...]) -> dict[int, AuditedCell]:
        """Every unknown cell with its three intervals."""
        narrowest = dict(self.informed)
        for one in insiders:
            cell = self._group.where(one.table, one.key)
            if cell is None or cell not in self._group.unknown or not self.consistent:
                continue
            place = self._group.unknown[cell]
            known: Bounds = (one.at_least, None) if one.value is None else (one.value, one.value)
            view = self._knowledge.known({place: known})
            for other in view.together(place) - {place}:
                narrowest[other] = _narrower(narrowest[other], view.bounds(other))
        return {
            cell: AuditedCell(
                places=self._group.places[cell],
                plain=self.plain[place],
                informed=self.informed[place],
                insider=narrowest[place],
            )
            for cell, place in self._group.unknown.items()
        }


def _narrower(one: Bounds, other: Bounds) -> Bounds:
    """The tighter of both at each end: the worst that some insider does."""
    highs = [high for high in (one[1], other[1]) if high is not None]
    return max(one[0], other[0]), min(highs) if highs else None
