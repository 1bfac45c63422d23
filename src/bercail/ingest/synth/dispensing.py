"""Who is dispensed which drug, on which day, in what quantity."""

from __future__ import annotations

import numpy as np
from attrs import frozen

from bercail.ingest.synth.diabetes import Diabetes
from bercail.ingest.synth.draws import Draws, Flags, Ints, expand
from bercail.ingest.synth.drugs import Drugs, usual
from bercail.ingest.synth.people import People, day_number
from bercail.ingest.synth.profile import SynthProfile
from bercail.ingest.synth.treatments import ANTIDIABETICS, TREATMENTS, Treatment

VISIT_DAYS = 30
_VISITS_A_YEAR = 18.0
_SUNDAY = 3  # 1970-01-01 was a Thursday: day 3 of the count was a Sunday.


@frozen(kw_only=True, eq=False)
class Dispensing:
    """One item for each drug handed over, ordered by person and day.

    `by_unit` marks drugs taken out of their pack (PHA_DEC_TOP = 'D'), and
    `mistaken` what was sent in by mistake, to be cancelled in a later flux.
    """

    person: Ints
    day: Ints
    drug: Ints
    quantity: Ints
    by_unit: Flags
    mistaken: Flags

    def __len__(self) -> int:
        return len(self.person)


def visit_count(profile: SynthProfile) -> int:
    """How many monthly visits fit in the period."""
    return (day_number(profile.end) - day_number(profile.start)) // VISIT_DAYS


def not_sunday(day: Ints) -> Ints:
    """The same day, or the Monday after for nearly all Sundays."""
    return np.where((day % 7 == _SUNDAY) & (day % 11 != 0), day + 1, day)


def draw_dispensing(
    profile: SynthProfile, people: People, drugs: Drugs, diabetes: Diabetes
) -> Dispensing:
    """Every drug handed over in the period.

    1. Antidiabetics of the treated, and of the near misses.
    2. Lasting treatments, on the person's monthly visits.
    3. Occasional treatments, on any day.
    4. Only who is alive is dispensed anything, and only within the period.
    """
    draws = Draws(profile.stream, "dispensing")
    parts = [_antidiabetics(profile, draws, drugs, diabetes)]
    parts.append(_near_misses(profile, draws, people, drugs, diabetes))
    mistakes = _mistakes(profile, draws, people, drugs, parts[-1][0])
    parts.append(mistakes)
    for treatment in TREATMENTS:
        part = _lasting if treatment.lasting else _occasional
        parts.append(part(profile, draws, people, drugs, treatment))
    person, day, drug = _joined(parts)
    before = sum(len(part[0]) for part in parts[:2])
    mistaken = np.zeros(len(person), dtype=bool)
    mistaken[before : before + len(mistakes[0])] = True
    day = not_sunday(day)
    inside = (day >= day_number(profile.start)) & (day <= day_number(profile.end))
    keep = np.flatnonzero(inside & people.alive(person, day))
    keep = keep[np.lexsort((drug[keep], day[keep], person[keep]))]
    person, day, drug = person[keep], day[keep], drug[keep]
    size = len(keep)
    several = draws.chance(0.12, size) & ~drugs.antidiabetic[drug]
    return Dispensing(
        person=person,
        day=day,
        drug=drug,
        quantity=np.where(several, draws.between(2, 4, size), 1),
        by_unit=draws.chance(profile.rate("loose-units"), size) & ~drugs.antidiabetic[drug],
        mistaken=mistaken[keep],
    )


Part = tuple[Ints, Ints, Ints]


def _visit_day(profile: SynthProfile, person: Ints, visit: Ints) -> Ints:
    """The same day for every drug of one visit: a function of person and visit alone."""
    phase = person * 7919 % VISIT_DAYS
    jitter = (person * 31 + visit * 17) % 7 - 3
    return day_number(profile.start) + phase + VISIT_DAYS * visit + jitter


def _antidiabetics(profile: SynthProfile, draws: Draws, drugs: Drugs, diabetes: Diabetes) -> Part:
    visits = np.arange(visit_count(profile))
    size = len(diabetes.person)
    due = (visits >= diabetes.since[:, None]) & (visits < diabetes.until[:, None])
    due &= ~diabetes.large[:, None] | ((visits - diabetes.since[:, None]) % 3 == 0)
    parts: list[Part] = []
    taken = np.zeros(size, dtype=bool)
    for atc, type_two, type_one in ANTIDIABETICS:
        pool = drugs.pool(atc)
        large, small = pool[drugs.large[pool]], pool[~drugs.large[pool]]
        share = np.where(diabetes.type_one, type_one, type_two)
        users = draws.chance(share, size)
        if atc == ANTIDIABETICS[-1][0]:
            # Nobody is treated with nothing.
            users |= ~taken
        taken |= users
        usual_small = usual(draws, small, size)
        usual_large = usual(draws, large, size) if len(large) else usual_small
        drug = np.where(diabetes.large, usual_large, usual_small)
        kept = draws.chance(0.93, size * len(visits)).reshape(size, len(visits))
        who, visit = np.nonzero(due & kept & users[:, None])
        person = diabetes.person[who]
        parts.append((person, _visit_day(profile, person, visit), drug[who]))
    return _joined(parts)


