"""The silver table of dispensings from bronze, against DuckDB's plain sort and write.

Ours: from sealed ER_PRS_F, ER_PHA_F and IR_BEN_R, joined on nine columns and with their persons,
cleaned by five rules, netted, ordered, sealed and signed. Against: DuckDB orders the same columns,
joined and numbered beforehand in one plain Parquet file, and writes zstd Parquet. CPU seconds of
all threads, two threads and the same memory limit on both sides. The argument is the number of
bronze lines; 60 million is the size that is asked.
DuckDB may spill into a folder; ours writes nothing to disk but the sealed parts. It compares all
columns of the order, as whoever knows nothing of the rows must; `ratio_shortest` is against DuckDB
told what ours knows, that person, day and drug code as a number decide the order alone.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from bercail import catalogue
from bercail.foundation import Role, SystemClock, SystemRandomness
from bercail.ingest.silver.concepts import concept
from bercail.ingest.silver.definition import order_of
from bercail.ingest.silver.numbers import RegisterPersons
from bercail.ingest.silver.service import SilverService
from bercail.ingest.silver.session import SessionSettings
from bercail.lake import Lake
from bercail.ledger import Ledger, MemoryJournal
from bercail.storage.folder import FolderStore
from bercail.storage.location import Location
from bercail.testing.small_house import person
from bercail.vault import Keyring, MemoryCustodian, note_signer

LINES = 6_000_000
LINES_PER_PERSON = 40
GOAL = 3.0
MEMORY = "6GB"
OPERATOR = person("odile", Role.OPERATOR)
KEY = """DATE '2023-02-01' AS "FLX_DIS_DTD", DATE '2023-01-01' + CAST(i % 28 AS INTEGER)
 AS "FLX_TRT_DTD", i % 3 AS "FLX_EMT_TYP", i % 97 AS "FLX_EMT_NUM", i % 1000 AS "FLX_EMT_ORD",
