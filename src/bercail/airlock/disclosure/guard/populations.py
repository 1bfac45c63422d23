"""Who is counted: a cohort in a state of the lake, and how two of them overlap.

Numbers of persons are told against the threshold only: nobody, few, many. So nothing that is kept
or shown of a comparison says how many persons two cohorts have apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from itertools import combinations
from typing import Literal, Protocol

from attrs import frozen


@frozen(kw_only=True, order=True)
class Population:
    """A cohort (digest of its model) in one snapshot of the lake."""

    cohort: str
    snapshot: str


class Share(StrEnum):
    """A number of persons against a threshold: 0, from 1 to threshold - 1, or threshold and up."""

    NOBODY = "nobody"
    FEW = "few"
    MANY = "many"


def share_of(persons: int, threshold: int) -> Share:
    """Where a number of persons lies."""
    if persons <= 0:
        return Share.NOBODY
    return Share.FEW if persons < threshold else Share.MANY


@frozen(kw_only=True)
class Relation:
    """Persons in the first population only, in the second only, in both, and in exactly one.

    Counted inside the platform on the persons themselves, never published.
    """

    only_first: Share
    only_second: Share
    both: Share
    difference: Share

    @property
    def kind(self) -> Literal["same", "within", "around", "overlap"]:
        """How the first stands to the second."""
        if self.only_first is Share.NOBODY:
            return "same" if self.only_second is Share.NOBODY else "within"
        return "around" if self.only_second is Share.NOBODY else "overlap"

    def as_dict(self) -> dict[str, str]:
        """The relation as it is kept."""
        return {
            "only_first": self.only_first.value,
            "only_second": self.only_second.value,
            "both": self.both.value,
            "difference": self.difference.value,
        }


def relation_of(only_first: int, only_second: int, both: int, threshold: int) -> Relation:
    """The relation of two populations by the numbers of persons, which it does not hold."""
    return Relation(
        only_first=share_of(only_first, threshold),
        only_second=share_of(only_second, threshold),
        both=share_of(both, threshold),
        difference=share_of(only_first + only_second, threshold),
    )


Relations = Callable[[Population, Population], Relation | None]
"""Answers from the persons themselves; None when nobody can say."""


def unknown_relations(_first: Population, _second: Population) -> Relation | None:
    """Nothing is known of any two populations."""
    return None


class ComparesPopulations(Protocol):
    """Says how two populations overlap; the platform answers, the airlock only asks.

    `learn` keeps the cohort model that a digest stands for (`sha256` of its bytes), and the permit
    under which tables of it were handed in; kept again, nothing changes. `relation` counts the
    persons of both and answers against `threshold`: the same two give the same answer, in either
    order. None when it cannot be said: a model nobody gave, a snapshot that is gone, an engine
    that gives up. Raises `Invalid` for bytes that are no model, `Unproven` for a broken seal.
    """

    def learn(self, digest: str, model: bytes, permit: str) -> None:
        """Keep `model`."""
        ...

    def relation(self, first: Population, second: Population, threshold: int) -> Relation | None:
        """How both overlap."""
        ...


class NobodyCompares:
    """Where no cohort engine stands behind the airlock: other cohorts go to people."""

    def learn(self, digest: str, model: bytes, permit: str) -> None:
        """Keeps nothing: nobody would ask for it."""

    def relation(self, first: Population, second: Population, threshold: int) -> Relation | None:
        """Nobody can say, whatever the threshold."""
        del threshold
        return unknown_relations(first, second)


def patterns(
    populations: Sequence[Population], nested: set[tuple[int, int]], most: int
) -> tuple[frozenset[int], ...] | None:
    """Every group of populations that a person may belong to, given which lie in which.

    `nested` holds (inner, outer) pairs of numbers. None when there are more than `most`.
    """
    found = []
    for size in range(1, len(populations) + 1):
        for group in combinations(range(len(populations)), size):
            members = frozenset(group)
            if all(outer in members for inner, outer in nested if inner in members):
                found.append(members)
                if len(found) > most:
                    return None
    return tuple(found)
