"""Numbers that no persons fit: which of them still fit one another, and what people are told.

Tables come first, then what results count: a name proves nothing, so the numbers of a part that
do not fit are left out and not those of tables. The new release comes first, then the latest.
"""

from __future__ import annotations

from collections.abc import Sequence

from bercail.airlock.disclosure.guard.atoms import Source
from bercail.airlock.disclosure.guard.joint import Findings, Joint
from bercail.airlock.disclosure.guard.populations import Population
from bercail.airlock.disclosure.guard.record import ReleaseRecord

_NO_GROWTH = (
    "The numbers do not fit those of `{0}` as growth of the same data: data were corrected or "
    "taken out; compare them by hand. / Les nombres ne prolongent pas ceux de `{0}` : des données "
    "ont été corrigées ou retirées ; comparez-les à la main."
)


def fitting_systems(
    joint: Joint, records: Sequence[ReleaseRecord], lead: Population, found: Findings
) -> list[Joint]:
    """`joint` for readers who believe what fits together; what does not fit is told in `found`.

    Whatever fits the new release and only contradicts an earlier one has a system of its own.
    """
    order = sorted(joint.sources, key=lambda one: (one[1] != "", -one[0], one[1]))
    last = len(records) - 1
    tables = (last, "")
    if tables in joint.sources and not joint.possible({tables}):
        found.people.append(_NO_GROWTH.format(joint.newest))
        return []
    kept = _fitting(joint, frozenset(), order)
    mine = frozenset(one for one in kept if one[0] == last)
    systems = [joint.believing(kept)] if kept else []
    for one in order:
        if one in kept:
            continue
        if one[0] == last:
            systems += _unfit_part(joint, one, order, kept, found)
            continue
        fits = joint.possible({one, *mine})
        if fits:
            systems.append(joint.believing({one, *mine}))
        elif _contradicts(joint, one, tables, records, lead):
            found.contradicted.append(joint.release(one[0]))
        if _is_of_interest(one, joint.sources, last) or (not fits and joint.possible({one})):
            found.people.append(_NO_GROWTH.format(joint.release(one[0])))
    return systems


def _fitting(joint: Joint, kept: frozenset[Source], order: Sequence[Source]) -> frozenset[Source]:
    """`kept` and each source of `order` that fits it and those taken before; by halves."""
    wider = kept.union(order)
    if not order or joint.possible(wider):
        return wider
    if len(order) == 1:
        return kept
    half = len(order) // 2
    return _fitting(joint, _fitting(joint, kept, order[:half]), order[half:])


def _unfit_part(
    joint: Joint,
    part: Source,
    order: Sequence[Source],
    kept: frozenset[Source],
    found: Findings,
) -> list[Joint]:
    """A part of the new release that does not fit: the releases it contradicts are told."""
    against = [
        number
        for number in dict.fromkeys(one[0] for one in order if one in kept and one[0] != part[0])
        if not joint.possible({part} | {one for one in kept if one[0] == number})
    ]
    names = [joint.release(number) for number in against] or [joint.newest]
    found.people.extend(_NO_GROWTH.format(name) for name in names)
    if not joint.possible({part}):
        return []
    others = [one for one in order if one != part]
    return [joint.believing(_fitting(joint, frozenset({part}), others))]


def _is_of_interest(one: Source, sources: frozenset[Source], last: int) -> bool:
    """Whether the new release has tables, or counts the same part.

    Else an earlier part that fits no earlier table, or not itself, was told when it left.
    """
    return one[1] == "" or not sources.isdisjoint({(last, ""), (last, one[1])})


def _contradicts(
    joint: Joint,
    one: Source,
    tables: Source,
    records: Sequence[ReleaseRecord],
    lead: Population,
) -> bool:
    """Whether tables of the same cohort in the same snapshot have other numbers."""
    if one[1] or tables not in joint.sources or joint.possible({one, tables}):
        return False
    record = records[one[0]]
    cohorts = {table["population"] for table in record.document["tables"]}
    # Without a digest nobody knows that both are the same cohort.
    return lead.cohort in cohorts - {""} and record.snapshot == lead.snapshot
