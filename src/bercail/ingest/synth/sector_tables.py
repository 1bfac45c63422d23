"""The tables of one year of home care, rehabilitation and psychiatry, by their dated names.

HAD: T_HADaaB, C, D, GRP. SSR: T_SSRaaB (a line for each week), C, D, CSARR. RIM-P: T_RIPaaRSA, C,
RSAD, and R3A for ambulatory acts, whose patient is a mark of the hospital and no identity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import pyarrow as pa
from attrs import frozen

from bercail.catalogue import Registry
from bercail.ingest.synth import places
from bercail.ingest.synth.diagnoses import Diagnoses
from bercail.ingest.synth.draws import Draws, Ints, expand, rank_in_group
from bercail.ingest.synth.hospital import (
    ERRORS,
    NO_IDENTITY,
    RETURN_CODES,
    complete,
    finess,
    postal_area,
)
from bercail.ingest.synth.identities import Identities
from bercail.ingest.synth.people import People
from bercail.ingest.synth.profile import MOST_BLOCKS, SynthProfile
from bercail.ingest.synth.sectors import (
    HOME,
    PSYCHIATRY,
    REHABILITATION,
    Consultations,
    SectorStays,
)
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
)

_WEEK = 7
# From March 2023 on, the purpose of rehabilitation is no longer coded (SMR reform).
_LAST_PURPOSE = 2022


@frozen(kw_only=True, eq=False)
class SectorYear:
    """The stays of one sector in one year, with what every table needs to know of them."""

    registry: Registry
    profile: SynthProfile
    year: int
    days: Days
    people: People
    diagnoses: Diagnoses
    stays: SectorStays
    psa: Values
    hospital: Values
    place: int

    def number(self, width: int) -> Values:
        """Stay numbers of so many digits, which start again in every hospital."""
        first = self.place * (10**width // MOST_BLOCKS)
        return padded(1 + rank_in_group(self.stays.hospital) + first, width)

    def table(self, name: str, given: dict[str, Values]) -> pa.Table:
        """All columns of the year, of as many lines as the values given."""
        size = len(next(iter(given.values())))
        return complete(self.registry.table(name), self.year, size, given)


def sector_year(
    profile: SynthProfile,
    registry: Registry,
    days: Days,
    people: People,
    identities: Identities,
    diagnoses: Diagnoses,
    stays: SectorStays,
    year: int,
) -> SectorYear:
    """The stays of a sector that end in a year, under the identity that each was paid under."""
    chosen = stays.of_year(year)
    identity = identities.used(
        Draws(profile.stream, f"sector-identity-{year}"), chosen.person, chosen.entry
    )
    return SectorYear(
        registry=registry,
        profile=profile,
        year=year,
        days=days,
        people=people,
        diagnoses=diagnoses,
        stays=chosen,
        psa=take(text(identities.psa), identity),
        hospital=hospital_numbers(chosen.hospital),
        place=profile.place,
    )


def hospital_numbers(hospital: Ints) -> Values:
    """The FINESS of hospitals, by their places."""
    codes = [finess(number) for number in range(int(hospital.max(initial=0)) + 1)]
    return take(lookup(codes), hospital)


def home_tables(item: SectorYear) -> dict[str, pa.Table]:
    """T_HADaaB, C, D and GRP: one sub-sequence for each stay."""
    stays, size = item.stays, len(item.stays)
    draws = Draws(item.profile.stream, f"sector-tables-HAD-{item.year}")
    key = {"ETA_NUM_EPMSI": item.hospital, "RHAD_NUM": item.number(5)}
    sequence = key | {
        "ETA_NUM_GEO": item.hospital,
        "SEQ_NUM": _same("0001", size),
        "SSEQ_NUM": _same("0001", size),
    }
    nights = numbers(stays.discharge - stays.entry)
    modes = [f"{mode:02d}" for mode in range(1, 26)]
    whole = _person(item) | {
        "DGN_PAL": _main(item),
        "PEC_PAL": take(lookup(modes), draws.between(0, len(modes) - 1, size)),
        "PEC_ASS": take(lookup([*modes, None]), draws.between(0, len(modes), size)),
        "SEJ_NBJ": nights,
        "SEQ_NBJ": nights,
        "SSEQ_NBJ": nights,
        "SSEQ_SEJ_DER": _same("1", size),
    }
    group = {
        "GHT_NUM": choose(stays.error, "99", padded(1 + stays.person % 31, 2)),
        "PAP_GRP_GHPC": choose(stays.error, "9999", padded(1 + stays.diagnosis % 2000, 4)),
        "PAP_GRP_RET": choose(stays.error, "080", "000"),
        "GHT_NBJ": nights,
    }
    owner, code = _associated(draws, size)
    details = {name: take(values, owner) for name, values in sequence.items()}
    return {
        "B": item.table("T_HADaaB", sequence | whole | _end(item)),
        "C": item.table("T_HADaaC", key | _link(item, draws)),
        "D": item.table("T_HADaaD", details | {"DGN_ASS": code}),
        "GRP": item.table("T_HADaaGRP", sequence | group),
    }


def rehabilitation_tables(item: SectorYear) -> dict[str, pa.Table]:
    """T_SSRaaB (one line for each week of a stay), C, D and CSARR."""
    stays = item.stays
    draws = Draws(item.profile.stream, f"sector-tables-SSR-{item.year}")
    key = {"ETA_NUM": item.hospital, "RHA_NUM": item.number(7)}
    weeks = 1 + (stays.discharge - stays.entry) // _WEEK
    owner, week = expand(weeks)
    of_week = {name: take(values, owner) for name, values in key.items()}
    of_week["RHS_NUM"] = padded(week + 1, 3)
    last = week + 1 == weeks[owner]
    whole = {name: take(values, owner) for name, values in _person(item).items()}
    coded = item.year <= _LAST_PURPOSE
    group = padded(100 + stays.diagnosis[owner] % 2200, 4)
    group = choose(stays.error[owner], "9000Z0", joined(group, _same("A0", len(owner))))
    whole |= {
        "GRG_GME": group,
        "GRC_GME": group,
        "MOR_PRP": take(_main(item), owner),
        "FP_PEC": take(lookup(["Z501", "Z509", None]), week % 2 if coded else 2 + 0 * week),
        "TYP_GEN_RHA": _same("0", len(owner)),
        "DEB_FIN": choose(last, "1", "0"),
        "MOI_ANN": item.days.month(stays.entry[owner] + week * _WEEK),
        "NBR_CSARR": numbers(1 + week % 3),
    }
    whole["SOR_MOD"] = choose(last, whole["SOR_MOD"], pa.scalar(None, pa.string()))
    lines, code = _associated(draws, len(owner))
    acts, place = expand(1 + week % 3)
    names = lookup(["ZGQ+145", "ALR+289", "PBR+205", "PER+285"])
    done = {
        "CSARR_COD": take(names, (acts + place) % 4),
        "NBR_CSARR": numbers(np.ones(len(acts), dtype=np.int64)),
        "ENT_DAT_DEL_UM": numbers(week[acts] * _WEEK + place),
    }
    return {
        "B": item.table("T_SSRaaB", of_week | whole),
        "C": item.table("T_SSRaaC", key | _link(item, draws)),
        "D": item.table("T_SSRaaD", _taken(of_week, lines) | {"DGN_COD": code}),
        "CSARR": item.table("T_SSRaaCSARR", _taken(of_week, acts) | done),
    }


def psychiatry_tables(item: SectorYear) -> dict[str, pa.Table]:
    """T_RIPaaRSA, C and RSAD; ambulatory acts come from `ambulatory_table`."""
    stays, size = item.stays, len(item.stays)
    draws = Draws(item.profile.stream, f"sector-tables-RIP-{item.year}")
    key = {"ETA_NUM_EPMSI": item.hospital, "RIP_NUM": item.number(6)}
    sequence = key | {
        "IPP_IRR_CRY": local_mark(stays.person, stays.hospital),
        "SEJ_IDT": padded(1 + rank_in_group(stays.hospital), 5),
        "SEQ_SEQ_NUM": _same("001", size),
    }
    whole = _person(item) | {
        "DGN_PAL": _main(item),
        "FOR_ACT": take(lookup(["01", "04", "05"]), draws.pick([8, 1, 1], size)),
        "MOD_SOI": take(lookup(["1", "4"]), draws.pick([8, 2], size)),
        "PRE_JOU_NBJ": numbers(stays.discharge - stays.entry),
        "SEQ_FIN_ANN": _same(str(item.year), size),
        "SEQ_FIN_MOI": padded(_month(item, stays.discharge), 2),
        "SEQ_DER_IND": _same("1", size),
    }
    owner, code = _associated(draws, size)
    return {
        "RSA": item.table("T_RIPaaRSA", sequence | whole),
        "C": item.table("T_RIPaaC", key | _link(item, draws)),
        "RSAD": item.table("T_RIPaaRSAD", _taken(sequence, owner) | {"ASS_DGN": code}),
    }


def ambulatory_table(item: SectorYear, acts: Consultations) -> pa.Table:
    """T_RIPaaR3A: acts of the year; a patient is the same within one hospital only."""
    chosen = np.flatnonzero(item.days.year[acts.day - item.days.first] == item.year)
    person, hospital, day = acts.person[chosen], acts.hospital[chosen], acts.day[chosen]
    first = item.place * (10**8 // MOST_BLOCKS)
    given = {
        "ETA_NUM_EPMSI": hospital_numbers(hospital),
        "IPP_IRR_CRY": local_mark(person, hospital),
        "ORD_NUM": padded(1 + rank_in_group(hospital) + first, 8),
        "SEJ_IDT": _same("00001", len(chosen)),
        "AGE_ANN": numbers(_years(item.people, person, day)),
        "COD_SEX": take(lookup(["0", "1", "2"]), item.people.sex[person]),
        "DGN_PAL": take(lookup(item.diagnoses.code), acts.diagnosis[chosen]),
        "FOR_ACT": _same("30", len(chosen)),
        "ACT_NAT": take(lookup(["E", "D", "G"]), person % 3),
        "RAL_ACT_ANN": _same(str(item.year), len(chosen)),
        "RAL_ACT_MOI": padded(_month(item, day), 2),
    }
    return item.table("T_RIPaaR3A", given)


TABLES: Mapping[str, Callable[[SectorYear], dict[str, pa.Table]]] = MappingProxyType(
    {
        HOME: home_tables,
        REHABILITATION: rehabilitation_tables,
        PSYCHIATRY: psychiatry_tables,
    }
)


def local_mark(person: Ints, hospital: Ints) -> Values:
    """Sixteen letters that name a patient within one hospital, and nobody outside of it."""
    mixed = (person.astype(np.uint64) * np.uint64(1_000) + hospital.astype(np.uint64)) * np.uint64(
        0x9E3779B97F4A7C15
    )
    shifts = np.arange(60, -4, -4, dtype=np.uint64)
    nibbles = (mixed[:, None] >> shifts) & np.uint64(15)
    return text((nibbles + np.uint64(ord("A"))).astype(np.uint8))


def _person(item: SectorYear) -> dict[str, Values]:
    stays, people = item.stays, item.people
    age_days = stays.entry - people.birth[stays.person]
    infant = age_days < 365
    departements = [code[:2] for code in places.CODES]
    dead = stays.discharge == people.death[stays.person]
    return {
        "AGE_ANN": numbers(_years(people, stays.person, stays.entry), infant),
        "AGE_JOU": numbers(age_days, ~infant),
        "COD_SEX": take(lookup(["0", "1", "2"]), people.sex[stays.person]),
        "BDI_DEP": take(lookup(departements), people.departement[stays.person]),
        "BDI_COD": postal_area(people, stays.person),
        "ENT_MOD": take(lookup(["7", "8"]), stays.person % 2),
        "SOR_MOD": choose(dead, "9", "8"),
    }


def _end(item: SectorYear) -> dict[str, Values]:
    month = padded(_month(item, item.stays.discharge), 2)
    year = _same(str(item.year), len(item.stays))
    return {
        "SOR_ANN": year,
        "SOR_MOI": month,
        "SOR_ANN_SSEQ": year,
        "SOR_MOI_SSEQ": month,
        "FIN_ANN_SEQ": year,
        "FIN_MOI_SEQ": month,
    }


def _link(item: SectorYear, draws: Draws) -> dict[str, Values]:
    """Who stayed. A bad return code of the number comes with X in place of the identity."""
    stays, size = item.stays, len(item.stays)
    faulty = np.where(stays.bad_return, draws.between(0, len(RETURN_CODES) - 1, size), -1)
    wrong = 1 + draws.between(0, len(ERRORS) - 1, size)
    given = {
        name: take(lookup(["0", *ERRORS]), np.where(faulty == place, wrong, 0))
        for place, name in enumerate(RETURN_CODES)
    }
    zero = _same("0", size)
    return given | {
        "COH_NAI_RET": zero,
        "COH_SEX_RET": zero,
        "NIR_ANO_17": choose(faulty == 0, NO_IDENTITY, item.psa),
        "ENT_DAT": item.days.compact(stays.entry),
        "SOR_DAT": item.days.compact(stays.discharge),
        "EXE_SOI_DTD": item.days.slashed(stays.entry),
        "EXE_SOI_DTF": item.days.slashed(stays.discharge),
        "EXE_SOI_AMD": item.days.month(stays.entry),
        "EXE_SOI_AMF": item.days.month(stays.discharge),
        "SEJ_NUM": padded(rank_in_group(stays.person) + 1, 5),
    }


def _associated(draws: Draws, size: int) -> tuple[Ints, Values]:
    """Which lines have associated diagnoses, and these."""
    owner, _ = expand(draws.pick([0.4, 0.3, 0.2, 0.1], size))
    codes = ["I10", "E119", "F171", "Z602", "E669", "D649", "R522"]
    return owner, take(lookup(codes), draws.pick([5, 3, 2, 2, 1, 1, 1], len(owner)))


def _main(item: SectorYear) -> Values:
    return take(lookup(item.diagnoses.code), item.stays.diagnosis)


def _month(item: SectorYear, day: Ints) -> Ints:
    return np.asarray(item.days.month_index[day - item.days.first] % 12 + 1)


def _years(people: People, person: Ints, day: Ints) -> Ints:
    return np.floor((day - people.birth[person]) / 365.25).astype(np.int64)


def _same(value: str, size: int) -> Values:
    return take(lookup([value]), np.zeros(size, dtype=np.int64))


def _taken(columns: Mapping[str, Values], owner: Ints) -> dict[str, Values]:
    return {name: take(values, owner) for name, values in columns.items()}
