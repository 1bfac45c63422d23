"""A dimension of a table: codes in a tree, the total at its root."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from attrs import field, frozen

from bercail.airlock.disclosure.counts import ALL, MAX_TEXT
from bercail.foundation import Invalid


@frozen(kw_only=True, slots=False)
class Dimension:
    """Codes and their parents, in the order of publication; `ALL` (None) is the root.

    `partition`: each person (or record) stands under exactly one leaf, so children add up to
    their parent. False for codes that overlap, as drugs taken by the same person: no equation
    is made then. `total`: the root is a cell of the table. `covers`: the finest values behind
    a leaf, where the leaf is a band of them (`65+` covers the ages from 65); a leaf covers
    itself by default.
    """

    name: str
    parents: Mapping[str, str | None]
    partition: bool = True
    total: bool = True
    covers: Mapping[str, frozenset[str]] = field(factory=dict, repr=False)

    def __attrs_post_init__(self) -> None:
        if not self.parents:
            raise _invalid(self.name, "it has no codes", "elle n'a aucun code")
        if not all(0 < len(code) <= MAX_TEXT for code in self.parents):
            raise _invalid(
                self.name,
                "a code is empty or longer than 200 characters",
                "un code est vide ou dépasse 200 caractères",
            )
        if set(self.parents.values()) - set(self.parents) - {ALL}:
            raise _invalid(
                self.name,
                "a parent is not one of its codes",
                "un parent n'est pas l'un de ses codes",
            )
        for code in self.parents:
            above, steps = self.parents[code], 0
            while above is not ALL:
                above, steps = self.parents[above], steps + 1
                if steps > len(self.parents):
                    raise _invalid(
                        self.name, "a code is its own ancestor", "un code est son propre ancêtre"
                    )
        if set(self.covers) - set(self.leaves):
            raise _invalid(
                self.name,
                "values are given for a code that is not a leaf",
                "des valeurs sont données à un code qui n'est pas une feuille",
            )

    @cached_property
    def codes(self) -> tuple[str | None, ...]:
        """Every code, then the root when it is a cell of the table."""
        return (*self.parents, ALL) if self.total else tuple(self.parents)

    @cached_property
    def families(self) -> tuple[tuple[str | None, tuple[str, ...]], ...]:
        """Each parent that is a cell of the table with its children."""
        below: dict[str | None, list[str]] = {}
        for code, parent in self.parents.items():
            below.setdefault(parent, []).append(code)
        return tuple((up, tuple(kids)) for up, kids in below.items() if up in set(self.codes))

    @cached_property
    def leaves(self) -> tuple[str, ...]:
        """The codes without children."""
        inner = set(self.parents.values())
        return tuple(code for code in self.parents if code not in inner)

    def above(self, code: str | None) -> tuple[str | None, ...]:
        """`code` and all its ancestors up to the root."""
        found = [code]
        while (last := found[-1]) is not ALL:
            found.append(self.parents[last])
        return tuple(found)

    def covered(self, code: str | None) -> frozenset[str]:
        """The finest values that `code` stands for."""
        return self._covered[code]

    @cached_property
    def _covered(self) -> Mapping[str | None, frozenset[str]]:
        found: dict[str | None, set[str]] = {ALL: set()}
        for leaf in self.leaves:
            for code in self.above(leaf):
                found.setdefault(code, set()).update(self.covers.get(leaf, {leaf}))
        return {code: frozenset(values) for code, values in found.items()}

    def as_dict(self) -> dict[str, Any]:
        """The dimension as JSON writes it."""
        return {
            "name": self.name,
            "partition": self.partition,
            "total": self.total,
            "codes": [
                {"code": code, "parent": parent}
                | ({"covers": sorted(self.covers[code])} if code in self.covers else {})
                for code, parent in self.parents.items()
            ],
        }


def flat(name: str, codes: tuple[str, ...], *, total: bool = True) -> Dimension:
    """A dimension without levels: every code stands right under the total."""
    return Dimension(name=name, parents=dict.fromkeys(codes, ALL), total=total)


def dimension_from_dict(value: Mapping[str, Any]) -> Dimension:
    """The dimension that `Dimension.as_dict` wrote; raises `Invalid`."""
    try:
        codes = value["codes"]
        return Dimension(
            name=str(value["name"]),
            parents={str(entry["code"]): entry.get("parent") for entry in codes},
            partition=bool(value.get("partition", True)),
            total=bool(value.get("total", True)),
            covers={
                str(entry["code"]): frozenset(entry["covers"])
                for entry in codes
                if entry.get("covers")
            },
        )
    except (KeyError, TypeError, AttributeError) as problem:
        raise _invalid(
            _name_in(value),
            "its JSON has not the shape of a dimension",
            "son JSON n'a pas la forme d'une dimension",
        ) from problem


def _name_in(value: Any) -> str:
    """The name of a dimension that may be wrong in everything else."""
    name = value.get("name") if isinstance(value, Mapping) else None
    return name[:MAX_TEXT] if isinstance(name, str) else "?"


def _invalid(name: str, why: str, why_fr: str) -> Invalid:
    return Invalid(
        f"The dimension `{name}` cannot be used: {why}. / "
        f"La dimension `{name}` ne peut être utilisée : {why_fr}.",
        remedy="Declare its codes and their parents in the schema. / "
        "Déclarez ses codes et leurs parents dans le schéma.",
        rule="table-schema",
    )
