"""What an analysis gives: rows to read, the counts that the airlock needs, the method's source."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from attrs import Factory, frozen

REMINDER = (
    "These are results inside the project's space. They leave it through the airlock only, "
    "with the counts of persons and events beside them."
)


@frozen(kw_only=True)
class Estimate:
    """A value with the limits of its interval (`level` is 0.95 for 95 %)."""

    value: float
    low: float
    high: float
    level: float = 0.95

    def times(self, factor: float) -> Estimate:
        """The same in another unit: `factor` 100000 gives a rate per 100 000."""
        return Estimate(
            value=self.value * factor,
            low=self.low * factor,
            high=self.high * factor,
            level=self.level,
        )

    def as_dict(self, name: str) -> dict[str, float | None]:
        """The value under `name`, with `low` and `high`; what is not finite becomes None."""
        return {name: finite(self.value), "low": finite(self.low), "high": finite(self.high)}


@frozen(kw_only=True)
class Analysis:
    """One analysis: rows, facts about the whole, and where the method is described.

    `persons` and `events` are the counts behind the whole; None where the input is a series
    or a table of counts that does not tell them.
    """

    method: str
    source: str
    rows: tuple[Mapping[str, Any], ...]
    persons: int | None = None
    events: int | None = None
    facts: Mapping[str, Any] = Factory(dict)

    def as_dict(self) -> dict[str, Any]:
        """The analysis as the value of its JSON."""
        return {
            "method": self.method,
            "source": self.source,
            "persons": self.persons,
            "events": self.events,
            "facts": dict(self.facts),
            "rows": [dict(row) for row in self.rows],
            "reminder": REMINDER,
        }

    def table(self) -> pa.Table:
        """The rows as a table."""
        return pa.Table.from_pylist([dict(row) for row in self.rows])


def finite(value: float) -> float | None:
    """`value` as JSON can hold it: None for what is infinite or not a number."""
    return float(value) if math.isfinite(value) else None
