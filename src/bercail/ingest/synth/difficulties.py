"""The difficulties of the data, as a table: what each is, how often, and which trap it sets.

The table is `data/difficulties.csv`: name, rate of the default profile, rate of the hard
one, traps (numbers of the list of what a toy gets wrong), words, source. A rate of
`always` is the shape of the data itself, and cannot be switched off.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from attrs import field, frozen

from bercail.foundation import Invalid

Level = Literal["default", "hard"]
ALWAYS = "always"
_TABLE = Path(__file__).parent / "data" / "difficulties.csv"

# Share of stays with a bad return code, 2005 to 2017 (SpF, SNDS: ce qu'il faut savoir, 2020).
BAD_RETURN_CODES: Mapping[int, float] = MappingProxyType(
    {
        2005 + place: rate / 100
        for place, rate in enumerate(
            (7.27, 8.05, 2.62, 10.84, 2.24, 2.01, 1.88, 1.79, 1.77, 1.69, 1.54, 1.44, 1.40)
        )
    }
)
# Share of deaths without identity, 2006 to 2016 (SpF 2020; CNAM, CepiDc user documentation).
CAUSES_UNMATCHED: Mapping[int, float] = MappingProxyType(
    {
        2006 + place: round(1 - rate / 100, 3)
        for place, rate in enumerate(
            (34.3, 39.6, 48.8, 58.0, 62.7, 68.3, 76.8, 88.7, 90.1, 90.1, 83.3)
        )
    }
)
_BY_YEAR = {"bad-return-codes": BAD_RETURN_CODES, "causes-unmatched": CAUSES_UNMATCHED}


@frozen(kw_only=True)
class Difficulty:
    """One difficulty: `rates` by level, None where it is the shape of the data itself."""

    name: str
    rates: Mapping[str, float] | None = field(hash=False)
    traps: tuple[int, ...]
    what: str
    source: str

    def as_dict(self) -> dict[str, Any]:
        """The difficulty as the command shows it."""
        rates = self.rates or {}
        return {
            "name": self.name,
            "default": rates.get("default", ALWAYS),
            "hard": rates.get("hard", ALWAYS),
            "traps": list(self.traps),
            "what": self.what,
            "source": self.source,
        }


@cache
def difficulties() -> Mapping[str, Difficulty]:
    """Every difficulty by name, in the order of the table."""
    with _TABLE.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter=";"))
    found = {}
    for row in rows:
        always = row["default"] == ALWAYS
        found[row["name"]] = Difficulty(
            name=row["name"],
            rates=None if always else {level: float(row[level]) for level in ("default", "hard")},
            traps=tuple(int(number) for number in row["trap"].split(",")),
            what=row["what"],
            source=row["source"],
        )
    return MappingProxyType(found)


def rates_of(level: str, given: Mapping[str, float]) -> dict[str, float]:
    """The rate of every difficulty that has one: that of the level, or the one given.

    Raises:
        Invalid: no such level or difficulty, a rate out of 0 to 1, or one that cannot be set.
    """
    if level not in ("default", "hard"):
        raise Invalid(f"`difficulty` is `{level}`.", remedy="Give `default` or `hard`.")
    for name, rate in given.items():
        known = difficulties().get(name)
        if known is None:
            raise Invalid(
                f"There is no difficulty `{name}`.",
                remedy="`bercail synth difficulties` lists them.",
            )
        if known.rates is None:
            raise Invalid(
                f"The difficulty `{name}` is the shape of the data, and has no rate.",
                remedy="Leave it out.",
            )
        if not 0 <= rate <= 1:
            raise Invalid(f"The rate of `{name}` is `{rate}`.", remedy="Give one from 0 to 1.")
    return {
        name: float(given.get(name, item.rates[level]))
        for name, item in difficulties().items()
        if item.rates is not None
    }


def rate_in_year(level: str, rates: Mapping[str, float], name: str, year: int) -> float:
    """The rate of a year: the published one where there is one and none was given."""
    item = difficulties()[name]
    if item.rates is not None and rates[name] == item.rates[level] and rates[name] > 0:
        return _BY_YEAR[name].get(year, rates[name])
    return rates[name]
