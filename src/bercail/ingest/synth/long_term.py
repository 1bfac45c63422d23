"""Long-term diseases (ALD): who has one, since when, and how it was renewed."""

from __future__ import annotations

import numpy as np
from attrs import frozen

from bercail.ingest.synth.diabetes import Diabetes
from bercail.ingest.synth.draws import Draws, Flags, Ints, expand
from bercail.ingest.synth.people import People, day_number
from bercail.ingest.synth.profile import SynthProfile

# Number of the list, ICD-10 code, sex concerned (0 for both), persons per
# thousand by ten-year age group: the order of magnitude of CNAM's ALD counts.
_DISEASES = """
30 C509 2  0 0 0.2 3 12 22 32 38 34 25
30 C61  1  0 0 0 0 0.5 8 30 50 45 35
30 C189 0  0 0 0.1 0.3 1 4 8 13 15 12
30 C349 0  0 0 0 0.2 0.8 4 7 7 4 1
13 I251 0  0 0 0 0.8 4 14 30 48 55 45
5  I500 0  0 0 0.2 0.6 2 5 12 30 65 90
5  I489 0  0 0 0.1 0.3 1 4 14 35 60 65
23 F329 0  0 2 5 8 11 12 9 7 6 5
23 F209 0  0 0.5 4 7 8 8 6 3 1 0.5
15 G309 0  0 0 0 0 0.1 0.6 3 13 45 60
19 N185 0  0.1 0.2 0.4 0.8 1.5 2.5 4 6 6 3
14 J449 0  0.3 0.4 0.3 0.4 1 4 10 15 14 8
7  B24  0  0 0.1 0.8 2 4 5 2 1 0.3 0
6  K746 0  0 0 0.2 0.6 1.5 3 3 2 1 0.3
9  G409 0  1.5 2 2 2 2 2 2 2 2 1
24 K509 0  0 1 3 3 3 2.5 2 1.5 1 0.5
3  I702 0  0 0 0 0.1 0.6 3 9 15 17 13
1  I639 0  0 0.1 0.2 0.6 2 5 11 18 25 25
25 G35  0  0 0.1 1 2.5 3 3 2 1 0.3 0
"""

ENDLESS, UNKNOWN_END, DATED = range(3)
LISTED = 41
_RENEWAL = 1826
_OTHER_EXEMPTIONS = (11, 12, 13)


@frozen(kw_only=True, eq=False)
class LongTerm:
    """One item for each line of IR_IMB_R; `end` says nothing where `form` is not DATED.

    `early` lines begin before the one before them ends; `moved` ones keep an old number.
    """

    person: Ints
    start: Ints
    end: Ints
    form: Ints
    early: Flags
    moved: Flags
    number: Ints
    nature: Ints
    code: tuple[str, ...]
    disease: Ints

    def __len__(self) -> int:
        return len(self.person)


def draw_long_term(profile: SynthProfile, people: People, diabetes: Diabetes) -> LongTerm:
    """Every line of every disease, each renewal after the one before."""
    draws = Draws(profile.stream, "long-term")
    person, disease, codes, numbers = _diseases(draws, people, diabetes)
    size = len(person)
    began = people.start - draws.between(-360, 18 * 365, size)
    began = np.maximum(began, people.birth[person] + 30)
    last = np.minimum(people.death[person], day_number(profile.end))
    periods = np.clip((last - began) // _RENEWAL + 1, 1, 4)
    more = Draws(profile.stream, "long-term-more")
    periods = np.where(more.chance(profile.rate("ald-renewals"), size), periods, 1)
    keep = began < last
    person, disease, began, periods = person[keep], disease[keep], began[keep], periods[keep]
    owner, place = expand(periods)
    start = began[owner] + place * _RENEWAL
    final = place == periods[owner] - 1
    rows = len(owner)
    form = np.where(final, _end_form(profile, draws, rows), DATED)
    other = draws.chance(profile.rate("other-exemptions"), rows)
    exempt = np.array(_OTHER_EXEMPTIONS)[draws.between(0, 2, rows)]
    listed = np.array([LISTED, 43, 45])[draws.pick([0.93, 0.05, 0.02], rows)]
    number = np.array(numbers)[disease[owner]]
    # Dementia moved in the list (15, once 23) and old lines were not corrected.
    old = (number == 15) & draws.chance(profile.rate("ald-old-numbers"), rows)
    end = start + _RENEWAL - 1
    early = (place > 0) & more.chance(profile.rate("ald-overlaps"), rows)
    start = np.where(early, start - more.between(30, 120, rows), start)
    return LongTerm(
        person=person[owner],
        start=start,
        end=end,
        early=early,
        moved=old,
        form=form,
        number=np.where(old, 23, number),
        nature=np.where(other & final & (place > 0), exempt, listed),
        code=codes,
        disease=disease[owner],
    )


def _end_form(profile: SynthProfile, draws: Draws, size: int) -> Ints:
    """How the last line of each disease ends: on a day, on 01/01/1600, or in 2099."""
    unknown, endless = profile.rate("ald-end-1600"), profile.rate("ald-end-2099")
    picked = draws.pick([max(0.0, 1 - unknown - endless), unknown, endless], size)
    return np.array([DATED, UNKNOWN_END, ENDLESS])[picked]


def _diseases(
    draws: Draws, people: People, diabetes: Diabetes
) -> tuple[Ints, Ints, tuple[str, ...], list[int]]:
    persons, diseases = [], []
    codes, numbers = ["E119", "E109"], [8, 8]
    exempt = draws.chance(0.8, len(diabetes.person))
    persons.append(diabetes.person[exempt])
    diseases.append(np.where(diabetes.type_one[exempt], 1, 0))
    for line in _DISEASES.strip().splitlines():
        words = line.split()
        rate = np.array([float(word) for word in words[3:]])[people.decade] / 1000
        concerned = (int(words[2]) == 0) | (people.sex == int(words[2]))
        found = np.flatnonzero(concerned & draws.chance(rate, len(people)))
        persons.append(found)
        diseases.append(np.full(len(found), len(codes)))
        codes.append(words[1])
        numbers.append(int(words[0]))
    person, disease = np.concatenate(persons), np.concatenate(diseases)
    order = np.lexsort((disease, person))
    return person[order], disease[order], tuple(codes), numbers


def exempt_persons(people: People, long_term: LongTerm) -> Flags:
    """Who is refunded at 100 % for a long-term disease."""
    exempt = np.zeros(len(people), dtype=bool)
    exempt[long_term.person] = True
    return exempt


def with_disease(long_term: LongTerm, prefix: str) -> int:
    """How many persons have a line whose ICD-10 code begins with `prefix`."""
    chosen = np.array([code.startswith(prefix) for code in long_term.code])
    listed = np.isin(long_term.nature, (41, 43, 45))
    return len(np.unique(long_term.person[chosen[long_term.disease] & listed]))
