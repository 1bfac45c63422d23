"""What matching reads, as SQL, for an engine with many persons; `cohorts.pairing` pairs them.

A stratum is a group of persons of equal values in all attributes matched on. Its number stands for
these values: so persons are sorted by a whole number and their identifier, and by nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from bercail.cohorts.sql.terms import Term, number
from bercail.cohorts.sql.trees import aliased, cast, named_as

STRATA, STRATUM = "matched_strata", "stratum"


def key_column(place: int) -> str:
    """How an attribute on which controls are matched is called in cases and pool."""
    return f"k{place}"


def compile_strata(cases: exp.Select, keys: int) -> exp.Select:
    """The strata with cases, each with a number from 0: `stratum`, and the values it stands for.

    `cases` has the values called by `key_column`. Nobody with an unknown one is in a stratum.
    """
    names: list[Term] = [exp.column(key_column(place)) for place in range(keys)]
    known = [exp.Not(this=exp.Is(this=name, expression=exp.null())) for name in names]
    row = exp.Window(this=exp.RowNumber())
    place = named_as(cast(exp.Sub(this=row, expression=number(1)), "INTEGER"), STRATUM)
    return (
        exp.select(place, *names, copy=False)
        .from_(cases.subquery("c", copy=False), copy=False)
        .where(*known, copy=False)
        .group_by(*names, copy=False)
    )


def compile_in_strata(
    persons: exp.Select, keys: int, columns: Sequence[str], order: Sequence[str]
) -> exp.Select:
    """Who of `persons` is in a stratum of the kept relation `matched_strata`.

    Has the `stratum` and the `columns` of `persons`, sorted by the names in `order`.
    """
    same = [
        exp.EQ(this=exp.column(name, "p"), expression=exp.column(name, "s"))
        for name in map(key_column, range(keys))
    ]
    query = exp.select(
        exp.column(STRATUM, "s"), *(exp.column(name, "p") for name in columns), copy=False
    ).from_(persons.subquery("p", copy=False), copy=False)
    query = query.join(aliased(STRATA, alias="s"), on=exp.and_(*same, copy=False), copy=False)
    return query.order_by(*(exp.column(name) for name in order), copy=False)
