"""The rows of a silver table in their order, with as little to compare and to carry as can be.

The order is that of `definition.order_of`. A code that comes by one way, which keeps it as a number
in bronze, is ordered as a number and becomes a text afterwards: comparing texts takes four times as
long. Where there are several ways it is ordered as a text, whichever of them the lake has: a part
that stays must have the order of those that are written after another way came in.
Columns that follow a set of columns that no two rows share are not compared, and what is the same
in every row is added after the ordering.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from bercail.cohorts.sql.terms import SQL_TYPES
from bercail.cohorts.views import Kind
from bercail.ingest.silver.definition import BUCKETS, STAY, Branch, Concept, Output, order_of


def ordered(
    concept: Concept, branches: Sequence[Branch], made: Sequence[str], numbers: Collection[str]
) -> str:
    """SQL of all rows of `made`, in order, under the columns of the silver table.

    `branches` are those that `made` comes from, one for each leaf; `numbers` the text columns that
    are still numbers in it.
    """
    columns = [_given(one, numbers) for one in concept.columns]
    lineage = f"origin, flux, lines, line, '{concept.version}' AS rules"
    keys = ", ".join(_keys(concept, branches))
    union = "\nUNION ALL BY NAME\n".join(made)
    return f"""SELECT CAST(person % {BUCKETS} AS INTEGER) AS bucket, person,
{", ".join(columns)}, {lineage}
FROM (SELECT * FROM ({union}) ORDER BY {keys})"""  # noqa: S608


def _given(one: Output, numbers: Collection[str]) -> str:
    return (
        f'CAST("{one.name}" AS {SQL_TYPES[one.kind]}) AS "{one.name}"'
        if (one.name in numbers)
        else f'"{one.name}"'
    )


def _keys(concept: Concept, branches: Sequence[Branch]) -> list[str]:
    # One comparison instead of two; a person number has 31 bits.
    found = [f"(CAST(person % {BUCKETS} AS BIGINT) << 31) | person"]
    for name in telling(concept, branches):
        if name in ("bucket", "person"):
            continue
        found.append(f'"{name}" NULLS FIRST')
    return found


def telling(concept: Concept, branches: Sequence[Branch]) -> tuple[str, ...]:
    """The first columns of the order, up to the last without which two rows may be equal."""
    order = order_of(concept)
    if len(branches) != 1:
        return order
    (branch,) = branches
    if branch.periods:
        unique = {"date"}
    elif branch.net:
        unique = {name for name, one in branch.fields.items() if one.add == "key"}
        unique |= {STAY} & {one.name for one in concept.columns}
    else:
        return order
    last = max((order.index(name) for name in unique), default=order.index("person"))
    return order[: last + 1]


def number_columns(concept: Concept, filled: Sequence[dict[str, bool]]) -> frozenset[str]:
    """The text columns that one branch fills, in every leaf of it with whole numbers.

    `filled` says for each leaf which columns it fills, and whether by a whole number.
    """
    texts = {one.name for one in concept.columns if one.kind is Kind.TEXT}
    ways = Counter(name for branch in concept.branches for name in branch.fields)
    return frozenset(
        name
        for name in texts
        if ways[name] == 1
        and any(name in one for one in filled)
        and all(one.get(name, True) for one in filled)
    )
