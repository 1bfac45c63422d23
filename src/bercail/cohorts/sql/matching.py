"""Matching as SQL, for engines with many persons; the same pairs as `outcomes.matched`."""

from __future__ import annotations

import sqlglot
from sqlglot import exp

CASES, POOL = "matched_cases", "matched_pool"


def key_column(place: int) -> str:
    """How an attribute on which controls are matched is called in cases and pool."""
    return f"k{place}"


def compile_matching(cases: exp.Select, pool: exp.Select, *, keys: int, ratio: int) -> exp.Query:
    """Pairs of `case` and `control`, sorted, with the `index_date` of the case (DuckDB).

    `cases` has `person` and `index_date`, `pool` has `person`; both have the attributes matched
    on, called by `key_column`.

    1. The place of each case among all: the one time that their identifiers are sorted.
    2. The cases, and the pool, of equal attributes as lists in the order of their identifiers.
    3. The control at place p of its list falls to the case at place p modulo the number of
       cases, until each case has its controls. So nobody is compared with anybody: the case at
       place p takes what stands at p, at p and once the number of cases, and so on.
    4. Cases are sorted by their places, and then told once for each control, in that order.
    """
    same = " AND ".join(f"c.{key_column(n)} = p.{key_column(n)}" for n in range(keys))
    controls = ", ".join(
        f"LIST_EXTRACT(u.pool, u.place + {turn} * LEN(u.cases))" for turn in range(ratio)
    )
    ranked, offered = _lists(keys)
    # Made of whole numbers alone: the study's own words stay in the trees of cases and pool.
    text = f"""
        SELECT "case", control, index_date
        FROM (
          SELECT o.taken.person AS "case", UNNEST(o.controls) AS control,
            o.taken.index_date AS index_date
          FROM (
            SELECT LIST_EXTRACT(u.cases, u.place) AS taken, [{controls}] AS controls
            FROM (
              SELECT c.cases, p.pool, UNNEST(RANGE(1, LEN(c.cases) + 1)) AS place
              FROM ({ranked}) AS c JOIN ({offered}) AS p ON {same}) AS u
            ORDER BY LIST_EXTRACT(u.cases, u.place).rank) AS o) AS t
        WHERE control IS NOT NULL"""  # noqa: S608
    query = sqlglot.parse_one(text, dialect="duckdb")
    if not isinstance(query, exp.Select):
        raise TypeError(type(query).__name__)
    return query.with_(CASES, as_=cases, copy=False).with_(POOL, as_=pool, copy=False)


def _lists(keys: int) -> tuple[str, str]:
    """Cases with their places, and the pool, of equal attributes; nobody with an unknown one."""
    names = ", ".join(key_column(place) for place in range(keys))
    known = " AND ".join(f"{key_column(place)} IS NOT NULL" for place in range(keys))
    ranked = f"SELECT *, ROW_NUMBER() OVER (ORDER BY person) AS rank FROM {CASES} WHERE {known}"  # noqa: S608
    case = "{'rank': rank, 'person': person, 'index_date': index_date}"
    cases, pool = f"LIST_SORT(LIST({case})) AS cases", "LIST_SORT(LIST(person)) AS pool"
    return (
        f"SELECT {names}, {cases} FROM ({ranked}) AS r GROUP BY {names}",  # noqa: S608
        f"SELECT {names}, {pool} FROM {POOL} WHERE {known} GROUP BY {names}",  # noqa: S608
    )