'01C' || lpad(CAST(i % 101 AS TEXT), 6, '0') AS "ORG_CLE_NUM", i AS "DCT_ORD_NUM",
1::BIGINT AS "PRS_ORD_NUM", 0::BIGINT AS "REM_TYP_AFF" """
WHO = "CAST(hash(i) % {persons} AS BIGINT)"
PSA = "upper(substr(md5(CAST({who} AS TEXT)), 1, 17))"
DAY = "DATE '2023-01-01' + CAST(hash(i + 1) % 28 AS INTEGER)"
DRUG = "3400930000000 + CAST(hash(i + 2) % 4000 AS BIGINT)"
TABLES = {
    "IR_BEN_R": (
        'SELECT {psa_of_i} AS "BEN_NIR_PSA", 1::BIGINT AS "BEN_RNG_GEM", '
        '{psa_of_i} AS "BEN_IDT_ANO" FROM range({persons}) AS t(i)'
    ),
    "ER_PRS_F": (
        'SELECT {key}, {psa} AS "BEN_NIR_PSA", 1::BIGINT AS "BEN_RNG_GEM", '
        '\'00\' AS "BEN_CDI_NIR", {day} AS "EXE_SOI_DTD", 0::BIGINT AS "CPL_MAJ_TOP", '
        '0::BIGINT AS "DPN_QLF", 0::BIGINT AS "PRS_DPN_QLP", 3313::BIGINT AS "BSE_PRS_NAT" '
        "FROM range({lines}) AS t(i)"
    ),
    "ER_PHA_F": (
        'SELECT {key}, 1::BIGINT AS "PHA_ORD_NUM", {drug} AS "PHA_PRS_C13", '
        'CAST(1 + i % 3 AS BIGINT) AS "PHA_ACT_QSN", \' \' AS "PHA_DEC_TOP", '
        '0::BIGINT AS "PHA_DEC_QSU" FROM range({lines}) AS t(i)'
    ),
}
ORDER = ", ".join(f"{name} NULLS FIRST" for name in order_of(concept("dispensings")))
SHORTEST = "bucket, person, date NULLS FIRST, CAST(cip13 AS BIGINT)"
# The same columns as the silver table, before they are in order.
PLAIN = """SELECT CAST({who} % 64 AS INTEGER) AS bucket, CAST({who} AS INTEGER) AS person,
{day} AS date, CAST({drug} AS TEXT) AS cip13, CAST(1 + i % 3 AS BIGINT) AS quantity,
0::BIGINT AS units, 'ER_PHA_F' AS origin, DATE '2023-02-01' AS flux, 1::BIGINT AS lines,
CAST(hash(i + 3) >> 1 AS BIGINT) AS line, 'e5210e9f4e73' AS rules FROM range({lines}) AS t(i)"""


def filled(text: str, lines: int) -> str:
    persons = max(lines // LINES_PER_PERSON, 1)
    who = WHO.format(persons=persons)
    names = {
        "key": KEY,
        "who": who,
        "psa": PSA.format(who=who),
        "psa_of_i": PSA.format(who="i"),
        "day": DAY,
        "drug": DRUG,
        "lines": lines,
        "persons": persons,
    }
    return text.format(**names)


def connected(place: Path) -> duckdb.DuckDBPyConnection:
    config = {"threads": 2, "memory_limit": MEMORY, "temp_directory": str(place / "spill")}
    return duckdb.connect(":memory:", config={**config, "preserve_insertion_order": False})


def desk(place: Path) -> SilverService:
    clock, randomness = SystemClock(), SystemRandomness()
    keys = Keyring(place / "keys.db", MemoryCustodian(randomness), randomness, clock)
    (place / "store").mkdir()
    store = FolderStore(Location.parse(f"file://{place / 'store'}"))
    lake = Lake(store, keys, f"sqlite:///{place / 'lake.db'}", catalogue.load(), randomness, clock)
    signer = note_signer(keys, "bench/log")
    ledger = Ledger(MemoryJournal(), place / "log", signer, clock, randomness, "bench/log")
    settings = SessionSettings(memory_limit=MEMORY)
    return SilverService(lake=lake, ledger=ledger, persons=RegisterPersons(), settings=settings)


def batches(place: Path, query: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    reader = connected(place).sql(query).to_arrow_reader(100_000)
    return reader.schema, iter(reader)


def load(place: Path, silver: SilverService, lines: int) -> None:
    for table, query in TABLES.items():
        schema, found = batches(place, filled(query, lines))
        silver.lake.append(table, found, schema, delivery="bench")


def against(place: Path, lines: int, order: str = ORDER) -> float:
    plain, out = place / "plain.parquet", place / "ordered.parquet"
    with connected(place) as connection:
        connection.execute(f"COPY ({filled(PLAIN, lines)}) TO '{plain}' (COMPRESSION zstd)")
    with connected(place) as connection:
        before = time.process_time()
        ordered = f"FROM read_parquet('{plain}') ORDER BY {order}"
        connection.execute(f"COPY ({ordered}) TO '{out}' (COMPRESSION zstd)")
        return time.process_time() - before


def main() -> None:
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else LINES
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        silver = desk(place)
        load(place, silver, lines)
        before = time.process_time()
        (report,) = silver.build(OPERATOR, "dispensings")
        ours = time.process_time() - before
        assert 0.9 * lines < report.rows <= lines
        plain = against(place, lines)
        shortest = against(place, lines, SHORTEST)
    line = {
        "bench": f"ingest silver: dispensings of {lines} bronze lines, CPU seconds",
        "ours": round(ours, 2),
        "against": round(plain, 2),
        "ratio": round(ours / plain, 2),
        "goal": GOAL,
        "met": ours <= GOAL * plain,
        "ratio_shortest": round(ours / shortest, 2),
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(line))
    sys.exit(0 if line["met"] else 1)


if __name__ == "__main__":
    main()
