"""The tables of city care for one flux month: ER_PRS_F, ER_PHA_F and the other details."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from attrs import frozen

from bercail.ingest.synth import places
from bercail.ingest.synth.acts import NO_VALUE, SHARE_OF_PATIENT, Acts
from bercail.ingest.synth.details import detail_tables
from bercail.ingest.synth.dispensing import Dispensing
from bercail.ingest.synth.draws import Flags, Ints, expand, hashed
from bercail.ingest.synth.drugs import Drugs
from bercail.ingest.synth.identities import KINDS, Identities
from bercail.ingest.synth.lines import (
    COMPLEMENT,
    MAJORATION,
    RENEWED,
    REST,
    REVERSAL,
    Lines,
    share_of_patient,
)
from bercail.ingest.synth.people import People
from bercail.ingest.synth.profile import SynthProfile
from bercail.ingest.synth.text import (
    Days,
    Values,
    cents,
    choose,
    lookup,
    month_start,
    numbers,
    padded,
    take,
    text,
    year_of,
)

_SUPPLEMENT, _SHARE = 1125, 1951
_LAST_WITHOUT_CIP13 = 2007


@frozen(kw_only=True, eq=False)
class CityCare:
    """The whole period, and the texts that every month takes from.

    `split` marks the acts whose reversal is cut in two lines.
    """

    profile: SynthProfile
    days: Days
    people: People
    drugs: Drugs
    dispensing: Dispensing
    acts: Acts
    lines: Lines
    identity: Ints
    identities: Identities
    psa: Values
    offices: Values
    homes: Values
    affiliations: Values
    communes: Values
    split: Flags

    def months(self) -> list[int]:
        """The flux months that have lines, in order."""
        return [int(month) for month in np.unique(self.lines.month)]

    def tables(self, month: int) -> dict[str, pa.Table]:
        """The tables of one flux month: lines, drugs, and the details of the hard profile."""
        first = int(np.searchsorted(self.lines.month, month, side="left"))
        last = int(np.searchsorted(self.lines.month, month, side="right"))
        rows = np.arange(first, last)
        key = _key(self, rows)
        return {
            "ER_PRS_F": _line_table(self, rows, key),
            "ER_PHA_F": _drug_table(self, rows, key),
            **detail_tables(self.profile, self.acts, self.lines, rows, key),
        }


def city_care(
    profile: SynthProfile,
    days: Days,
    people: People,
    drugs: Drugs,
    dispensing: Dispensing,
    acts: Acts,
    lines: Lines,
    identities: Identities,
    identity: Ints,
) -> CityCare:
    """Everything that the tables of a month are cut from; `identity` is that of each act."""
    # Some fluxes group Corsica under 209 and the overseas départements under 097.
    homes = [places.residence_code(code) for code in places.CODES]
    grouped = [
        "209" if places.CORSICA[n] else "097" if places.OVERSEAS[n] else home
        for n, home in enumerate(homes)
    ]
    split = np.zeros(len(acts), dtype=bool)
    split[lines.act[lines.kind == REST]] = True
    return CityCare(
        profile=profile,
        split=split,
        affiliations=lookup(places.offices()),
        days=days,
        people=people,
        drugs=drugs,
        dispensing=dispensing,
        acts=acts,
        lines=lines,
        identity=identity,
        identities=identities,
        psa=text(identities.psa),
        offices=lookup([f"01C{home}000" for home in homes]),
        homes=lookup(homes + grouped),
        communes=lookup([f"{number:03d}" for number in range(places.COMMUNES + 1)]),
    )


def _key(care: CityCare, rows: Ints) -> dict[str, Values]:
    """The nine columns that name a line, and the detail lines that follow it."""
    lines = care.lines
    office = care.people.departement[care.acts.person[lines.act[rows]]]
    return {
        "FLX_DIS_DTD": care.days.slashed(month_start(lines.month[rows])),
        "FLX_TRT_DTD": care.days.slashed(lines.treated[rows]),
        "FLX_EMT_TYP": numbers(1 + 2 * (office % 9 == 0)),
        "FLX_EMT_NUM": numbers(1 + office % 40),
        "FLX_EMT_ORD": numbers(1 + lines.treated[rows] % 3),
        "ORG_CLE_NUM": take(care.offices, office),
        "DCT_ORD_NUM": numbers(lines.claim_number[rows]),
        "PRS_ORD_NUM": numbers(lines.line_number[rows]),
        "REM_TYP_AFF": numbers(lines.refund_type[rows]),
    }


def _line_table(care: CityCare, rows: Ints, key: dict[str, Values]) -> pa.Table:
    person = care.acts.person[care.lines.act[rows]]
    return pa.table(
        key | _who(care, rows, person) | _what(care, rows) | _how_much(care, rows) | _by(care, rows)
    )


def _who(care: CityCare, rows: Ints, person: Ints) -> dict[str, Values]:
    people, lines = care.people, care.lines
    act = lines.act[rows]
    identity = care.identity[act]
    home = people.departement[person]
    grouped = _every(lines.treated[rows], care.profile.rate("grouped-departements"))
    # A death is written on the lines processed after it.
    dead = people.shown[person] < lines.treated[rows]
    day = np.where(dead, people.shown[person], 0)
    born = care.identities.psa[identity][:, 13:17]
    return {
        "BEN_NIR_PSA": take(care.psa, identity),
        "BEN_RNG_GEM": numbers(care.identities.rank[identity]),
        "BEN_CDI_NIR": take(lookup(KINDS), care.identities.kind[identity]),
        "BEN_SEX_COD": numbers(people.sex[person]),
        "BEN_NAI_ANN": text(born),
        "BEN_AMA_COD": numbers(age_code(care.profile, people, person, care.acts.day[act])),
        "BEN_RES_DPT": take(care.homes, home + np.where(grouped, len(places.CODES), 0)),
        "BEN_RES_COM": take(care.communes, people.commune[person]),
        "BEN_DCD_DTE": care.days.slashed(day, ~dead),
        "BEN_DCD_AME": care.days.month(day, ~dead),
        "ORG_AFF_BEN": take(
            care.affiliations,
            home + places.scheme(care.profile, person) * len(places.CODES),
        ),
        "RGM_COD": numbers(np.where(person % 13 == 0, 20, 10)),
    }


def _every(day: Ints, rate: float) -> Flags:
    """One day in so many, at equal distances."""
    return np.asarray(np.floor(day * rate) > np.floor((day - 1) * rate))


def age_code(profile: SynthProfile, people: People, person: Ints, day: Ints) -> Ints:
    """BEN_AMA_COD: years from two years on, before that 1000 and the months; 9999 unknown."""
    age = day - people.birth[person]
    months = np.clip(np.floor(age / 30.4375).astype(np.int64), 0, 23)
    years = np.floor(age / 365.25).astype(np.int64)
    in_months = (age < 2 * 365.25) & (hashed(person, 13) < profile.rate("infant-ages"))
    known = np.where(in_months, 1000 + months, np.where(age < 2 * 365.25, years, years.clip(2)))
    unknown = hashed(person * 100_000 + day, 12) < profile.rate("unknown-ages")
    return np.where(unknown, 9999, known)


def _what(care: CityCare, rows: Ints) -> dict[str, Values]:
    acts, lines, days = care.acts, care.lines, care.days
    act, kind = lines.act[rows], lines.kind[rows]
    share = share_of_patient(acts, lines)[rows]
    added = kind == MAJORATION
    nature = np.where(added, np.where(share, _SHARE, _SUPPLEMENT), acts.nature[act])
    qualifier, origin = acts.qualifier[act], acts.origin[act]
    top = np.select([kind == COMPLEMENT, added | share], [1, 2], default=0)
    return {
        "EXE_SOI_DTD": days.slashed(acts.day[act]),
        "EXE_SOI_DTF": days.slashed(acts.day[act]),
        "EXE_SOI_AMD": days.month(acts.day[act]),
        "PRE_PRE_DTD": days.slashed(acts.prescribed[act], acts.nature[act] == 1451),
        "PRS_NAT_REF": numbers(nature),
        "BSE_PRS_NAT": numbers(np.where(added & (act % 40 == 0), 0, nature)),
        "CPL_MAJ_TOP": numbers(top),
        "CPL_AFF_COD": numbers(np.where(share, SHARE_OF_PATIENT, 0)),
        "DPN_QLF": numbers(qualifier, qualifier == NO_VALUE),
        "PRS_DPN_QLP": numbers(origin),
    }


def _how_much(care: CityCare, rows: Ints) -> dict[str, Values]:
    acts, lines = care.acts, care.lines
    act, kind, sign = lines.act[rows], lines.kind[rows], lines.sign[rows]
    paid, base, refund = acts.paid[act], acts.base[act], acts.refund[act]
    share = share_of_patient(acts, lines)[rows] & (kind == MAJORATION)
    # Supplement of 3 euros; flat share of the patient, 1 euro less.
    added = np.where(share, -100, 300)
    small = kind == COMPLEMENT
    major = kind == MAJORATION
    # The corrected line pays a little less than the first one did.
    cut = np.where((kind == RENEWED) & (acts.drugs[act] == 0), 50, 0)
    paid = np.where(major, added, np.where(small, 400, paid - cut)) * sign
    base = np.where(major, added, np.where(small, 400, base - cut)) * sign
    rate = np.where(major & share, 100, acts.rate[act])
    refund = np.where(sign < 0, -refund, np.trunc(base * rate / 100).astype(np.int64))
    quantity = np.where(major | small | (kind == REST), 0, sign)
    first = care.split[act] & (kind == REVERSAL)
    paid, base, refund = (_share(amount, first, kind == REST) for amount in (paid, base, refund))
    return {
        "PRS_ACT_QTE": numbers(np.where(major, sign, quantity)),
        "PRS_ACT_NBR": numbers(quantity),
        "PRS_PAI_MNT": cents(paid),
        "BSE_REM_BSE": cents(base),
        "BSE_REM_PRU": cents(np.abs(base)),
        "BSE_REM_MNT": cents(refund),
        "RGO_REM_TAU": numbers(rate),
    }


def _share(amount: Ints, first: Flags, rest: Flags) -> Ints:
    """Three fifths of what is split on the first line, what remains on the second."""
    most = np.trunc(amount * 3 / 5).astype(np.int64)
    return np.where(first, most, np.where(rest, amount - most, amount))


def _by(care: CityCare, rows: Ints) -> dict[str, Values]:
    acts = care.acts
    act = care.lines.act[rows]
    professional = acts.professional[act]
    prescribed = acts.drugs[act] > 0
    return {
        "PSE_SPE_COD": numbers(acts.specialty[act]),
        "PSE_ACT_NAT": numbers(acts.activity[act]),
        "PSP_SPE_COD": numbers(np.where(prescribed, 1, 0)),
        "PSP_ACT_NAT": numbers(np.zeros(len(rows), dtype=np.int64)),
        "PFS_EXE_NUM": padded(10_000_000 + professional, 8),
        "PFS_PRE_NUM": padded(10_500_000 + acts.person[act] % 977, 8),
        "RGO_ASU_NAT": numbers(np.full(len(rows), 10)),
        "EXO_MTF": numbers(np.where(acts.rate[act] == 100, 4, 0)),
    }


def _drug_table(care: CityCare, rows: Ints, key: dict[str, Values]) -> pa.Table:
    """One line for each drug of a pharmacy line, with the line's key."""
    lines, acts, dispensing, drugs = care.lines, care.acts, care.dispensing, care.drugs
    act, kind = lines.act[rows], lines.kind[rows]
    counts = np.where(np.isin(kind, (COMPLEMENT, MAJORATION, REST)), 0, acts.drugs[act])
    owner, place = expand(counts)
    item = acts.first_drug[act[owner]] + place
    drug = dispensing.drug[item]
    signed = dispensing.quantity[item] * lines.sign[rows][owner]
    loose: Flags = dispensing.by_unit[item]
    keys = {name: take(values, owner) for name, values in key.items()}
    nothing = np.zeros(len(owner), dtype=np.int64)
    return pa.table(
        keys
        | {
            "PHA_ORD_NUM": numbers(place + 1),
            "PHA_PRS_C13": numbers(drugs.cip13[drug], _before_cip13(care, act[owner])),
            "PHA_PRS_IDE": numbers(drugs.cip7[drug]),
            "PHA_ACT_QSN": numbers(np.where(loose, 0, signed)),
            "PHA_ACT_PRU": _price(drugs.price[drug], loose),
            "PHA_DEC_TOP": take(lookup(["D"]), nothing, ~loose),
            "PHA_DEC_QSU": numbers(np.where(loose, signed * 7, 0)),
            "PHA_DEC_PRU": _price(drugs.price[drug] // 30, ~loose),
            "PHA_CPA_PCP": take(lookup(["C"]), nothing, dispensing.quantity[item] < 4),
            "PHA_SUB_MTF": numbers(nothing),
            "PHA_SEQ_RNV": numbers(drug % 4),
        }
    )


def _before_cip13(care: CityCare, act: Ints) -> Flags:
    """The code of thirteen digits was not filled in 2006 and 2007."""
    old = year_of(care.acts.day[act]) <= _LAST_WITHOUT_CIP13
    return np.asarray(old & (hashed(act, 24) < care.profile.rate("no-cip13")))


def _price(amounts: Ints, empty: Flags) -> Values:
    return choose(empty, pa.scalar(None, pa.decimal128(18, 2)), cents(amounts))
