"""Tables as they would be published, read again from JSON and turned into equations.

The same cell in two tables is one unknown: same population, same measure, same condition on
each dimension. This file builds that anew and shares no code with the side that protects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from attrs import field, frozen

from bercail.airlock.disclosure.audit.bounds import Unknowns, unproven

FORMAT = "bercail-protected-tables/1"
Key = tuple[str | None, ...]


@frozen(kw_only=True)
class Group:
    """The distinct cells of one population and measure, and what readers see of each.

    `shown[i]` is the number read, None when hidden. `unknown[i]` numbers the cells whose
    exact value readers do not see: the hidden ones, or all of them after rounding.
    """

    kind: str
    unknown: Mapping[int, int] = field(repr=False)
    places: tuple[tuple[tuple[int, Key], ...], ...] = field(repr=False)
    shown: tuple[int | None, ...] = field(repr=False)
    unknowns: Unknowns = field(repr=False)

    def where(self, table: int, key: Key) -> int | None:
        """The cell at `key` of table number `table`; None when another group holds it."""
        for cell, places in enumerate(self.places):
            if (table, key) in places:
                return cell
        return None


def groups_of(document: Mapping[str, Any]) -> tuple[Group, ...]:
    """One group for each population and measure of the published `document`.

    Raises:
        Unproven: it is no such document, or its numbers contradict each other.
    """
    if document.get("format") != FORMAT:
        raise unproven(f"The file does not say `{FORMAT}`.", f"Le fichier ne dit pas `{FORMAT}`.")
    tables = document["tables"]
    found: dict[tuple[str, ...], list[int]] = {}
    for number, table in enumerate(tables):
        measure = table["measure"]
        if measure["kind"] in ("persons", "records", "sum"):
            name = (table["population"], measure["name"], measure["unit"], measure["kind"])
            found.setdefault(name, []).append(number)
    base = int(document.get("base") or 0)
    return tuple(
        _Reading(tables, numbers, name[3], base).group() for name, numbers in found.items()
    )


class _Reading:
    """Cells and equations of one group, while they are gathered."""

    def __init__(self, tables: Any, numbers: list[int], kind: str, base: int) -> None:
        self._tables = [(number, tables[number]) for number in numbers]
        self._kind = kind
        self._base = base
        self._order: dict[Any, int] = {}
        self._places: list[list[tuple[int, Key]]] = []
        self._shown: list[int | None] = []
        for number, table in self._tables:
            for entry in table["cells"]:
                self._place(number, table, tuple(entry["key"]), entry["value"])

    def group(self) -> Group:
        """The group, its equations over unknowns only."""
        numbers = [n for n, value in enumerate(self._shown) if self._base or value is None]
        unknown = {cell: place for place, cell in enumerate(numbers)}
        rows, known = self._equations(unknown)
        lower, upper = self._limits(numbers)
        unknowns = Unknowns(rows, known, lower, upper, whole=self._kind != "sum")
        if not unknowns.possible():
            raise unproven(
                "The published numbers contradict each other: no tables fit them.",
                "Les nombres publiés se contredisent : aucun tableau ne leur convient.",
            )
        return Group(
            kind=self._kind,
            unknown=unknown,
            places=tuple(tuple(places) for places in self._places),
            shown=tuple(self._shown),
            unknowns=unknowns,
        )

    def _place(self, number: int, table: Any, key: Key, value: int | None) -> None:
        place = self._order.setdefault(_name(table, key), len(self._order))
        if place == len(self._places):
            self._places.append([])
            self._shown.append(value)
        elif self._shown[place] is None:
            # Shown in one table and hidden in another is shown.
            self._shown[place] = value
        elif value is not None and value != self._shown[place]:
            raise unproven(
                "Two published tables disagree on the same cell.",
                "Deux tableaux publiés ne s'accordent pas sur une même case.",
            )
        self._places[place].append((number, key))

    def _limits(self, numbers: list[int]) -> tuple[list[int], list[int | None]]:
        lower, upper = [], []
        for cell in numbers:
            value = self._shown[cell]
            # A rounded number stands for any that is less than one base away.
            lower.append(0 if value is None else max(0, value - self._base + 1))
            upper.append(None if value is None else value + self._base - 1)
        return lower, upper

    def _equations(self, unknown: Mapping[int, int]) -> tuple[list[dict[int, int]], list[int]]:
        rows, known, seen = [], [], set()
        for total, parts in self._lines():
            line = (total, frozenset(parts))
            if line in seen:
                continue
            seen.add(line)
            row: dict[int, int] = {}
            rest = 0
            for cell, sign in ((total, -1), *((part, 1) for part in parts)):
                if cell in unknown:
                    row[unknown[cell]] = row.get(unknown[cell], 0) + sign
                else:
                    rest -= sign * (self._shown[cell] or 0)
            row = {cell: sign for cell, sign in row.items() if sign}
            if row:
                rows.append(row)
                known.append(rest)
            elif rest:
                raise unproven(
                    "A published line does not add up to its margin.",
                    "Une ligne publiée n'a pas pour somme sa marge.",
                )
        return rows, known

    def _lines(self) -> Iterator[tuple[int, list[int]]]:
        for _, table in self._tables:
            held = {tuple(entry["key"]) for entry in table["cells"]}
            dimensions = table["dimensions"]
            codes = [_codes(dimension) for dimension in dimensions]
            for place, dimension in enumerate(dimensions):
                if not dimension["partition"]:
                    continue
                for parent in codes[place]:
                    kids = [c["code"] for c in dimension["codes"] if c["parent"] == parent]
                    others = [*codes[:place], [parent], *codes[place + 1 :]]
                    for key in product(*others) if kids else ():
                        line = [(*key[:place], kid, *key[place + 1 :]) for kid in kids]
                        if key in held and held.issuperset(line):
                            yield (
                                self._order[_name(table, key)],
                                [self._order[_name(table, one)] for one in line],
                            )


def _codes(dimension: Any) -> list[str | None]:
    codes: list[str | None] = [entry["code"] for entry in dimension["codes"]]
    return [*codes, None] if dimension["total"] else codes


def _name(table: Any, key: Key) -> frozenset[tuple[str, str]]:
    named = zip(table["dimensions"], key, strict=True)
    return frozenset((dimension["name"], code) for dimension, code in named if code is not None)
