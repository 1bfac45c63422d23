"""Ratios as rows: the ratio with the persons of its numerator and of its denominator."""

from __future__ import annotations

from collections.abc import Sequence

from bercail.airlock.disclosure.results.rows import Judged, Row, grouped, told, unreadable
from bercail.airlock.disclosure.results.schema import ResultSchema
from bercail.airlock.disclosure.rules.source_policy import SourcePolicy
from bercail.airlock.disclosure.rules.statistics import ratio

_CONTRADICTIONS = (
    ("The numerator is greater than the denominator", "Le numérateur dépasse le dénominateur"),
    ("The denominator is zero", "Le dénominateur est nul"),
    (
        "The ratio is not its numerator over its denominator",
        "Le rapport n'est pas celui du numérateur au dénominateur",
    ),
    ("The labels of a ratio stand twice", "Les libellés d'un rapport figurent deux fois"),
)


def judge_ratios(rows: Sequence[Row], schema: ResultSchema, policy: SourcePolicy) -> Judged:
    """Each ratio under `ratio-counts`; what is not numerator over denominator is for people."""
    people = unreadable(rows, ("numerator", "denominator"), ("ratio",))
    if people:
        return Judged(people=tuple(people))
    over = [row for row in rows if _numerator(row) > _denominator(row)]
    empty = [row for row in rows if not _denominator(row)]
    wrong = {row.number for row in (*over, *empty)}
    off = [row for row in rows if row.number not in wrong and _is_off(row, schema.scale)]
    twice = [row for group in grouped(rows).values() for row in group[1:]]
    people = [
        told(found, f"{en} in {{0}}.", f"{fr} ({{0}}).")
        for found, (en, fr) in zip(
            (over, empty, off, twice if schema.by else []), _CONTRADICTIONS, strict=True
        )
        if found
    ]
    broken = tuple(
        row.number
        for row in rows
        if _numerator(row) <= _denominator(row)
        and ratio(_numerator(row), _denominator(row), policy)
    )
    return Judged(
        broken={"ratio-counts": broken} if broken else {},
        people=tuple(people),
    )


def _is_off(row: Row, scale: int) -> bool:
    exact = scale * _numerator(row) / _denominator(row)
    return abs((row.value("ratio") or 0.0) - exact) > row.half_digit("ratio")


def _numerator(row: Row) -> int:
    return row.persons("numerator") or 0


def _denominator(row: Row) -> int:
    return row.persons("denominator") or 0
