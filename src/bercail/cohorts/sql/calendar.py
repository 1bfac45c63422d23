"""Whether there was an event in each of many windows, as the bits of one number.

A measure by month asks the same of each month. Asked one by one, every event is tested for every
month, and every person keeps a value for each. Where the windows do not meet, an event lies in one
of them: its bit is looked up once, and the bits of a person's events are put together.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import pairwise

from attrs import frozen
from sqlglot import exp

from bercail.cohorts.events import Aggregate, EventSet, Exists, Within
from bercail.cohorts.expressions import Literal
from bercail.cohorts.sql.sets import rooted
from bercail.cohorts.sql.terms import Term, all_of, day, number

# Fewer are asked one by one; more than the bits of a BIGINT without its sign are several numbers.
LEAST_WINDOWS, MOST_WINDOWS = 3, 62

Window = tuple[date, date]


@frozen(kw_only=True)
class Calendar:
    """Questions that differ in one window of days alone, in the order of their windows.

    What comes before that window is asked by all of them; no two windows meet.
    """

    nodes: tuple[Exists, ...]
    windows: tuple[Window, ...]
    column: str

    def bits(self, conditions: Sequence[Term]) -> Term:
        """The number with the bit of every window in which an event `e` passes `conditions`."""
        column = exp.column(self.column, "e")
        ifs = [
            exp.If(
                this=exp.Between(this=column, low=day(first), high=day(last)),
                true=number(1 << place),
            )
            for place, (first, last) in enumerate(self.windows)
        ]
        found: Term = exp.BitwiseOrAgg(this=exp.Case(ifs=ifs))
        if not conditions:
            return found
        return exp.Filter(this=found, expression=exp.Where(this=all_of(conditions)))

    def among(self, bits: Term, node: Exists) -> Term:
        """Whether the bit of `node` is set; null for a person without any event."""
        own = exp.paren(
            exp.BitwiseAnd(this=bits, expression=number(1 << self.nodes.index(node))), copy=False
        )
        return exp.paren(exp.NEQ(this=own, expression=number(0)), copy=False)


def calendars(asked: Sequence[Aggregate]) -> list[Calendar]:
    """The questions to one root that one number can answer; the others are left out."""
    alike: dict[tuple[tuple[EventSet, ...], str], list[tuple[Window, Exists]]] = {}
    for node in asked:
        if not isinstance(node, Exists):
            continue
        _, steps = rooted(node.events)
        last = steps[-1] if steps else None
        if isinstance(last, Within) and (window := _window(last)) is not None:
            alike.setdefault((steps[:-1], last.column), []).append((window, node))
    found: list[Calendar] = []
    for (_, column), questions in alike.items():
        ordered = sorted(questions, key=lambda one: one[0])
        if _meet([window for window, _ in ordered]):
            continue
        for start in range(0, len(ordered), MOST_WINDOWS):
            windows, nodes = zip(*ordered[start : start + MOST_WINDOWS], strict=True)
            if len(nodes) >= LEAST_WINDOWS:
                found.append(Calendar(nodes=nodes, windows=windows, column=column))
    return found


def _window(step: Within) -> Window | None:
    """First and last day, where both are written in the study."""
    if not (isinstance(step.start, Literal) and isinstance(step.end, Literal)):
        return None
    first, last = step.start.content, step.end.content
    if isinstance(first, date) and isinstance(last, date) and first <= last:
        return first, last
    return None


def _meet(windows: Sequence[Window]) -> bool:
    """Whether two of some windows, sorted by their first day, have a day in common."""
    return any(left[1] >= right[0] for left, right in pairwise(windows))
