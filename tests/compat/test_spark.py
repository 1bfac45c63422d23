"""Spark reads what an open copy holds, without Bercail.

Run by `make compat`, which installs Spark into `.peers` (`scripts/install.sh peers`).
"""

from __future__ import annotations

import json
import subprocess
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from bercail.testing.small_house import SmallHouse

PEERS = Path(__file__).resolve().parents[2] / ".peers" / "bin" / "python"
TABLE = "ER_PRS_F"
OLD = pa.schema(
    [
        ("BEN_NIR_PSA", pa.string()),
        ("PRS_ACT_QTE", pa.int32()),
        ("EXE_SOI_DTD", pa.date32()),
        ("PRS_PAI_MNT", pa.decimal128(18, 4)),
    ]
)
# A column became wider and another came.
NEW = OLD.set(1, pa.field("PRS_ACT_QTE", pa.int64())).append(pa.field("BEN_SEX_COD", pa.int64()))
SPARK_TYPES = (
    "BEN_NIR_PSA string, PRS_ACT_QTE bigint, EXE_SOI_DTD date, PRS_PAI_MNT decimal(18,4), "
    "BEN_SEX_COD bigint"
)
_PROGRAM = """
import json, sys
from pyspark.sql import SparkSession
files, types = json.loads(sys.argv[1]), sys.argv[2]
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
rows = spark.read.schema(types).parquet(*files).orderBy("PRS_ACT_QTE").collect()
print(json.dumps([[None if cell is None else str(cell) for cell in row] for row in rows]))
spark.stop()
"""


def lines(first: int, count: int, schema: pa.Schema) -> pa.RecordBatch:
    found = [
        {
            "BEN_NIR_PSA": f"É{number}",
            "PRS_ACT_QTE": number,
            "EXE_SOI_DTD": date(1600, 1, 1) if number % 2 else None,
            "PRS_PAI_MNT": Decimal(f"-{number}.5000"),
            "BEN_SEX_COD": 1,
        }
        for number in range(first, first + count)
    ]
    return pa.RecordBatch.from_pylist(found, schema=schema)


def read_by_spark(copy: Path) -> list[list[str | None]]:
    """Every row of an open copy, as texts, as Spark reads the files that it lists."""
    assert PEERS.exists(), "there is no Spark: run `bash scripts/install.sh peers`"
    listed: list[dict[str, Any]] = json.loads((copy / "parts.json").read_bytes())
    files = [str(copy / part["path"]) for part in listed]
    words = [str(PEERS), "-c", _PROGRAM, json.dumps(files), SPARK_TYPES]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=copy.parent)
    assert done.returncode == 0, done.stderr
    rows: list[list[str | None]] = json.loads(done.stdout.splitlines()[-1])
    return rows


def test_spark_reads_an_open_copy_whose_columns_came_and_widened(tmp_path: Path) -> None:
    house = SmallHouse.build(tmp_path)
    house.lake.append(TABLE, [lines(0, 3, OLD)], OLD, delivery="D1")
    house.lake.append(TABLE, [lines(3, 3, NEW)], NEW, delivery="D2")
    expected = house.lake.read(TABLE).read_all().sort_by("PRS_ACT_QTE").to_pylist()
    house.lake.opening.write(TABLE, tmp_path / "copy")
    house.close()
    found = read_by_spark(tmp_path / "copy")
    assert found == [
        [None if cell is None else str(cell) for cell in row.values()] for row in expected
    ]
