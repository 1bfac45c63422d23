"""Clear identities: national numbers, and the identifiers a person is paid under.

The clear value of BEN_NIR_PSA is the insured person's number (13 characters),
the beneficiary's birth date and the beneficiary's sex: 22 characters. The
clear value of BEN_NIR_ANO follows the same form with the person's own number.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen

from bercail.ingest.synth import places
from bercail.ingest.synth.draws import Draws, Flags, Ints, rank_in_group
from bercail.ingest.synth.people import NEVER, NOBODY, People, day_number
from bercail.ingest.synth.profile import SynthProfile
from bercail.ingest.synth.text import Characters, digits, letters

ORDINARY, PASSING, PROVISIONAL, FICTITIOUS = "00", "03", "04", "11"
KINDS = (ORDINARY, PASSING, PROVISIONAL, FICTITIOUS)
_MAJORITY = 6575


@frozen(kw_only=True, eq=False)
class Identities:
    """One item for each pair (BEN_NIR_PSA, BEN_RNG_GEM), that is each line of IR_BEN_R.

    `person` is NOBODY for fictitious numbers. `first` and `second` have one
    item for each person; `second` is NOBODY for most. `change` is the day from
    which the second identity is used; a child of two parents, `shared`, is
    paid now under one, now under the other.
    """

    person: Ints
    insured: Ints
    kind: Ints
    rank: Ints
    known: Flags
    psa: Characters
    own: Characters
    holder: Characters
    first: Ints
    second: Ints
    change: Ints
    shared: Flags

    def __len__(self) -> int:
        return len(self.person)

    def used(self, draws: Draws, person: Ints, day: Ints) -> Ints:
        """The identity under which each of these persons is paid on the day beside it."""
        second = self.second[person]
        later = np.where(
            self.shared[person],
            draws.chance(0.4, len(person)),
            day >= self.change[person],
        )
        return np.where((second >= 0) & later, second, self.first[person])


@frozen(kw_only=True, eq=False)
class _Lines:
    """Identities before they are written down: who, through whom, of what kind."""

    person: Ints
    insured: Ints
    kind: Ints


@frozen(kw_only=True, eq=False)
class _Uses:
    """For each person: the place of the second identity, and when it is used."""

    second: Ints
    change: Ints
    shared: Flags
    known: Flags


def draw_identities(profile: SynthProfile, people: People) -> Identities:
    """Every identity of the population, and when each person uses which.

    1. One identity for each person: their own, or through their mother.
    2. A second one for a child attached to both parents, for who comes of age,
       and for who had a provisional number before the definitive one.
    3. Some fictitious numbers that belong to nobody.
    """
    draws = Draws(profile.seed, "identities")
    numbers = _national_numbers(draws, people)
    # Step 1.
    first, lasting, switching = _first(draws, people)
    # Step 2.
    second, uses = _second(draws, profile, people, lasting, switching)
    # Step 3.
    nobody = np.full(max(3, len(people) // 2000), NOBODY)
    fictitious = _Lines(person=nobody, insured=nobody, kind=np.full(len(nobody), 3))
    return _written(draws, people, numbers, [first, second, fictitious], uses)


def _first(draws: Draws, people: People) -> tuple[_Lines, Flags, Flags]:
    """First identities; whose number stays provisional, and whose is replaced later."""
    count = len(people)
    child = people.child
    kind = np.zeros(count, dtype=np.int64)
    lasting = ~child & draws.chance(0.004, count)
    kind[lasting] = np.where(draws.chance(0.4, int(lasting.sum())), 1, 2)
    switching = ~child & ~lasting & draws.chance(0.006, count)
    kind[switching] = 2
    insured = np.where(child, people.mother, np.arange(count))
    return _Lines(person=np.arange(count), insured=insured, kind=kind), lasting, switching


def _second(
    draws: Draws, profile: SynthProfile, people: People, lasting: Flags, switching: Flags
) -> tuple[_Lines, _Uses]:
    count, child = len(people), people.child
    majority, end = people.birth + _MAJORITY, day_number(profile.end)
    grown = child & (majority <= end)
    shared = child & ~grown & (people.father >= 0) & draws.chance(0.45, count)
    # Twins are attached to the same parents.
    shared |= (people.twin >= 0) & shared[people.twin] & child
    more = np.flatnonzero(grown | shared | switching)
    place = np.full(count, NOBODY)
    place[more] = count + np.arange(len(more))
    middle = draws.between(people.start + 60, end - 60, count)
    change = np.where(switching, middle, np.where(grown, majority, NEVER))
    known = ~lasting & ~((place < 0) & draws.chance(0.012, count))
    lines = _Lines(
        person=more,
        insured=np.where(shared[more], people.father[more], more),
        kind=np.zeros(len(more), dtype=np.int64),
    )
    return lines, _Uses(second=place, change=change, shared=shared, known=known)


def _written(
    draws: Draws, people: People, numbers: Characters, parts: list[_Lines], uses: _Uses
) -> Identities:
    person = np.concatenate([part.person for part in parts])
    insured = np.concatenate([part.insured for part in parts])
    kind = np.concatenate([part.kind for part in parts])
    real, who = person >= 0, np.maximum(person, 0)
    number = numbers[np.maximum(insured, 0)].copy()
    # A provisional number begins with 7 or 8, that of a migrant passing through with 5 or 6.
    number[kind == 1, 0] += 4
    number[kind == 2, 0] += 6
    birth, sex = people.birth[who].copy(), people.sex[who].copy()
    ghosts = int((~real).sum())
    number[~real] = digits(2_555_555_000_000 + np.arange(1, ghosts + 1), 13)
    birth[~real] = people.start - draws.between(5200, 6400, ghosts)
    sex[~real] = 2
    psa = np.hstack([number, _birth_and_sex(birth, sex)])
    own = np.hstack([numbers, _birth_and_sex(people.birth, people.sex)])
    through = real & (insured != person)
    holder = psa.copy()
    holder[through] = own[insured[through]]
    return Identities(
        person=person,
        insured=insured,
        kind=kind,
        rank=1 + _rank_of_text(psa),
        known=real & uses.known[who],
        psa=psa,
        own=own,
        holder=holder,
        first=np.arange(len(people)),
        second=uses.second,
        change=uses.change,
        shared=uses.shared,
    )


def _rank_of_text(characters: Characters) -> Ints:
    """0 for the first of each text, 1 for the second: the rank among twins."""
    width = characters.shape[1]
    words = np.ascontiguousarray(characters).view(f"S{width}").ravel()
    return rank_in_group(np.unique(words, return_inverse=True)[1].astype(np.int64))


def _birth_and_sex(birth: Ints, sex: Ints) -> Characters:
    """yyyymmdd and the sex: 9 characters."""
    days = birth.astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    year = days.astype("datetime64[Y]").astype(np.int64) + 1970
    month = months.astype(np.int64) % 12 + 1
    day = (days - months.astype("datetime64[D]")).astype(np.int64) + 1
    return digits(((year * 100 + month) * 100 + day) * 10 + sex, 9)


def _national_numbers(draws: Draws, people: People) -> Characters:
    """13 characters: sex, year and month of birth, département, commune, order."""
    count = len(people)
    abroad = draws.chance(0.1, count).astype(np.int64)
    departement = draws.pick(places.WEIGHTS, count)
    commune = 1 + draws.pick(places.COMMUNE_WEIGHTS, count)
    # Twins are born in the same place.
    twins = np.flatnonzero(people.twin > np.arange(count))
    for values in (abroad, departement, commune):
        values[people.twin[twins]] = values[twins]
    place, number = places.birth_place(departement, commune, abroad)
    text = _birth_and_sex(people.birth, people.sex)
    stamp = np.hstack([digits(people.sex, 1), text[:, 2:6], letters(place, 2), digits(number, 3)])
    return np.hstack([stamp, digits(1 + _rank_of_text(stamp), 3)])
