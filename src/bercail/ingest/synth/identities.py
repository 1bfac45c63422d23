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
# Births of one sex, month and commune in one block: orders 1 to 999 hold 400 blocks.
_ROOM, _ROOM_OVERSEAS = 7, 2
# Month 55 is that of no true number.
_GHOST = 2_555_555_000_001


@frozen(kw_only=True, eq=False)
class Identities:
    """One item for each pair (BEN_NIR_PSA, BEN_RNG_GEM), that is each line of IR_BEN_R.

    `person` is NOBODY for fictitious numbers. `first` and `second` have one
    item for each person; `second` is NOBODY for most. `change` is the day from
    which the second identity is used; a child of two parents, `shared`, is
    paid now under one, now under the other. `third` is that of who had one
    through each parent before their own. `varied` lines carry another day of
    birth, `yearless` ones no year of it.
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
    third: Ints
    spouse: Flags
    varied: Flags
    yearless: Flags

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
        found = np.where((second >= 0) & later, second, self.first[person])
        third = self.third[person]
        if not (third >= 0).any():
            return found
        other = (third >= 0) & ~later & draws.chance(0.4, len(person))
        return np.where(other, third, found)


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
    third: Ints
    spouse: Flags


def draw_identities(profile: SynthProfile, people: People) -> Identities:
    """Every identity of the population, and when each person uses which.

    1. One identity for each person: their own, or through their mother.
    2. A second one for a child attached to both parents, for who comes of age,
       and for who had a provisional number before the definitive one.
    3. Some fictitious numbers that belong to nobody.
    """
    draws = Draws(profile.stream, "identities")
    numbers = _national_numbers(draws, profile, people)
    # Step 1.
    first, lasting, switching = _first(draws, profile, people)
    # Step 2.
    second, third, uses = _second(draws, profile, people, lasting, switching)
    # Step 3.
    ghosts = profile.rate("fictitious-numbers")
    nobody = np.full(max(3, int(len(people) * ghosts)) if ghosts else 0, NOBODY)
    fictitious = _Lines(person=nobody, insured=nobody, kind=np.full(len(nobody), 3))
    return _written(draws, profile, people, numbers, [first, second, third, fictitious], uses)


def _first(draws: Draws, profile: SynthProfile, people: People) -> tuple[_Lines, Flags, Flags]:
    """First identities; whose number stays provisional, and whose is replaced later."""
    count = len(people)
    child = people.child
    kind = np.zeros(count, dtype=np.int64)
    lasting = ~child & draws.chance(profile.rate("lasting-provisional"), count)
    kind[lasting] = np.where(draws.chance(0.4, int(lasting.sum())), 1, 2)
    switching = ~child & ~lasting & draws.chance(profile.rate("provisional-numbers"), count)
    kind[switching] = 2
    insured = np.where(child, people.mother, np.arange(count))
    return _Lines(person=np.arange(count), insured=insured, kind=kind), lasting, switching


def _second(
    draws: Draws, profile: SynthProfile, people: People, lasting: Flags, switching: Flags
) -> tuple[_Lines, _Lines, _Uses]:
    count, child = len(people), people.child
    majority, end = people.birth + _MAJORITY, day_number(profile.end)
    # Draws of their own: a rate that changes leaves all others as they were.
    more_draws = Draws(profile.stream, "identities-more")
    grown = child & (majority <= end) & more_draws.chance(profile.rate("came-of-age"), count)
    shared = child & ~grown & (people.father >= 0)
    shared &= draws.chance(profile.rate("two-parents"), count)
    # Twins are attached to the same parents.
    shared |= (people.twin >= 0) & shared[people.twin] & child
    partner = _partners(people)
    spouse = ~child & ~lasting & ~switching & (partner >= 0)
    spouse &= more_draws.chance(profile.rate("spouses"), count)
    more = np.flatnonzero(grown | shared | switching | spouse)
    place = np.full(count, NOBODY)
    place[more] = count + np.arange(len(more))
    middle = draws.between(people.start + 60, end - 60, count)
    change = np.where(switching | spouse, middle, np.where(grown, majority, NEVER))
    known = ~lasting & ~((place < 0) & draws.chance(profile.rate("no-own-number"), count))
    other = np.where(shared, people.father, np.where(spouse, partner, np.arange(count)))
    two = grown & (people.father >= 0)
    again = np.flatnonzero(two & more_draws.chance(profile.rate("three-identifiers"), count))
    third = np.full(count, NOBODY)
    third[again] = count + len(more) + np.arange(len(again))
    uses = _Uses(
        second=place, change=change, shared=shared, known=known, third=third, spouse=spouse
    )
    return _ordinary(more, other[more]), _ordinary(again, people.father[again]), uses


def _ordinary(person: Ints, insured: Ints) -> _Lines:
    return _Lines(person=person, insured=insured, kind=np.zeros(len(person), dtype=np.int64))


def _partners(people: People) -> Ints:
    """The father of a mother's children, and NOBODY for everybody else."""
    partner = np.full(len(people), NOBODY)
    children = np.flatnonzero((people.mother >= 0) & (people.father >= 0))
    partner[people.mother[children]] = people.father[children]
    return partner


