"""Percentiles as rows: which one, its value, the persons under it and over it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from bercail.airlock.disclosure.results.rows import Judged, Row, grouped, told, unreadable
from bercail.airlock.disclosure.results.schema import ResultSchema
from bercail.airlock.disclosure.rules.source_policy import SourcePolicy
from bercail.airlock.disclosure.rules.statistics import extreme, percentile_sides
from bercail.airlock.disclosure.tables.grid import number

_NAMED = {"median": 50.0, "médiane": 50.0, "q1": 25.0, "q2": 50.0, "q3": 75.0}

_FEW_BETWEEN = (
    "Few persons stand between a percentile and the next in {0}.",
    "Peu de personnes se trouvent entre un centile et le suivant ({0}).",
)


def judge_percentiles(rows: Sequence[Row], schema: ResultSchema, policy: SourcePolicy) -> Judged:
    """Each percentile under `extreme` and `percentile-sides`; what does not add up, for people."""
    extremes = [row for row in rows if _is_extreme(row)]
    broken = {"extreme": tuple(row.number for row in extremes)} if extremes else {}
    rest = [row for row in rows if not _is_extreme(row)]
    counts = [
        part for part in ("persons_below", "persons_above", "persons") if part in schema.columns
    ]
    people = unreadable(rest, counts, ("value",))
    if nameless := [row for row in rest if _percent(row) is None]:
        people.append(
            told(nameless, "`percentile` is none in {0}.", "`percentile` n'en est pas un ({0}).")
        )
    if not people:
        for group in grouped(rest).values():
            people += _does_not_add_up(group)
    if people:
        return Judged(broken=broken, people=tuple(people))
    few = tuple(
        row.number
        for row in rest
        if percentile_sides(
            row.persons("persons_below") or 0, row.persons("persons_above") or 0, policy
        )
    )
    close = [row for group in grouped(rest).values() for row in _close(group, policy)]
    return Judged(
        broken=broken | ({"percentile-sides": few} if few else {}),
        notes=(told(close, *_FEW_BETWEEN),) if close else (),
    )


def _close(group: Sequence[Row], policy: SourcePolicy) -> list[Row]:
    """Percentiles so near to the one before that the counts show a few persons between both."""
    ordered = sorted(group, key=lambda row: _percent(row) or 0.0)
    return [
        two
        for one, two in pairwise(ordered)
        if any(
            policy.counts.is_small(many)
            for many in (_below(two) - _below(one), _above(one) - _above(two))
        )
    ]


def _is_extreme(row: Row) -> bool:
    """By its name, or because it is the 0th or the 100th."""
    return bool(extreme(row.texts["percentile"])) or _percent(row) in (0.0, 100.0)


def _percent(row: Row) -> float | None:
    """`25`, `p25`, `25 %`, `Q1`, `median`; None for anything else."""
    text = row.texts["percentile"].strip().lower()
    if text in _NAMED:
        return _NAMED[text]
    found = number(text.removeprefix("p").removesuffix("%").strip())
    return found if found is not None and 0 <= found <= 100 else None


def _does_not_add_up(group: Sequence[Row]) -> list[str]:
    """1. Order. 2. Persons who move the wrong way. 3. More on one side than the name allows.

    Under the p-th percentile of N persons stand p % of them at most, over it the rest at most;
    one person more is left to the many ways of computing it.
    """
    ordered = sorted(group, key=lambda row: _percent(row) or 0.0)
    pairs = list(pairwise(ordered))
    # 1.
    twice = [two for one, two in pairs if _percent(one) == _percent(two)]
    falling = [two for one, two in pairs if (two.value("value") or 0) < (one.value("value") or 0)]
    # 2.
    turning = [two for one, two in pairs if _below(two) < _below(one) or _above(two) > _above(one)]
    # 3.
    least = max(_below(row) + _above(row) for row in group)
    said = {row.persons("persons") for row in group if "persons" in row.texts}
    everyone = max([least, *(one for one in said if one is not None)])
    off = [row for row in ordered if _is_off(row, everyone)]
    if len(said) > 1 or any(one is not None and one < least for one in said):
        off = ordered
    return [
        told(sorted(found, key=lambda row: row.number), f"{en} in {{0}}.", f"{fr} ({{0}}).")
        for found, en, fr in (
            (twice, "A percentile stands twice", "Un centile figure deux fois"),
            (falling, "The values fall", "Les valeurs décroissent"),
            (
                turning,
                "The persons below and above do not follow the percentiles",
                "Les personnes au-dessous et au-dessus ne suivent pas les centiles",
            ),
            (
                off,
                "The persons below and above are not those of the percentile",
                "Les personnes au-dessous et au-dessus ne sont pas celles du centile",
            ),
        )
        if found
    ]


def _is_off(row: Row, everyone: int) -> bool:
    below = everyone * (_percent(row) or 0.0) / 100
    return _below(row) > below + 1 or _above(row) > everyone - below + 1


def _below(row: Row) -> int:
    return row.persons("persons_below") or 0


def _above(row: Row) -> int:
    return row.persons("persons_above") or 0
