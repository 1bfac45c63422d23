"""Synthetic bronze and silver of any size, made by DuckDB from the numbers of the lines.

Care lines of three years with one drug each (some of them increases, for information, or
reversals), stays of two years, the register. Silver is what the rules leave of them.
"""

# ruff: noqa: S608 - queries are made of constants and sizes of this folder
from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
from attrs import frozen

from bercail.cohorts import Source, Sources
from bercail.cohorts.views import DCIR_KEY
from bercail.foundation import SystemClock, SystemRandomness
from bercail.lake import SealedStore
from bercail.storage import Credentials, Location, open_store
from bercail.vault import Keyring, MemoryCustodian

DRUGS, FIRST_DRUG = 2_000, 3_400_930_000_000
LINES_A_PERSON, LINES_A_STAY = 30, 10
ROWS_A_PART = 4_000_000
KEY = ", ".join(DCIR_KEY)
# Columns of the key that are not 1 on every line.
FILLED = ("FLX_DIS_DTD", "FLX_TRT_DTD", "ORG_CLE_NUM", "DCT_ORD_NUM")
BRONZE = ("IR_BEN_R", "ER_PRS_F", "ER_PHA_F", *(f"T_MCO{y}{x}" for y in (23, 24) for x in "BC"))
SILVER = ("silver_dispensings", "silver_stays", "silver_numbers", "silver_register")
ZERO = ("NIR", "NAI", "SEX", "SEJ", "FHO", "PMS", "DAT", "COH_NAI", "COH_SEX")

_LINES = """
SELECT i, CAST(hash(i) % {persons} AS INTEGER) AS person,
  DATE '2022-01-01' + CAST(i * 1096 // {lines} AS INTEGER) AS day,
  {first} + CAST(hash(i + 1000000007) % {drugs} AS BIGINT) AS cip13,
  [1, 1, 2, -1][1 + CAST(hash(i + 7) % 4 AS INTEGER)] AS quantity,
  [0, 0, 0, 0, 0, 0, 0, 2][1 + CAST(hash(i + 11) % 8 AS INTEGER)] AS increase,
  [0, 0, 0, 0, 0, 0, 0, 71][1 + CAST(hash(i + 13) % 8 AS INTEGER)] AS qualifier
FROM range({lines}) AS t(i)"""
_STAYS = """
SELECT i, CAST(hash(i + 17) % {persons} AS INTEGER) AS person,
  DATE '2023-01-01' + CAST(hash(i + 19) % 700 AS INTEGER) AS entry,
  ['I639', 'I64', 'E119', 'C509', 'J189', 'K359', 'S720', 'Z511', 'I500', 'N185'][
    1 + CAST(hash(i + 23) % 10 AS INTEGER)] AS code
FROM range({stays}) AS t(i)"""


@frozen(kw_only=True)
class Data:
    """Where the tables lie: bronze and silver in clear, silver sealed in a store; the drugs."""

    folder: Path
    store: Location
    sealed: Sources
    drugs: pa.Table

    def plain(self, table: str) -> str:
        """The files of a table in clear, as DuckDB reads them."""
        return str(self.folder / table / "*.parquet")


def drugs() -> pa.Table:
    """A tenth of the drugs is a statin."""
    classes = ["C10AA05" if number % 10 == 0 else "N02BE01" for number in range(DRUGS)]
    codes = pa.array(range(FIRST_DRUG, FIRST_DRUG + DRUGS), pa.int64())
    units = pa.array([30] * DRUGS, pa.int64())
    return pa.table({"cip13": codes, "atc": classes, "units_per_pack": units})


@contextmanager
def made(lines: int, place: Path | None) -> Iterator[Data]:
    """The tables of so many lines in a folder below `place`, which is taken away at the end."""
    with tempfile.TemporaryDirectory(dir=place) as name:
        folder, randomness = Path(name), SystemRandomness()
        (folder / "store").mkdir()
        location = Location.folder(folder / "store")
        keys = Keyring(
            folder / "keys.sqlite", MemoryCustodian(randomness), randomness, SystemClock()
        )
        host = open_store(location, Credentials())
        store = SealedStore(host, keys, kind="project", scope="p1", randomness=randomness)
        _write(folder, lines)
        yield Data(folder=folder, store=location, sealed=_sealed(folder, store), drugs=drugs())
        keys.close()


