"""The identities that new rows add to those known: one row for each (PSA, rank, own number).

Text in SQL: `psa` is BEN_NIR_PSA, `rank` BEN_RNG_GEM or -1, `own` BEN_NIR_ANO or the empty text.

1. Rows of the registers are added up with what is known. A date of 1600 or 9999, a year out of
   1601 to 2199, a sex other than 1 and 2 say nothing. Marks of the PMSI for "no identity" name
   nobody.
2. A pair (PSA, rank) that care lines named before any register did is an identity too; lines of a
   pair that a register knew first add nothing.
3. New identities get the next numbers, in the order in which their first row came in.
"""

# ruff: noqa: S608 - queries hold names of our own, never a value of a row
from __future__ import annotations

import duckdb

from bercail.ingest.persons.columns import BITS, CARE, CODES, GREATEST, LEAST, OTHER_CODE, SUMMED
from bercail.ingest.persons.sources import POSITION, NewRows, kind_of
from bercail.lake.identities import SENTINEL_PATTERN

KNOWN = "known"
CARRIED = "carried"
MERGED = "merged"
NUMBERED = "numbered"
KEY = ("psa", "rank", "own")
_FROM_CARE = ("first_seen", "last_seen", "codes", "sources")
# Days are counted from here, so that a day and a value stand in one number.
_EPOCH = "DATE '1900-01-01'"


def _day(column: str) -> str:
    return f"CASE WHEN year({column}) BETWEEN 1601 AND 2199 THEN {column} END"


def _code() -> str:
    known = " ".join(f"WHEN '{code}' THEN {bit}" for code, bit in CODES.items())
    return (
        f"CASE WHEN BEN_CDI_NIR IS NULL THEN 0 ELSE CASE BEN_CDI_NIR {known} "
        f"ELSE {OTHER_CODE} END END::INTEGER"
    )


def _sums() -> str:
    parts = [f"min({name}) AS {name}" for name in LEAST]
    parts += [f"max({name}) AS {name}" for name in GREATEST]
    parts += [f"bit_or({name}) AS {name}" for name in BITS]
    return ", ".join(parts)


def _usable() -> str:
    return f"BEN_NIR_PSA IS NOT NULL AND NOT regexp_full_match(BEN_NIR_PSA, '{SENTINEL_PATTERN}')"


def _register_rows(view: str, bit: int) -> str:
    """The columns of a work row, in their order, from one row of a register."""
    since = f"date_diff('day', {_EPOCH}, coalesce(seen, {_EPOCH}))::BIGINT"
    return f"""
    SELECT psa, rank, own, NULL::INTEGER AS identity, place, seen AS first_seen, seen AS last_seen,
      inserted, y AS birth_year_low, y AS birth_year_high, m AS birth_month_low,
      m AS birth_month_high, {since} * 1000000 + y * 100 + coalesce(m, 0) AS birth_latest,
      s AS sex_low, s AS sex_high, {since} * 10 + s AS sex_latest,
      death AS death_low, death AS death_high, codes, {bit}::INTEGER AS sources
    FROM (
      SELECT BEN_NIR_PSA AS psa, coalesce(BEN_RNG_GEM, -1)::INTEGER AS rank,
        CASE WHEN regexp_full_match(BEN_NIR_ANO, '{SENTINEL_PATTERN}') THEN ''
          ELSE coalesce(BEN_NIR_ANO, '') END AS own,
        {POSITION} AS place, {_day("BEN_DTE_MAJ")} AS seen, {_day("BEN_DTE_INS")} AS inserted,
        CASE WHEN try_cast(BEN_NAI_ANN AS INTEGER) BETWEEN 1601 AND 2199
          THEN try_cast(BEN_NAI_ANN AS INTEGER) END AS y,
        CASE WHEN try_cast(BEN_NAI_MOI AS INTEGER) BETWEEN 1 AND 12
          THEN try_cast(BEN_NAI_MOI AS INTEGER) END AS m,
        CASE WHEN BEN_SEX_COD IN (1, 2) THEN BEN_SEX_COD END::INTEGER AS s,
        {_day("BEN_DCD_DTE")} AS death, {_code()} AS codes
      FROM {view} WHERE {_usable()})"""


