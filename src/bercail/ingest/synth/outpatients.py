"""Outpatient care of public hospitals in the PMSI: T_MCOaaCSTC, FASTC and FCSTC of one year.

What a hospital sends to the DCIR for information, or bills there directly, stands here as well:
whoever reads both without a rule counts it twice. An invoice is one consultation, of the same
person, day and number as in the DCIR; what was cancelled there has no invoice.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from bercail.catalogue import Registry
from bercail.ingest.synth.acts import FOR_INFORMATION, GENERAL_PRACTICE
from bercail.ingest.synth.draws import Flags, Ints, hashed, rank_in_group
from bercail.ingest.synth.hospital import ERRORS, NO_IDENTITY, complete, finess
from bercail.ingest.synth.lines import RENEWED, REVERSAL
from bercail.ingest.synth.text import (
    Days,
    Values,
    cents,
    choose,
    lookup,
    numbers,
    padded,
    take,
    text,
    year_of,
)
from bercail.ingest.synth.world import World

# Of those of the catalogue, the ones that every year has had since the exact dates.
RETURN_CODES = ("NIR_RET", "NAI_RET", "SEX_RET", "IAS_RET", "ENT_DAT_RET")
_INVOICED, _FAULTY, _WHICH = 41, 42, 43
# The public hospitals of a département.
_PUBLIC = 3
# A block of persons has numbers of its own, of eight places.
_OF_BLOCK = 100_000
_PRICE = 3000


def invoiced(world: World) -> Ints:
    """The acts that have an invoice in the PMSI, by their place among all acts."""
    acts, lines = world.acts, world.lines
    taken = lines.act[lines.kind == REVERSAL]
    cancelled = np.setdiff1d(taken, lines.act[lines.kind == RENEWED])
    chosen = (acts.origin == FOR_INFORMATION) & (acts.share == 0)
    chosen &= hashed(np.arange(len(acts)), _INVOICED) < world.profile.rate("outpatient-care")
    chosen[cancelled] = False
    inside = np.isin(year_of(acts.day), world.profile.calendar)
    return np.flatnonzero(chosen & inside)


def faulty(world: World, act: Ints) -> Flags:
    """Those of the acts whose invoice cannot be followed to a person."""
    rate = world.profile.rate("outpatient-return-codes")
    return np.asarray(hashed(act, _FAULTY) < rate)


def outpatient_tables(
    world: World, registry: Registry, days: Days, year: int
) -> dict[str, pa.Table]:
    """The tables of one year of care, by dated name; none where `outpatient-care` is off."""
    if not world.profile.rate("outpatient-care"):
        return {}
    every = invoiced(world)
    act = every[year_of(world.acts.day[every]) == year]
    hospital = world.people.departement[world.acts.person[act]] * 8 + act % _PUBLIC
    codes = [finess(number) for number in range(int(hospital.max(initial=0)) + 1)]
    number = 1 + rank_in_group(hospital) + world.profile.place * _OF_BLOCK
    key = {"ETA_NUM": take(lookup(codes), hospital), "SEQ_NUM": padded(number, 8)}
    size, stem = len(act), f"T_MCO{year % 100:02d}"
    given = {
        "CSTC": _chained(world, days, act),
        "FASTC": _head(world, act),
        "FCSTC": _line(world, act),
    }
    return {
        f"{stem}{suffix}": complete(
            registry.table(f"T_MCOaa{suffix}"),
            year,
            size,
            key | _dated(days, year, world, act) | own,
        )
        for suffix, own in given.items()
    }


def _chained(world: World, days: Days, act: Ints) -> dict[str, Values]:
    """Whose the invoice is. A bad return code of the number comes with X in place of it."""
    day = world.acts.day[act]
    which = np.floor(hashed(act, _WHICH) * len(RETURN_CODES)).astype(np.int64)
    which = np.where(faulty(world, act), which, -1)
    wrong = 1 + act % len(ERRORS)
    codes = {
        name: take(lookup(["0", *ERRORS]), np.where(which == place, wrong, 0))
        for place, name in enumerate(RETURN_CODES)
    }
    psa = take(text(world.identities.psa), world.identity[act])
    return codes | {
        "NIR_ANO_17": choose(which == 0, NO_IDENTITY, psa),
        "EXE_SOI_DTD": days.slashed(day),
        "EXE_SOI_DTF": days.slashed(day),
        "ENT_DAT": days.compact(day),
        "SOR_DAT": days.compact(day),
        "EXE_SOI_AMD": days.month(day),
        "EXE_SOI_AMF": days.month(day),
        "SEJ_NUM": padded(rank_in_group(world.acts.person[act]) + 1, 5),
    }


def _head(world: World, act: Ints) -> dict[str, Values]:
    age = (world.acts.day[act] - world.people.birth[world.acts.person[act]]) / 365.25
    return {
        "NUM_FAC": _same("001", len(act)),
        "COD_SEX": take(lookup(["0", "1", "2"]), world.people.sex[world.acts.person[act]]),
        "AGE_ANN": numbers(np.floor(age).astype(np.int64)),
        "HON_MNT": cents(np.full(len(act), _PRICE)),
    }


def _line(world: World, act: Ints) -> dict[str, Values]:
    """A consultation by its letters; its specialty has two places, with a zero before."""
    one = np.ones(len(act), dtype=np.int64)
    general = world.acts.nature[act] == GENERAL_PRACTICE
    return {
        "NUM_FAC": _same("001", len(act)),
        "ACT_COD": take(lookup(["CS", "C"]), general.astype(np.int64)),
        "ACT_NBR": numbers(one),
        "ACT_DNB": numbers(one),
        "EXE_SPE": choose(general, "01", padded(3 + act % 5, 2)),
        "DEL_DAT_ENT": numbers(0 * one),
        "PRI_UNI": cents(one * _PRICE),
        "REM_BAS": cents(one * _PRICE),
        "HON_MNT": cents(one * _PRICE),
    }


def _dated(days: Days, year: int, world: World, act: Ints) -> dict[str, Values]:
    month = np.asarray(days.month_index[world.acts.day[act] - days.first] % 12 + 1)
    return {"SOR_ANN": _same(str(year), len(act)), "SOR_MOI": padded(month, 2)}


def _same(value: str, size: int) -> Values:
    return take(lookup([value]), np.zeros(size, dtype=np.int64))
