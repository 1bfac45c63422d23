"""What earlier deliveries make one expect: lines of a table, the next month. Pure.

The band is robust (median and median absolute deviation of the logarithm of the last two years),
so one odd month does not widen it. Outside the band is told; only a change of eight times against
both the median and the last delivery keeps a delivery out, since a flux that runs dry falls fast
without being wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from attrs import frozen

from bercail.ingest.delivery import MANIFEST_NAME, Delivery
from bercail.ingest.events import FindingCounted
from bercail.ingest.findings import ERROR, WARNING, finding

FEWEST, MOST = 4, 24
# Widths of the band in (scaled) median absolute deviations, and at the least in ratio.
WIDTH, NARROWEST = 4.0, math.log(1.5)
# MAD to standard deviation of a normal law.
SCALE = 1.4826
ERROR_RATIO = 8.0
# Counts below this vary too much by chance for an error.
ENOUGH_LINES = 1_000
# A delivery so small beside the largest, or so small at all, is the end of a flux.
DRY_SHARE, DRY_LINES = 0.05, 20
# Systems that come month by month, or year by year; a register comes when it comes.
SERIES = ("DCIR", "MCO", "HAD", "SSR", "RIP")


@frozen(kw_only=True)
class PastDelivery:
    """A delivery whose lines are in the lake: `rows` by table family."""

    name: str
    system: str
    period: str
    rows: Mapping[str, int]


def volume_findings(
    delivery: Delivery, families: Mapping[str, str], past: Iterable[PastDelivery]
) -> tuple[FindingCounted, ...]:
    """Missing periods, and tables with an unexpected number of lines.

    `families` gives the family (`T_MCOaaB`) of each table of the delivery.
    """
    known = [
        one
        for one in past
        if one.system == delivery.system and one.name not in (delivery.name, delivery.corrects)
    ]
    before = sorted(
        (one for one in known if one.period < delivery.period), key=lambda one: one.period
    )
    found = [] if delivery.corrects else list(_missing(delivery, known))
    for file in delivery.files:
        family = families[file.table]
        counts = [one.rows[family] for one in before if family in one.rows][-MOST:]
        level = level_of(file.rows, counts)
        if level:
            # How many lines more or fewer than expected: a count that tells the size of the gap.
            gap = abs(file.rows - round(median(counts)))
            found.append(finding("unexpected-volume", file.name, count=gap, level=level))
    return tuple(found)


def level_of(rows: int, counts: Sequence[int]) -> str:
    """The level of `rows` lines after deliveries of `counts` lines; empty inside the band."""
    if len(counts) < FEWEST:
        return ""
    logs = [math.log1p(count) for count in counts]
    middle = median(logs)
    spread = SCALE * median(abs(log - middle) for log in logs)
    off = abs(math.log1p(rows) - middle)
    if off <= max(WIDTH * spread, NARROWEST):
        return ""
    low, high = sorted((math.expm1(middle), float(counts[-1])))
    fell = low >= ENOUGH_LINES and rows * ERROR_RATIO < low
    rose = rows >= ENOUGH_LINES and rows > ERROR_RATIO * max(high, 1.0)
    return ERROR if fell or rose else WARNING


def _missing(delivery: Delivery, known: Sequence[PastDelivery]) -> Iterable[FindingCounted]:
    """The periods between the last one before this delivery and it.

    After a flux that has nearly run dry, a month without a line is sent as no month at all, so a
    gap there is only told.
    """
    if delivery.system not in SERIES:
        return
    here = _number(delivery.period)
    alike = [one for one in known if len(one.period) == len(delivery.period)]
    earlier = {_number(one.period): sum(one.rows.values()) for one in alike}
    earlier = {number: rows for number, rows in earlier.items() if number < here}
    if not earlier or here - max(earlier) == 1:
        return
    last = earlier[max(earlier)]
    dry = last < DRY_SHARE * max(earlier.values()) or (len(earlier) >= FEWEST and last < DRY_LINES)
    yield finding(
        "missing-period",
        MANIFEST_NAME,
        count=here - max(earlier) - 1,
        level=WARNING if dry else ERROR,
    )


def _number(period: str) -> int:
    """Months or years since the beginning, by which periods are next to each other."""
    year, _, month = period.partition("-")
    return int(year) * 12 + int(month) if month else int(year)
