"""What makes a model acceptable, and what it needs to read. Pure.

A population that is true for a person without any data is refused: its size would
depend on who happens to be in the file, not on what is known about them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bercail.cohorts.cleaning import RULES, find_rules
from bercail.cohorts.codec import MAX_DEPTH, children
from bercail.cohorts.evaluate import evaluate
from bercail.cohorts.events import (
    Aggregate,
    Count,
    CountDistinct,
    Events,
    EventSet,
    Exists,
    Pick,
    Total,
    Within,
)
from bercail.cohorts.expressions import (
    Band,
    Choose,
    Column,
    Expression,
    IfUnknown,
    Literal,
    Node,
    Shift,
)
from bercail.cohorts.views import PERSONS, VIEWS, Kind
from bercail.foundation import Invalid

if TYPE_CHECKING:
    from bercail.cohorts.model import Model

MAX_NODES = 20_000
# All shifts along one path together; keeps every date between years 1 and 9999.
MAX_SHIFTED_YEARS = 1_000


def walk(node: Node) -> Iterator[Node]:
    """`node` and every node inside it."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        waiting.extend(children(found))


def _no_data(node: Column | Aggregate) -> Any:
    if isinstance(node, Exists):
        return False
    return 0 if isinstance(node, Count | CountDistinct | Total) else None


def require_definite(population: Expression) -> None:
    """Refuse a population that is true for a person about whom nothing is known.

    Raises:
        Invalid: it is.
    """
    if evaluate(population, _no_data) is True:
        raise Invalid(
            "The population is true for persons without any data.",
            remedy="Ask for something that is known: an event that exists, a known birth year; "
            "put what must be absent into an exclusion.",
            rule="definite-population",
        )


def require_reasonable(expressions: Iterable[Expression]) -> None:
    """Refuse models so deep, so large or so far in time that engines could disagree.

    Raises:
        Invalid: more than MAX_DEPTH levels, MAX_NODES nodes, MAX_SHIFTED_YEARS years.
    """
    total = 0
    for expression in expressions:
        depth, size, years = _measure(expression)
        total += size
        if depth > MAX_DEPTH or total > MAX_NODES:
            raise Invalid(
                "The study is too large to be read.",
                remedy=f"Stay under {MAX_DEPTH} levels and {MAX_NODES} parts; use code lists.",
            )
        if years > MAX_SHIFTED_YEARS:
            raise Invalid(f"The study moves dates by more than {MAX_SHIFTED_YEARS} years.")


def _measure(node: Node) -> tuple[int, int, int]:
    depth, size, years = 0, 1, 0
    for child in children(node):
        below = _measure(child)
        depth, size = max(depth, below[0]), size + below[1]
        years = max(years, below[2])
    if isinstance(node, Shift):
        years += abs(node.years) + abs(node.days) // 365 + 1
    return depth + 1, size, years


def inputs(model: Model) -> Mapping[str, frozenset[str]]:
    """The SNDS tables and columns (lake names) that the model reads."""
    needed = set(VIEWS[PERSONS].inputs)
    for rule_id in model.person_rules:
        needed |= _rule_inputs(rule_id)
    for expression in model.expressions():
        for node in walk(expression):
            needed |= _node_inputs(node)
    tables = sorted({table for table, _ in needed})
    return {name: frozenset(c for table, c in needed if table == name) for name in tables}


def _node_inputs(node: Node) -> set[tuple[str, str]]:
    if isinstance(node, Column):
        return set(VIEWS[node.of].columns[node.name].inputs)
    if isinstance(node, Events):
        needed = set(VIEWS[node.of].inputs)
        for rule in find_rules(node.of, node.rules):
            needed |= _rule_inputs(rule.id)
        return needed
    if isinstance(node, Within):
        return set(VIEWS[node.view].columns[node.column].inputs)
    if isinstance(node, Pick):
        view = VIEWS[node.events.view]
        names = [name for name in picked_columns(node) if name in view.columns]
        return {pair for name in names for pair in view.columns[name].inputs}
    return set()


def _rule_inputs(rule_id: str) -> set[tuple[str, str]]:
    rule = RULES[rule_id]
    if rule.keep is None:
        columns = VIEWS[rule.of].columns
        return {
            pair for name in ("date", "cip13", "quantity", "units") for pair in columns[name].inputs
        }
    needed: set[tuple[str, str]] = set()
    for node in walk(rule.keep):
        if isinstance(node, Column):
            of_view = node.of in VIEWS
            needed |= (
                set(VIEWS[node.of].columns[node.name].inputs) if of_view else {(node.of, node.name)}
            )
    return needed


def columns_of(model: Model) -> Mapping[str, frozenset[str]]:
    """The columns of each event view (and of persons) that the model uses."""
    used: dict[str, set[str]] = {name: set() for name in VIEWS}
    rules = [rule.keep for rule in find_rules(PERSONS, model.person_rules) if rule.keep]
    for expression in (*model.expressions(), *rules):
        for node in walk(expression):
            if isinstance(node, Column):
                used[node.of].add(node.name)
            elif isinstance(node, Within):
                used[node.view].add(node.column)
            elif isinstance(node, Pick):
                view = VIEWS[node.events.view]
                used[view.name] |= picked_columns(node)
    return {name: frozenset(names) for name, names in used.items()}


def picked_columns(node: Pick) -> set[str]:
    """The columns that decide a pick. The date itself needs no tie broken."""
    view = VIEWS[node.events.view]
    return {view.date} if node.column == view.date else {node.column, view.date, *view.order}


def base_of(events: EventSet) -> Events:
    """The whole view, with its cleaning rules, from which `events` are taken."""
    node: Node = events
    while not isinstance(node, Events):
        node = node.events  # type: ignore[attr-defined]  # only Where and Within remain
    return node


def categories_of(node: Expression) -> tuple[str, ...] | None:
    """The labels a value can take, in order, when the model closes the list; else None."""
    if isinstance(node, Band):
        return node.labels
    if isinstance(node, Column) and node.of == PERSONS:
        closed = VIEWS[PERSONS].columns[node.name].categories
        if closed is not None:
            return closed
    if isinstance(node, Literal):
        return (str(node.value),) if node.of is Kind.TEXT else None
    if isinstance(node, Choose | IfUnknown):
        first = node.then if isinstance(node, Choose) else node.value
        lists = (categories_of(first), categories_of(node.otherwise))
        if lists[0] is not None and lists[1] is not None:
            return (*lists[0], *(label for label in lists[1] if label not in lists[0]))
    return ("yes", "no") if node.kind is Kind.BOOL else None
