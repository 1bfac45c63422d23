"""Chapter 4: the deliveries that came home become sealed, signed tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import duckdb

from bercail.demo.stage import Stage
from bercail.foundation import Unproven
from bercail.lake import Lake

Report = Callable[[str, int, int], None]
OPERATOR = "odile"
# Nothing may spill to a disk in clear.
NO_TRACE: dict[str, str | bool | int | float | list[str]] = {
    "autoload_known_extensions": False,
    "temp_directory": "",
}
DELAYS = """
    SELECT year(EXE_SOI_DTD) || '-' || lpad(month(EXE_SOI_DTD)::VARCHAR, 2, '0') AS care,
           datediff('month', date_trunc('month', EXE_SOI_DTD), FLX_DIS_DTD) AS delay,
           count(*) AS lines,
           count(*) FILTER (WHERE PRS_ACT_QTE < 0) AS negative
    FROM read_parquet($parts, union_by_name = true)
    GROUP BY ALL ORDER BY ALL
"""


def load(stage: Stage, sent: Mapping[str, int], report: Report) -> dict[str, Any]:
    """Load every delivery that is not in the lake yet, then prove one table from raw bytes.

    `sent` is how many rows the data holder sent for each table. Raises `Unproven` when the
    lake holds others: nothing may be lost or doubled, whoever killed the story.
    """
    platform = stage.platform(OPERATOR)
    landing = platform.migration().landed()
    platform.ingest.load_all(landing, platform.actor, report)
    lake = platform.lake
    tables = {name: lake.snapshot(name) for name in lake.tables()}
    rows = {name: snapshot.rows for name, snapshot in tables.items()}
    if rows != sent:
        wrong = sorted(name for name in {*rows, *sent} if rows.get(name) != sent.get(name))
        raise Unproven(
            f"The lake does not hold the rows that were delivered, in {', '.join(wrong)}.",
            remedy="Keep the folder as it is, and start over in another.",
        )
    verified = lake.verify("ER_PHA_F")
    return {
        "tables": {name: snapshot.as_dict() for name, snapshot in tables.items()},
        "rows": sum(rows.values()),
        "verified": verified.as_dict(),
        "delays": _delays(lake),
    }


def _delays(lake: Lake) -> list[dict[str, Any]]:
    """Lines of ER_PRS_F by month of care and months until their flux: the late ones show."""
    parts = [part.url for part in lake.parts("ER_PRS_F")]
    with duckdb.connect(config=NO_TRACE) as connection:
        connection.register_filesystem(lake.filesystem())
        found = connection.execute(DELAYS, {"parts": parts}).fetchall()
    names = ("care", "delay", "lines", "negative")
    return [dict(zip(names, row, strict=True)) for row in found]
