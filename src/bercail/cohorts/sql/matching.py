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
       cases, until each case has its controls. So nobody is compared with anybody, and two
       numbers say where a pair stands.
    """
    names = ", ".join(key_column(place) for place in range(keys))
    known = " AND ".join(f"{key_column(place)} IS NOT NULL" for place in range(keys))
    same = " AND ".join(f"c.{key_column(n)} = p.{key_column(n)}" for n in range(keys))
    # Made of whole numbers alone: the study's own words stay in the trees of cases and pool.
    text = f"""
        SELECT o.taken.person AS "case", o.control AS control, o.taken.index_date AS index_date
        FROM (
          SELECT LIST_EXTRACT(u.cases, u.place % LEN(u.cases) + 1) AS taken, u.control, u.place
          FROM (
            SELECT f.cases, UNNEST(f.pool) AS control, UNNEST(RANGE(LEN(f.pool))) AS place
            FROM (
              SELECT c.cases, LIST_SLICE(p.pool, 1, {ratio} * LEN(c.cases)) AS pool
              FROM (
                SELECT {names}, LIST_SORT(LIST(
                  {{'rank': rank, 'person': person, 'index_date': index_date}})) AS cases
                FROM (
                  SELECT *, ROW_NUMBER() OVER (ORDER BY person) AS rank
                  FROM {CASES} WHERE {known}) AS r
                GROUP BY {names}) AS c
              JOIN (
                SELECT {names}, LIST_SORT(LIST(person)) AS pool
                FROM {POOL} WHERE {known} GROUP BY {names}) AS p
              ON {same}) AS f) AS u) AS o
        ORDER BY o.taken.rank, o.place"""  # noqa: S608
    query = sqlglot.parse_one(text, dialect="duckdb")
    if not isinstance(query, exp.Select):
        raise TypeError(type(query).__name__)
    return query.with_(CASES, as_=cases, copy=False).with_(POOL, as_=pool, copy=False)
