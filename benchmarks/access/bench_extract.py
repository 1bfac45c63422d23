"""An extract of a permit, against the plain DuckDB query writing plain Parquet.

50,000 persons, one million care lines and 500,000 drug lines in 24 months; the permit takes the
persons born from 1960 and one of two years, and one person in a hundred objects. The other side
reads the same files unsealed, joins the same way and writes zstd Parquet; it neither seals, nor
turns pseudonyms, nor keeps an order, nor records. CPU seconds of this process, all threads, best
of three interleaved rounds. `peak` is the memory of the whole benchmark, its data included.
"""

from __future__ import annotations

import json
import logging
import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bercail.access import DataScope, Population, TableScope
from bercail.access.extract import Cutter
from bercail.access.permit import DataPermit, Purpose
from bercail.testing.small_house import SmallHouse

PERSONS, LINES, DRUGS, MONTHS = 50_000, 1_000_000, 500_000, 24
FIRST_BIRTH = 1960
ROUNDS = 3
GOAL = 2.5
LETTERS = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", dtype=np.uint8)
NUMBERS = ("FLX_EMT_TYP", "FLX_EMT_NUM", "FLX_EMT_ORD", "DCT_ORD_NUM", "PRS_ORD_NUM", "REM_TYP_AFF")
KEY = ("FLX_DIS_DTD", "FLX_TRT_DTD", "ORG_CLE_NUM", *NUMBERS)
SCOPES = (
    TableScope(
        table="IR_BEN_R",
        columns=("BEN_NIR_PSA", "BEN_RNG_GEM", "BEN_IDT_ANO", "BEN_NAI_ANN", "BEN_SEX_COD"),
    ),
    TableScope(
        table="ER_PRS_F",
        columns=(*KEY, "BEN_NIR_PSA", "BEN_RNG_GEM", "EXE_SOI_DTD", "PRS_ACT_QTE", "BSE_PRS_NAT"),
    ),
    TableScope(table="ER_PHA_F", columns=(*KEY, "PHA_PRS_C13", "PHA_ACT_QSN")),
)


def pseudonyms(random: np.random.Generator, count: int) -> pa.StringArray:
    letters = LETTERS[random.integers(0, 32, (count, 17))]
    # The last character has one bit of the 85.
    letters[:, 16] = LETTERS[random.integers(0, 2, count) * 16]
    return pa.array(letters.view("S17").ravel().astype(str))


def register(random: np.random.Generator) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "BEN_NIR_PSA": pseudonyms(random, PERSONS),
            "BEN_RNG_GEM": pa.array(np.ones(PERSONS, np.int64)),
            "BEN_IDT_ANO": pseudonyms(random, PERSONS),
            "BEN_NAI_ANN": pa.array(random.integers(1920, 2020, PERSONS).astype(str)),
            "BEN_SEX_COD": pa.array(random.integers(1, 3, PERSONS)),
            "BEN_RES_DPT": pa.array(["075"] * PERSONS),
        }
    )