def _near_misses(
    profile: SynthProfile, draws: Draws, people: People, drugs: Drugs, diabetes: Diabetes
) -> Part:
    """One or two dispensings in the whole period, at times of a large pack."""
    free = np.ones(len(people), dtype=bool)
    free[diabetes.person] = False
    chosen = np.flatnonzero(free & (people.decade >= 3) & draws.chance(0.006, len(people)))
    visits = visit_count(profile)
    first = draws.between(0, visits - 3, len(chosen))
    twice = draws.chance(0.7, len(chosen))
    pool = drugs.pool("A10BA02")
    large = draws.chance(0.4, len(chosen))
    drug = np.where(
        large,
        usual(draws, pool[drugs.large[pool]], len(chosen)),
        usual(draws, pool[~drugs.large[pool]], len(chosen)),
    )
    person = np.concatenate([chosen, chosen[twice]])
    visit = np.concatenate([first, first[twice] + 2])
    return person, _visit_day(profile, person, visit), np.concatenate([drug, drug[twice]])


def _mistakes(
    profile: SynthProfile, draws: Draws, people: People, drugs: Drugs, taken: Ints
) -> Part:
    """Three more dates of a small pack for some near misses, all mistaken.

    Who forgets the reversals counts them as treated.
    """
    chosen = np.unique(taken)
    chosen = chosen[people.death[chosen] > day_number(profile.end)]
    rate = profile.rate("mistaken-dispensings")
    least = 2 if rate else 0
    chosen = chosen[draws.chance(rate, len(chosen)) | (np.arange(len(chosen)) < least)]
    first = draws.between(0, 4, len(chosen))
    pool = drugs.pool("A10BB")
    drug = usual(draws, pool[~drugs.large[pool]], len(chosen))
    person = np.tile(chosen, 3)
    visit = np.concatenate([first, first + 2, first + 4])
    return person, _visit_day(profile, person, visit) + 1, np.tile(drug, 3)


def _users(draws: Draws, people: People, treatment: Treatment) -> Ints:
    rate = np.array(treatment.users)[people.decade] / 1000
    share = 2 / (1 + treatment.women)
    rate = rate * np.where(people.sex == 1, share, share * treatment.women)
    if treatment.women >= 99:
        rate = np.where(people.sex == 1, 0.0, rate)
    return np.flatnonzero(draws.chance(np.minimum(rate, 0.95), len(people)))


def _lasting(
    profile: SynthProfile, draws: Draws, people: People, drugs: Drugs, treatment: Treatment
) -> Part:
    users = _users(draws, people, treatment)
    visits = visit_count(profile)
    drug = usual(draws, drugs.pool(treatment.atc), len(users))
    chance = draws.chance(treatment.yearly / _VISITS_A_YEAR, len(users) * visits)
    who, visit = np.nonzero(chance.reshape(len(users), visits))
    person = users[who]
    return person, _visit_day(profile, person, visit), drug[who]


def _occasional(
    profile: SynthProfile, draws: Draws, people: People, drugs: Drugs, treatment: Treatment
) -> Part:
    pool = drugs.pool(treatment.atc)
    start, end = day_number(profile.start), day_number(profile.end)
    parts: list[Part] = []
    for _year in profile.calendar:
        users = _users(draws, people, treatment)
        extra = draws.counts(np.full(len(users), max(treatment.yearly - 1, 0.0)))
        who, _ = expand(extra + 1)
        person = users[who]
        day = draws.between(start, end, len(who))
        # Most prescriptions come home with those of the monthly visit.
        visit = (day - start) // VISIT_DAYS
        together = draws.chance(0.6, len(who))
        day = np.where(together, _visit_day(profile, person, visit), day)
        parts.append((person, day, usual(draws, pool, len(who))))
    return _joined(parts)


def _joined(parts: list[Part]) -> Part:
    return (
        np.concatenate([part[0] for part in parts]),
        np.concatenate([part[1] for part in parts]),
        np.concatenate([part[2] for part in parts]),
    )
