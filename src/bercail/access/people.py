"""Who an extract holds: the persons of the population, without anybody who objects.

The answer is two tables of the connection that the selection joins with: `allowed`, the
pairs (BEN_NIR_PSA, BEN_RNG_GEM), and `stays_allowed`, the NIR_ANO_17.
"""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa
from duckdb import DuckDBPyConnection

from bercail.access.permit import Population

COLUMNS = ("BEN_NIR_PSA", "BEN_RNG_GEM", "BEN_IDT_ANO", "BEN_NAI_ANN", "BEN_RES_DPT")

_MEMBERS = """
CREATE TABLE members AS
SELECT DISTINCT BEN_IDT_ANO FROM register WHERE BEN_IDT_ANO IS NOT NULL AND {fits}
"""
_REFUSED = """
CREATE OR REPLACE TABLE refused AS
SELECT DISTINCT BEN_NIR_PSA, BEN_RNG_GEM FROM register SEMI JOIN objecting USING (BEN_IDT_ANO)
"""
_OBJECTING = """
INSERT INTO objecting
SELECT DISTINCT BEN_IDT_ANO FROM register
SEMI JOIN refused USING (BEN_NIR_PSA, BEN_RNG_GEM) ANTI JOIN objecting USING (BEN_IDT_ANO)
WHERE BEN_IDT_ANO IS NOT NULL
"""
_ALLOWED = """
CREATE TABLE allowed AS
SELECT DISTINCT BEN_NIR_PSA, BEN_RNG_GEM FROM register
SEMI JOIN members USING (BEN_IDT_ANO) ANTI JOIN refused USING (BEN_NIR_PSA, BEN_RNG_GEM)
WHERE BEN_NIR_PSA IS NOT NULL AND BEN_RNG_GEM IS NOT NULL
"""
_STAYS_ALLOWED = """
CREATE TABLE stays_allowed AS
SELECT DISTINCT BEN_NIR_PSA AS NIR_ANO_17 FROM allowed ANTI JOIN (
    SELECT BEN_NIR_PSA FROM register ANTI JOIN allowed USING (BEN_NIR_PSA, BEN_RNG_GEM)
) USING (BEN_NIR_PSA)
"""
_PERSONS = """
SELECT count(DISTINCT BEN_IDT_ANO) FROM register
SEMI JOIN members USING (BEN_IDT_ANO) SEMI JOIN allowed USING (BEN_NIR_PSA, BEN_RNG_GEM)
"""


def settle(
    connection: DuckDBPyConnection, population: Population, objecting: Collection[str]
) -> int:
    """Make `allowed` and `stays_allowed` from `register`, the rows of IR_BEN_R; returns persons.

    1. A person (BEN_IDT_ANO) is in the population when one of the person's rows is; all
       the person's rows then belong to it, or care paid through the other parent is lost.
    2. Whoever objects is taken out with every pair that ever bore the person, and with
       whoever else bore such a pair: their lines cannot be told apart. BEN_IDT_ANO changes
       when a person's own number becomes known, so this is repeated until nothing is added.
    3. A NIR_ANO_17 is allowed when all of its bearers are: same-sex twins of one insured
       share it, the PMSI has no rank, and a stay may be the other's (SPF, CNAM).
    """
    # Step 1.
    connection.execute(_MEMBERS.format(fits=_fits(population)))
    # Step 2.
    spread(connection, objecting)
    connection.execute(_ALLOWED)
    # Step 3.
    connection.execute(_STAYS_ALLOWED)
    return _number(connection, _PERSONS)


def spread(connection: DuckDBPyConnection, objecting: Collection[str]) -> None:
    """Make `objecting` (BEN_IDT_ANO) and `refused` (pairs) from `register`: step 2 of `settle`."""
    given = pa.table({"BEN_IDT_ANO": pa.array(sorted(set(objecting)), pa.string())})
    connection.register("given", given)
    connection.execute("CREATE TABLE objecting AS SELECT BEN_IDT_ANO FROM given")
    added = 1
    while added:
        connection.execute(_REFUSED)
        added = _number(connection, _OBJECTING)


def _fits(population: Population) -> str:
    """The condition on a row. The values are whole numbers and codes checked at birth."""
    tests = ["TRUE"]
    if population.born_from is not None:
        tests.append(f"BEN_NAI_ANN >= '{population.born_from:04}'")
    if population.born_until is not None:
        tests.append(f"BEN_NAI_ANN <= '{population.born_until:04}'")
    if population.departments:
        codes = ", ".join(f"'{code}'" for code in population.departments)
        tests.append(f"BEN_RES_DPT IN ({codes})")
    return " AND ".join(tests)


def _number(connection: DuckDBPyConnection, statement: str) -> int:
    ((number,),) = connection.execute(statement).fetchall()
    return int(number)
