"""The hospital tables of one year of discharge: T_MCOaaB, C, D, UM; when asked A, FA and MED."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
from attrs import frozen

from bercail.catalogue import Registry, Table
from bercail.ingest.synth import places
from bercail.ingest.synth.diagnoses import (
    BIRTH_GROUP,
    CHEMOTHERAPY_GROUP,
    DELIVERY_GROUP,
    DIALYSIS_GROUP,
    ERROR_GROUP,
    TRANSFUSION_GROUP,
    Diagnoses,
)
from bercail.ingest.synth.draws import Draws, Flags, Ints, expand, hashed, rank_in_group
from bercail.ingest.synth.identities import Identities
from bercail.ingest.synth.people import People
from bercail.ingest.synth.profile import SynthProfile
from bercail.ingest.synth.stays import (
    BIRTH,
    COPY,
    DEATH,
    DELIVERY,
    DUPLICATED,
    SESSION,
    Stays,
)
from bercail.ingest.synth.text import (
    Days,
    Values,
    cents,
    choose,
    joined,
    letters,
    lookup,
    numbers,
    padded,
    take,
    text,
    year_of,
)

NO_IDENTITY = "X" * 16 + "D"
RETURN_CODES = ("NIR_RET", "NAI_RET", "SEX_RET", "SEJ_RET", "FHO_RET", "PMS_RET", "DAT_RET")
# Of the eight hospitals of a département, those from this place on are private.
_PRIVATE, _LONG = 3, 7
# Of the stays of public hospitals, those with a drug on top of their tariff (assumed).
_ON_TOP = 0.05
ERRORS = ("1", "2", "3", "4", "9")
# Columns of numbers that count something are 0 when nothing is counted.
_NULL_NUMBERS = ("AGE_GES", "DEL_REG_ENT", "POI_NAI", "NUM_DAT_AT", "RNG_NAI", "ETE_GHS_NUM")


@frozen(kw_only=True, eq=False)
class HospitalYear:
    """The stays of one year with what every table needs to know of them."""

    registry: Registry
    year: int
    days: Days
    people: People
    diagnoses: Diagnoses
    stays: Stays
    identity: Ints
    rate_of_other: float
    psa: Values
    eta: Values
    rsa: Values


def hospital_tables(
    profile: SynthProfile,
    registry: Registry,
    days: Days,
    people: People,
    identities: Identities,
    diagnoses: Diagnoses,
    stays: Stays,
    year: int,
) -> dict[str, pa.Table]:
    """The tables of one year, by dated name, with that year's columns."""
    draws = Draws(profile.stream, f"hospital-{year}")
    identity = identities.used(draws, stays.person, stays.entry)
    codes = [finess(number) for number in range(int(stays.hospital.max(initial=0)) + 1)]
    # Doubles of one département share a number, and are counted together.
    numbering = np.where(stays.double, len(codes) + stays.hospital // 8, stays.hospital)
    numbered = HospitalYear(
        registry=registry,
        year=year,
        days=days,
        people=people,
        diagnoses=diagnoses,
        stays=stays,
        identity=identity,
        rate_of_other=profile.rate("other-grouping"),
        psa=take(text(identities.psa), identity),
        eta=choose(
            stays.double,
            take(lookup(_doubled(registry)), stays.hospital // 8),
            take(lookup(codes), stays.hospital),
        ),
        # Stay numbers start again every year and in every hospital.
        rsa=padded(1 + rank_in_group(numbering) + profile.place * 1_000_000, 10),
    )
    return _dated(numbered, draws, profile)


def _dated(item: HospitalYear, draws: Draws, profile: SynthProfile) -> dict[str, pa.Table]:
    """The tables by the name of their year; A, FA and MED where `detail-tables` is on."""
    stem = f"T_MCO{item.year % 100:02d}"
    tables = {
        f"{stem}B": _stay_table(item),
        f"{stem}C": _link_table(item, draws),
        f"{stem}D": _diagnosis_table(item, draws),
        f"{stem}UM": _unit_table(item, draws),
    }
    if profile.rate("detail-tables"):
        tables[f"{stem}A"] = _act_table(item, profile)
        tables[f"{stem}FA"] = _invoice_table(item)
        tables[f"{stem}MED"] = _drug_table(item, profile)
    return tables


def _doubled(registry: Registry) -> list[str | None]:
    """For each département, a geographic FINESS of its university hospital, if it has one.

    The 46 numbers printed by the CNAM name the doubles of AP-HM, HCL and AP-HP.
    """
    table = registry.duplicate_finess()
    known = [str(row["eta_num"]) for row in table.to_pylist() if row["cnam_2020"]]
    return [
        next((number for number in known if number.startswith(code)), None)
        if code in DUPLICATED
        else None
        for code in places.CODES
    ]


def finess(hospital: int) -> str:
    """The number of a hospital, by its place: eight for each département."""
    code = places.CODES[hospital // 8]
    # 99 after the département is given to no true establishment.
    return f"{code[:2]}99{int(code[2:] or 0)}{hospital % 8 * 101:04d}"


def complete(table: Table, year: int, size: int, given: dict[str, Values]) -> pa.Table:
    """Every column of that year; those that nothing fills are empty, or count nothing."""
    arrays = {}
    for name in table.column_names(year):
        column = table.column(name)
        if column.type_source == "assumed":
            continue
        if name in given:
            arrays[name] = given[name]
        elif column.physical_type == "num" and name not in _NULL_NUMBERS:
            arrays[name] = numbers(np.zeros(size, dtype=np.int64))
        else:
            arrays[name] = pa.nulls(size, pa.string())
    return pa.table(arrays)


def _group(item: HospitalYear) -> Values:
    """The GHM of each stay, as a small list and places in it."""
    stays, diagnoses = item.stays, item.diagnoses
    special = [
        ERROR_GROUP,
        DELIVERY_GROUP,
        BIRTH_GROUP,
        DIALYSIS_GROUP,
        CHEMOTHERAPY_GROUP,
        TRANSFUSION_GROUP,
    ]
    severity = "1234JT"
    names = [f"{stem}{level}" for stem in diagnoses.stem for level in severity]
    nights = stays.discharge - stays.entry
    level = np.where(nights == 0, 4 + stays.person % 2, np.minimum(nights // 6, 3))
    place = len(special) + stays.diagnosis * len(severity) + level
    place = np.where(stays.kind == DELIVERY, 1, place)
    place = np.where(stays.kind == BIRTH, 2, place)
    dialysis = stays.diagnosis == diagnoses.place("Z491")
    place = np.where(stays.kind == SESSION, np.where(dialysis, 3, 4), place)
    place = np.where(stays.transfusion, 5, place)
    place = np.where(stays.grouping_error, 0, place)
    return take(lookup(special + names), place)


def _choice(values: list[str | None]) -> Callable[[Ints], Values]:
    table = lookup(values)
    return lambda place: take(table, place)


def _group_columns(item: HospitalYear) -> dict[str, Values]:
    """The agency's grouping (GRG) and the hospital's own (GRC), which differs at times."""
    stays = item.stays
    size = len(stays)
    group = _group(item)
    version = take(lookup(["11"]), np.zeros(size, np.int64))
    outcome = take(lookup(["000", "080"]), stays.grouping_error.astype(np.int64))
    return {
        "GRG_GHM": group,
        "GRC_GHM": choose(other_grouping(item.rate_of_other, stays), "23M20Z", group),
        "GRG_RET": outcome,
        "GRC_RET": outcome,
        "GRG_VER": version,
        "GRC_VER": version,
    }


def other_grouping(rate: float, stays: Stays) -> Flags:
    """Stays whose hospital found another group: all those of one person in so many."""
    if not rate:
        return np.zeros(len(stays), dtype=bool)
    return np.asarray(stays.person % max(1, round(1 / rate)) == 0)


def _stay_table(item: HospitalYear) -> pa.Table:
    stays, people = item.stays, item.people
    size = len(stays)
    person = stays.person
    copy, session = stays.kind == COPY, stays.kind == SESSION
    age_days = stays.entry - people.birth[person]
    infant = age_days < 365
    mode = _choice(["0", "7", "8", "9"])
    departement = [code[:2] for code in places.CODES]
    given = _group_columns(item) | {
        "ETA_NUM": item.eta,
        "RSA_NUM": item.rsa,
        "AGE_ANN": numbers(np.floor(age_days / 365.25).astype(np.int64), infant),
        "AGE_JOU": numbers(age_days, ~infant),
        "COD_SEX": take(lookup(["0", "1", "2"]), people.sex[person]),
        "DGN_PAL": take(lookup(item.diagnoses.code), stays.diagnosis),
        "DGN_REL": _choice([None, "N185", "C509"])(_related(item)),
        "ENT_MOD": mode(np.where(copy, 0, np.where(person % 23 == 0, 1, 2))),
        "ENT_PRV": take(lookup(["5"]), np.zeros(size, np.int64), stays.kind != DEATH),
        "SOR_MOD": mode(
            np.where(copy, 0, np.where(stays.kind == DEATH, 3, 2 - (person % 29 == 0)))
        ),
        "SEJ_NBJ": numbers(stays.discharge - stays.entry),
        # A stay of its own is coded A or left empty; B is a copy.
        "SEJ_TYP": _choice([None, "A", "B"])(np.where(copy, 2, person % 2)),
        "SOR_ANN": take(lookup([str(item.year)]), np.zeros(size, np.int64)),
        "SOR_MOI": padded(_month(item, stays.discharge), 2),
        "NBR_SEA": numbers(session.astype(np.int64)),
        "NBR_DGN": numbers(stays.associated),
        "NBR_RUM": numbers(stays.units),
        "BDI_DEP": take(lookup(departement), people.departement[person]),
        "BDI_COD": postal_area(people, person),
        "TYP_GEN_RSA": numbers(np.where(session, 0, 1)),
        "GHS_NUM": padded(1000 + stays.diagnosis % 8000, 4),
        "RSS_NUM": take(lookup(["120"]), np.zeros(size, np.int64)),
        "POI_NAI": numbers(2500 + person % 1500, stays.kind != BIRTH),
        "UHCD_TOP": _choice([None, "1"])((person % 17 == 0).astype(np.int64)),
    }
    return complete(item.registry.table("T_MCOaaB"), item.year, size, given)


def _month(item: HospitalYear, day: Ints) -> Ints:
    return np.asarray(item.days.month_index[day - item.days.first] % 12 + 1)


def _related(item: HospitalYear) -> Ints:
    """The related diagnosis of sessions: the kidney or the tumour that is treated."""
    stays = item.stays
    dialysis = stays.diagnosis == item.diagnoses.place("Z491")
    return np.where(stays.kind == SESSION, np.where(dialysis, 1, 2), 0)


def postal_area(people: People, person: Ints) -> Values:
    """The geographic code of the PMSI: five characters."""
    departement = people.departement[person]
    stem = letters([code.ljust(3, "0")[:3] for code in places.CODES], 3)[departement]
    commune = np.stack([stem[:, 0], stem[:, 1], stem[:, 2]], axis=1)
    tail = padded(people.commune[person] % 40, 2)
    return joined(text(commune), tail)


def _months(item: HospitalYear) -> dict[str, Values]:
    """The month of discharge leaves T_MCOaaC after 2018, and the month of entry comes."""
    stays, size = item.stays, len(item.stays)
    return {
        "SOR_ANN": take(lookup([str(item.year)]), np.zeros(size, np.int64)),
        "SOR_MOI": padded(_month(item, stays.discharge), 2),
        "SOR_AM": item.days.month(stays.discharge),
        "ENT_AM": item.days.month(stays.entry),
        "ENT_ANN": padded(item.days.year[stays.entry - item.days.first], 4),
        "ENT_MOI": padded(_month(item, stays.entry), 2),
    }


def _link_table(item: HospitalYear, draws: Draws) -> pa.Table:
    """Who stayed. A bad return code of the number comes with X in place of the identity."""
    stays = item.stays
    size = len(stays)
    faulty = np.where(stays.bad_return, draws.between(0, len(RETURN_CODES) - 1, size), -1)
    lost = faulty == 0
    codes = {
        name: take(
            lookup(["0", *ERRORS]),
            np.where(faulty == place, 1 + draws.between(0, len(ERRORS) - 1, size), 0),
        )
        for place, name in enumerate(RETURN_CODES)
    }
    table = item.registry.table("T_MCOaaC")
    others = [
        name
        for name in table.column_names(item.year)
        if name.endswith("_RET") and name not in codes
    ]
    given = codes | {name: take(lookup(["0"]), np.zeros(size, np.int64)) for name in others}
    given |= _months(item) | {
        "ETA_NUM": item.eta,
        "RSA_NUM": item.rsa,
        "NIR_ANO_17": choose(lost, NO_IDENTITY, item.psa),
        "ENT_DAT": item.days.compact(stays.entry),
        "SOR_DAT": item.days.compact(stays.discharge),
        "EXE_SOI_DTD": item.days.slashed(stays.entry),
        "EXE_SOI_DTF": item.days.slashed(stays.discharge),
        "EXE_SOI_AMD": item.days.month(stays.entry),
        "EXE_SOI_AMF": item.days.month(stays.discharge),
        "SEJ_NUM": padded(rank_in_group(stays.person) + 1, 5),
        "FOR_NUM": take(lookup(["012"]), np.zeros(size, np.int64)),
    }
    return complete(table, item.year, size, given)


def _associated_code(draws: Draws, size: int) -> Values:
    common = ["I10", "E119", "E785", "I489", "N183", "E669", "F171", "Z602", "J449", "D649"]
    return take(lookup(common), draws.pick([30, 14, 10, 9, 8, 7, 7, 6, 5, 4], size))


def _diagnosis_table(item: HospitalYear, draws: Draws) -> pa.Table:
    owner, place = expand(item.stays.associated)
    size = len(owner)
    given = {
        "ETA_NUM": take(item.eta, owner),
        "RSA_NUM": take(item.rsa, owner),
        "RSS_NUM": take(lookup(["120"]), np.zeros(size, np.int64)),
        "ASS_DGN": _associated_code(draws, size),
        "DGN_ASS_NUM": numbers(place + 1),
    }
    return complete(item.registry.table("T_MCOaaD"), item.year, size, given)


def _unit_table(item: HospitalYear, draws: Draws) -> pa.Table:
    """One line for each unit; the diagnosis of a second unit is not repeated in D."""
    owner, place = expand(item.stays.units)
    size = len(owner)
    main = take(lookup(item.diagnoses.code), item.stays.diagnosis[owner])
    elsewhere = _associated_code(draws, size)
    given = {
        "ETA_NUM": take(item.eta, owner),
        "RSA_NUM": take(item.rsa, owner),
        "RSS_NUM": take(lookup(["120"]), np.zeros(size, np.int64)),
        "UM_ORD_NUM": numbers(place + 1),
        "DGN_PAL": choose(place == 0, main, elsewhere),
        "ETA_NUM_GEO": take(item.eta, owner),
        "AUT_TYP1_UM": take(lookup(["01A", "03", "04", "27"]), draws.between(0, 3, size)),
        "PAR_DUR_SEJ": numbers(
            (item.stays.discharge - item.stays.entry)[owner] // item.stays.units[owner]
        ),
    }
    return complete(item.registry.table("T_MCOaaUM"), item.year, size, given)


def _act_table(item: HospitalYear, profile: SynthProfile) -> pa.Table:
    """Acts are dated by their delay from the entry, never by a day."""
    stays = item.stays
    counts = 1 + np.floor(hashed(stays.person + stays.entry, 3) * 3).astype(np.int64)
    chosen = hashed(stays.person * 64 + stays.entry, 4) < profile.rate("detail-tables") / 2
    owner, place = expand(np.where(chosen, counts, 0))
    nights = (stays.discharge - stays.entry)[owner]
    given = {
        "ETA_NUM": take(item.eta, owner),
        "RSA_NUM": take(item.rsa, owner),
        "RSS_NUM": take(lookup(["120"]), np.zeros(len(owner), np.int64)),
        "CDC_ACT": take(lookup(["DEQP003", "ZBQK002", "ACQK001"]), (owner + place) % 3),
        "ENT_DAT_DEL": numbers(np.minimum(place, nights)),
        "NBR_EXE_ACT": numbers(np.ones(len(owner), dtype=np.int64)),
        "PHA_ACT": take(lookup(["0"]), np.zeros(len(owner), np.int64)),
        "ACV_ACT": take(lookup(["1"]), np.zeros(len(owner), np.int64)),
    }
    return complete(item.registry.table("T_MCOaaA"), item.year, len(owner), given)


def _invoice_table(item: HospitalYear) -> pa.Table:
    """The head of each invoice of a private hospital; a public one has none.

    A long stay has two, so that a join of stays and invoices multiplies the stays.
    """
    stays = item.stays
    private = (stays.hospital % 8 >= _PRIVATE) & ~stays.double & (stays.kind != COPY)
    invoices = np.where(private, 1 + (stays.discharge - stays.entry > _LONG), 0)
    owner, place = expand(invoices)
    size = len(owner)
    amount = np.abs(stays.person[owner] * 37 + stays.entry[owner]) % 300_000 + 20_000
    given = {
        "ETA_NUM": take(item.eta, owner),
        "RSA_NUM": take(item.rsa, owner),
        "NUM_FAC": padded(place + 1, 3),
        "SOR_ANN": take(lookup([str(item.year)]), np.zeros(size, np.int64)),
        "SOR_MOI": padded(_month(item, stays.discharge[owner]), 2),
        "COD_SEX": take(lookup(["0", "1", "2"]), item.people.sex[stays.person[owner]]),
        "PH_MNT": cents(amount),
        "PH_AMO_MNR": cents(amount * 8 // 10),
    }
    return complete(item.registry.table("T_MCOaaFA"), item.year, size, given)


def _drug_table(item: HospitalYear, profile: SynthProfile) -> pa.Table:
    """Drugs paid on top of the stay of a public hospital: by UCD, in units and parts of one.

    The codes are illustrative, of the right shape: seven digits on the right of thirteen places.
    """
    stays = item.stays
    public = (stays.hospital % 8 < _PRIVATE) & ~stays.double & (stays.kind != COPY)
    drawn = hashed(stays.person * 64 + stays.entry, 5)
    owner = np.flatnonzero(public & (drawn < _ON_TOP * profile.rate("detail-tables")))
    size = len(owner)
    nights = (stays.discharge - stays.entry)[owner]
    month = padded(_month(item, stays.discharge[owner]), 2)
    year = take(lookup([str(item.year)]), np.zeros(size, np.int64))
    given = {
        "ETA_NUM": take(item.eta, owner),
        "RSA_NUM": take(item.rsa, owner),
        "UCD_UCD_COD": padded(9_100_001 + owner % 3 * 100_001, 13),
        "ADM_NBR": cents(np.where(owner % 4 == 0, 50, 100 * (1 + owner % 3))),
        "DELAI": numbers(np.minimum(owner % 3, nights)),
        "NBR_SEJ": numbers(np.ones(size, dtype=np.int64)),
        "ANN": year,
        "MOI": month,
        "DAT_ADM_ANN": year,
        "ADM_MOIS": month,
    }
    return complete(item.registry.table("T_MCOaaMED"), item.year, size, given)


def stays_of(stays: Stays, year: int) -> Ints:
    """The places of the stays discharged in a year."""
    return np.flatnonzero(year_of(stays.discharge) == year)
