"""What a study looks at in its cohort, as conditions that a synthetic person can be given."""

from __future__ import annotations

from bercail.cohorts.events import Exists
from bercail.cohorts.expressions import Column, Compare, Expression, Known, Literal
from bercail.cohorts.model import Model
from bercail.cohorts.outputs import Measure
from bercail.cohorts.view_types import Kind


def outcomes_of(model: Model) -> tuple[tuple[Expression, ...], ...]:
    """For each attribute, measure and set of rows the conditions of which any makes it show.

    A truth is to be true, a number or day to be known or more than nothing, rows to exist; a
    measure shows in any of its intervals. What is known of a person anyway asks for nothing.
    """
    named = [one.value for one in model.attributes if not isinstance(one.value, Column)]
    found = [(_shown(value),) for value in named]
    found += [(Exists(events=rows.events),) for rows in model.event_rows]
    return (*found, *(_intervals(measure) for measure in model.measures))


def _shown(value: Expression) -> Expression:
    if value.kind is Kind.BOOL:
        return value
    if value.kind is Kind.INT:
        return Compare(op=">", left=value, right=Literal(of=Kind.INT, value=0))
    return Known(value=value)


def _intervals(measure: Measure) -> tuple[Expression, ...]:
    return tuple(_shown(numerator) for numerator, _ in measure.unrolled())
