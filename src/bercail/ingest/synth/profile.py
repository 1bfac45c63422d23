"""What is asked of the generator, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from attrs import Attribute, field, frozen

from bercail.foundation import Invalid, canonical_json, sha256_hex

# Raise this number whenever the same profile would give other bytes.
GENERATOR_VERSION = 1


def _between(low: int, high: int) -> Any:
    def check(_owner: object, attribute: Attribute[int], value: int) -> None:
        if not low <= value <= high:
            raise Invalid(
                f"`{attribute.name}` is `{value}`.",
                remedy=f"Give a number from {low} to {high}.",
            )

    return check


@frozen(kw_only=True)
class SynthProfile:
    """A population and its period of care.

    `as_of` is the first day of a month: deliveries are written up to the flux
    of that month, and what the insurance would process later is not there yet.
    """

    persons: int = field(validator=_between(100, 2_000_000))
    seed: int = field(default=1, validator=_between(0, 2**31 - 1))
    first_year: int = field(default=2023, validator=_between(2019, 2080))
    years: int = field(default=2, validator=_between(1, 10))
    as_of: date = date(2026, 11, 1)

    def __attrs_post_init__(self) -> None:
        if self.as_of.day != 1 or self.as_of <= self.end:
            raise Invalid(
                f"`as_of` is `{self.as_of.isoformat()}`.",
                remedy="Give the first day of a month after the period of care.",
            )

    @property
    def start(self) -> date:
        """The first day of care."""
        return date(self.first_year, 1, 1)

    @property
    def end(self) -> date:
        """The last day of care."""
        return date(self.first_year + self.years, 1, 1) - timedelta(days=1)

    @property
    def calendar(self) -> tuple[int, ...]:
        """The years of care."""
        return tuple(range(self.first_year, self.first_year + self.years))

    def as_dict(self) -> dict[str, int | str]:
        """The profile as `truth.json` and the lock file of a folder hold it."""
        return {
            "persons": self.persons,
            "seed": self.seed,
            "first_year": self.first_year,
            "years": self.years,
            "as_of": self.as_of.isoformat(),
            "generator": GENERATOR_VERSION,
        }

    def digest(self) -> str:
        """SHA-256 of the profile: equal digests, equal bytes."""
        return sha256_hex(canonical_json(self.as_dict()))


@frozen(kw_only=True)
class SynthReport:
    """What stands in the folder: deliveries, rows by table, and the truth."""

    profile: SynthProfile
    deliveries: tuple[str, ...]
    rows: Mapping[str, int]
    size: int
    written: int
    truth: Mapping[str, Any] = field(repr=False)

    def as_dict(self) -> dict[str, Any]:
        """The report as commands show it; `written` counts the deliveries of this run."""
        return {
            "profile": self.profile.as_dict(),
            "deliveries": len(self.deliveries),
            "written": self.written,
            "bytes": self.size,
            "rows": dict(self.rows),
            "treated_diabetics": self.truth["treated_diabetics"],
        }
