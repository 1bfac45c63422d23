"""Treated diabetes through the DuckDB engine, against SQL written by hand for DuckDB.

One million care lines, 500,000 drug lines and 50,000 persons in Parquet, read by both
sides with the same threads and memory. Both give the same table of counts. Time is CPU
seconds of this process, all threads, the best of five interleaved rounds; the engine's
side includes its compiling and its reading of schemas.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bercail.cohorts import DuckdbEngine, DuckdbSettings, Model, Source, Sources, load_study
from bercail.cohorts.views import DCIR_KEY

GOAL = 1.5
ROUNDS = 5
PERSONS, CARE, DRUG_LINES, DRUGS = 50_000, 1_000_000, 500_000, 2_000
FIRST_DRUG = 3400930000000
STUDY = Path(__file__).resolve().parents[2] / "studies" / "treated_diabetes.py"
KEY = ", ".join(DCIR_KEY)
BY_HAND = f"""
WITH one AS (
  SELECT BEN_NIR_PSA, BEN_RNG_GEM, min(BEN_IDT_ANO) AS person FROM IR_BEN_R
  GROUP BY ALL HAVING min(BEN_IDT_ANO) = max(BEN_IDT_ANO)),
net AS (
  SELECT one.person, s.EXE_SOI_DTD AS day, p.PHA_PRS_C13 AS drug,
         any_value(d.units_per_pack) AS units
  FROM (SELECT cip13, units_per_pack FROM drugs WHERE starts_with(atc, 'A10')) d
  JOIN ER_PHA_F p ON p.PHA_PRS_C13 = d.cip13
  JOIN ER_PRS_F s USING ({KEY})
  JOIN one USING (BEN_NIR_PSA, BEN_RNG_GEM)
  WHERE s.EXE_SOI_DTD BETWEEN DATE '2024-01-01' AND DATE '2024-12-31' AND s.CPL_MAJ_TOP < 2
    AND coalesce(s.DPN_QLF, 0) NOT IN (71, 72) AND coalesce(s.PRS_DPN_QLP, 0) NOT IN (71, 72)
  GROUP BY ALL
  HAVING sum(p.PHA_ACT_QSN) > 0 OR sum(p.PHA_DEC_QSU) FILTER (p.PHA_DEC_TOP = 'D') > 0),
treated AS (
  SELECT person FROM net GROUP BY person
  HAVING count(DISTINCT day) >= 3 OR (count(DISTINCT day) >= 2 AND max(units) >= 84)),
people AS (
  SELECT BEN_IDT_ANO AS person, max(BEN_NAI_ANN)::INT AS birth, max(BEN_SEX_COD) AS sex,
         max(BEN_DCD_DTE) AS death
  FROM IR_BEN_R GROUP BY 1
  HAVING min(BEN_NAI_ANN) = max(BEN_NAI_ANN) AND min(BEN_SEX_COD) = max(BEN_SEX_COD))
