"""The desk for surveillance: weekly series, alarms, reproduction numbers.

Every function raises `Missing` for a file or column that is not there, and `Invalid` as the
analysis behind it does.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from bercail.cohorts.analysis.columns import read_table
from bercail.cohorts.analysis.farrington import Settings, farrington
from bercail.cohorts.analysis.outputs import Outputs
from bercail.cohorts.analysis.reproduction import reproduction
from bercail.cohorts.analysis.result import Analysis
from bercail.cohorts.analysis.serfling import SEASON, serfling
from bercail.cohorts.analysis.weekly import read_series, weekly
from bercail.cohorts.plots.curves import reproduction as draw_reproduction
from bercail.cohorts.plots.epidemic import alarms as draw_alarms

NOWHERE = Outputs()


def study_weekly(path: Path, *, day: str, outputs: Outputs = NOWHERE) -> Analysis:
    """Counts by ISO week from a file of events; see `weekly.weekly`."""
    return outputs.finish(weekly(read_table(path), day=day))


def study_alarms(
    path: Path,
    *,
    week: str = "monday",
    count: str = "events",
    last_weeks: int = 52,
    settings: Settings | None = None,
    outputs: Outputs = NOWHERE,
) -> Analysis:
    """Farrington's verdict on the last weeks of a file of weeks; see `farrington.farrington`."""
    found = farrington(read_series(read_table(path), week=week, count=count), last_weeks, settings)
    shown = {"language": outputs.language, "title": outputs.title}
    return outputs.finish(found, lambda: draw_alarms(found.rows, **shown))


def study_serfling(
    path: Path,
    *,
    week: str = "monday",
    count: str = "events",
    season: Collection[int] = SEASON,
    pairs: int = 1,
    level: float = 0.90,
    outputs: Outputs = NOWHERE,
) -> Analysis:
    """Serfling's baseline and the excess over it; see `serfling.serfling`."""
    series = read_series(read_table(path), week=week, count=count)
    found = serfling(series, season=season, pairs=pairs, level=level)
    shown = {"language": outputs.language, "title": outputs.title}
    return outputs.finish(found, lambda: draw_alarms(found.rows, **shown))


def study_reproduction(
    path: Path,
    *,
    day: str,
    cases: str,
    mean_interval: float,
    spread_interval: float,
    imported: str | None = None,
    window: int = 7,
    level: float = 0.95,
    outputs: Outputs = NOWHERE,
) -> Analysis:
    """The reproduction number over time from a file of days; see `reproduction.reproduction`."""
    found = reproduction(
        read_table(path),
        day=day,
        cases=cases,
        mean_interval=mean_interval,
        spread_interval=spread_interval,
        imported=imported,
        window=window,
        level=level,
    )
    shown = {"language": outputs.language, "title": outputs.title}
    return outputs.finish(found, lambda: draw_reproduction(found.rows, **shown))
