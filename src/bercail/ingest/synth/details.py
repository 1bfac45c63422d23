"""The detail tables of the hard profile: ER_CAM_F, ER_BIO_F and ER_ETE_F.

One line of ER_PRS_F has one to three lines in ER_CAM_F or ER_BIO_F, so that a
join multiplies its amounts; lines of hospitals have one line in ER_ETE_F, and
city care has none.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from bercail.ingest.synth.acts import FOR_INFORMATION, Acts
from bercail.ingest.synth.draws import Flags, Ints, expand, hashed
from bercail.ingest.synth.lines import Lines
from bercail.ingest.synth.profile import SynthProfile
from bercail.ingest.synth.text import Values, cents, lookup, numbers, padded, take

TECHNICAL, LABORATORY = (1351, 1352), (3211,)
# Electrocardiogram, chest X-ray, smear, eye fundus (CCAM); glucose, creatinine, blood
# count, HbA1c, CRP (NABM).
_CCAM = ("DEQP003", "ZBQK002", "JKHD001", "BGQP002")
_NABM = np.array([552, 592, 1104, 1577, 1804])
_SALT, _BILLED = 6, 8


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