SELECT least((2024 - birth) // 10, 9) AS age, sex, count(*) AS persons
FROM treated JOIN people USING (person)
WHERE NOT death BETWEEN DATE '1601-01-01' AND DATE '2024-12-31'
GROUP BY ALL ORDER BY ALL
"""  # noqa: S608  # the key is a constant of the catalogue


def make(folder: Path) -> pa.Table:
    """Write the tables; returns the drugs."""
    dice = np.random.default_rng(7)
    pseudonyms = pa.array([f"{number:017x}" for number in range(PERSONS)])
    care = care_lines(dice, pseudonyms)
    tables = {
        "IR_BEN_R": persons(dice, pseudonyms),
        "ER_PRS_F": care,
        "ER_PHA_F": drug_lines(dice, care),
    }
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
    classes = ["A10BA02" if number % 5 == 0 else "C10AA05" for number in range(DRUGS)]
    units = [90 if number % 3 == 0 else 30 for number in range(DRUGS)]
    codes = pa.array(range(FIRST_DRUG, FIRST_DRUG + DRUGS), pa.int64())
    return pa.table({"cip13": codes, "atc": classes, "units_per_pack": pa.array(units, pa.int64())})


def persons(dice: np.random.Generator, pseudonyms: pa.Array) -> pa.Table:
    """IR_BEN_R: one row per person; one in fifty died in 2024."""
    never = date(1600, 1, 1)
    deaths = [never if number % 50 else date(2024, 6, 1) for number in range(PERSONS)]
    return pa.table(
        {
            "BEN_NIR_PSA": pseudonyms,
            "BEN_RNG_GEM": np.ones(PERSONS, np.int64),
            "BEN_IDT_ANO": pseudonyms,
            "BEN_NAI_ANN": pa.array([str(year) for year in dice.integers(1930, 2020, PERSONS)]),
            "BEN_SEX_COD": dice.integers(1, 3, PERSONS),
            "BEN_DCD_DTE": pa.array(deaths, pa.date32()),
        }
    )


def care_lines(dice: np.random.Generator, pseudonyms: pa.Array) -> pa.Table:
    """ER_PRS_F: two years of lines by date, some of them increases or for information."""
    start = (date(2023, 1, 1) - date(1970, 1, 1)).days
    days = pa.array(start + np.sort(dice.integers(0, 730, CARE)), pa.int32()).cast(pa.date32())
    key = {name: np.ones(CARE, np.int64) for name in DCIR_KEY}
    key |= {
        "FLX_DIS_DTD": days,
        "FLX_TRT_DTD": days,
        "ORG_CLE_NUM": pa.array([f"01C{number % 100:06}" for number in range(CARE)]),
        "DCT_ORD_NUM": np.arange(CARE),
    }
    return pa.table(
        {
            **key,
            "BEN_NIR_PSA": pseudonyms.take(pa.array(dice.integers(0, PERSONS, CARE))),
            "BEN_RNG_GEM": np.ones(CARE, np.int64),
            "EXE_SOI_DTD": days,
            "CPL_MAJ_TOP": dice.choice([0, 0, 0, 2], CARE),
            "DPN_QLF": dice.choice([0, 0, 0, 71], CARE),
            "PRS_DPN_QLP": np.zeros(CARE, np.int64),
        }
    )


def drug_lines(dice: np.random.Generator, care: pa.Table) -> pa.Table:
    """ER_PHA_F: a drug on every second care line, some of them reversals."""
    lines = np.sort(dice.choice(CARE, DRUG_LINES, replace=False))
    columns = {
        "PHA_PRS_C13": pa.array(FIRST_DRUG + dice.integers(0, DRUGS, DRUG_LINES)),
        "PHA_ACT_QSN": pa.array(dice.choice([1, 1, 2, -1], DRUG_LINES)),
        "PHA_DEC_TOP": pa.nulls(DRUG_LINES, pa.string()),
        "PHA_DEC_QSU": pa.array(np.zeros(DRUG_LINES, np.int64)),
    }
    table = care.select(list(DCIR_KEY)).take(pa.array(lines))
    for name, values in columns.items():
        table = table.append_column(name, values)
    return table


def by_hand(folder: Path, drugs: pa.Table) -> list[tuple[int, int, int]]:
    """The same question in plain SQL: (age group, sex, persons)."""
    with duckdb.connect(":memory:", config=DuckdbSettings().as_config()) as connection:
        connection.register("drugs", drugs)
        for name in ("IR_BEN_R", "ER_PRS_F", "ER_PHA_F"):
            connection.read_parquet(str(folder / f"{name}.parquet")).create_view(name)
        return connection.sql(BY_HAND).fetchall()


def by_engine(model: Model, sources: Sources) -> list[tuple[int, int, int]]:
    """The study through the engine, in the same shape."""
    (table,) = DuckdbEngine(sources).run(model).tables
    ages, sexes = (side.categories for side in table.dimensions)
    code = {"male": 1, "female": 2}
    found = [
        (ages.index(age), code[sex], table.cells[age, sex])
        for age in ages
        for sex in sexes
        if table.cells[age, sex]
    ]
    return sorted(found)


def cpu(act: Callable[[], object]) -> float:
    """CPU seconds of `act`, all threads."""
    start = time.process_time()
    act()
    return time.process_time() - start


def main() -> int:
    """Measure both sides; exit 1 when the goal is missed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        drugs = make(folder)
        tables = {
            table: Source(urls=(str(folder / f"{table}.parquet"),))
            for table in ("IR_BEN_R", "ER_PRS_F", "ER_PHA_F")
        }
        model, sources = load_study(STUDY), Sources(tables=tables, drugs=drugs)
        if by_engine(model, sources) != by_hand(folder, drugs):
            print("the engine and the SQL by hand do not count the same", file=sys.stderr)
            return 1
        rounds = [
            (cpu(lambda: by_engine(model, sources)), cpu(lambda: by_hand(folder, drugs)))
            for _ in range(ROUNDS)
        ]
    ours, against = (min(side) for side in zip(*rounds, strict=True))
    ratio = ours / against
    print(
        json.dumps(
            {
                "bench": "cohorts/treated-diabetes",
                "ours": round(ours, 3),
                "against": round(against, 3),
                "ratio": round(ratio, 2),
                "goal": GOAL,
                "met": ratio <= GOAL,
            }
        )
    )
    return 0 if ratio <= GOAL else 1


if __name__ == "__main__":
    raise SystemExit(main())
