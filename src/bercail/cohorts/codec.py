"""Nodes as JSON values, with a closed list of node types.

What comes from a user's program crosses as data: an unknown node, a missing key or an
additional one is refused, and each node checks its own content again when it is built.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import fields

from bercail.cohorts import arithmetic, derived, events, expressions
from bercail.cohorts.expressions import Node
from bercail.foundation import Invalid

MAX_DEPTH = 150

NODES: dict[str, type[Node]] = {
    kind.tag: kind
    for kind in (
        expressions.Literal,
        expressions.Column,
        expressions.Compare,
        expressions.Both,
        expressions.Either,
        expressions.Negation,
        expressions.Known,
        expressions.IfUnknown,
        expressions.StartsWith,
        expressions.IsIn,
        expressions.Add,
        expressions.Shift,
        expressions.YearOf,
        expressions.DaysBetween,
        expressions.Band,
        expressions.Choose,
        arithmetic.Multiply,
        arithmetic.Divide,
        arithmetic.ShiftMonths,
        arithmetic.PartOf,
        arithmetic.FirstDayOf,
        arithmetic.Least,
        arithmetic.Greatest,
        arithmetic.Case,
        arithmetic.IntervalStart,
        arithmetic.IntervalEnd,
        events.Events,
        events.Where,
        events.Within,
        derived.Washout,
        derived.Periods,
        events.Exists,
        events.Count,
        events.CountDistinct,
        events.Total,
        events.Minimum,
        events.Maximum,
        events.Mean,
        events.Pick,
        events.Nearest,
        events.Score,
    )
}


def slots(kind: type[Node]) -> tuple[str, ...]:
    """The names of what a node is built from."""
    return tuple(slot.name for slot in fields(kind) if slot.init)


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly inside `node`."""
    found: list[Node] = []
    for name in slots(type(node)):
        value = getattr(node, name)
        inside = value if isinstance(value, tuple) else (value,)
        found += [one for one in inside if isinstance(one, Node)]
    return tuple(found)


def rebuilt(node: Node, change: Callable[[Node], Node]) -> Node:
    """`node` with every node inside it replaced by `change` of it, from the leaves up."""
    content: dict[str, Any] = {}
    for name in slots(type(node)):
        value = getattr(node, name)
        if isinstance(value, Node):
            content[name] = rebuilt(value, change)
        elif isinstance(value, tuple):
            content[name] = tuple(
                rebuilt(one, change) if isinstance(one, Node) else one for one in value
            )
        else:
            content[name] = value
    return change(type(node)(**content))


def encode_node(node: Node) -> dict[str, Any]:
    """`node` as a JSON object with its tag under `node`."""
    content: dict[str, Any] = {"node": node.tag}
    for name in slots(type(node)):
        value = getattr(node, name)
        if isinstance(value, Node):
            content[name] = encode_node(value)
        elif isinstance(value, tuple):
            content[name] = [encode_node(one) if isinstance(one, Node) else one for one in value]
        else:
            content[name] = value
    return content


def decode_node(value: Any, depth: int = 0) -> Node:
    """The node written as `value`.

    Raises:
        Invalid: unknown tag, wrong keys, wrong content, or more than MAX_DEPTH levels.
    """
    if depth > MAX_DEPTH:
        raise Invalid(f"The cohort model is deeper than {MAX_DEPTH} levels.")
    if not isinstance(value, dict) or not isinstance(value.get("node"), str):
        raise Invalid("The cohort model holds something that is no node.")
    tag = value["node"]
    if tag not in NODES:
        raise Invalid(f"The cohort model holds the unknown node `{tag}`.")
    kind = NODES[tag]
    rest = {name: item for name, item in value.items() if name != "node"}
    content = exactly(rest, slots(kind), tag)
    built = {name: _content(item, depth) for name, item in content.items()}
    try:
        return kind(**built)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise Invalid(f"The content of a node `{tag}` does not fit.") from error


def _content(item: Any, depth: int) -> Any:
    if isinstance(item, dict):
        return decode_node(item, depth + 1)
    if isinstance(item, list):
        return tuple(decode_node(one, depth + 1) if isinstance(one, dict) else one for one in item)
    if isinstance(item, float):
        raise Invalid("The cohort model holds a number with a fraction.")
    return item


def exactly(value: Any, names: tuple[str, ...] | list[str], what: str) -> dict[str, Any]:
    """`value` as an object with just the keys `names`; raises `Invalid` otherwise."""
    if not isinstance(value, dict) or set(value) != set(names):
        raise Invalid(
            f"`{what}` in the cohort model has other keys than {', '.join(sorted(names))}."
        )
    return value
