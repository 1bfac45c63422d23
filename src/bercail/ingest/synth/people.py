"""The persons of a profile: ages, families, homes, deaths."""

from __future__ import annotations

from datetime import date

import numpy as np
from attrs import frozen

from bercail.ingest.synth import places
from bercail.ingest.synth.draws import Draws, Flags, Ints, rank_in_group
from bercail.ingest.synth.profile import SynthProfile

NEVER = 10**6
NOBODY = -1
ADULT_DAYS = 18 * 365.25
_YEAR = 365.25

# Inhabitants by five-year age group, per thousand, and the share of women
# (France, 1 January 2023, rounded); the first group takes the coming births.
_PYRAMID = [50, 57, 62, 62, 59, 56, 58, 62, 63, 61, 66, 66, 61, 57, 54, 39, 26, 19, 10, 3]
_WOMEN = [49, 49, 49, 49, 49, 50, 51, 51, 51, 50, 50, 51, 52, 53, 54, 55, 58, 63, 70, 78]
_BIRTHS_PER_YEAR = 10


@frozen(kw_only=True, eq=False)
class People:
    """Arrays with one item for each person; days count from 1970-01-01.

    `death` is the true day; `shown` the one the insurance knows, NEVER for a
    death that only the hospital wrote down.
    """

    start: int
    sex: Ints
    birth: Ints
    death: Ints
    shown: Ints
    departement: Ints
    commune: Ints
    mother: Ints
    father: Ints
    twin: Ints

    def __len__(self) -> int:
        return len(self.sex)

    @property
    def age(self) -> Ints:
        """Age in years on the first day of care; -1 for who is not born yet."""
        return np.floor((self.start - self.birth) / _YEAR).astype(np.int64)

    @property
    def decade(self) -> Ints:
        """The ten-year age group, 0 to 9, on the first day of care."""
        return np.clip(self.age // 10, 0, 9)

    @property
    def child(self) -> Flags:
        """Whether the person is insured through a parent on the first day of care."""
        return (self.start - self.birth) < ADULT_DAYS

    def alive(self, person: Ints, day: Ints) -> Flags:
        """Whether each of these persons lives on the day beside it."""
        return (self.birth[person] <= day) & (day <= self.death[person])


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - date(1970, 1, 1).toordinal()


def draw_people(profile: SynthProfile) -> People:
    """The persons of a profile."""
    draws = Draws(profile.stream, "people")
    start, end = day_number(profile.start), day_number(profile.end)
    count = profile.persons
    births = _BIRTHS_PER_YEAR * profile.years
    group = draws.pick([births, *_PYRAMID], count) - 1
    span = np.where(group < 0, end - start, 5 * _YEAR)
    age_days = np.where(group < 0, -span, group * 5 * _YEAR) + draws.uniform(count) * span
    birth = start - np.floor(age_days).astype(np.int64)
    women = np.array([49, *_WOMEN])[group + 1] / 100
    sex = 1 + draws.chance(women, count).astype(np.int64)
    mother, father = _parents(draws, start, sex, birth)
    twin = _make_twins(draws, profile.rate("twins"), sex, birth, mother, father)
    _separate_siblings(sex, birth, mother, father, twin)
    departement = draws.pick(places.WEIGHTS, count)
    commune = 1 + draws.pick(places.COMMUNE_WEIGHTS, count)
    home = np.where(mother >= 0, mother, np.arange(count))
    death = _deaths(draws, profile, birth)
    return People(
        start=start,
        sex=sex,
        birth=birth,
        death=death,
        shown=death,
        departement=departement[home],
        commune=commune[home],
        mother=mother,
        father=father,
        twin=twin,
    )


def _parents(draws: Draws, start: int, sex: Ints, birth: Ints) -> tuple[Ints, Ints]:
    """A mother for each child, and her partner as its father for most."""
    grown = (start - birth) >= ADULT_DAYS
    women = np.flatnonzero(grown & (sex == 2))
    men = np.flatnonzero(grown & (sex == 1))
    women = women[np.argsort(birth[women], kind="stable")]
    men = men[np.argsort(birth[men], kind="stable")]
    children = np.flatnonzero(~grown)
    size = len(children)
    wanted = birth[children] - (22 + 9 * (draws.uniform(size) + draws.uniform(size))) * _YEAR
    mother = np.full(len(sex), NOBODY)
    mother[children] = women[_nearest(birth[women], wanted)]
    partner_birth = birth[women] - (draws.uniform(len(women)) * 6 - 1) * _YEAR
    partner = np.full(len(sex), NOBODY)
    partner[women] = men[_nearest(birth[men], partner_birth)]
    single = draws.chance(0.12, len(sex))
    father = np.where((mother >= 0) & ~single[mother], partner[mother], NOBODY)
    return mother, father


def _nearest(ordered: Ints, wanted: object) -> Ints:
    return np.minimum(np.searchsorted(ordered, np.asarray(wanted)), len(ordered) - 1)


def _make_twins(
    draws: Draws, rate: float, sex: Ints, birth: Ints, mother: Ints, father: Ints
) -> Ints:
    """Pair some children; more than half of the pairs, and the first two, share a sex.

    Multiple births are 1.6 % of births (SpF); both of a pair are drawn from
    the population, so pairs are 0.8 % of the children.
    """
    children = draws.shuffled(np.flatnonzero(mother >= 0))
    pairs = max(3, round(rate * len(children))) if rate else 0
    pairs = min(pairs, len(children) // 2)
    first, second = children[:pairs], children[pairs : 2 * pairs]
    twin = np.full(len(sex), NOBODY)
    twin[first], twin[second] = second, first
    for values in (birth, mother, father):
        values[second] = values[first]
    same = draws.chance(0.6, pairs) | (np.arange(pairs) < 2)
    sex[second] = np.where(same, sex[first], 3 - sex[first])
    return twin


def _separate_siblings(sex: Ints, birth: Ints, mother: Ints, father: Ints, twin: Ints) -> None:
    """Move birthdays until only twins share a parent, a birth date and a sex."""
    single = np.flatnonzero((mother >= 0) & (twin < 0))
    for parent in (mother, father, mother, father):
        for _ in range(4):
            owned = parent >= 0
            key = (parent * 100_000 + birth) * 4 + sex
            rank = np.zeros(len(sex), dtype=np.int64)
            # Twins come first in their group, so that only others are moved.
            order = np.r_[np.flatnonzero(twin >= 0), single]
            order = order[owned[order]]
            rank[order] = rank_in_group(key[order])
            clash = single[rank[single] > 0]
            if not len(clash):
                break
            birth[clash] -= 30 * rank[clash]


def _deaths(draws: Draws, profile: SynthProfile, birth: Ints) -> Ints:
    """The day of death, or NEVER: a Gompertz hazard, 4.4 % a year at eighty."""
    start, horizon = day_number(profile.start), day_number(profile.as_of)
    age = np.maximum((start - birth) / _YEAR, 0.0)
    hazard = 2.2e-5 * np.exp(0.095 * age) / _YEAR
    wait = -np.log1p(-draws.uniform(len(birth))) / hazard
    day = np.maximum(start, birth) + np.floor(np.minimum(wait, NEVER))
    return np.where(day < horizon - 60, day, NEVER).astype(np.int64)
