"""What makes a model acceptable, and what it needs to read. Pure.

A population that is true for a person without any data is refused: its size would
depend on who happens to be in the file, not on what is known about them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bercail.cohorts.arithmetic import Given, Multiply, ShiftMonths
from bercail.cohorts.cleaning import RULES, find_rules
from bercail.cohorts.codec import MAX_DEPTH, children
from bercail.cohorts.derived import MAX_DAYS, Periods, Washout
from bercail.cohorts.events import (
    Aggregate,
    Count,
    CountDistinct,
    Events,
    EventSet,
    Exists,
    Mean,
    Nearest,
    Pick,
    Score,
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
from bercail.cohorts.memory.evaluate import evaluate
from bercail.cohorts.views import PERSONS, VIEWS, Kind
from bercail.foundation import Invalid

if TYPE_CHECKING:
    from bercail.cohorts.model import Model

MAX_NODES = 20_000
# All shifts along one path together; keeps every date between years 1 and 9999.
MAX_SHIFTED_YEARS = 1_000
# All factors along one path together; keeps every product within 64 bits.
MAX_FACTORS = 1_000_000


def walk(node: Node) -> Iterator[Node]:
    """`node` and every node inside it."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        waiting.extend(children(found))


def _no_data(node: Column | Aggregate | Given) -> Any:
    if isinstance(node, Exists | Given):
        return False
    return 0 if isinstance(node, Count | CountDistinct | Total | Score) else None


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


def require_reasonable(nodes: Iterable[Node]) -> None:
    """Refuse models so deep, so large or so far in time that engines could disagree.

    Raises:
        Invalid: more than MAX_DEPTH levels, MAX_NODES nodes, MAX_SHIFTED_YEARS years, or
            factors (scales of means too) along one path of more than MAX_FACTORS.
    """
    total = 0
    for top in nodes:
        depth, size, years, factor = _measure(top)
        total += size
        if depth > MAX_DEPTH or total > MAX_NODES:
            raise Invalid(
                "The study is too large to be read.",
                remedy=f"Stay under {MAX_DEPTH} levels and {MAX_NODES} parts; use code lists.",
            )
        if years > MAX_SHIFTED_YEARS:
            raise Invalid(f"The study moves dates by more than {MAX_SHIFTED_YEARS} years.")
        if factor > MAX_FACTORS:
            raise Invalid(f"The study multiplies a number by more than {MAX_FACTORS}.")


def _measure(node: Node) -> tuple[int, int, int, int]:
    depth, size, years, factor = 0, 1, 0, 1
    for child in children(node):
        below = _measure(child)
        depth, size = max(depth, below[0]), size + below[1]
        years, factor = max(years, below[2]), max(factor, below[3])
    if isinstance(node, Shift):
        years += abs(node.years) + abs(node.days) // 365 + 1
    if isinstance(node, ShiftMonths):
        years += abs(node.months) // 12 + 1
    if isinstance(node, Periods):
        years += MAX_DAYS // 365 + 1
    if isinstance(node, Multiply):
        factor *= max(1, abs(node.by))
    if isinstance(node, Mean):
        factor *= node.scale
    return depth + 1, size, years, factor


def inputs(model: Model) -> Mapping[str, frozenset[str]]:
    """The tables and columns (lake names) that the model reads; bronze where a view has both."""
    bronze = [leaf for leaf in leaves(model) if VIEWS[leaf.of].bronze]
    used = columns_of(model)
    needed = bronze_inputs(model, bronze, used)
    for leaf in leaves(model):
        if not VIEWS[leaf.of].bronze:
            needed |= set(VIEWS[leaf.of].inputs) | _columns_inputs(leaf.of, used[leaf.of])
    return by_table(needed)


def by_table(needed: Iterable[tuple[str, str]]) -> Mapping[str, frozenset[str]]:
    """Columns under their tables, sorted by table."""
    pairs = set(needed)
    tables = sorted({table for table, _ in pairs})
    return {name: frozenset(c for table, c in pairs if table == name) for name in tables}


def leaves(model: Model) -> tuple[Events, ...]:
    """The whole views with their cleaning rules that the model starts from, each once."""
    found = (node for top in model.nodes() for node in walk(top) if isinstance(node, Events))
    return tuple(dict.fromkeys(found))


def bronze_inputs(
    model: Model, read: Iterable[Events], used: Mapping[str, frozenset[str]]
) -> set[tuple[str, str]]:
    """The SNDS columns for the persons, and for those leaves that are `read` from bronze.

    `used` are the columns of the views, as `columns_of` gives them.
    """
    needed = set(VIEWS[PERSONS].inputs) | _columns_inputs(PERSONS, used[PERSONS])
    for rule_id in model.person_rules:
        needed |= _rule_inputs(rule_id)
    for leaf in read:
        needed |= set(VIEWS[leaf.of].inputs) | _columns_inputs(leaf.of, used[leaf.of])
        for rule in find_rules(leaf.of, leaf.rules):
            needed |= _rule_inputs(rule.id)
    return needed


def _columns_inputs(view: str, names: Iterable[str]) -> set[tuple[str, str]]:
    columns = VIEWS[view].columns
    return {pair for name in names if name in columns for pair in columns[name].inputs}


def _rule_inputs(rule_id: str) -> set[tuple[str, str]]:
    rule = RULES[rule_id]
    if rule.keep is None:
        return _columns_inputs(rule.of, ("date", "cip13", "quantity", "units"))
    needed: set[tuple[str, str]] = set()
    for node in walk(rule.keep):
        if isinstance(node, Column):
            of_view = node.of in VIEWS
            needed |= _columns_inputs(node.of, [node.name]) if of_view else {(node.of, node.name)}
    return needed


def columns_of(model: Model) -> Mapping[str, frozenset[str]]:
    """The columns of each event view (and of persons) that the model uses."""
    rules = [rule.keep for rule in find_rules(PERSONS, model.person_rules) if rule.keep]
    used = {name: set(columns) for name, columns in columns_in((*model.nodes(), *rules)).items()}
    for rows in model.event_rows:
        used[rows.events.view] |= set(rows.columns)
    return {name: frozenset(names) for name, names in used.items()}


def columns_in(tops: Iterable[Node]) -> Mapping[str, frozenset[str]]:
    """The columns of each view that some nodes use."""
    used: dict[str, set[str]] = {name: set() for name in VIEWS}
    for top in tops:
        for node in walk(top):
            if isinstance(node, Column):
                used[node.of].add(node.name)
            elif isinstance(node, Within):
                used[node.view].add(node.column)
            elif isinstance(node, Washout | Periods):
                used[node.events.view].add(VIEWS[node.events.view].date)
            elif isinstance(node, Pick | Nearest):
                used[node.events.view] |= picked_columns(node)
    return {name: frozenset(names) for name, names in used.items()}


def picked_columns(node: Pick | Nearest) -> set[str]:
    """The columns that decide a pick. The date itself needs no tie broken."""
    view = VIEWS[node.events.view]
    return {view.date} if node.column == view.date else {node.column, view.date, *view.order}


def base_of(events: EventSet) -> Events:
    """The whole view, with its cleaning rules, from which `events` are taken."""
    node: Node = events
    while not isinstance(node, Events):
        node = node.events  # type: ignore[attr-defined]  # every set but a whole view has one
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