_USED = ("second", "change", "shared", "third", "spouse")


def _written(
    draws: Draws,
    profile: SynthProfile,
    people: People,
    numbers: Characters,
    parts: list[_Lines],
    uses: _Uses,
) -> Identities:
    person, insured, kind = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("person", "insured", "kind")
    )
    real, who = person >= 0, np.maximum(person, 0)
    number = numbers[np.maximum(insured, 0)].copy()
    _marked(number, kind)
    birth, sex = people.birth[who].copy(), people.sex[who].copy()
    ghosts = int((~real).sum())
    number[~real] = digits(_GHOST + profile.place * 25_000 + np.arange(ghosts), 13)
    birth[~real], sex[~real] = people.start - draws.between(5200, 6400, ghosts), 2
    varied, yearless = _spoilt(profile, people, person, uses)
    birth[varied] += np.where(_day_of_month(birth[varied]) < 28, 1, -1)
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
        **{name: getattr(uses, name) for name in _USED},
        varied=varied,
        yearless=yearless,
    )


def _marked(number: Characters, kind: Ints) -> None:
    """A provisional number begins with 7 or 8, that of a migrant passing through with 5 or 6."""
    number[kind == 1, 0] += 4
    number[kind == 2, 0] += 6


def _spoilt(
    profile: SynthProfile, people: People, person: Ints, uses: _Uses
) -> tuple[Flags, Flags]:
    """Lines with another day of birth, and lines without its year; twins are left alone."""
    draws = Draws(profile.stream, "identities-spoilt")
    size, count = len(person), len(people)
    alone = (people.twin < 0) & (uses.second >= 0)
    mine = (person >= 0) & alone[np.maximum(person, 0)]
    later = mine & (np.arange(size) >= count)
    varied = later & draws.chance(profile.rate("birth-date-variations"), size)
    yearless = mine & ~later & draws.chance(profile.rate("birth-year-1600"), size)
    return np.asarray(varied), np.asarray(yearless)


def _day_of_month(day: Ints) -> Ints:
    days = day.astype("datetime64[D]")
    day_in_month: Ints = (days - days.astype("datetime64[M]")).astype(np.int64) + 1
    return day_in_month


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


def _national_numbers(draws: Draws, profile: SynthProfile, people: People) -> Characters:
    """13 characters: sex, year and month of birth, département, commune, order.

    Each block of persons has communes and orders of its own, so that no two
    persons of a profile have one number.
    """
    count = len(people)
    abroad = draws.chance(0.1, count).astype(np.int64)
    departement = draws.pick(places.WEIGHTS, count)
    commune = 1 + draws.pick(places.COMMUNE_WEIGHTS, count)
    # Twins are born in the same place.
    twins = np.flatnonzero(people.twin > np.arange(count))
    for values in (abroad, departement, commune):
        values[people.twin[twins]] = values[twins]
    text = _birth_and_sex(people.birth, people.sex)
    far = places.OVERSEAS[departement] & (abroad == 0)
    room = np.where(far, _ROOM_OVERSEAS, _ROOM)
    while True:
        place, number = places.birth_place(departement, commune, abroad, profile.place % 3)
        stamp = [digits(people.sex, 1), text[:, 2:6], letters(place, 2), digits(number, 3)]
        rank = _rank_of_text(np.hstack(stamp))
        crowded = rank >= room
        crowded |= (people.twin >= 0) & crowded[people.twin]
        if not crowded.any():
            break
        commune[crowded] = commune[crowded] % places.COMMUNES + 1
    turn = np.where(far, profile.place * _ROOM_OVERSEAS, profile.place // 3 * _ROOM)
    return np.hstack([*stamp, digits(1 + turn + rank, 3)])