def month(number: int) -> date:
    return date(2023 + number // 12, 1 + number % 12, 1)


def keys_of(lines: np.ndarray, flux: date) -> dict[str, pa.Array]:
    size = len(lines)
    days = pa.array([flux], pa.date32()).take(pa.array(np.zeros(size, np.int64)))
    offices = pa.array([f"01C{n:03}000" for n in range(100)])
    found = {"FLX_DIS_DTD": days, "FLX_TRT_DTD": days}
    found["ORG_CLE_NUM"] = offices.take(pa.array(lines % 100))
    numbers = {name: np.ones(size, np.int64) for name in NUMBERS}
    numbers |= {"FLX_EMT_NUM": lines % 37, "DCT_ORD_NUM": lines}
    return found | {name: pa.array(values) for name, values in numbers.items()}


def care(random: np.random.Generator, people: pa.RecordBatch, number: int) -> Iterator[pa.Table]:
    """The lines of one month, and their drugs."""
    lines = np.arange(LINES // MONTHS)
    who = pa.array(random.integers(0, PERSONS, len(lines)))
    days = random.integers(0, 28, len(lines)) + (month(number) - date(1970, 1, 1)).days
    told = keys_of(lines, month(number)) | {
        "BEN_NIR_PSA": people.column("BEN_NIR_PSA").take(who),
        "BEN_RNG_GEM": people.column("BEN_RNG_GEM").take(who),
        "EXE_SOI_DTD": pa.array(days.astype(np.int32), pa.int32()).cast(pa.date32()),
        "PRS_ACT_QTE": pa.array(np.ones(len(lines), np.int32)).cast(pa.decimal128(18, 4)),
        "BSE_PRS_NAT": pa.array(random.integers(1000, 1200, len(lines))),
    }
    yield pa.table(told)
    dispensed = np.sort(random.integers(0, len(lines), DRUGS // MONTHS))
    drugs = keys_of(dispensed, month(number)) | {
        "PHA_PRS_C13": pa.array(3_400_930_000_000 + random.integers(0, 9000, len(dispensed))),
        "PHA_ACT_QSN": pa.array(np.ones(len(dispensed), np.int64)),
    }
    yield pa.table(drugs)


def filled(house: SmallHouse, plain: Path) -> pa.RecordBatch:
    """The lake, and the same parts unsealed in `plain`."""
    random = np.random.default_rng(1)
    people = register(random)
    house.lake.append("IR_BEN_R", [people], people.schema, delivery="BEN")
    for number in range(MONTHS):
        tables = care(random, people, number)
        for name, table in zip(("ER_PRS_F", "ER_PHA_F"), tables, strict=True):
            house.lake.append(name, table.to_batches(), table.schema, delivery=f"D{number:02}")
    for name in house.lake.tables():
        for number, part in enumerate(house.lake.parts(name)):
            with house.lake.filesystem().open(part.url) as source:
                (plain / f"{name}-{number:02}.parquet").write_bytes(source.read())
    return people


def ours(house: SmallHouse, permit: DataPermit, objecting: list[str]) -> dict[str, int]:
    cutter = Cutter(
        lake=house.lake,
        registry=house.registry,
        keys=house.keys,
        sealed=house.sealed("project", permit.project),
    )
    return dict(cutter.cut(permit, (1, objecting), 1).rows)


def against(plain: Path, out: Path, objecting: list[str]) -> dict[str, int]:
    names = {scope.table: ", ".join(f"t.{column}" for column in scope.columns) for scope in SCOPES}
    kept = {
        "IR_BEN_R": "(t.BEN_NIR_PSA, t.BEN_RNG_GEM) IN (SELECT (BEN_NIR_PSA, BEN_RNG_GEM) FROM ok)",
    }
    kept["ER_PRS_F"] = f"{kept['IR_BEN_R']} AND year(t.EXE_SOI_DTD) = 2024"
    key, same = ", ".join(f"t.{name}" for name in KEY), ", ".join(KEY)
    kept["ER_PHA_F"] = f"({key}) IN (SELECT ({same}) FROM line)"  # noqa: S608
    with duckdb.connect(config={"threads": 2, "memory_limit": "2GB"}) as connection:
        for name in names:
            files = [str(path) for path in sorted(plain.glob(f"{name}-*.parquet"))]
            connection.read_parquet(files, union_by_name=True).create_view(name)
        connection.register("objecting", pa.table({"person": objecting}))
        connection.execute(
            "CREATE VIEW ok AS SELECT * FROM IR_BEN_R WHERE BEN_NAI_ANN >= "  # noqa: S608
            f"'{FIRST_BIRTH}' AND BEN_IDT_ANO NOT IN (SELECT person FROM objecting)"
        )
        connection.execute(f"CREATE VIEW line AS SELECT * FROM ER_PRS_F t WHERE {kept['ER_PRS_F']}")  # noqa: S608
        for name, columns in names.items():
            query = f"SELECT {columns} FROM {name} t WHERE {kept[name]}"  # noqa: S608
            target = out / f"{name}.parquet"
            connection.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet, CODEC zstd)")
    return {name: pq.read_metadata(out / f"{name}.parquet").num_rows for name in names}


def main() -> None:
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain, out = folder / "plain", folder / "out"
        for place in (plain, out):
            place.mkdir()
        house = SmallHouse.build(folder)
        people = filled(house, plain)
        objecting = people.column("BEN_IDT_ANO").to_pylist()[::100]
        population = Population(born_from=FIRST_BIRTH)
        scope = DataScope(tables=SCOPES, first_year=2024, last_year=2024, population=population)
        permit = DataPermit(
            id="permit-bench",
            project="bench",
            members=("somebody",),
            purpose=Purpose.RESEARCH,
            scope=scope,
            valid_from=date(2026, 1, 1),
            valid_until=date(2026, 12, 31),
        )
        times: list[tuple[float, float]] = []
        for _ in range(ROUNDS):
            started = time.process_time()
            rows = ours(house, permit, objecting)
            middle = time.process_time()
            assert against(plain, out, objecting) == rows
            times.append((middle - started, time.process_time() - middle))
        house.close()
    mine, theirs = (min(side) for side in zip(*times, strict=True))
    line = {
        "bench": "access.extract",
        "ours": f"{mine:.2f} s",
        "against": f"{theirs:.2f} s, plain DuckDB to plain Parquet",
        "ratio": round(mine / theirs, 2),
        "goal": GOAL,
        "met": mine / theirs <= GOAL,
        "rows": sum(rows.values()),
        "peak": f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB",
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