def _care_sums(view: str) -> str:
    return f"""
    SELECT BEN_NIR_PSA AS psa, coalesce(BEN_RNG_GEM, -1)::INTEGER AS rank,
      min({POSITION}) AS place, min({_day("FLX_DIS_DTD")}) AS first_seen,
      max({_day("FLX_DIS_DTD")}) AS last_seen, bit_or({_code()}) AS codes
    FROM {view} WHERE {_usable()} GROUP BY psa, rank"""


def merge(connection: duckdb.DuckDBPyConnection, new: NewRows, last_number: int) -> None:
    """Make the table `numbered` from the relation `known` and the rows of `new`.

    The relation `carried` has the numbers of identities whose rows are all read again; numbers
    after `last_number` are free.
    """
    # Step 1.
    tables = sorted({one.table for one in new.deliveries})
    rows = [f"SELECT * FROM {KNOWN}"]
    for table in tables:
        bit = kind_of(table)
        if bit is not None and bit != CARE:
            connection.register(f"new_{table}", new.reader(table))
            rows.append(_register_rows(f"new_{table}", bit))
    _sum_up(connection, MERGED, " UNION ALL ".join(rows))
    # Step 2.
    care = [table for table in tables if kind_of(table) == CARE]
    if care:
        _add_care(connection, new, care)
    # Step 3. Numbers once given stay. Places alone are sorted, since a row is wide.
    same = " AND ".join(f"{MERGED}.{name} = c.{name}" for name in KEY)
    connection.execute(
        f"UPDATE {MERGED} SET identity = c.identity FROM {CARRIED} c "
        f"WHERE {MERGED}.identity IS NULL AND {same}"
    )
    connection.execute(
        f"CREATE TABLE {NUMBERED} AS SELECT m.* EXCLUDE (identity, place), "
        f"coalesce(m.identity, t.turn)::INTEGER AS identity FROM {MERGED} m LEFT JOIN ("
        f"SELECT place, {last_number} + row_number() OVER (ORDER BY place) AS turn "
        f"FROM {MERGED} WHERE identity IS NULL) t ON m.identity IS NULL AND m.place = t.place"
    )
    connection.execute(f"DROP TABLE {MERGED}")


def _sum_up(connection: duckdb.DuckDBPyConnection, table: str, rows: str) -> None:
    key = ", ".join(KEY)
    connection.execute(
        f"CREATE TABLE {table} AS SELECT {key}, min(identity) AS identity, min(place) AS place, "
        f"{_sums()} FROM ({rows}) GROUP BY {key}"
    )


def _add_care(connection: duckdb.DuckDBPyConnection, new: NewRows, care: list[str]) -> None:
    for number, table in enumerate(care):
        connection.register(f"new_{table}", new.reader(table))
        verb = "INSERT INTO care" if number else "CREATE TABLE care AS"
        connection.execute(f"{verb} {_care_sums(f'new_{table}')}")
    others = ", ".join(f"NULL AS {name}" for name in SUMMED if name not in _FROM_CARE)
    # A known identity stands before every new row.
    connection.execute(
        f"CREATE TABLE born AS SELECT c.*, '' AS own, NULL::INTEGER AS identity, "
        f"{CARE}::INTEGER AS sources, {others} FROM (SELECT psa, rank, min(place) AS place, "
        f"min(first_seen) AS first_seen, max(last_seen) AS last_seen, bit_or(codes) AS codes "
        f"FROM care GROUP BY psa, rank) c LEFT JOIN (SELECT psa, rank, "
        f"bit_or(sources) AS held, min(CASE WHEN identity IS NULL THEN place ELSE -1 END) AS met "
        f"FROM {MERGED} SEMI JOIN care USING (psa, rank) GROUP BY psa, rank) k USING (psa, rank) "
        f"WHERE k.held IS NULL OR (k.held & {CARE}) <> 0 OR c.place < k.met"
    )
    here = "own = '' AND (psa, rank) IN (SELECT (psa, rank) FROM born)"
    _sum_up(
        connection,
        "again",
        f"SELECT * FROM {MERGED} WHERE {here} UNION ALL BY NAME SELECT * FROM born",
    )
    connection.execute(f"DELETE FROM {MERGED} WHERE {here}")
    connection.execute(f"INSERT INTO {MERGED} BY NAME SELECT * FROM again")
    for table in ("care", "born", "again"):
        connection.execute(f"DROP TABLE {table}")
