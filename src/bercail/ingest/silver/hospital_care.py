"""Outpatient care of public hospitals, and the drugs of hospitals: the ways to their events.

Outpatient care (actes et consultations externes) stands in yearly tables of its own, whose invoices
are chained to a person by T_MCOaaCSTC. Private hospitals have none: their consultations are lines
of the DCIR. Sources: the public documentation of the SNDS; L'essentiel du SNDS (CNAM, 2020);
NGAP for the letters of consultations. SNDS names are never translated.
"""

from __future__ import annotations

from bercail.ingest.silver.branches import (
    CARE_RULES,
    EXACT_DATES,
    HAD,
    SSR,
    Sector,
    care,
    sector,
    stay,
)
from bercail.ingest.silver.definition import Branch, Field

# Letters of the NGAP that are a consultation or a visit; all others are acts.
CONSULTATION_LETTERS = (
    *("APC", "APU", "APY", "C", "CNP", "CNPSY", "CS", "CSC", "G", "GS"),
    *("TC", "TCG", "V", "VS"),
)
_LETTERS = ", ".join(f"'{one}'" for one in CONSULTATION_LETTERS)
IS_CONSULTATION = f"{{d.ACT_COD}} IN ({_LETTERS})"
IS_NO_CONSULTATION = f"{{d.ACT_COD}} NOT IN ({_LETTERS})"
_KEY = ("ETA_NUM", "SEQ_NUM")
_LETTER_ORDER = ("NUM_FAC", "ACT_COD", "EXE_SPE", "DEL_DAT_ENT")
_CCAM_ORDER = ("NUM_FAC", "CCAM_COD", "ACV_ACT", "PHA_ACT", "DEL_DAT_ENT")


def _as_number(column: str) -> str:
    """A code that is written with zeros before it here, and is a number in the DCIR."""
    return f"coalesce(CAST(TRY_CAST({{{column}}} AS INTEGER) AS TEXT), {{{column}}})"


def _after(delay: str) -> Field:
    """The first day of the care, and so many days after it."""
    sql = f"{{c.EXE_SOI_DTD}} + CAST(coalesce({{{delay}}}, 0) AS INTEGER)"
    return Field(source=delay, sql=sql)


def outpatient(
    name: str,
    detail: str,
    order: tuple[str, ...],
    fields: dict[str, Field],
    *,
    where: tuple[str, ...] = (),
) -> Branch:
    """Lines of the invoices of outpatient care, chained to their person."""
    return Branch(
        name=name,
        tables={"c": "T_MCOaaCSTC", "d": detail},
        who="c",
        link="pseudonym",
        pseudonym="NIR_ANO_17",
        joins={"d": _KEY},
        key=(*(f"c.{column}" for column in _KEY), *(f"d.{column}" for column in order)),
        line=detail,
        since=EXACT_DATES,
        rules=("ace-return-codes",),
        where=where,
        fields={"date": _after("d.DEL_DAT_ENT"), **fields},
        net=True,
        positive=("quantity",),
    )


OUTPATIENT_CONSULTATIONS = outpatient(
    "outpatient",
    "T_MCOaaFCSTC",
    _LETTER_ORDER,
    {
        "nature": Field(source="d.ACT_COD"),
        "specialty": Field(source="d.EXE_SPE", sql=_as_number("d.EXE_SPE")),
        "quantity": Field(source="d.ACT_NBR", add="sum"),
    },
    where=(IS_CONSULTATION,),
)

OUTPATIENT_BIOLOGY = outpatient(
    "outpatient",
    "T_MCOaaFLSTC",
    ("NUM_FAC", "NABM_COD", "DEL_DAT_ENT"),
    {
        "code": Field(source="d.NABM_COD", sql=_as_number("d.NABM_COD")),
        "quantity": Field(source="d.ACT_NBR", add="sum"),
    },
    where=("{d.NABM_COD} IS NOT NULL",),
)


def _letters(name: str, detail: str, system: str, order: tuple[str, ...], *where: str) -> Branch:
    fields = {
        "system": Field(source="d.ACT_COD", sql=f"'{system}'"),
        "code": Field(source="d.ACT_COD"),
        "quantity": Field(source="d.ACT_NBR", add="sum"),
    }
    return outpatient(name, detail, order, fields, where=where)


