"""Surveillance of a file of weeks: the series is read first, then judged."""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa

from bercail.cohorts.analysis import farrington, serfling
from bercail.cohorts.analysis.result import Analysis
from bercail.cohorts.analysis.weekly import read_series


def alarms(
    table: pa.Table,
    *,
    week: str,
    count: str,
    last_weeks: int = 52,
    settings: farrington.Settings | None = None,
) -> Analysis:
    """Farrington's verdict on the last weeks; see `farrington.farrington`."""
    series = read_series(table, week=week, count=count)
    return farrington.farrington(series, last_weeks, settings)


def excess(
    table: pa.Table,
    *,
    week: str,
    count: str,
    season: Collection[int] = serfling.SEASON,
    pairs: int = 1,
    level: float = 0.90,
) -> Analysis:
    """Serfling's baseline and the excess over it; see `serfling.serfling`."""
    series = read_series(table, week=week, count=count)
    return serfling.serfling(series, season=season, pairs=pairs, level=level)
