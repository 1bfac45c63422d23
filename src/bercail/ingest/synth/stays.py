"""Acute hospital stays: sessions, births and deliveries, deaths, and all others.

A stay belongs to the year of its discharge, and may have begun the year
before. Some are the copy of another hospital's stay (a service between
establishments, PIE), some have a grouping error, some a bad return code.
"""

from __future__ import annotations

import numpy as np
from attrs import evolve, fields, frozen

from bercail.ingest.synth import places
from bercail.ingest.synth.diagnoses import (
    FEMALE,
    GENERAL,
    MALE,
    OBSTETRIC,
    OLD,
    YOUNG,
    Diagnoses,
)
from bercail.ingest.synth.draws import Draws, Flags, Floats, Ints, expand
from bercail.ingest.synth.people import People, day_number
from bercail.ingest.synth.profile import SynthProfile
from bercail.ingest.synth.text import year_of

ORDINARY, SESSION, BIRTH, DELIVERY, DEATH, COPY = range(6)
# Stays for one person in a year by ten-year age group, sessions, births and deliveries aside.
_YEARLY = np.array([0.11, 0.06, 0.09, 0.11, 0.13, 0.18, 0.27, 0.40, 0.52, 0.50])
_DIALYSED = np.array([0.0, 0.02, 0.1, 0.2, 0.4, 0.9, 1.6, 2.6, 3.0, 1.5]) / 1000
_CHEMOTHERAPY = np.array([0.1, 0.1, 0.2, 0.8, 2.0, 4.0, 7.0, 8.0, 4.0, 1.0]) / 1000
_DEATHS_IN_HOSPITAL = 0.55
# Départements of the three hospitals whose stays stood twice, to 2017 (CNAM, 2020).
DUPLICATED, LAST_DUPLICATE = ("13", "69", "75"), 2017


@frozen(kw_only=True, eq=False)
class Stays:
    """One item for each stay, ordered by discharge, hospital and person.

    `double` ones repeat the stay before them under another number of the hospital.
    """

    person: Ints
    entry: Ints
    discharge: Ints
    diagnosis: Ints
    kind: Ints
    hospital: Ints
    units: Ints
    associated: Ints
    grouping_error: Flags
    bad_return: Flags
    transfusion: Flags
    double: Flags

    def __len__(self) -> int:
        return len(self.person)

    def only(self, chosen: Ints) -> Stays:
        """The stays at these places, in this order."""
        return Stays(**{name: getattr(self, name)[chosen] for name in _NAMES})


_NAMES = tuple(attribute.name for attribute in fields(Stays))
Part = tuple[Ints, Ints, Ints, Ints, int]


def draw_stays(profile: SynthProfile, people: People, diagnoses: Diagnoses) -> Stays:
    """Every stay whose discharge is in the years of care."""
    draws = Draws(profile.stream, "stays")
    parts = _parts(profile, draws, people, diagnoses)
    person, entry, discharge, diagnosis = (
        np.concatenate([part[k] for part in parts]) for k in range(4)
    )
    kind = np.concatenate([np.full(len(part[0]), part[4]) for part in parts])
    start, end = day_number(profile.start), day_number(profile.end)
    inside = (discharge >= start) & (discharge <= end) & people.alive(person, entry)
    inside &= (discharge <= people.death[person]) | (kind == COPY)
    size, session, copy = len(person), kind == SESSION, kind == COPY
    place = np.where(session, person % 2, draws.pick([5, 4, 3, 2, 1], size))
    # Eight numbers for each département; the last one takes the copies.
    hospital = people.departement[person] * 8 + np.where(copy, 7, place)
    stays = Stays(
        person=person,
        entry=entry,
        discharge=discharge,
        diagnosis=diagnosis,
        kind=kind,
        hospital=hospital,
        units=np.where(session, 1, 1 + draws.pick([0.80, 0.15, 0.05], size)),
        associated=np.where(session, 0, draws.pick([0.45, 0.2, 0.15, 0.1, 0.06, 0.04], size)),
        grouping_error=draws.chance(profile.rate("grouping-errors"), size) & ~copy,
        bad_return=draws.chance(_bad_return_rate(profile, discharge), size),
        transfusion=(kind == ORDINARY) & draws.chance(0.01, size),
        double=np.zeros(size, dtype=bool),
    )
    stays = stays.only(np.flatnonzero(inside))
    if profile.first_year <= LAST_DUPLICATE and profile.rate("duplicate-finess"):
        stays = _doubles(profile, stays, stays.kind == COPY)
    return stays.only(np.lexsort((stays.person, stays.hospital, stays.discharge)))


def _parts(profile: SynthProfile, draws: Draws, people: People, diagnoses: Diagnoses) -> list[Part]:
    """The stays of each kind; copies come last."""
    rate = profile.rate("sessions")
    parts = [
        _sessions(profile, draws, people, diagnoses, _DIALYSED * rate, "Z491", 100, 156),
        _sessions(profile, draws, people, diagnoses, _CHEMOTHERAPY * rate, "Z511", 4, 18),
        _births(draws, people, diagnoses),
        _deliveries(draws, people, diagnoses),
        _ordinary(profile, draws, people, diagnoses),
        _deaths(profile, draws, people, diagnoses),
    ]
    return [*parts, _copies(draws, profile.rate("pie-copies"), parts[4])]


