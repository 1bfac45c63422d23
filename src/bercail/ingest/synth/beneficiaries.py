"""The referentials of persons: IR_BEN_R, its archive, and IR_IMB_R, as of the last flux."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa

from bercail.ingest.synth import places
from bercail.ingest.synth.draws import Draws, Flags, Ints, hashed
from bercail.ingest.synth.identities import KINDS, Identities
from bercail.ingest.synth.long_term import DATED, UNKNOWN_END, LongTerm
from bercail.ingest.synth.people import NEVER, NOBODY, People, day_number
from bercail.ingest.synth.profile import SynthProfile
from bercail.ingest.synth.text import (
    NO_DATE,
    Days,
    Values,
    choose,
    lookup,
    numbers,
    strftime,
    take,
    text,
)

ENDLESS_DATE = "31/12/2099"
_SALT, _ARCHIVED = 28, 33
# The archive holds identities not seen since then (sndsTools, retrieve_all_psa).
_LAST_ARCHIVED = date(2012, 12, 31)


def death_shown(profile: SynthProfile, people: People, identities: Identities) -> Flags:
    """Whether each line of IR_BEN_R shows the death: only the last line of a person does.

    Where `deaths-on-one-line` is off, or rare, every line of a person shows it.
    """
    person = identities.person
    real = person >= 0
    who = np.maximum(person, 0)
    final = np.where(identities.second[who] >= 0, identities.second[who], identities.first[who])
    dead: Flags = people.shown[who] < NEVER
    every = hashed(who, _SALT) >= profile.rate("deaths-on-one-line")
    return np.asarray(real & dead & (every | (final == np.arange(len(person)))))


def beneficiary_table(
    profile: SynthProfile, days: Days, people: People, identities: Identities
) -> pa.Table:
    """IR_BEN_R: one line for each pair (BEN_NIR_PSA, BEN_RNG_GEM)."""
    draws = Draws(profile.stream, "beneficiaries")
    size = len(identities)
    who = np.maximum(identities.person, 0)
    shown = death_shown(profile, people, identities)
    death, home = np.where(shown, people.shown[who], 0), people.departement[who]
    updated = day_number(profile.as_of) - draws.between(0, 400, size)
    codes = [places.residence_code(code) for code in places.CODES]
    homes, offices = lookup(codes), lookup(places.offices())
    office = home + places.scheme(profile, who) * len(codes)
    communes = lookup([f"{number:03d}" for number in range(places.COMMUNES + 1)])
    own = take(text(identities.own), who, ~identities.known)
    return pa.table(
        {
            "BEN_NIR_PSA": text(identities.psa),
            "BEN_RNG_GEM": numbers(identities.rank),
            "BEN_NIR_ANO": own,
            "BEN_IDT_ANO": pa.nulls(size, pa.string()),
            "BEN_IDT_TOP": numbers(identities.known.astype(np.int64)),
            "ASS_NIR_ANO": text(identities.holder),
            "BEN_IDT_MAJ": days.slashed(updated),
            "BEN_CDI_NIR": take(lookup(KINDS), identities.kind),
            "BEN_NAI_ANN": choose(identities.yearless, "1600", text(identities.psa[:, 13:17])),
            "BEN_NAI_MOI": text(identities.psa[:, 17:19]),
            "BEN_SEX_COD": numbers(np.where(identities.person == NOBODY, 2, people.sex[who])),
            "BEN_DCD_DTE": days.slashed(death, ~shown),
            "BEN_DCD_AME": days.month(death, ~shown),
            "ORG_AFF_BEN": take(offices, office),
            "BEN_RES_DPT": take(homes, home),
            "BEN_RES_COM": take(communes, people.commune[who]),
            "BEN_TOP_CNS": numbers((identities.person != NOBODY).astype(np.int64)),
            "MAX_TRT_DTD": days.slashed(updated),
            "ORG_CLE_NEW": take(offices, office),
            "BEN_DTE_INS": days.slashed(updated, draws.chance(0.15, size)),
            "BEN_DTE_MAJ": days.slashed(updated),
        }
    )


def archived(profile: SynthProfile, people: People, identities: Identities) -> Flags:
    """Whether each person had a provisional number long ago, which the archive alone still has."""
    who = np.arange(len(people))
    one = (identities.second < 0) & (identities.kind[: len(people)] == 0) & identities.known[who]
    grown = people.birth < day_number(date(1990, 1, 1))
    drawn = hashed(who, _ARCHIVED) < profile.rate("archived-identities")
    return np.asarray(one & grown & drawn)


def archive_table(profile: SynthProfile, people: People, identities: Identities) -> pa.Table:
    """IR_BEN_R_ARC: lines with the columns of IR_BEN_R, last updated before 2013."""
    who = np.flatnonzero(archived(profile, people, identities))
    size = len(who)
    psa = identities.psa[who].copy()
    # A provisional number begins with 7 or 8.
    psa[:, 0] += 6
    updated = day_number(_LAST_ARCHIVED) - np.floor(hashed(who, _ARCHIVED + 1) * 1500)
    days = _dates(updated.astype(np.int64))
    homes, offices = (
        lookup([places.residence_code(code) for code in places.CODES]),
        places.offices(),
    )
    home, zero = people.departement[who], np.zeros(size, np.int64)
    return pa.table(
        {
            "BEN_NIR_PSA": text(psa),
            "BEN_RNG_GEM": numbers(zero + 1),
            "BEN_NIR_ANO": text(identities.own[who]),
            "BEN_IDT_ANO": pa.nulls(size, pa.string()),
            "BEN_IDT_TOP": numbers(zero + 1),
            "ASS_NIR_ANO": text(psa),
            "BEN_IDT_MAJ": days,
            "BEN_CDI_NIR": take(lookup(KINDS), zero + 2),
            "BEN_NAI_ANN": text(psa[:, 13:17]),
            "BEN_NAI_MOI": text(psa[:, 17:19]),
            "BEN_SEX_COD": numbers(people.sex[who]),
            "BEN_DCD_DTE": take(lookup([NO_DATE]), zero),
            "BEN_DCD_AME": take(lookup(["160001"]), zero),
            "ORG_AFF_BEN": take(lookup(offices), home),
            "BEN_RES_DPT": take(homes, home),
            "BEN_RES_COM": take(lookup(["000"]), zero),
            "BEN_TOP_CNS": numbers(zero + 1),
            "MAX_TRT_DTD": days,
            "ORG_CLE_NEW": take(lookup(offices), home),
            "BEN_DTE_INS": days,
            "BEN_DTE_MAJ": days,
        }
    )


def exemption_table(profile: SynthProfile, identities: Identities, long_term: LongTerm) -> pa.Table:
    """IR_IMB_R: each line under the identity used when it was written."""
    draws = Draws(profile.stream, "exemptions")
    size = len(long_term)
    person = long_term.person
    identity = identities.used(draws, person, long_term.start)
    written = long_term.start + draws.between(0, 60, size)
    return pa.table(
        {
            "BEN_NIR_PSA": take(text(identities.psa), identity),
            "BEN_RNG_GEM": numbers(identities.rank[identity]),
            "IMB_ALD_DTD": _dates(long_term.start),
            "IMB_ALD_DTF": _ends(long_term),
            "IMB_ALD_NUM": numbers(long_term.number),
            "IMB_ETM_NAT": numbers(long_term.nature),
            "IMB_MLP_BTR": pa.nulls(size, pa.string()),
            "IMB_MLP_TAB": pa.nulls(size, pa.string()),
            "IMB_SDR_LOP": pa.nulls(size, pa.string()),
            "INS_DTE": _dates(written),
            "MED_MTF_COD": take(lookup(long_term.code), long_term.disease),
            "MED_NCL_IDT": take(lookup(["CIM10"]), np.zeros(size, np.int64)),
            "UPD_DTE": _dates(written + 30),
        }
    )


def _dates(day: Ints) -> Values:
    return strftime(day, "%d/%m/%Y")


def _ends(long_term: LongTerm) -> Values:
    others = choose(long_term.form == UNKNOWN_END, NO_DATE, ENDLESS_DATE)
    return choose(long_term.form == DATED, _dates(long_term.end), others)
