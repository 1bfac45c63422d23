"""Who is counted: a cohort in a state of the lake, and how two of them overlap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Literal

from attrs import frozen


@frozen(kw_only=True, order=True)
class Population:
    """A cohort (digest of its model) in one snapshot of the lake."""

    cohort: str
    snapshot: str


@frozen(kw_only=True)
class Relation:
    """Persons in the first population only, and in the second only.

    Counted inside the platform on the persons themselves, never published.
    """

    only_first: int
    only_second: int

    @property
    def kind(self) -> Literal["same", "within", "around", "overlap"]:
        """How the first stands to the second."""
        if not self.only_first:
            return "within" if self.only_second else "same"
        return "overlap" if self.only_second else "around"

    @property
    def difference(self) -> int:
        """Persons in exactly one of both."""
        return self.only_first + self.only_second


Relations = Callable[[Population, Population], Relation | None]
"""Answers from the persons themselves; None when nobody can say."""


def unknown_relations(_first: Population, _second: Population) -> Relation | None:
    """Nothing is known of any two populations."""
    return None


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
