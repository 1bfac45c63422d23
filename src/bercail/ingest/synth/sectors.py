"""Care outside of acute hospitals: at home (HAD), in rehabilitation (SSR), in psychiatry (RIM-P).

Patients and days have the published orders of magnitude (CNAM, PMSI training, 2020): at home
116,000 patients and 5.2 million days; in rehabilitation 1 million and 33.4; in psychiatry 420,000
and 19.7, and 2.1 million patients of 21.4 million ambulatory acts, of whom the tables name nobody.
A patient has one stay in a year here; it belongs to the year of its discharge.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from attrs import fields, frozen

from bercail.ingest.synth.diagnoses import GENERAL, Diagnoses
from bercail.ingest.synth.draws import Draws, Flags, Ints, expand
from bercail.ingest.synth.people import People, day_number
from bercail.ingest.synth.profile import SynthProfile
from bercail.ingest.synth.text import year_of

HOME, REHABILITATION, PSYCHIATRY = "HAD", "SSR", "RIP"
POPULATION = 67_000_000
_LONGEST = 300
_OLDER = (0.2, 0.1, 0.2, 0.3, 0.5, 0.9, 1.6, 2.6, 4.0, 4.0)
_ADULT = (0.2, 0.9, 1.2, 1.2, 1.3, 1.2, 0.9, 0.8, 0.7, 0.5)


@frozen(kw_only=True)
class Sector:
    """Patients and days of one year in France, and how often each ten-year age group is there."""

    patients: int
    days: int
    by_age: tuple[float, ...]


SECTORS: Mapping[str, Sector] = MappingProxyType(
    {
        HOME: Sector(patients=116_000, days=5_200_000, by_age=_OLDER),
        REHABILITATION: Sector(patients=1_000_000, days=33_400_000, by_age=_OLDER),
        PSYCHIATRY: Sector(patients=420_000, days=19_700_000, by_age=_ADULT),
    }
)
# Ambulatory psychiatry: patients of a year, and acts of one.
AMBULATORY = Sector(patients=2_100_000, days=21_400_000, by_age=_ADULT)


@frozen(kw_only=True, eq=False)
class SectorStays:
    """One item for each stay of a sector, ordered by discharge, hospital and person.

    `error` ones were not grouped, `bad_return` ones cannot be followed to a person.
    """

    person: Ints
    entry: Ints
    discharge: Ints
    diagnosis: Ints
    hospital: Ints
    error: Flags
    bad_return: Flags

    def __len__(self) -> int:
        return len(self.person)

    def only(self, chosen: Ints) -> SectorStays:
        """The stays at these places, in this order."""
        return SectorStays(**{name: getattr(self, name)[chosen] for name in _NAMES})

    def of_year(self, year: int) -> SectorStays:
        """Those discharged in a year."""
        return self.only(np.flatnonzero(year_of(self.discharge) == year))


_NAMES = tuple(attribute.name for attribute in fields(SectorStays))


@frozen(kw_only=True, eq=False)
class Consultations:
    """One item for each act of ambulatory psychiatry."""

    person: Ints
    day: Ints
    diagnosis: Ints
    hospital: Ints

    def __len__(self) -> int:
        return len(self.person)


def draw_sector(
    name: str, profile: SynthProfile, people: People, diagnoses: Diagnoses
) -> SectorStays:
    """The stays of one sector whose discharge is in the years of care."""
    draws, sector = Draws(profile.stream, f"sector-{name}"), SECTORS[name]
    rate = _rate(sector, people) * profile.rate("other-sectors")
    who = [np.flatnonzero(draws.chance(rate, len(people))) for _ in profile.calendar]
    person = np.concatenate(who)
    year = np.repeat(np.array(profile.calendar), [len(one) for one in who])
    first = (year - 1970).astype("datetime64[Y]").astype("datetime64[D]").astype(np.int64)
    entry = first + draws.between(0, 364, len(person))
    nights = np.floor(-np.log1p(-draws.uniform(len(person))) * (sector.days / sector.patients))
    last = entry + np.minimum(nights.astype(np.int64), _LONGEST)
    discharge = np.minimum(last, people.death[person])
    size = len(person)
    stays = SectorStays(
        person=person,
        entry=entry,
        discharge=discharge,
        diagnosis=_codes(name, draws, diagnoses, size),
        hospital=people.departement[person] * 8 + draws.pick([3, 2, 1], size),
        error=draws.chance(profile.rate("sector-error-groups"), size),
        bad_return=draws.chance(profile.rate("sector-return-codes"), size),
    )
    inside = people.alive(person, entry) & (discharge <= day_number(profile.end))
    stays = stays.only(np.flatnonzero(inside))
    return stays.only(np.lexsort((stays.person, stays.hospital, stays.discharge)))


def draw_consultations(
    profile: SynthProfile, people: People, diagnoses: Diagnoses
) -> Consultations:
    """The ambulatory acts of psychiatry in the years of care."""
    draws = Draws(profile.stream, "sector-ambulatory")
    rate = _rate(AMBULATORY, people) * profile.rate("other-sectors")
    who = np.flatnonzero(draws.chance(rate, len(people)))
    mean = AMBULATORY.days / AMBULATORY.patients * profile.years
    owner, _ = expand(1 + draws.counts(np.full(len(who), mean - 1)))
    person = who[owner]
    day = draws.between(day_number(profile.start), day_number(profile.end), len(person))
    lives = np.flatnonzero(people.alive(person, day))
    lives = lives[np.lexsort((person[lives], day[lives]))]
    person, day = person[lives], day[lives]
    return Consultations(
        person=person,
        day=day,
        diagnosis=_codes(PSYCHIATRY, draws, diagnoses, len(person)),
        hospital=people.departement[person] * 8 + person % 3,
    )


def _rate(sector: Sector, people: People) -> np.typing.NDArray[np.float64]:
    """How likely each person is to be a patient in a year; on average the published share."""
    weight = np.array(sector.by_age)[people.decade]
    mean = float(weight.mean()) if len(people) else 1.0
    return np.asarray(np.minimum(weight / mean * sector.patients / POPULATION, 1.0))


def _codes(name: str, draws: Draws, diagnoses: Diagnoses, size: int) -> Ints:
    """Main diagnoses: those of chapter V in psychiatry, of acute care elsewhere."""
    if name != PSYCHIATRY:
        return diagnoses.pick(draws, (GENERAL,), size)
    mental = np.array([code.startswith("F") for code in diagnoses.code])
    return draws.pick(np.where(mental, diagnoses.weight, 0.0), size)
