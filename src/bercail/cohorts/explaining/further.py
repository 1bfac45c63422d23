"""The further expressions and the outputs of a study in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from bercail.cohorts.arithmetic import (
    Case,
    Divide,
    FirstDayOf,
    Greatest,
    IntervalEnd,
    IntervalStart,
    Least,
    Multiply,
    PartOf,
    ShiftMonths,
)
from bercail.cohorts.events import EventSet, Mean, Nearest, Score
from bercail.cohorts.explaining.phrases import Phrases
from bercail.cohorts.expressions import Expression
from bercail.cohorts.outputs import EventRows, Matching, Measure
from bercail.cohorts.scores import find_index
from bercail.cohorts.view_types import Kind


class Teller(Protocol):
    """What tells a study; see `explain`."""

    @property
    def phrases(self) -> Phrases:
        """The words of its language."""
        ...

    def say(self, node: Expression) -> str:
        """One expression in words."""
        ...

    def name_of(self, events: EventSet) -> str:
        """How a set of events is called."""
        ...

    def word(self, view: str, column: str) -> str:
        """The word of a column."""
        ...

    def listed(self, words: tuple[str, ...], last: str) -> str:
        """Words with `and` or `or` before the last."""
        ...


def told_measure(teller: Teller, measure: Measure) -> str:
    """A measure in words."""
    phrases = teller.phrases
    summed = measure.numerator.kind is Kind.INT
    text = (phrases.measure_sum if summed else phrases.measure).format(
        title=measure.title,
        numerator=teller.say(measure.numerator),
        denominator=teller.say(measure.denominator),
        count=measure.count,
        each=phrases.each[measure.interval],
        first=measure.first,
    )
    by = teller.listed(measure.by, "and") if measure.by else ""
    return phrases.grouped.format(text=text, by=by) if by else text


def told_matching(teller: Teller, matching: Matching) -> str:
    """Matching in words."""
    phrases, how = teller.phrases, []
    if matching.on:
        how.append(phrases.controls_alike.format(on=teller.listed(matching.on, "and")))
    if matching.propensity:
        names = teller.listed(matching.propensity, "and")
        how.append(phrases.controls_nearest.format(names=names, caliper=matching.caliper))
    return phrases.controls.format(
        ratio=matching.ratio, how=", ".join(how), condition=teller.say(matching.controls)
    )


def told_rows(teller: Teller, rows: EventRows) -> str:
    """Rows of events in words."""
    columns = tuple(teller.word(rows.events.view, name) for name in rows.columns)
    return teller.phrases.rows.format(
        name=rows.name, columns=teller.listed(columns, "and"), events=teller.name_of(rows.events)
    )


def _multiply(teller: Teller, node: Multiply) -> str:
    return teller.phrases.times.format(value=teller.say(node.value), by=node.by)


def _divide(teller: Teller, node: Divide) -> str:
    left, right = teller.say(node.left), teller.say(node.right)
    return teller.phrases.divided.format(left=left, right=right)


def _shift_months(teller: Teller, node: ShiftMonths) -> str:
    shape = teller.phrases.plus if node.months >= 0 else teller.phrases.minus
    amount = abs(node.months)
    unit = teller.phrases.months[0 if amount == 1 else 1]
    return shape.format(left=teller.say(node.value), right=f"{amount} {unit}")


def _part_of(teller: Teller, node: PartOf) -> str:
    return teller.phrases.part[node.part].format(value=teller.say(node.value))


def _first_day_of(teller: Teller, node: FirstDayOf) -> str:
    return teller.phrases.first_day[node.unit].format(value=teller.say(node.value))


def _extreme(teller: Teller, node: Least | Greatest) -> str:
    phrases = teller.phrases
    shapes = phrases.least if isinstance(node, Least) else phrases.greatest
    values = tuple(teller.say(value) for value in node.values)
    return shapes[node.kind].format(values=teller.listed(values, "and"))


def _case(teller: Teller, node: Case) -> str:
    parts = [
        teller.phrases.case.format(value=teller.say(value), condition=teller.say(condition))
        for condition, value in zip(node.conditions, node.values, strict=True)
    ]
    last = teller.phrases.unknown if node.otherwise is None else teller.say(node.otherwise)
    return "; ".join([*parts, teller.phrases.otherwise.format(value=last)])


def _mean(teller: Teller, node: Mean) -> str:
    scale = "" if node.scale == 1 else f", 1/{node.scale}"
    return teller.phrases.mean.format(
        value=teller.say(node.value), events=teller.name_of(node.events), scale=scale
    )


def _nearest(teller: Teller, node: Nearest) -> str:
    return teller.phrases.nearest.format(
        column=teller.word(node.events.view, node.column),
        events=teller.name_of(node.events),
        to=teller.say(node.to),
    )


def _score(teller: Teller, node: Score) -> str:
    index = find_index(node.index)
    name = index.fr if teller.phrases.language == "fr" else index.en
    return teller.phrases.score.format(
        index=f"{name} ({index.name})",
        value=teller.say(node.value),
        events=teller.name_of(node.events),
    )


def _interval_start(teller: Teller, _: IntervalStart) -> str:
    return teller.phrases.interval_start


def _interval_end(teller: Teller, _: IntervalEnd) -> str:
    return teller.phrases.interval_end


FURTHER: Mapping[type[Expression], Callable[[Teller, Any], str]] = {
    Multiply: _multiply,
    Divide: _divide,
    ShiftMonths: _shift_months,
    PartOf: _part_of,
    FirstDayOf: _first_day_of,
    Least: _extreme,
    Greatest: _extreme,
    Case: _case,
    Mean: _mean,
    Nearest: _nearest,
    Score: _score,
    IntervalStart: _interval_start,
    IntervalEnd: _interval_end,
}
