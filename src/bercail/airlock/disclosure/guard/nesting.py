"""Which populations of the releases lie in one another, so that their numbers can be subtracted."""

from __future__ import annotations

from bercail.airlock.disclosure.guard.ages import is_before
from bercail.airlock.disclosure.guard.populations import Population, Relation, Relations

_ANOTHER_COHORT = (
    "An earlier release counts another cohort, and nobody said how both overlap: compare them by "
    "hand. / Une sortie antérieure compte une autre cohorte, et personne n'a dit comment les deux "
    "se recouvrent : comparez-les à la main."
)

Pairs = set[tuple[Population, Population]]
"""(inner, outer) pairs."""


def same_persons(
    populations: list[Population], relations: Relations
) -> dict[Population, Population]:
    """Each population with the first one that holds the same persons."""
    found: dict[Population, Population] = {}
    for one in populations:
        for other in dict.fromkeys(found.values()):
            relation = relations(other, one)
            if relation is not None and relation.kind == "same":
                found[one] = other
                break
        else:
            found[one] = one
    return found


def nested_pairs(
    populations: list[Population], lead: Population, relations: Relations, people: list[str]
) -> tuple[Pairs, Pairs]:
    """(inner, outer) pairs among `lead` and the populations that lie in it or around it.

    The second set holds the pairs that only the order of `populations` (oldest release first)
    speaks for. Records arrive, so an earlier state lies in the later.
    """
    pairs: Pairs = set()
    unsure: Pairs = set()
    near = []
    for one in populations:
        if one == lead:
            near.append(one)
            continue
        relation = _told(relations, one, lead)
        if relation is None and one.cohort != lead.cohort:
            people.append(_ANOTHER_COHORT)
        elif relation is None or relation.kind in ("within", "around"):
            near.append(one)
    for place, one in enumerate(near):
        for other in near[place + 1 :]:
            relation = _told(relations, one, other)
            if relation is None and one.cohort == other.cohort:
                before = is_before(one.snapshot, other.snapshot)
                pair = (other, one) if before is False else (one, other)
                (unsure if before is None else pairs).add(pair)
            elif relation is not None and relation.kind == "within":
                pairs.add((one, other))
            elif relation is not None and relation.kind == "around":
                pairs.add((other, one))
    return pairs, unsure


def _told(relations: Relations, one: Population, other: Population) -> Relation | None:
    """What is known beside the order of snapshots; None for two states of a cohort that overlap.

    Some persons leave a cohort when records arrive. Both states are then audited as if nobody
    did, as long as the numbers allow it.
    """
    found = relations(one, other)
    overlap = found is not None and found.kind == "overlap"
    return None if overlap and one.cohort == other.cohort else found
