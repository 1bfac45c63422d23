"""What a reader of a published table can still learn about its hidden cells.

A program of its own: it sees the published table only, builds its own equations, and
imports no optimiser of this room (a test holds that). Two attackers are played.

The *plain* attacker knows the published cells, that lines add up, and that counts are
whole numbers, none negative. The *informed* attacker also knows the rule of the house:
a cell hidden for being small keeps every value from `low` to `high` possible, hence a
hidden cell that does not was hidden for another reason, so it is empty or at least the
threshold. That knowledge narrows other cells, and is applied again until nothing moves.
Neither knows persons of the table, and neither reasons about which pattern an optimiser
would have preferred.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any, cast

import numpy as np
from attrs import field, frozen
from scipy.optimize import linprog
from scipy.sparse import csr_array

from bercail.foundation import Unproven

Key = tuple[str | None, ...]
Bounds = tuple[int, int | None]

# The stubs of SciPy know no sparse matrices here; the function takes them.
_linprog = cast("Any", linprog)

_WHOLE = 1e-6
_OPTIMAL, _INFEASIBLE, _UNBOUNDED, _UNSURE = 0, 2, 3, 4


@frozen(kw_only=True)
class HouseRule:
    """What the informed attacker knows: the threshold, the range kept, the zeros rule."""

    threshold: int = 11
    low: int = 0
    high: int = 11
    zeros_published: bool = True

    def keeps(self, bounds: Bounds) -> bool:
        """Whether every value of the protected range is left possible."""
        return bounds[0] <= self.low and (bounds[1] is None or bounds[1] >= self.high)


@frozen(kw_only=True)
class Interval:
    """The least and greatest persons each attacker can place in one hidden cell.

    An upper bound of None says that the published table sets no limit.
    """

    key: Key
    plain: Bounds
    informed: Bounds

    def as_dict(self) -> dict[str, Any]:
        """The interval as a certificate writes it."""
        return {
            "key": list(self.key),
            "plain": list(self.plain),
            "informed": list(self.informed),
        }


_EXACT = (
    "hidden cell {0} can be computed exactly",
    "la case masquée {0} se calcule exactement",
)
_SMALL = (
    "hidden cell {0} is known to be small",
    "la case masquée {0} est connue comme petite",
)
_NARROW = (
    "hidden cell {0} is narrower than the protected range",
    "la case masquée {0} est plus étroite que l'intervalle protégé",
)


@frozen(kw_only=True)
class Attack:
    """The outcome: one interval per hidden cell, in the order of publication.

    `consistent` is False when the informed attacker ran into a contradiction, which
    proves that the table was not protected by the rule it names.
    """

    rule: HouseRule
    intervals: tuple[Interval, ...] = field(repr=False)
    rounds: int
    consistent: bool

    def weaknesses(self) -> tuple[tuple[str, str], ...]:
        """What is wrong with the table for anyone who reads it; empty when nothing is.

        Each is the end of a sentence, in English and in French.
        """
        found = []
        if not self.consistent:
            found.append(
                (
                    "the hidden cells contradict the rule of protection",
                    "les cases masquées contredisent la règle de protection",
                )
            )
        for place, interval in enumerate(self.intervals, start=1):
            if words := self._weakness(interval):
                found.append((words[0].format(place), words[1].format(place)))
        return tuple(found)

    def _weakness(self, interval: Interval) -> tuple[str, str] | None:
        low, high = interval.informed
        if low == high:
            return _EXACT
        if high is not None and low > 0 and high < self.rule.threshold:
            return _SMALL
        if not self.rule.keeps(interval.informed) and low < self.rule.threshold:
            return _NARROW
        return None

    def as_dict(self) -> dict[str, Any]:
        """The outcome as a certificate writes it; computable from the published table."""
        return {
            "rule": {
                "threshold": self.rule.threshold,
                "low": self.rule.low,
                "high": self.rule.high,
                "zeros_published": self.rule.zeros_published,
            },
            "rounds": self.rounds,
            "consistent": self.consistent,
            "intervals": [interval.as_dict() for interval in self.intervals],
        }


def attack(table: Mapping[str, Any], rule: HouseRule) -> Attack:
    """Both attackers on a protected table (its JSON form).

    Raises:
        Unproven: the published numbers do not add up, so no true table stands behind them.
    """
    system = _System(table)
    plain = {cell: system.bounds(cell) for cell in range(len(system.hidden))}
    informed, rounds, consistent = plain, 1, True
    settled: set[int] = set()
    while True:
        narrow = {cell for cell, bounds in informed.items() if not rule.keeps(bounds)} - settled
        learned = system.learn(narrow, informed, rule)
        if not learned:
            break
        settled |= learned
        rounds += 1
        if not system.possible():
            consistent = False
            break
        informed = {cell: system.bounds(cell) for cell in informed}
    intervals = tuple(
        Interval(key=key, plain=plain[cell], informed=informed[cell])
        for cell, key in enumerate(system.hidden)
    )
    return Attack(rule=rule, intervals=intervals, rounds=rounds, consistent=consistent)


class _System:
    """The hidden cells as unknowns, and every line that holds one as an equation."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        cells = {tuple(cell["key"]): cell["persons"] for cell in table["cells"]}
        self.hidden: list[Key] = [key for key, persons in cells.items() if persons is None]
        self._place = {key: number for number, key in enumerate(self.hidden)}
        self._lower = np.zeros(len(self.hidden))
        self._upper = np.full(len(self.hidden), np.inf)
        self._equations(table["dimensions"], cells)
        if not self.possible():
            raise _unproven(
                "The published numbers contradict each other: no table fits them.",
                "Les nombres publiés se contredisent : aucun tableau ne leur convient.",
            )

    def _equations(self, dimensions: Any, cells: Mapping[Key, int | None]) -> None:
        rows: list[dict[int, float]] = []
        known: list[int] = []
        for total, parts in _lines(dimensions):
            row: dict[int, float] = {}
            rest = 0
            for key, sign in ((total, -1), *((part, 1) for part in parts)):
                persons = cells[key]
                if persons is None:
                    row[self._place[key]] = float(sign)
                else:
                    rest -= sign * persons
            if row:
                rows.append(row)
                known.append(rest)
            elif rest:
                raise _unproven(
                    "A published line does not add up to its margin.",
                    "Une ligne publiée n'a pas pour somme sa marge.",
                )
        entries = [(r, c, v) for r, row in enumerate(rows) for c, v in row.items()]
        data = np.array([v for _, _, v in entries], dtype=float)
        places = ([r for r, _, _ in entries], [c for _, c, _ in entries])
        self._matrix = csr_array((data, places), shape=(len(rows), len(self.hidden)))
        self._known = np.array(known, dtype=float)

    def possible(self) -> bool:
        """Whether some table in whole numbers fits everything that is known."""
        if not self.hidden:
            return True
        status, _ = self._solve(np.zeros(len(self.hidden)))
        return status == _OPTIMAL

    def bounds(self, cell: int) -> Bounds:
        """The least and greatest whole number that `cell` can hold."""
        aim = np.zeros(len(self.hidden))
        aim[cell] = 1.0
        low_status, low = self._solve(aim)
        high_status, high = self._solve(-aim)
        if low_status != _OPTIMAL or high_status == _INFEASIBLE:
            raise _unproven(
                "The solver found no table where one exists.",
                "Le solveur n'a pas trouvé de tableau là où il y en a un.",
            )
        return round(low), None if high_status != _OPTIMAL else round(-high)

    def learn(self, cells: set[int], bounds: Mapping[int, Bounds], rule: HouseRule) -> set[int]:
        """Note that `cells` are empty or at least the threshold; which of them that settles."""
        learned = set()
        for cell in cells:
            low, high = bounds[cell]
            could_be_empty = low == 0 and rule.zeros_published
            if could_be_empty and high is not None and high < rule.threshold:
                self._upper[cell] = 0
                learned.add(cell)
            elif not could_be_empty:
                self._lower[cell] = max(self._lower[cell], rule.threshold)
                learned.add(cell)
        return learned

    def _solve(self, aim: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[int, float]:
        limits = np.column_stack((self._lower, self._upper))
        if (self._lower > self._upper).any():
            return _INFEASIBLE, 0.0
        found = self._program(aim, limits, whole=False)
        if found.status == _OPTIMAL and np.abs(found.x - np.round(found.x)).max() > _WHOLE:
            # Beyond two dimensions a corner need not be whole, and persons are.
            found = self._program(aim, limits, whole=True)
        if found.status == _UNSURE or (found.status == _UNBOUNDED and not aim.any()):
            raise _unproven(
                "The solver gave no answer on the published table.",
                "Le solveur n'a pas répondu sur le tableau publié.",
            )
        return int(found.status), float(found.fun) if found.status == _OPTIMAL else 0.0

    def _program(self, aim: Any, limits: Any, *, whole: bool) -> Any:
        options: dict[str, Any] = {"mip_rel_gap": 0.0} if whole else {}
        for presolve in (True, False):
            found = _linprog(
                aim,
                A_eq=self._matrix,
                b_eq=self._known,
                bounds=limits,
                method="highs",
                integrality=1 if whole else 0,
                options={**options, "presolve": presolve},
            )
            if found.status != _UNSURE:
                break
        return found


def _unproven(why: str, why_fr: str) -> Unproven:
    return Unproven(
        f"{why} / {why_fr}",
        remedy="Do not use the table; tell who made it. / "
        "N'utilisez pas le tableau ; prévenez qui l'a fait.",
        rule="attacker-audit",
    )


def _lines(dimensions: Any) -> Iterator[tuple[Key, list[Key]]]:
    """Each margin with the cells that add up to it, along each dimension."""
    labels = [[*dimension["categories"], None] for dimension in dimensions]
    for number, dimension in enumerate(dimensions):
        others = [*labels[:number], [None], *labels[number + 1 :]]
        for total in product(*others):
            yield (
                total,
                [
                    (*total[:number], category, *total[number + 1 :])
                    for category in dimension["categories"]
                ],
            )


def main(arguments: list[str]) -> int:
    """`python -m bercail.airlock.disclosure.attacker TABLE.json [THRESHOLD]`: print intervals."""
    threshold = int(arguments[1]) if len(arguments) > 1 else 11
    table = json.loads(Path(arguments[0]).read_text("utf-8"))
    found = attack(table, HouseRule(threshold=threshold, high=threshold))
    sys.stdout.write(json.dumps(found.as_dict(), indent=2) + "\n")
    return 1 if found.weaknesses() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