def _write(folder: Path, lines: int) -> None:
    sizes = {
        "persons": max(lines // LINES_A_PERSON, 1),
        "lines": lines,
        "stays": max(lines // LINES_A_STAY, 1),
        "first": FIRST_DRUG,
        "drugs": DRUGS,
    }
    config = {"memory_limit": "6GB", "temp_directory": str(folder / "spill"), "threads": 2}
    with duckdb.connect(":memory:", config=config) as writing:
        writing.execute(f"CREATE VIEW lines AS {_LINES.format(**sizes)}")
        writing.execute(f"CREATE VIEW stays AS {_STAYS.format(**sizes)}")
        for name, query in {**_bronze(sizes["persons"]), **_silver(sizes["persons"])}.items():
            (folder / name).mkdir()
            writing.execute(
                f"COPY ({query}) TO '{folder / name}' (FORMAT parquet, COMPRESSION zstd, "
                f"ROW_GROUP_SIZE 122880, PER_THREAD_OUTPUT false, FILE_SIZE_BYTES '256MB')"
            )


def _sealed(folder: Path, store: SealedStore) -> Sources:
    """The tables that a study on silver reads, once more through the sealed store."""
    tables, shared = {}, store.filesystem()
    for name in (*SILVER, "IR_BEN_R"):
        urls = []
        for path in sorted((folder / name).glob("*.parquet")):
            store.put(f"{name}/{path.name}", path.read_bytes())
            urls.append(f"sealed://p1/{name}/{path.name}")
        tables[name] = Source(urls=tuple(urls), filesystem=shared)
    return Sources(tables=tables, drugs=drugs())


def _pseudonym(column: str) -> str:
    return f"printf('%017x', {column})"


def _bronze(persons: int) -> dict[str, str]:
    key = "1 AS " + ", 1 AS ".join(
        one
        for one in DCIR_KEY
        if one not in ("FLX_DIS_DTD", "FLX_TRT_DTD", "ORG_CLE_NUM", "DCT_ORD_NUM")
    )
    keys = (
        "date_trunc('month', day)::DATE AS FLX_DIS_DTD, day AS FLX_TRT_DTD, "
        f"printf('01C%06d', i % 100) AS ORG_CLE_NUM, i AS DCT_ORD_NUM, {key}"
    )
    found = {
        "IR_BEN_R": f"SELECT {_pseudonym('i')} AS BEN_NIR_PSA, 1 AS BEN_RNG_GEM, "
        f"{_pseudonym('i')} AS BEN_IDT_ANO, '00' AS BEN_CDI_NIR, "
        "CAST(1930 + hash(i + 29) % 80 AS VARCHAR) AS BEN_NAI_ANN, "
        "1 + CAST(hash(i + 31) % 2 AS INTEGER) AS BEN_SEX_COD, "
        "CASE WHEN hash(i + 37) % 50 = 0 THEN DATE '2024-06-01' ELSE DATE '1600-01-01' END "
        f"AS BEN_DCD_DTE FROM range({persons}) AS t(i)",
        "ER_PRS_F": f"SELECT {keys}, {_pseudonym('person')} AS BEN_NIR_PSA, 1 AS BEN_RNG_GEM, "
        "'00' AS BEN_CDI_NIR, day AS EXE_SOI_DTD, increase AS CPL_MAJ_TOP, "
        "qualifier AS DPN_QLF, 0 AS PRS_DPN_QLP, 3313 AS BSE_PRS_NAT FROM lines",
        "ER_PHA_F": f"SELECT {keys}, cip13 AS PHA_PRS_C13, quantity AS PHA_ACT_QSN, "
        "CAST(NULL AS VARCHAR) AS PHA_DEC_TOP, 0 AS PHA_DEC_QSU FROM lines",
    }
    codes = ", ".join(f"'0' AS {name}_RET" for name in ZERO)
    for year in (2023, 2024):
        of_year = f"FROM stays WHERE year(entry + 3) = {year}"
        stay = "printf('%09d', i % 1000) AS ETA_NUM, printf('%010d', i) AS RSA_NUM"
        found[f"T_MCO{year % 100}B"] = (
            f"SELECT {stay}, code AS DGN_PAL, CAST(NULL AS VARCHAR) AS DGN_REL, "
            f"'01M301' AS GRG_GHM, 'A' AS SEJ_TYP, '8' AS SOR_MOD {of_year}"
        )
        found[f"T_MCO{year % 100}C"] = (
            f"SELECT {stay}, {_pseudonym('person')} AS NIR_ANO_17, entry AS EXE_SOI_DTD, "
            f"entry + 3 AS EXE_SOI_DTF, {codes} {of_year}"
        )
    return found


def _silver(persons: int) -> dict[str, str]:
    return {
        "silver_dispensings": "SELECT person % 64 AS bucket, person, day AS date, "
        "CAST(cip13 AS VARCHAR) AS cip13, CAST(sum(quantity) AS BIGINT) AS quantity, "
        "CAST(0 AS BIGINT) AS units FROM lines WHERE increase < 2 AND qualifier = 0 "
        "GROUP BY person, day, cip13 HAVING sum(quantity) > 0 ORDER BY 1, 2, 3, 4",
        "silver_stays": 'SELECT person % 64 AS bucket, person, entry AS date, entry + 3 AS "end", '
        "code AS principal_diagnosis, CAST(NULL AS VARCHAR) AS related_diagnosis, "
        "'01M301' AS ghm, '8' AS exit_mode, i AS stay FROM stays ORDER BY 1, 2, 3",
        "silver_numbers": f"SELECT CAST(i AS INTEGER) AS person, {_pseudonym('i')} AS identity "
        f"FROM range({persons}) AS t(i) ORDER BY 1",
        "silver_register": "SELECT CAST(i % 64 AS INTEGER) AS bucket, "
        f"CAST(i AS INTEGER) AS person, {_pseudonym('i')} AS identity, "
        "CAST(1930 + hash(i + 29) % 80 AS BIGINT) AS birth_year, "
        "CASE WHEN hash(i + 31) % 2 = 0 THEN 'male' ELSE 'female' END AS sex, "
        "CASE WHEN hash(i + 37) % 50 = 0 THEN DATE '2024-06-01' END AS death_date, "
        "CAST(NULL AS VARCHAR) AS department, true AS real_identifier "
        f"FROM range({persons}) AS t(i) ORDER BY 1, 2",
    }
