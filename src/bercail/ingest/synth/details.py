"""The detail tables of the hard profile: ER_CAM_F, ER_BIO_F, ER_TIP_F, ER_UCD_F and ER_ETE_F.

One line of ER_PRS_F has one to three lines in ER_CAM_F, ER_BIO_F or ER_TIP_F, so that a
join multiplies its amounts; lines of hospitals have one line in ER_ETE_F, and
city care has none. Drugs that a hospital pharmacy hands over stand by their unit (ER_UCD_F).
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from bercail.ingest.synth.acts import FOR_INFORMATION, RETROCESSION, Acts
from bercail.ingest.synth.draws import Flags, Ints, expand, hashed
from bercail.ingest.synth.lines import Lines
from bercail.ingest.synth.profile import SynthProfile
from bercail.ingest.synth.text import Values, cents, choose, lookup, numbers, padded, take

TECHNICAL, LABORATORY, NURSING = (1351, 1352), (3211,), (3125,)
# Electrocardiogram, chest X-ray, smear, eye fundus: codes of the CCAM. The laboratory acts (NABM:
# glucose, creatinine, blood count, HbA1c, CRP), devices (LPP) and units of drugs (UCD) are
# illustrative: codes of the right shape, whose meaning no study may rely on.
_CCAM = ("DEQP003", "ZBQK002", "JKHD001", "BGQP002")
_NABM = np.array([552, 592, 1104, 1577, 1804])
_LPP = np.array([1_101_720, 1_104_510, 1_178_432, 1_399_999])
_UCD = np.array([9_100_001, 9_200_002, 9_300_003])
_SALT, _BILLED, _WITHOUT_PRICE = 6, 8, 31
# TIP_ACT_PRU is missing on up to 7 % of the lines (HDH, tables affinees).
_MISSING_PRICES = 0.07


def detail_counts(profile: SynthProfile, acts: Acts, natures: tuple[int, ...]) -> Ints:
    """How many detail lines each act has: none, or one to three."""
    every = np.arange(len(acts))
    rate = profile.rate("detail-tables")
    chosen = np.isin(acts.nature, natures) & (acts.origin != FOR_INFORMATION)
    chosen &= hashed(every, _SALT) < rate
    return np.where(chosen, 1 + np.floor(hashed(every, _SALT + 1) * 3).astype(np.int64), 0)


def billed(profile: SynthProfile, acts: Acts) -> Flags:
    """Acts of a hospital that bills the insurance directly (ETE_IND_TAA = 1)."""
    drawn = hashed(np.arange(len(acts)), _BILLED)
    hospital = acts.origin == FOR_INFORMATION
    return np.asarray(hospital & (drawn < profile.rate("hospital-billing")))


def detail_tables(
    profile: SynthProfile, acts: Acts, lines: Lines, rows: Ints, key: dict[str, Values]
) -> dict[str, pa.Table]:
    """The tables of these lines; none of them where both difficulties are off."""
    found: dict[str, pa.Table] = {}
    if profile.rate("detail-tables"):
        found["ER_CAM_F"] = _technical(profile, acts, lines, rows, key)
        found["ER_BIO_F"] = _laboratory(profile, acts, lines, rows, key)
        found["ER_TIP_F"] = _devices(profile, acts, lines, rows, key)
        found["ER_UCD_F"] = _units(acts, lines, rows, key)
    if profile.rate("hospital-billing"):
        found["ER_ETE_F"] = _establishment(profile, acts, lines, rows, key)
    return found


def _expanded(
    profile: SynthProfile, acts: Acts, lines: Lines, rows: Ints, natures: tuple[int, ...]
) -> tuple[Ints, Ints, Ints]:
    """For each detail line: its place in `rows`, its number from 0, and its act."""
    act = lines.act[rows]
    counts = np.where(lines.whole[rows], detail_counts(profile, acts, natures)[act], 0)
    owner, place = expand(counts)
    return owner, place, act[owner]


def _keys(key: dict[str, Values], owner: Ints) -> dict[str, Values]:
    return {name: take(values, owner) for name, values in key.items()}


def _technical(
    profile: SynthProfile, acts: Acts, lines: Lines, rows: Ints, key: dict[str, Values]
) -> pa.Table:
    """ER_CAM_F has no quantity that can be used: its sign is that of PRS_ACT_QTE."""
    owner, place, act = _expanded(profile, acts, lines, rows, TECHNICAL)
    code = np.floor(hashed(act * 4 + place, 1) * len(_CCAM)).astype(np.int64)
    nothing = np.zeros(len(owner), dtype=np.int64)
    return pa.table(
        _keys(key, owner)
        | {
            "CAM_ORD_NUM": numbers(place + 1),
            "CAM_PRS_IDE": take(lookup(_CCAM), code),
            "CAM_ACT_COD": take(lookup(["1"]), nothing),
            "CAM_TRT_PHA": numbers(nothing),
            "CAM_ACT_PRU": cents(np.maximum(acts.base[act] // (place + 1), 100)),
            "CAM_REM_BSE": cents(np.maximum(acts.base[act] // (place + 1), 100)),
        }
    )


def _laboratory(
    profile: SynthProfile, acts: Acts, lines: Lines, rows: Ints, key: dict[str, Values]
) -> pa.Table:
    owner, place, act = _expanded(profile, acts, lines, rows, LABORATORY)
    code = np.floor(hashed(act * 4 + place, 2) * len(_NABM)).astype(np.int64)
    return pa.table(
        _keys(key, owner)
        | {
            "BIO_ORD_NUM": numbers(place + 1),
            "BIO_PRS_IDE": numbers(_NABM[code]),
            "BIO_ACT_QSN": numbers(lines.sign[rows][owner]),
        }
    )


def _devices(
    profile: SynthProfile, acts: Acts, lines: Lines, rows: Ints, key: dict[str, Values]
) -> pa.Table:
    """ER_TIP_F: dressings and devices of nursing care; some lines have no unit price."""
    owner, place, act = _expanded(profile, acts, lines, rows, NURSING)
    code = np.floor(hashed(act * 4 + place, 3) * len(_LPP)).astype(np.int64)
    priceless = hashed(act * 4 + place, _WITHOUT_PRICE) < _MISSING_PRICES
    unit = np.maximum(acts.base[act] // (place + 1), 100)
    price = choose(priceless, pa.scalar(None, pa.decimal128(18, 2)), cents(unit))
    return pa.table(
        _keys(key, owner)
        | {
            "TIP_ORD_NUM": numbers(place + 1),
            "TIP_PRS_IDE": numbers(_LPP[code]),
            "TIP_PRS_TYP": numbers(code % 3 + 1),
            "TIP_ACT_QSN": numbers(lines.sign[rows][owner] * (1 + code)),
            "TIP_ACT_PRU": price,
        }
    )


def _units(acts: Acts, lines: Lines, rows: Ints, key: dict[str, Values]) -> pa.Table:
    """ER_UCD_F: a code of seven digits on the right of thirteen places (HDH, tables affinees).

    One in four is on top of a stay (UCD_TOP_UCD 1), and was not handed over.
    """
    act = lines.act[rows]
    owner = np.flatnonzero((acts.nature[act] == RETROCESSION) & lines.whole[rows])
    unit = _UCD[act[owner] % len(_UCD)]
    return pa.table(
        _keys(key, owner)
        | {
            "UCD_ORD_NUM": numbers(np.ones(len(owner), dtype=np.int64)),
            "UCD_UCD_COD": padded(unit, 13),
            "UCD_TOP_UCD": numbers((act[owner] % 4 == 0).astype(np.int64)),
            "UCD_DLV_NBR": numbers(lines.sign[rows][owner]),
            "UCD_TTF_MNT": cents(acts.base[act[owner]] * lines.sign[rows][owner]),
        }
    )


def _establishment(
    profile: SynthProfile, acts: Acts, lines: Lines, rows: Ints, key: dict[str, Values]
) -> pa.Table:
    act = lines.act[rows]
    owner = np.flatnonzero((acts.origin[act] == FOR_INFORMATION) & lines.whole[rows])
    direct = billed(profile, acts)[act[owner]].astype(np.int64)
    return pa.table(
        _keys(key, owner)
        | {
            "ETE_IND_TAA": numbers(direct),
            "ETB_EXE_FIN": padded(75_990_000 + acts.professional[act[owner]], 8),
            "ETE_CAT_COD": numbers(np.full(len(owner), 101)),
        }
    )
