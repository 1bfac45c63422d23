"""What a study may look at: persons and the event views, each column with its SNDS source.

SNDS names are never translated; a view gives them a word that a clinician reads.
Sources: the public documentation of the SNDS (DCIR star, PMSI, identity).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bercail.cohorts.silver_views import (
    PERIODS,
    SILVER_DISPENSINGS,
    SILVER_ILLNESSES,
    SILVER_ONLY,
    SILVER_REGISTER,
    SILVER_STAYS,
)
from bercail.cohorts.view_types import Kind, RawColumn, View, ViewColumn

__all__ = [
    "DCIR_KEY",
    "DISPENSINGS",
    "EVENT_VIEWS",
    "LONG_TERM_ILLNESSES",
    "PERIODS",
    "PERSONS",
    "PMSI_KEY",
    "RAW",
    "STAYS",
    "VIEWS",
    "Kind",
    "RawColumn",
    "View",
    "ViewColumn",
]

PERSONS = "persons"
DISPENSINGS = "dispensings"
STAYS = "stays"
LONG_TERM_ILLNESSES = "long_term_illnesses"


# The nine columns that join a care line to its detail lines (L'essentiel du SNDS, join keys).
DCIR_KEY = (
    "FLX_DIS_DTD",
    "FLX_TRT_DTD",
    "FLX_EMT_TYP",
    "FLX_EMT_NUM",
    "FLX_EMT_ORD",
    "ORG_CLE_NUM",
    "DCT_ORD_NUM",
    "PRS_ORD_NUM",
    "REM_TYP_AFF",
)
# Valid inside one yearly table only, so a join also compares the year.
PMSI_KEY = ("ETA_NUM", "RSA_NUM")

_KEY = {
    **{name: RawColumn(kind=Kind.INT) for name in DCIR_KEY},
    "FLX_DIS_DTD": RawColumn(kind=Kind.DATE),
    "FLX_TRT_DTD": RawColumn(kind=Kind.DATE),
    "ORG_CLE_NUM": RawColumn(kind=Kind.TEXT),
}
_STAY_KEY = {name: RawColumn(kind=Kind.TEXT) for name in PMSI_KEY}
_INT, _TEXT, _DATE = (RawColumn(kind=kind) for kind in (Kind.INT, Kind.TEXT, Kind.DATE))

RAW: Mapping[str, Mapping[str, RawColumn]] = MappingProxyType(
    {
        "IR_BEN_R": {
            "BEN_NIR_PSA": _TEXT,
            "BEN_RNG_GEM": _INT,
            "BEN_IDT_ANO": _TEXT,
            "BEN_CDI_NIR": _TEXT,
            "BEN_NAI_ANN": _INT,
            "BEN_SEX_COD": _INT,
            "BEN_DCD_DTE": _DATE,
            "BEN_RES_DPT": _TEXT,
            "BEN_DTE_MAJ": _DATE,
        },
        "ER_PRS_F": {
            **_KEY,
            "BEN_NIR_PSA": _TEXT,
            "BEN_RNG_GEM": _INT,
            "BEN_CDI_NIR": _TEXT,
            "EXE_SOI_DTD": _DATE,
            "CPL_MAJ_TOP": _INT,
            "DPN_QLF": _INT,
            "PRS_DPN_QLP": _INT,
            "BSE_PRS_NAT": _INT,
        },
        "ER_PHA_F": {
            **_KEY,
            "PHA_PRS_C13": _INT,
            "PHA_ACT_QSN": _INT,
            "PHA_DEC_TOP": _TEXT,
            "PHA_DEC_QSU": _INT,
        },
        "IR_IMB_R": {
            "BEN_NIR_PSA": _TEXT,
            "BEN_RNG_GEM": _INT,
            "IMB_ALD_DTD": _DATE,
            "IMB_ALD_DTF": _DATE,
            "IMB_ETM_NAT": _INT,
            "MED_MTF_COD": _TEXT,
        },
        "T_MCOaaB": {
            **_STAY_KEY,
            "DGN_PAL": _TEXT,
            "DGN_REL": _TEXT,
            "GRG_GHM": _TEXT,
            "SEJ_TYP": _TEXT,
            "SOR_MOD": _TEXT,
        },
        "T_MCOaaC": {
            **_STAY_KEY,
            "NIR_ANO_17": _TEXT,
            "EXE_SOI_DTD": _DATE,
            "EXE_SOI_DTF": _DATE,
            **{f"{code}_RET": _TEXT for code in ("NIR", "NAI", "SEX", "SEJ", "FHO", "PMS")},
            "DAT_RET": RawColumn(kind=Kind.TEXT, since=2006, before="0"),
            "COH_NAI_RET": RawColumn(kind=Kind.TEXT, since=2013, before="0"),
            "COH_SEX_RET": RawColumn(kind=Kind.TEXT, since=2013, before="0"),
        },
        "T_MCOaaD": {**_STAY_KEY, "ASS_DGN": _TEXT},
        "T_MCOaaUM": {**_STAY_KEY, "DGN_PAL": _TEXT, "DGN_REL": _TEXT},
    }
)


def _inputs(*names: str) -> tuple[tuple[str, str], ...]:
    pairs = (name.split(".") for name in names)
    return tuple((table, column) for table, column in pairs)


_PERSONS = View(
    name=PERSONS,
    en="persons",
    fr="personnes",
    inputs=_inputs("IR_BEN_R.BEN_NIR_PSA", "IR_BEN_R.BEN_RNG_GEM", "IR_BEN_R.BEN_IDT_ANO"),
    silver=SILVER_REGISTER,
    columns={
        "birth_year": ViewColumn(
            kind=Kind.INT,
            en="year of birth",
            fr="année de naissance",
            inputs=_inputs("IR_BEN_R.BEN_NAI_ANN"),
        ),
        "sex": ViewColumn(
            kind=Kind.TEXT,
            en="sex",
            fr="sexe",
            inputs=_inputs("IR_BEN_R.BEN_SEX_COD"),
            categories=("female", "male"),
        ),
        "death_date": ViewColumn(
            kind=Kind.DATE,
            en="date of death",
            fr="date de décès",
            inputs=_inputs("IR_BEN_R.BEN_DCD_DTE"),
        ),
        "department": ViewColumn(
            kind=Kind.TEXT,
            en="département of residence",
            fr="département de résidence",
            inputs=_inputs("IR_BEN_R.BEN_RES_DPT", "IR_BEN_R.BEN_DTE_MAJ"),
        ),
        "real_identifier": ViewColumn(
            kind=Kind.BOOL,
            en="identifier that is not fictitious",
            fr="identifiant non fictif",
            inputs=_inputs("IR_BEN_R.BEN_CDI_NIR"),
        ),
    },
)

_DISPENSINGS = View(
    name=DISPENSINGS,
    en="drug dispensings",
    fr="délivrances de médicaments",
    date="date",
    order=("cip13", "quantity", "units"),
    inputs=_inputs(
        *(f"{table}.{name}" for table in ("ER_PRS_F", "ER_PHA_F") for name in DCIR_KEY),
        "ER_PRS_F.BEN_NIR_PSA",
        "ER_PRS_F.BEN_RNG_GEM",
    ),
    silver=SILVER_DISPENSINGS,
    columns={
        "date": ViewColumn(
            kind=Kind.DATE,
            en="date of dispensing",
            fr="date de délivrance",
            inputs=_inputs("ER_PRS_F.EXE_SOI_DTD"),
        ),
        "atc": ViewColumn(
            kind=Kind.TEXT,
            en="ATC class",
            fr="classe ATC",
            inputs=_inputs("ER_PHA_F.PHA_PRS_C13"),
        ),
        "cip13": ViewColumn(
            kind=Kind.TEXT,
            en="drug code CIP13",
            fr="code CIP13",
            inputs=_inputs("ER_PHA_F.PHA_PRS_C13"),
        ),
        "cip7": ViewColumn(
            kind=Kind.TEXT,
            en="drug code CIP7 (within the CIP13)",
            fr="code CIP7 (au sein du CIP13)",
            inputs=_inputs("ER_PHA_F.PHA_PRS_C13"),
        ),
        "quantity": ViewColumn(
            kind=Kind.INT,
            en="number of packs",
            fr="nombre de boîtes",
            inputs=_inputs("ER_PHA_F.PHA_ACT_QSN"),
        ),
        "units": ViewColumn(
            kind=Kind.INT,
            en="number of units given out of their pack",
            fr="nombre d'unités délivrées hors conditionnement",
            inputs=_inputs("ER_PHA_F.PHA_DEC_TOP", "ER_PHA_F.PHA_DEC_QSU"),
        ),
        "large_pack": ViewColumn(
            kind=Kind.BOOL,
            en="large pack (84 units or more)",
            fr="grand conditionnement (84 unités ou plus)",
            inputs=_inputs("ER_PHA_F.PHA_PRS_C13"),
        ),
    },
)

_STAY_INPUTS = _inputs(
    *(f"{table}.{name}" for table in ("T_MCOaaB", "T_MCOaaC") for name in PMSI_KEY),
    "T_MCOaaC.NIR_ANO_17",
)
_SECONDARY = _inputs(
    *(f"{table}.{name}" for table in ("T_MCOaaD", "T_MCOaaUM") for name in PMSI_KEY),
    "T_MCOaaD.ASS_DGN",
    "T_MCOaaUM.DGN_PAL",
    "T_MCOaaUM.DGN_REL",
)

_STAYS = View(
    name=STAYS,
    en="hospital stays (MCO)",
    fr="séjours hospitaliers (MCO)",
    date="entry",
    end="discharge",
    order=("discharge", "principal_diagnosis", "related_diagnosis", "ghm", "exit_mode"),
    inputs=_STAY_INPUTS,
    silver=SILVER_STAYS,
    columns={
        "entry": ViewColumn(
            kind=Kind.DATE,
            en="date of entry",
            fr="date d'entrée",
            inputs=_inputs("T_MCOaaC.EXE_SOI_DTD"),
        ),
        "discharge": ViewColumn(
            kind=Kind.DATE,
            en="date of discharge",
            fr="date de sortie",
            inputs=_inputs("T_MCOaaC.EXE_SOI_DTF"),
        ),
        "principal_diagnosis": ViewColumn(
            kind=Kind.TEXT,
            en="principal diagnosis (DP)",
            fr="diagnostic principal (DP)",
            inputs=_inputs("T_MCOaaB.DGN_PAL"),
        ),
        "related_diagnosis": ViewColumn(
            kind=Kind.TEXT,
            en="related diagnosis (DR)",
            fr="diagnostic relié (DR)",
            inputs=_inputs("T_MCOaaB.DGN_REL"),
        ),
        "associated_diagnoses": ViewColumn(
            kind=Kind.CODES,
            en="associated diagnoses (DAS, and DP/DR of the medical units)",
            fr="diagnostics associés (DAS, et DP/DR des unités médicales)",
            inputs=_SECONDARY,
        ),
        "diagnoses": ViewColumn(
            kind=Kind.CODES,
            en="diagnoses in any position (DP, DR, DAS)",
            fr="diagnostics en toute position (DP, DR, DAS)",
            inputs=(*_inputs("T_MCOaaB.DGN_PAL", "T_MCOaaB.DGN_REL"), *_SECONDARY),
        ),
        "ghm": ViewColumn(
            kind=Kind.TEXT,
            en="group of the stay (GHM)",
            fr="groupe homogène de malades (GHM)",
            inputs=_inputs("T_MCOaaB.GRG_GHM"),
        ),
        "exit_mode": ViewColumn(
            kind=Kind.TEXT,
            en="mode of discharge (9 is death)",
            fr="mode de sortie (9 : décès)",
            inputs=_inputs("T_MCOaaB.SOR_MOD"),
        ),
    },
)

_LONG_TERM_ILLNESSES = View(
    name=LONG_TERM_ILLNESSES,
    en="long-term illnesses (ALD)",
    fr="affections de longue durée (ALD)",
    date="start",
    end="end",
    order=("end", "icd10"),
    inputs=_inputs("IR_IMB_R.BEN_NIR_PSA", "IR_IMB_R.BEN_RNG_GEM"),
    silver=SILVER_ILLNESSES,
    columns={
        "start": ViewColumn(
            kind=Kind.DATE,
            en="start date",
            fr="date de début",
            inputs=_inputs("IR_IMB_R.IMB_ALD_DTD"),
        ),
        "end": ViewColumn(
            kind=Kind.DATE,
            en="end date",
            fr="date de fin",
            inputs=_inputs("IR_IMB_R.IMB_ALD_DTF"),
        ),
        "icd10": ViewColumn(
            kind=Kind.TEXT,
            en="ICD-10 code",
            fr="code CIM-10",
            inputs=_inputs("IR_IMB_R.MED_MTF_COD"),
        ),
    },
)

VIEWS: Mapping[str, View] = MappingProxyType(
    {
        view.name: view
        for view in (_PERSONS, _DISPENSINGS, _STAYS, _LONG_TERM_ILLNESSES, *SILVER_ONLY)
    }
)
EVENT_VIEWS = tuple(name for name in VIEWS if name not in (PERSONS, PERIODS))
