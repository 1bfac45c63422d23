"""Comorbidity indexes: code lists and weights from data files that name their published source.

An index never changes its meaning; a correction gets another name.
Never does: look at a person. Hands out: `INDEXES`, `find_index`, `Index`, `Group`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from attrs import frozen

from bercail.foundation import Invalid


@frozen(kw_only=True)
class Group:
    """One comorbidity: ICD-10 prefixes (no dot), weight, and the group that takes its place."""

    name: str
    fr: str
    prefixes: tuple[str, ...]
    weight: int
    unless: str


@frozen(kw_only=True)
class Index:
    """A comorbidity index; `source` is its publication."""

    name: str
    en: str
    fr: str
    source: str
    groups: tuple[Group, ...]

    def score(self, found: frozenset[str]) -> int:
        """The sum of the weights of the groups `found`, the stronger of two alone."""
        return sum(
            group.weight
            for group in self.groups
            if group.name in found and group.unless not in found
        )


def expand(codes: list[str]) -> tuple[str, ...]:
    """`I60-I62` as I60, I61, I62; the ends of a range have one letter and one length."""
    found: list[str] = []
    for code in codes:
        first, _, last = code.partition("-")
        if not last:
            found.append(first)
            continue
        width = len(first) - 1
        numbers = range(int(first[1:]), int(last[1:]) + 1)
        found += [f"{first[0]}{number:0{width}}" for number in numbers]
    return tuple(found)


def _indexes() -> Iterator[Index]:
    for name in ("charlson.json", "elixhauser.json"):
        text = (files("bercail.cohorts.scores") / name).read_text(encoding="utf-8")
        document: dict[str, Any] = json.loads(text)
        for index, about in document["indexes"].items():
            groups = tuple(
                Group(
                    name=one["name"],
                    fr=one["fr"],
                    prefixes=expand(one["codes"]),
                    weight=one["weights"][index],
                    unless=one["unless"],
                )
                for one in document["groups"]
            )
            yield Index(name=index, groups=groups, **about)


INDEXES: Mapping[str, Index] = MappingProxyType({one.name: one for one in _indexes()})


def find_index(name: Any) -> Index:
    """The index called `name`; `Invalid` when there is none."""
    if not isinstance(name, str) or name not in INDEXES:
        raise Invalid(
            f"There is no comorbidity index `{name}`.", remedy=f"Known: {', '.join(INDEXES)}."
        )
    return INDEXES[name]
