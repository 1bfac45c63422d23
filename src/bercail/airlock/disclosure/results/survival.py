"""A Kaplan-Meier curve as rows: time, persons at risk, events, what is left of the curve.

`at_risk` counts the persons right before the step, `events` those in it; who is censored leaves
between this row and the next one. A row may stand for several steps put together.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, zip_longest

from bercail.airlock.disclosure.results.rows import Judged, Row, grouped, told, unreadable
from bercail.airlock.disclosure.results.schema import ResultSchema
from bercail.airlock.disclosure.rules.source_policy import SourcePolicy
from bercail.airlock.disclosure.rules.statistics import (
    SurvivalStep,
    coarser_steps,
    failing_steps,
)

_FEW_CENSORED = (
    "Few persons are censored after {0}.",
    "Peu de personnes sont censurées après l'instant indiqué ({0}).",
)


def judge_survival(rows: Sequence[Row], schema: ResultSchema, policy: SourcePolicy) -> Judged:
    """Each curve of the file under the rule `survival-step`.

    A curve that does not add up is for people, and its steps are not judged.
    """
    counts = [part for part in ("at_risk", "events", "censored") if part in schema.columns]
    if people := unreadable(rows, counts, ("time", "survival")):
        return Judged(people=tuple(people))
    failing: list[int] = []
    spans: list[str] = []
    people, quiet = [], list[Row]()
    for curve in grouped(rows).values():
        if said := _does_not_add_up(curve):
            people += said
            continue
        quiet += _few_censored(curve, policy)
        steps = [_step(row) for row in curve]
        if broken := failing_steps(steps, policy):
            failing += [curve[place].number for place in broken]
            spans += _spans(curve, steps, policy)
    notes = (told(quiet, *_FEW_CENSORED),) if quiet else ()
    if not failing:
        return Judged(people=tuple(people), notes=notes)
    return Judged(
        broken={"survival-step": tuple(failing)},
        people=tuple(people),
        notes=notes,
        remedies={"survival-step": _remedy(spans)},
    )


def _step(row: Row) -> SurvivalStep:
    return SurvivalStep(
        time=row.value("time") or 0.0,
        at_risk=row.persons("at_risk") or 0,
        events=row.persons("events") or 0,
        censored=_censored(row) or 0,
    )


def _few_censored(curve: Sequence[Row], policy: SourcePolicy) -> list[Row]:
    """Rows after which readers can compute that few persons were censored before the next one."""
    return [
        row
        for row, (one, two) in zip(curve, pairwise(map(_step, curve)), strict=False)
        if policy.counts.is_small(one.at_risk - two.at_risk - one.events)
    ]


def _censored(row: Row) -> int | None:
    return row.persons("censored") if "censored" in row.texts else None


def _does_not_add_up(curve: Sequence[Row]) -> list[str]:
    """1. Times and persons at risk. 2. Who leaves. 3. What is left of the curve."""
    steps = [_step(row) for row in curve]
    both = list(zip(curve, steps, strict=True))
    pairs = list(pairwise(both))
    # 1.
    backwards = [row for (_, one), (row, two) in pairs if two.time <= one.time]
    growing = [row for (_, one), (row, two) in pairs if two.at_risk > one.at_risk]
    # 2.
    wrong = [
        row
        for (row, one), after in zip_longest(both, steps[1:])
        if one.events + one.censored > one.at_risk or (after and _leave_otherwise(row, one, after))
    ]
    said = [
        told(found, f"{en} in {{0}}.", f"{fr} ({{0}}).")
        for found, en, fr in (
            (backwards, "The times do not grow", "Les temps ne croissent pas"),
            (growing, "The persons at risk grow", "Les personnes à risque augmentent"),
            (
                wrong if not growing else [],
                "The events do not add up with the persons at risk",
                "Les événements ne s'accordent pas avec les personnes à risque",
            ),
        )
        if found
    ]
    # 3.
    off = [] if said else _off_curve(both)
    return said + ([told(off, *_OFF_CURVE)] if off else [])


_OFF_CURVE = (
    "The curve is not what the events say in {0}.",
    "La courbe n'est pas celle que donnent les événements ({0}).",
)


def _leave_otherwise(row: Row, one: SurvivalStep, after: SurvivalStep) -> bool:
    """Whether those who leave between two steps are not the events and the censored."""
    left, said = one.at_risk - after.at_risk, _censored(row)
    return one.events > left or (said is not None and said != left - one.events)


def _off_curve(both: Sequence[tuple[Row, SurvivalStep]]) -> list[Row]:
    """Rows in which the curve cannot be the product of its steps.

    With n at risk, d events and c censored, it falls to (n - d)/n of what it was when all are
    censored last, and to (n - c - d)/(n - c) when they are censored first.
    """
    off = []
    before, slack = 1.0, 0.0
    for place, (row, step) in enumerate(both):
        said = _censored(row)
        if place + 1 < len(both):
            most = step.at_risk - both[place + 1][1].at_risk - step.events
        else:
            most = step.at_risk - step.events if said is None else said
        least_at_risk = step.at_risk - most
        high = 1 - step.events / step.at_risk if step.at_risk else 1.0
        low = 1 - step.events / least_at_risk if least_at_risk else 0.0
        now, own = row.value("survival") or 0.0, row.half_digit("survival")
        if not low * (before - slack) - own <= now <= high * (before + slack) + own:
            off.append(row)
        before, slack = now, own
    return off


def _spans(curve: Sequence[Row], steps: Sequence[SurvivalStep], policy: SourcePolicy) -> list[str]:
    """Which rows make one step each, as `coarser_steps` puts them together."""
    number = {step.time: row.number for row, step in zip(curve, steps, strict=True)}
    spans, start = [], curve[0].number
    order = [row.number for row in curve]
    for merged in coarser_steps(steps, policy):
        end = number[merged.time]
        spans.append(f"{start}-{end}" if start != end else str(start))
        start = order[min(order.index(end) + 1, len(order) - 1)]
    return spans


def _remedy(spans: Sequence[str]) -> tuple[str, str]:
    if not spans:
        return (
            "Take the curve out: it has too few persons however its steps are put together.",
            "Retirez la courbe : elle a trop peu de personnes, quel que soit le regroupement.",
        )
    shown = ", ".join(spans)
    return (
        f"Make one step of each of these rows and leave out the others of the curve: {shown}.",
        f"Faites une seule marche de chacune de ces lignes et retirez les autres : {shown}.",
    )
