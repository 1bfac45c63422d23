"""The silver tables: twelve concepts, each with the bronze tables and the rules it is made from.

Sources: the public documentation of the SNDS (DCIR star, tables affinées, PMSI MCO, IR_IMB_R,
causes of death); L'essentiel du SNDS (CNAM, 2020). SNDS names are never translated.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bercail.cohorts.views import Kind
from bercail.foundation import Missing
from bercail.ingest.silver.branches import (
    CARE_RULES,
    HAD,
    RIP,
    SECTORS,
    SSR,
    Sector,
    care,
    sector,
    stay,
)
from bercail.ingest.silver.definition import STAY, Branch, Concept, Field, Output, text_column
from bercail.ingest.silver.hospital_care import (
    HOSPITAL_DRUGS,
    OUTPATIENT_ACTS,
    OUTPATIENT_BIOLOGY,
    OUTPATIENT_CONSULTATIONS,
)
from bercail.ingest.silver.life import DEATHS, ILLNESSES, RESIDENCE
from bercail.ingest.silver.register import REGISTER

# Natures of care (PRS_NAT_REF): consultations and visits; acts that have no code of their own.
# Technical acts (13xx) are in CCAM, drugs and devices (33xx and above) in tables of theirs.
CONSULTATION_NATURES = (1100, 1299)
ACT_NATURES = (1400, 3299)
_DATE = Output(name="date", kind=Kind.DATE, en="day of the care")
_QUANTITY = Output(name="quantity", kind=Kind.INT, en="how many, regularisations taken off")
_STAY = Output(
    name=STAY,
    kind=Kind.INT,
    en="the hospital stay, as 62 bits: the same in every silver table; none in town",
)


def _natures(bounds: tuple[int, int]) -> tuple[str, ...]:
    return (f"{{s.PRS_NAT_REF}} BETWEEN {bounds[0]} AND {bounds[1]}",)


def _nature(sql: str) -> Field:
    return Field(source="s.PRS_NAT_REF", sql=sql)


_ENTRY = Field(source="c.EXE_SOI_DTD")
_CARE_QUANTITY = Field(source="s.PRS_ACT_QTE", add="sum")
_NATURE_CODE = Field(source="s.PRS_NAT_REF")


def _act(code: str, activity: str, quantity: str, system: str = "ccam") -> dict[str, Field]:
    """The columns of an act of a hospital stay, from those of its detail table."""
    fields = {
        "system": Field(source=f"d.{code}", sql=f"'{system}'"),
        "code": Field(source=f"d.{code}"),
        "quantity": Field(source=f"d.{quantity}", add="sum"),
    }
    return fields | ({"activity": Field(source=f"d.{activity}")} if activity else {})


_DISPENSINGS = Concept(
    name="dispensings",
    en="drug dispensings of community pharmacies, net",
    columns=(
        _DATE,
        text_column("cip13", "drug code CIP13"),
        Output(name="quantity", kind=Kind.INT, en="number of packs"),
        Output(name="units", kind=Kind.INT, en="number of units given out of their pack"),
    ),
    branches=(
        care(
            "pharmacy",
            {
                "cip13": Field(source="p.PHA_PRS_C13"),
                "quantity": Field(source="p.PHA_ACT_QSN", add="sum"),
                "units": Field(
                    source="p.PHA_DEC_QSU",
                    sql="CASE WHEN {p.PHA_DEC_TOP} = 'D' THEN {p.PHA_DEC_QSU} END",
                    add="sum",
                ),
            },
            "ER_PHA_F",
            "PHA_ORD_NUM",
            rules=(*CARE_RULES, "dcir-net-lines"),
            positive=("quantity", "units"),
        ),
    ),
)

_ACTS = Concept(
    name="acts",
    en="acts: CCAM in town, in hospital stays of all sectors and in outpatient care of hospitals, "
    "acts of rehabilitation (CSARR), and acts known by their nature (NGAP)",
    columns=(
        _DATE,
        text_column(
            "system",
            "what the code is of: `ccam`, `csarr`, `nature` (PRS_NAT_REF, in town); in outpatient "
            "care of hospitals `ngap` (letters) and `flat-rate` (ATU, FFM, ...)",
        ),
        text_column("code", "code of the act"),
        text_column(
            "activity", "activity code of a CCAM act (1 the act itself, 4 anaesthesia, ...)"
        ),
        _QUANTITY,
        _STAY,
    ),
    branches=(
        care(
            "town-ccam",
            {
                "system": Field(source="p.CAM_PRS_IDE", sql="'ccam'"),
                "code": Field(source="p.CAM_PRS_IDE"),
                "activity": Field(source="p.CAM_ACT_COD"),
                # The table has no quantity that can be used: the care line gives its sign.
                "quantity": Field(
                    source="s.PRS_ACT_QTE",
                    sql="CAST(sign({s.PRS_ACT_QTE}) AS BIGINT)",
                    add="sum",
                ),
            },
            "ER_CAM_F",
            "CAM_ORD_NUM",
            in_town=True,
        ),
        care(
            "town-nature",
            {
                "system": _nature("'nature'"),
                "code": _NATURE_CODE,
                "quantity": _CARE_QUANTITY,
            },
            where=_natures(ACT_NATURES),
            in_town=True,
        ),
        *OUTPATIENT_ACTS,
        stay(
            "stay-ccam",
            {
                "date": Field(
                    source="d.ENT_DAT_DEL",
                    sql="{c.EXE_SOI_DTD} + CAST({d.ENT_DAT_DEL} AS INTEGER)",
                ),
                "system": Field(source="d.CDC_ACT", sql="'ccam'"),
                "code": Field(source="d.CDC_ACT"),
                "activity": Field(source="d.ACV_ACT"),
                "quantity": Field(source="d.NBR_EXE_ACT"),
            },
            "T_MCOaaA",
            ("RUM_SEQ", "ACT_ORD_NUM", "CDC_ACT", "ACV_ACT", "ENT_DAT_DEL"),
        ),
        sector(
            "home-ccam",
            HAD,
            _act("CCAM_COD", "ACT_COD", "REAL_NBR"),
            "T_HADaaA",
            ("CCAM_COD", "ACT_COD", "PHA_COD", "DEL_DEB_SSEQ"),
            positive=("quantity",),
        ),
        sector(
            "rehabilitation-ccam",
            SSR,
            # CCAM_COD_ACT has one character: it is the activity, whatever its name says.
            _act("CCAM_ACT", "CCAM_COD_ACT", "CCAM_NBR_REA"),
            "T_SSRaaCCAM",
            ("CCAM_ACT", "CCAM_COD_ACT", "CCAM_PHA_ACT", "CCAM_DEL_ENT_UM"),
            positive=("quantity",),
        ),
        sector(
            "rehabilitation-csarr",
            SSR,
            _act("CSARR_COD", "", "NBR_CSARR", "csarr"),
            "T_SSRaaCSARR",
            ("CSARR_COD", "TYP_INTERV", "ENT_DAT_DEL_UM"),
            positive=("quantity",),
        ),
        sector(
            "psychiatry-ccam",
            RIP,
            {
                **_act("CDC_ACT", "ACV_ACT", "NBR_EXE_ACT"),
                "date": Field(
                    source="d.ENT_DAT_DEL",
                    sql="{c.EXE_SOI_DTD} + CAST({d.ENT_DAT_DEL} AS INTEGER)",
                ),
            },
            "T_RIPaaCCAM",
            ("CDC_ACT", "ACV_ACT", "PHA_ACT", "ENT_DAT_DEL"),
            positive=("quantity",),
            by_stay=True,
        ),
    ),
)

_CONSULTATIONS = Concept(
    name="consultations",
    en="consultations and visits in town and, without a stay, in public hospitals, net; `origin` "
    "tells which",
    columns=(
        _DATE,
        text_column(
            "nature", "nature of the care: PRS_NAT_REF in town, letters (ACT_COD) in hospital"
        ),
        text_column(
            "specialty", "specialty of the one who gave it (PSE_SPE_COD, EXE_SPE), as a number"
        ),
        _QUANTITY,
    ),
    branches=(
        care(
            "town",
            {
                "nature": _NATURE_CODE,
                "specialty": Field(source="s.PSE_SPE_COD"),
                "quantity": _CARE_QUANTITY,
            },
            where=_natures(CONSULTATION_NATURES),
            in_town=True,
        ),
        OUTPATIENT_CONSULTATIONS,
    ),
)


_HOSPITAL_DRUGS = Concept(
    name="hospital_drugs",
    en="drugs of hospitals that are known by person: handed over to outpatients (retrocession), "
    "and paid on top of a stay or declared for it, in hospital, at home and in rehabilitation; net",
    columns=(
        _DATE,
        text_column("ucd", "drug code UCD, seven digits"),
        Output(
            name="thousandths",
            kind=Kind.INT,
            en="how many units, in thousandths: a part of a unit may be given",
        ),
        text_column(
            "way",
            "`retrocession`; `on-top` of a stay; `early-access`, on top of a stay before the drug "
            "had its authorisation (ATU); `thrombolysis` of a stroke; `off-list`, costly at home "
            "and on no list",
        ),
        _STAY,
    ),
    branches=HOSPITAL_DRUGS,
)


def _coded(name: str, en: str, table: str, stem: str, *hospital: Branch) -> Concept:
    """Details of care lines by their code; with those of hospitals, if there are any."""
    code = f"p.{stem}_PRS_IDE"
    fields = {
        "code": Field(source=code),
        "quantity": Field(source=f"p.{stem}_ACT_QSN", add="sum"),
    }
    return Concept(
        name=name,
        en=en,
        columns=(_DATE, text_column("code", "code in the list of the domain"), _QUANTITY),
        branches=(
            care("town", fields, table, f"{stem}_ORD_NUM", in_town=bool(hospital)),
            *hospital,
        ),
    )


_BIOLOGY = _coded(
    "biology",
    "biological examinations (NABM) in town and, without a stay, in public hospitals, net; never a "
    "result; `origin` tells which",
    "ER_BIO_F",
    "BIO",
    OUTPATIENT_BIOLOGY,
)
_DEVICES = _coded("devices", "medical devices (LPP), net", "ER_TIP_F", "TIP")

_STAYS = Concept(
    name="stays",
    en="hospital stays (MCO) that follow a person",
    columns=(
        Output(name="date", kind=Kind.DATE, en="day of entry"),
        Output(name="end", kind=Kind.DATE, en="day of discharge"),
        text_column("principal_diagnosis", "principal diagnosis (DP)"),
        text_column("related_diagnosis", "related diagnosis (DR)"),
        text_column("ghm", "group of the stay (GHM)"),
        text_column("exit_mode", "mode of discharge (SOR_MOD); 9 is death"),
        _STAY,
    ),
    branches=(
        stay(
            "mco",
            {
                "date": _ENTRY,
                "end": Field(source="c.EXE_SOI_DTF"),
                "principal_diagnosis": Field(source="b.DGN_PAL"),
                "related_diagnosis": Field(source="b.DGN_REL"),
                "ghm": Field(source="b.GRG_GHM"),
                "exit_mode": Field(source="b.SOR_MOD"),
            },
        ),
    ),
)


def _episode(of: Sector) -> Branch:
    return sector(
        of.name,
        of,
        {
            "end": Field(source="c.EXE_SOI_DTF"),
            "sector": Field(source="c.NIR_ANO_17", sql=f"'{of.name}'"),
            # Only the last week or sequence of a stay has it.
            "exit_mode": Field(source="b.SOR_MOD", add="latest"),
        },
    )


_EPISODES = Concept(
    name="other_stays",
    en="stays at home (HAD), in rehabilitation (SSR, SMR) and in psychiatry (RIM-P) that follow a "
    "person, one row for each stay of a year; `lines` counts its weeks or sequences",
    columns=(
        Output(name="date", kind=Kind.DATE, en="day of entry"),
        Output(name="end", kind=Kind.DATE, en="day of discharge"),
        text_column("sector", "`had`, `ssr` or `rip`"),
        text_column("exit_mode", "mode of discharge (SOR_MOD); 9 is death"),
        _STAY,
    ),
    branches=tuple(_episode(one) for one in SECTORS),
)


def _diagnosis(name: str, source: str, position: str, table: str = "") -> Branch:
    order = (source.partition(".")[2],) if table else ()
    where = (f"{{{source}}} IS NOT NULL",)
    fields = {"date": _ENTRY, **_placed(source, position)}
    return stay(name, fields, table, order, where=where)


def _placed(source: str, position: str) -> dict[str, Field]:
    return {"code": Field(source=source), "position": Field(source=source, sql=f"'{position}'")}


def _elsewhere(
    of: Sector, position: str, source: str, table: str = "", *, by_stay: bool = False
) -> Branch:
    """A diagnosis of another sector, once for each stay, however many weeks repeat it."""
    place = f"{of.name}-{position}"
    return sector(
        place,
        of,
        _placed(source, place),
        table,
        (source.partition(".")[2],) if table else (),
        where=(f"{{{source}}} IS NOT NULL",),
        by_stay=by_stay,
    )


_DIAGNOSES = Concept(
    name="diagnoses",
    en="diagnoses of hospital stays, dated by the entry",
    columns=(
        Output(name="date", kind=Kind.DATE, en="day of entry"),
        text_column("code", "ICD-10 code"),
        text_column(
            "position",
            "MCO: `dp`, `dr`, `das`; `um-dp`, `um-dr` of the medical units. At home: `had-dp`, "
            "`had-mpp`, `had-mpa` (main and second way of care), `had-das`. Rehabilitation: "
            "`ssr-fp` (purpose), `ssr-mmp` (main condition), `ssr-ae` (origin), `ssr-das`. "
            "Psychiatry: `rip-dp`, `rip-das`",
        ),
        _STAY,
    ),
    branches=(
        _diagnosis("principal", "b.DGN_PAL", "dp"),
        _diagnosis("related", "b.DGN_REL", "dr"),
        _diagnosis("associated", "d.ASS_DGN", "das", "T_MCOaaD"),
        _diagnosis("unit-principal", "d.DGN_PAL", "um-dp", "T_MCOaaUM"),
        _diagnosis("unit-related", "d.DGN_REL", "um-dr", "T_MCOaaUM"),
        _elsewhere(HAD, "dp", "b.DGN_PAL"),
        _elsewhere(HAD, "mpp", "d.DGN_ASS_MPP", "T_HADaaDMPP"),
        _elsewhere(HAD, "mpa", "d.DGN_ASS_MPA", "T_HADaaDMPA"),
        _elsewhere(HAD, "das", "d.DGN_ASS", "T_HADaaD"),
        _elsewhere(SSR, "fp", "b.FP_PEC"),
        _elsewhere(SSR, "mmp", "b.MOR_PRP"),
        _elsewhere(SSR, "ae", "b.ETL_AFF"),
        _elsewhere(SSR, "das", "d.DGN_COD", "T_SSRaaD"),
        _elsewhere(RIP, "dp", "b.DGN_PAL"),
        _elsewhere(RIP, "das", "d.ASS_DGN", "T_RIPaaRSAD", by_stay=True),
    ),
)

CONCEPTS: Mapping[str, Concept] = MappingProxyType(
    {
        one.name: one
        for one in (
            _DISPENSINGS,
            _HOSPITAL_DRUGS,
            _ACTS,
            _CONSULTATIONS,
            _BIOLOGY,
            _DEVICES,
            _STAYS,
            _EPISODES,
            _DIAGNOSES,
            ILLNESSES,
            DEATHS,
            RESIDENCE,
            REGISTER,
        )
    }
)


def concept(name: str) -> Concept:
    """The concept called `name`; `Missing` when there is none."""
    if name not in CONCEPTS:
        raise Missing(
            f"There is no silver table `{name}`.", remedy=f"Known: {', '.join(CONCEPTS)}."
        )
    return CONCEPTS[name]
