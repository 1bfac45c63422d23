"""What is asked of the generator, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import cached_property
from typing import Any

from attrs import Attribute, evolve, field, frozen

from bercail.foundation import Invalid, canonical_json, sha256_hex
from bercail.ingest.synth.difficulties import rate_in_year, rates_of

# Raise this number whenever the same profile would give other bytes.
GENERATOR_VERSION = 4
# Persons are drawn and written by blocks of at most so many, whatever the population.
BLOCK = 25_000
_MOST_PERSONS = 10_000_000
# National numbers and claim numbers leave room for so many blocks.
MOST_BLOCKS = 400


def _between(low: int, high: int) -> Any:
    def check(_owner: object, attribute: Attribute[int], value: int) -> None:
        if not low <= value <= high:
            raise Invalid(
                f"`{attribute.name}` is `{value}`.",
                remedy=f"Give a number from {low} to {high}.",
            )

    return check


@frozen(kw_only=True, slots=False)
class SynthProfile:
    """A population and its period of care.

    `as_of` is the first day of a month: deliveries are written up to the flux
    of that month, and what the insurance would process later is not there yet.
    `difficulty` is `default` or `hard`; `rates` holds those of single
    difficulties that are not the level's. `form` is `csv` or `parquet`.
    A profile of more than `block` persons is cut in blocks, drawn one by one;
    `place` is the number of such a block.
    """

    persons: int = field(validator=_between(100, _MOST_PERSONS))
    seed: int = field(default=1, validator=_between(0, 2**31 - 1))
    first_year: int = field(default=2023, validator=_between(2006, 2080))
    years: int = field(default=2, validator=_between(1, 10))
    as_of: date = date(2026, 11, 1)
    difficulty: str = "default"
    rates: Mapping[str, float] = field(factory=dict, hash=False)
    form: str = "csv"
    block: int = field(default=BLOCK, validator=_between(200, 50_000))
    place: int = 0

    def __attrs_post_init__(self) -> None:
        self._all_rates  # noqa: B018 - refuses a wrong name or rate at birth
        if self.form not in ("csv", "parquet"):
            raise Invalid(f"`form` is `{self.form}`.", remedy="Give `csv` or `parquet`.")
        if self.place == 0 and self.block * MOST_BLOCKS < self.persons:
            raise Invalid(
                f"`block` is `{self.block}` for `{self.persons}` persons.",
                remedy=f"Give at least {-(-self.persons // MOST_BLOCKS)}.",
            )
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

    @cached_property
    def _all_rates(self) -> dict[str, float]:
        return rates_of(self.difficulty, self.rates)

    def rate(self, name: str) -> float:
        """How often a difficulty happens, from 0 to 1."""
        return self._all_rates[name]

    def rate_in(self, name: str, year: int) -> float:
        """How often a difficulty happens in a year: the published rate, unless one was given."""
        return rate_in_year(self.difficulty, self._all_rates, name, year)

    @property
    def stream(self) -> int:
        """What seeds the draws: each block has its own, and the first has the seed itself."""
        return self.seed + (self.place << 32)

    def blocks(self) -> tuple[SynthProfile, ...]:
        """The profile cut in blocks of nearly equal size; itself when it is small."""
        count = -(-self.persons // self.block)
        small, more = divmod(self.persons, count)
        return tuple(
            evolve(self, persons=small + int(place < more), place=place) for place in range(count)
        )

    def as_dict(self) -> dict[str, Any]:
        """The profile as `truth.json` and the lock file of a folder hold it."""
        return {
            "persons": self.persons,
            "seed": self.seed,
            "first_year": self.first_year,
            "years": self.years,
            "as_of": self.as_of.isoformat(),
            "generator": GENERATOR_VERSION,
            "difficulty": self.difficulty,
            # Rates are written as text: no float has two forms in canonical JSON.
            "rates": {name: repr(rate) for name, rate in sorted(self.rates.items())},
            "format": self.form,
            "block": self.block,
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