OUTPATIENT_ACTS = (
    outpatient(
        "outpatient-ccam",
        "T_MCOaaFMSTC",
        _CCAM_ORDER,
        {
            "system": Field(source="d.CCAM_COD", sql="'ccam'"),
            # The column is wider than a code; what follows the code is its extension.
            "code": Field(source="d.CCAM_COD", sql="left({d.CCAM_COD}, 7)"),
            "activity": Field(source="d.ACV_ACT"),
            # A line is an act: the table has no quantity.
            "quantity": Field(source="d.CCAM_COD", sql="CAST(1 AS BIGINT)", add="sum"),
        },
    ),
    _letters("outpatient-ngap", "T_MCOaaFCSTC", "ngap", _LETTER_ORDER, IS_NO_CONSULTATION),
    _letters("outpatient-flat-rate", "T_MCOaaFBSTC", "flat-rate", _LETTER_ORDER),
)


def _drug(code: str, quantity: str, way: str) -> dict[str, Field]:
    """Seven digits on the right of thirteen places; parts of a unit are given too."""
    return {
        "ucd": Field(source=code, sql=f"right({{{code}}}, 7)"),
        "thousandths": Field(
            source=quantity,
            sql=f"CAST(round({{={quantity}}} * 1000) AS BIGINT)",
            add="sum",
        ),
        "way": Field(source=code, sql=f"'{way}'"),
    }


def _of_stay(name: str, detail: str, quantity: str, delay: str, way: str) -> Branch:
    """Drugs that are paid on top of a stay, each line of them; added up within the stay."""
    fields = {"date": _after(f"d.{delay}"), **_drug("d.UCD_UCD_COD", f"d.{quantity}", way)}
    return stay(
        name,
        fields,
        detail,
        ("UCD_UCD_COD", delay),
        where=("{d.UCD_UCD_COD} IS NOT NULL",),
        positive=("thousandths",),
    )


def _of_sector(name: str, of: Sector, detail: str, within: tuple[str, ...], way: str) -> Branch:
    """Drugs of a stay of another sector: their delay counts from the entry into the stay.

    They meet the stay and no week or sequence of it: that one was wrongly grouped takes no drug
    back.
    """
    fields = {"date": _after("d.DAT_DELAI"), **_drug("d.UCD_UCD_COD", "d.ADM_NBR", way)}
    return sector(
        name,
        of,
        fields,
        detail,
        (*within, "UCD_UCD_COD", "DAT_DELAI"),
        where=("{d.UCD_UCD_COD} IS NOT NULL",),
        positive=("thousandths",),
        by_stay=True,
    )


_SEQUENCE, _WEEK = ("SEQ_SEJ", "SSEQ_NUM"), ("RHS_NUM",)

HOSPITAL_DRUGS = (
    care(
        "retrocession",
        {
            **_drug("p.UCD_UCD_COD", "p.UCD_DLV_NBR", "retrocession"),
        },
        "ER_UCD_F",
        "UCD_ORD_NUM",
        rules=(*CARE_RULES, "ucd-retrocession"),
        where=("{p.UCD_UCD_COD} IS NOT NULL",),
        positive=("thousandths",),
    ),
    _of_stay("on-top", "T_MCOaaMED", "ADM_NBR", "DELAI", "on-top"),
    _of_stay("early-access", "T_MCOaaMEDATU", "ADM_NBR", "DAT_DELAI", "early-access"),
    _of_stay("private-on-top", "T_MCOaaFH", "QUA_COD", "DEL_DAT_ENT", "on-top"),
    _of_stay("thrombolysis", "T_MCOaaMEDTHROMBO", "ADM_NBR", "DAT_DELAI", "thrombolysis"),
    _of_sector("home-on-top", HAD, "T_HADaaMED", _SEQUENCE, "on-top"),
    _of_sector("home-early-access", HAD, "T_HADaaMEDATU", _SEQUENCE, "early-access"),
    _of_sector("home-off-list", HAD, "T_HADaaMEDCHL", _SEQUENCE, "off-list"),
    _of_sector("rehabilitation-on-top", SSR, "T_SSRaaMED", _WEEK, "on-top"),
    _of_sector("rehabilitation-early-access", SSR, "T_SSRaaMEDATU", _WEEK, "early-access"),
)
