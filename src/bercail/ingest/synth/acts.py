"""Acts of city care: what one line of ER_PRS_F pays for, before it is cut in lines."""

from __future__ import annotations

import numpy as np
from attrs import evolve, fields, frozen

from bercail.ingest.synth.dispensing import Dispensing, not_sunday
from bercail.ingest.synth.draws import Draws, Flags, Ints, expand
from bercail.ingest.synth.drugs import NATURES, RATES, Drugs
from bercail.ingest.synth.people import People, day_number
from bercail.ingest.synth.profile import SynthProfile

NO_VALUE = -1
FOR_INFORMATION = 71
SHARE_OF_PATIENT = 16


@frozen(kw_only=True)
class Kind:
    """A kind of act: yearly number by ten-year age group, base price in cents."""

    nature: int
    specialties: tuple[int, ...]
    activity: int
    yearly: tuple[float, ...]
    base: int
    rate: int
    above: float


_KINDS = """
1111 1,22,23              0  2.6 1.5 1.7 2.0 2.2 2.5 2.9 3.4 3.2 2.4           2650 70 0.04
1192 1                    0  0.1 0.1 0.3 0.3 0.2 0.2 0.1 0.1 0.05 0.05         2500 70 0.0
1211 1                    0  0.02 0.01 0.02 0.02 0.03 0.05 0.1 0.3 1.2 2.4     3500 70 0.1
1112 3,5,7,8,11,12,13,14,15,33,32,42 0 0.5 0.5 0.7 0.8 0.8 1.0 1.2 1.4 1.2 0.6 3000 70 0.45
1351 6                    0  0.1 0.2 0.3 0.3 0.4 0.5 0.6 0.7 0.6 0.4           6000 70 0.2
1352 3,8,11,15,41         0  0.05 0.1 0.1 0.15 0.2 0.3 0.4 0.5 0.5 0.3         4800 70 0.2
1451 0                   19  0.2 0.5 0.4 0.4 0.4 0.5 0.5 0.4 0.3 0.2           2892 60 0.1
3211 0                   30  0.2 0.3 0.5 0.6 0.6 0.9 1.2 1.6 1.8 1.8           2200 60 0.0
3125 0                   24  0.02 0.05 0.1 0.1 0.15 0.2 0.4 0.9 2.2 3.2        1250 60 0.0
"""


def _parsed(line: str) -> Kind:
    words = line.split()
    return Kind(
        nature=int(words[0]),
        specialties=tuple(int(word) for word in words[1].split(",")),
        activity=int(words[2]),
        yearly=tuple(float(word) for word in words[3:13]),
        base=int(words[13]),
        rate=int(words[14]),
        above=float(words[15]),
    )


KINDS = tuple(_parsed(line) for line in _KINDS.strip().splitlines())
GENERAL_PRACTICE = KINDS[0].nature
# A nature of hospital pharmacy (illustrative), and how many such lines a person has in a year.
RETROCESSION, _HANDED_OVER = 3317, 0.05


@frozen(kw_only=True, eq=False)
class Acts:
    """One item for each act, ordered by person, day and nature; amounts in cents.

    `claim` numbers what one professional sends in together. `drugs` counts the
    items of the dispensing that follow `first_drug`. `qualifier` is DPN_QLF
    and `origin` PRS_DPN_QLP, NO_VALUE when empty. `mistaken` acts, 1 and not
    0, are cancelled in a later flux.
    """

    person: Ints
    day: Ints
    prescribed: Ints
    nature: Ints
    specialty: Ints
    activity: Ints
    paid: Ints
    base: Ints
    rate: Ints
    qualifier: Ints
    origin: Ints
    share: Ints
    professional: Ints
    claim: Ints
    first_drug: Ints
    drugs: Ints
    mistaken: Ints

    def __len__(self) -> int:
        return len(self.person)

    @property
    def refund(self) -> Ints:
        """What the insurance pays back, in cents."""
        return self.base * self.rate // 100


def draw_acts(
    profile: SynthProfile, people: People, drugs: Drugs, dispensing: Dispensing, exempt: Flags
) -> Acts:
    """Pharmacy acts from the dispensing, and every other kind of act.

    `exempt` marks the persons refunded at 100 % for a long-term disease.
    """
    draws = Draws(profile.stream, "acts")
    parts = [_pharmacy(profile, draws, drugs, dispensing)]
    parts.extend(_kind(profile, draws, people, kind) for kind in KINDS)
    parts.append(_for_information(profile, draws, people))
    if profile.rate("detail-tables"):
        parts.append(_handed_over(profile, people))
    acts = _stacked(parts)
    order = np.lexsort((acts.nature, acts.claim, acts.day, acts.person))
    acts = _reordered(acts, order)
    size = len(acts)
    hospital = acts.origin == FOR_INFORMATION
    empty = draws.chance(profile.rate("empty-dpn-qlf"), size) & ~hospital
    full = exempt[acts.person] & draws.chance(0.8, size)
    return evolve(
        acts,
        rate=np.where(full, 100, acts.rate),
        qualifier=np.where(empty, NO_VALUE, acts.qualifier),
        claim=_claims(acts),
    )


