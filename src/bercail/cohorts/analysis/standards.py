"""Standard populations, and how their ages meet those of the data."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from itertools import pairwise

import numpy as np
from attrs import frozen

from bercail.cohorts.analysis.columns import Numbers
from bercail.foundation import Invalid, Missing

OPEN = 1_000  # above every age
_SPAN = re.compile(r"(\d+)-(\d+)")
_OPEN = re.compile(r"(\d+)\+")


@frozen(kw_only=True)
class AgeBand:
    """Ages from `low` to `high` completed years, both included; `high` is OPEN at the end."""

    low: int
    high: int

    @property
    def label(self) -> str:
        """`5-9`, or `85+`."""
        return f"{self.low}+" if self.high == OPEN else f"{self.low}-{self.high}"


@frozen(kw_only=True)
class StandardPopulation:
    """A published standard: its bands in order, and the persons of each."""

    name: str
    source: str
    bands: tuple[AgeBand, ...]
    persons: tuple[float, ...]

    def shares(self, wanted: Sequence[AgeBand]) -> Numbers:
        """The share of each wanted band, summing to 1.

        A wanted band may join several of the standard's, and the last one may be open
        earlier; it may not cut one.

        Raises:
            Invalid: bands that cut the standard's, leave a gap, or overlap.
        """
        starts = {band.low for band in self.bands} | {OPEN + 1}
        order = sorted(wanted, key=lambda band: band.low)
        for before, after in pairwise(order):
            if after.low != before.high + 1:
                raise Invalid(f"The age groups `{before.label}` and `{after.label}` do not meet.")
        weights = []
        for band in wanted:
            if band.low not in starts or band.high + 1 not in starts:
                raise Invalid(
                    f"The age group `{band.label}` cuts a group of the standard `{self.name}`.",
                    remedy="Use groups of five years, or groups made of them.",
                )
            inside = zip(self.bands, self.persons, strict=True)
            weights.append(sum(n for one, n in inside if band.low <= one.low <= band.high))
        return np.array(weights) / sum(weights)


def standard_population(name: str) -> StandardPopulation:
    """One of the standards of `data/standard_populations.csv`.

    `european-1976`, `european-2013`, `world-who-2000` (World Health Organization, 2000-2025).

    Raises:
        Missing: another name.
    """
    found = _standards()
    if name not in found:
        raise Missing(
            f"There is no standard population `{name}`.",
            remedy=f"Choose one of: {', '.join(sorted(found))}.",
        )
    return found[name]


@cache
def _standards() -> dict[str, StandardPopulation]:
    folder = files("bercail.cohorts.analysis") / "data"
    sources = _rows((folder / "standard_sources.csv").read_text("utf-8"))
    rows = _rows((folder / "standard_populations.csv").read_text("utf-8"))
    return {
        one["standard"]: StandardPopulation(
            name=one["standard"],
            source=one["source"],
            bands=tuple(age_band(r["ages"]) for r in rows if r["standard"] == one["standard"]),
            persons=tuple(float(r["persons"]) for r in rows if r["standard"] == one["standard"]),
        )
        for one in sources
    }


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def age_band(label: str) -> AgeBand:
    """The band written `5-9`, `85+` or `0`; raises `Invalid` for anything else."""
    found = find_age_band(label)
    if found is None:
        raise Invalid(f"`{label}` is no age group.", remedy="Write 5-9, or 85+ for the last.")
    return found


def find_age_band(label: str) -> AgeBand | None:
    """The band written so, or None."""
    span, open_ = _SPAN.fullmatch(label), _OPEN.fullmatch(label)
    if span and int(span[1]) <= int(span[2]):
        return AgeBand(low=int(span[1]), high=int(span[2]))
    if open_:
        return AgeBand(low=int(open_[1]), high=OPEN)
    return AgeBand(low=int(label), high=int(label)) if label.isdigit() else None
