"""Causes of death: KI_CCI_R, one line for each death, and KI_ECD_R, one for each cause.

Deaths come two years late. A death is linked to a person by what both files
know of it; those that find nobody stand there without identity.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from bercail.ingest.synth import places
from bercail.ingest.synth.draws import Flags, Ints, expand, hashed
from bercail.ingest.synth.identities import Identities
from bercail.ingest.synth.people import NEVER, People
from bercail.ingest.synth.profile import SynthProfile
from bercail.ingest.synth.text import (
    Days,
    Values,
    choose,
    joined,
    lookup,
    numbers,
    padded,
    take,
    text,
    year_of,
)

_LATE_BY = 2
_WRITTEN, _MATCHED, _CAUSE, _NUMBER = 40, 41, 42, 43
_INITIAL = ("C349", "I219", "I64", "G309", "I500", "J449", "C509", "C61", "C189", "R99")
_OTHERS = ("I10", "E119", "J189", "N189", "I489", "A419", "F03", "J969")


def certified(profile: SynthProfile, people: People) -> Ints:
    """The persons whose death has arrived, in their order."""
    dead = np.flatnonzero(people.death < NEVER)
    arrived = year_of(people.death[dead]) <= profile.as_of.year - _LATE_BY
    written = hashed(dead, _WRITTEN) < profile.rate("causes-of-death")
    return dead[arrived & written]


def matched(profile: SynthProfile, people: People, dead: Ints) -> Flags:
    """Which of these deaths found their person, at the published rate of the year."""
    years = year_of(people.death[dead])
    rates = {int(y): profile.rate_in("causes-unmatched", int(y)) for y in np.unique(years)}
    missed = np.array([rates[int(year)] for year in years])
    return np.asarray(hashed(dead, _MATCHED) >= missed)


def cause_tables(
    profile: SynthProfile, days: Days, people: People, identities: Identities
) -> dict[str, pa.Table]:
    """KI_CCI_R and KI_ECD_R; neither where `causes-of-death` is off."""
    if not profile.rate("causes-of-death"):
        return {}
    dead = certified(profile, people)
    return {
        "KI_CCI_R": _deaths(profile, days, people, identities, dead),
        "KI_ECD_R": _causes(profile, days, people, identities, dead),
    }


def _link(
    profile: SynthProfile, days: Days, people: People, identities: Identities, dead: Ints
) -> dict[str, Values]:
    found = matched(profile, people, dead)
    size = len(dead)
    known = found & identities.known[dead]
    own = take(text(identities.own), dead, ~known)
    # Who has no certified number is known by the identifier of payment and the rank.
    paid = joined(take(text(identities.psa), dead), padded(identities.rank[dead], 1))
    return {
        # The number of the certificate: 64 characters, in clear before the holder.
        "DCD_IDT_ENC": joined(
            take(lookup(["0" * 48]), np.zeros(size, np.int64)),
            padded(profile.place * 1_000_000 + dead, 16),
        ),
        "DCD_IDT_TOP": numbers(found.astype(np.int64)),
        "BEN_IDT_ANO": choose(found & ~known, paid, pa.scalar(None, pa.string())),
        "BEN_NIR_ANO": own,
        "BEN_IDT_TOP": numbers(known.astype(np.int64)),
        "BEN_DCD_DTE": days.slashed(people.death[dead]),
        "BEN_DCD_AME": days.month(people.death[dead]),
        "FLX_PER_ANN": padded(year_of(people.death[dead]), 4),
    }


def _initial(dead: Ints) -> Ints:
    return np.floor(hashed(dead, _CAUSE) * len(_INITIAL)).astype(np.int64)


def _deaths(
    profile: SynthProfile, days: Days, people: People, identities: Identities, dead: Ints
) -> pa.Table:
    home = people.departement[dead]
    codes = lookup([places.residence_code(code) for code in places.CODES])
    commune = padded(people.commune[dead], 3)
    return pa.table(
        _link(profile, days, people, identities, dead)
        | {
            "BEN_SEX_COD": numbers(people.sex[dead]),
            "BEN_NAI_ANN": padded(year_of(people.birth[dead]), 4),
            "BEN_RES_DPT": take(codes, home),
            "BEN_RES_COM": commune,
            "DCD_DPT_COD": take(codes, home),
            "DCD_COM_COD": commune,
            "DCD_CIM_COD": take(lookup(_INITIAL), _initial(dead)),
        }
    )


def _causes(
    profile: SynthProfile, days: Days, people: People, identities: Identities, dead: Ints
) -> pa.Table:
    """The initial cause first, then none to three others."""
    owner, place = expand(1 + np.floor(hashed(dead, _NUMBER) * 4).astype(np.int64))
    other = len(_INITIAL) + (dead[owner] + place * 3) % len(_OTHERS)
    code = np.where(place == 0, _initial(dead)[owner], other)
    link = _link(profile, days, people, identities, dead)
    return pa.table(
        {name: take(values, owner) for name, values in link.items()}
        | {
            "CER_LIG_NUM": numbers(place + 1),
            "ECD_CAU_RNG": numbers(np.ones(len(owner), dtype=np.int64)),
            "ECD_CIM_COD": take(lookup([*_INITIAL, *_OTHERS]), code),
        }
    )