def _claims(acts: Acts) -> Ints:
    """Pharmacy acts of one person and day are one claim; any other act is its own."""
    same = np.zeros(len(acts), dtype=bool)
    same[1:] = (
        (acts.person[1:] == acts.person[:-1])
        & (acts.day[1:] == acts.day[:-1])
        & (acts.drugs[1:] > 0)
        & (acts.drugs[:-1] > 0)
    )
    return np.cumsum(~same) - 1


def _acts(person: Ints, day: Ints, **given: Ints | int) -> Acts:
    """Acts with the values `given`, and the ordinary ones elsewhere."""
    ordinary: dict[str, Ints | int] = {
        "prescribed": day,
        "specialty": 0,
        "activity": 0,
        "qualifier": 0,
        "origin": 0,
        "share": 0,
        "claim": 1,
        "first_drug": 0,
        "drugs": 0,
        "mistaken": 0,
    }
    values = ordinary | given
    shape = len(person)
    full = {
        name: np.broadcast_to(np.asarray(value, dtype=np.int64), (shape,)).copy()
        for name, value in values.items()
    }
    return Acts(person=person, day=day, **full)


def _pharmacy(profile: SynthProfile, draws: Draws, drugs: Drugs, dispensing: Dispensing) -> Acts:
    """One act for each person, day and rate; the order of the dispensing is kept.

    Where `several-drugs` is off, or rare, drugs get an act of their own.
    """
    nature = drugs.nature[dispensing.drug]
    amount = drugs.price[dispensing.drug] * dispensing.quantity
    count = len(dispensing)
    key = (dispensing.person * 100_000 + dispensing.day) * 4 + nature
    opens = np.r_[True, key[1:] != key[:-1]]
    rate = profile.rate("several-drugs")
    if rate < 1:
        opens |= ~Draws(profile.stream, "acts-several").chance(rate, count)
    first = np.flatnonzero(opens)
    lengths = np.diff(np.r_[first, count])
    total = np.add.reduceat(amount, first)
    size = len(first)
    person, day = dispensing.person[first], dispensing.day[first]
    return _acts(
        person,
        day,
        prescribed=day - draws.between(0, 20, size),
        nature=NATURES[nature[first]],
        activity=50,
        paid=total,
        base=total,
        rate=RATES[nature[first]],
        professional=person % 997,
        claim=0,
        first_drug=first,
        drugs=lengths,
        mistaken=np.maximum.reduceat(dispensing.mistaken.astype(np.int64), first),
    )


def _kind(profile: SynthProfile, draws: Draws, people: People, kind: Kind) -> Acts:
    mean = np.array(kind.yearly)[people.decade] * profile.years
    who, _ = expand(draws.counts(mean))
    day = draws.between(day_number(profile.start), day_number(profile.end), len(who))
    day = not_sunday(day)
    keep = people.alive(who, day) & (day <= day_number(profile.end))
    who, day = who[keep], day[keep]
    size = len(who)
    above = draws.chance(kind.above, size) * draws.between(5, 60, size) * 100
    choice = draws.pick(1.0 / (np.arange(len(kind.specialties)) + 1.0), size)
    return _acts(
        who,
        day,
        prescribed=day - draws.between(0, 30, size) * int(kind.nature > 1300),
        nature=kind.nature,
        specialty=np.array(kind.specialties)[choice],
        activity=kind.activity,
        paid=kind.base + above,
        base=kind.base,
        rate=kind.rate,
        professional=(who * 13 + kind.nature) % 4999,
    )


def _for_information(profile: SynthProfile, draws: Draws, people: People) -> Acts:
    """Hospital outpatient lines sent for information (DPN_QLF = 71).

    A tenth keeps DPN_QLF = 0 with PRS_DPN_QLP = 71: true shares paid by patients.
    """
    who, _ = expand(
        draws.counts(np.full(len(people), profile.rate("for-information") * profile.years))
    )
    day = draws.between(day_number(profile.start), day_number(profile.end), len(who))
    keep = people.alive(who, day)
    who, day = who[keep], day[keep]
    share = draws.chance(0.1, len(who))
    return _acts(
        who,
        day,
        nature=np.where(draws.chance(0.5, len(who)), 1111, 1112),
        specialty=83,
        paid=np.where(share, -100, 3000),
        base=np.where(share, -100, 3000),
        rate=np.where(share, 100, 80),
        qualifier=np.where(share, 0, FOR_INFORMATION),
        origin=FOR_INFORMATION,
        share=np.where(share, SHARE_OF_PATIENT, 0),
        professional=who % 211,
    )


def _handed_over(profile: SynthProfile, people: People) -> Acts:
    """Drugs of a hospital pharmacy for patients who go home: paid, with a line in ER_UCD_F."""
    draws = Draws(profile.stream, "retrocession")
    rate = _HANDED_OVER * profile.rate("detail-tables") * profile.years
    who, _ = expand(draws.counts(np.full(len(people), rate)))
    day = draws.between(day_number(profile.start), day_number(profile.end), len(who))
    keep = people.alive(who, day)
    who, day = who[keep], day[keep]
    price = 20_000 + 1_000 * (who % 300)
    return _acts(
        who, day, nature=RETROCESSION, paid=price, base=price, rate=100, professional=who % 211
    )


_NAMES = tuple(attribute.name for attribute in fields(Acts))


def _stacked(parts: list[Acts]) -> Acts:
    return Acts(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in _NAMES})


def _reordered(acts: Acts, order: Ints) -> Acts:
    return Acts(**{name: getattr(acts, name)[order] for name in _NAMES})