def _bad_return_rate(profile: SynthProfile, discharge: Ints) -> Floats:
    """The published rate of the year of discharge."""
    years = year_of(discharge)
    first = int(years.min(initial=profile.first_year))
    last = int(years.max(initial=profile.first_year))
    rates = [profile.rate_in("bad-return-codes", year) for year in range(first, last + 1)]
    return np.array(rates)[years - first]


def _doubles(profile: SynthProfile, stays: Stays, copy: Flags) -> Stays:
    """Stays of AP-HM, HCL and AP-HP that stand also under a geographic FINESS, to 2017."""
    home = stays.hospital // 8
    theirs = np.isin(home, [places.CODES.index(code) for code in DUPLICATED])
    rate = profile.rate("duplicate-finess")
    # One hospital number in two of these départements belongs to the university hospital.
    chosen = theirs & (stays.hospital % 8 < 2) & (year_of(stays.discharge) <= LAST_DUPLICATE)
    chosen &= ~copy & Draws(profile.stream, "stays-doubles").chance(rate, len(stays))
    again = stays.only(np.flatnonzero(chosen))
    again = evolve(again, double=np.ones(len(again), dtype=bool))
    return Stays(**{n: np.concatenate([getattr(stays, n), getattr(again, n)]) for n in _NAMES})


def _sessions(
    profile: SynthProfile,
    draws: Draws,
    people: People,
    diagnoses: Diagnoses,
    rate: np.typing.NDArray[np.float64],
    code: str,
    fewest: int,
    most: int,
) -> Part:
    """Sessions of one person: between `fewest` and `most` a year, each a stay of no night."""
    who = np.flatnonzero(draws.chance(rate[people.decade], len(people)))
    if not len(who) and profile.rate("sessions"):
        who = np.flatnonzero(people.decade >= 5)[:1]
    counts = draws.between(fewest, most, len(who)) * profile.years
    owner, place = expand(counts)
    length = day_number(profile.end) - day_number(profile.start) + 1
    day = day_number(profile.start) + place * length // counts[owner]
    place_of_code = np.full(len(owner), diagnoses.place(code))
    return who[owner], day, day, place_of_code, SESSION


def _births(draws: Draws, people: People, diagnoses: Diagnoses) -> Part:
    who = np.flatnonzero(people.birth >= people.start)
    entry = people.birth[who]
    code = np.full(len(who), diagnoses.place("Z380"))
    return who, entry, entry + draws.between(2, 5, len(who)), code, BIRTH


def _deliveries(draws: Draws, people: People, diagnoses: Diagnoses) -> Part:
    """The mother's stay for each birth of the period; twins are born in one stay."""
    babies = np.flatnonzero((people.birth >= people.start) & (people.mother >= 0))
    pairs = np.unique(np.stack([people.mother[babies], people.birth[babies]]), axis=1)
    mother, entry = pairs[0], pairs[1]
    code = np.full(len(mother), diagnoses.place("O800"))
    return mother, entry, entry + draws.between(2, 5, len(mother)), code, DELIVERY


def _ordinary(profile: SynthProfile, draws: Draws, people: People, diagnoses: Diagnoses) -> Part:
    start, end = day_number(profile.start) - 30, day_number(profile.end)
    years = (end - start) / 365.25
    who, _ = expand(draws.counts(_YEARLY[people.decade] * years))
    entry = draws.between(start, end, len(who))
    nights = np.floor(-np.log1p(-draws.uniform(len(who))) * 5.5).astype(np.int64)
    nights = np.where(draws.chance(0.42, len(who)), 0, np.minimum(nights, 90))
    return who, entry, entry + nights, _codes(draws, people, diagnoses, who), ORDINARY


def _codes(draws: Draws, people: People, diagnoses: Diagnoses, who: Ints) -> Ints:
    """A main diagnosis that fits the sex and the age."""
    size = len(who)
    decade, sex = people.decade[who], people.sex[who]
    code = diagnoses.pick(draws, (GENERAL,), size)
    other = draws.uniform(size)
    for chosen, pools in (
        ((decade >= 6) & (other < 0.45), (OLD,)),
        ((decade == 0) & (other < 0.45), (YOUNG,)),
        ((sex == 1) & (decade >= 5) & (other > 0.9), (MALE,)),
        ((sex == 2) & (decade >= 2) & (other > 0.9), (FEMALE,)),
        ((sex == 2) & (decade >= 2) & (decade <= 3) & (other < 0.10), (OBSTETRIC,)),
    ):
        count = int(chosen.sum())
        code[chosen] = diagnoses.pick(draws, pools, count)
    return code


def _deaths(profile: SynthProfile, draws: Draws, people: People, diagnoses: Diagnoses) -> Part:
    """The last stay of who dies in hospital: it ends on the day of death."""
    dead = np.flatnonzero(people.death <= day_number(profile.end))
    dead = dead[draws.chance(_DEATHS_IN_HOSPITAL, len(dead))]
    entry = people.death[dead] - draws.between(0, 20, len(dead))
    entry = np.maximum(entry, people.birth[dead])
    return dead, entry, people.death[dead], _codes(draws, people, diagnoses, dead), DEATH


def _copies(draws: Draws, rate: float, ordinary: Part) -> Part:
    """Services between establishments: the requesting hospital's stay, seen twice."""
    chosen = draws.chance(rate, len(ordinary[0]))
    person, entry, discharge, diagnosis = (values[chosen] for values in ordinary[:4])
    day = np.minimum(entry + 1, discharge)
    return person, day, day, diagnosis, COPY
