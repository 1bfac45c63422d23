"""The event views that only silver has, and how the others stand there.

Columns and rules are those of the silver tables (docs/reference/silver-tables.md); a test holds
the two lists together.
"""

from __future__ import annotations

from bercail.cohorts.view_types import Kind, SilverTable, View, ViewColumn

PERIODS = "periods"
_CARE_RULES = (
    "dcir-base-acts",
    "dcir-not-for-information",
    "dcir-real-identifiers",
    "dcir-known-act",
)

SILVER_DISPENSINGS = SilverTable(
    name="silver_dispensings",
    columns={
        "date": "date",
        "cip13": "cip13",
        "cip7": "cip13",
        "atc": "cip13",
        "large_pack": "cip13",
        "quantity": "quantity",
        "units": "units",
    },
    rules=frozenset({*_CARE_RULES, "dcir-net-lines"}),
)
_SECONDARY = ("das", "um-dp", "um-dr")
SILVER_STAYS = SilverTable(
    name="silver_stays",
    columns={
        "entry": "date",
        "discharge": "end",
        "principal_diagnosis": "principal_diagnosis",
        "related_diagnosis": "related_diagnosis",
        "ghm": "ghm",
        "exit_mode": "exit_mode",
    },
    rules=frozenset({"mco-return-codes", "mco-no-error-groups", "mco-pie"}),
    raw={("T_MCOaaB", "GRG_GHM"): "ghm", ("T_MCOaaB", "DGN_PAL"): "principal_diagnosis"},
    codes={"associated_diagnoses": _SECONDARY, "diagnoses": ("dp", "dr", *_SECONDARY)},
)
SILVER_ILLNESSES = SilverTable(
    name="silver_long_term_illnesses",
    columns={"start": "date", "end": "end", "icd10": "icd10"},
    rules=frozenset({"ald-only"}),
)
# Persons as the view of persons has them, one row each, by number; who has none stands under 0.
# `identity` is the name of who has one alone.
SILVER_REGISTER = SilverTable(
    name="silver_register",
    columns={
        name: name for name in ("birth_year", "sex", "death_date", "department", "real_identifier")
    },
)


def _column(kind: Kind, en: str, fr: str, source: str) -> ViewColumn:
    table, _, name = source.partition(".")
    return ViewColumn(kind=kind, en=en, fr=fr, inputs=((table, name),))


def _dated(table: str, en: str = "date of the care", fr: str = "date du soin") -> ViewColumn:
    return _column(Kind.DATE, en, fr, f"{table}.date")


def _view(
    name: str, en: str, fr: str, columns: dict[str, ViewColumn], date: str = "date", end: str = ""
) -> View:
    """A view that has no other source than its silver table; ordered by all its columns."""
    table = f"silver_{name}"
    return View(
        name=name,
        en=en,
        fr=fr,
        date=date,
        end=end,
        order=tuple(one for one in columns if one != date),
        inputs=((table, "person"),),
        columns=columns,
        silver=SilverTable(
            name=table, columns={one: column.inputs[0][1] for one, column in columns.items()}
        ),
        bronze=False,
    )


def _quantity(table: str) -> ViewColumn:
    return _column(Kind.INT, "quantity", "quantité", f"{table}.quantity")


_ACTS = _view(
    "acts",
    "acts (CCAM, and acts known by their nature)",
    "actes (CCAM, et actes connus par leur nature)",
    {
        "date": _dated("silver_acts"),
        "system": _column(
            Kind.TEXT,
            "coding system (ccam, csarr or nature)",
            "nomenclature (ccam, csarr ou nature)",
            "silver_acts.system",
        ),
        "code": _column(Kind.TEXT, "code of the act", "code de l'acte", "silver_acts.code"),
        "activity": _column(
            Kind.TEXT, "activity code (CCAM)", "code activité (CCAM)", "silver_acts.activity"
        ),
        "quantity": _quantity("silver_acts"),
    },
)
_CONSULTATIONS = _view(
    "consultations",
    "consultations and visits",
    "consultations et visites",
    {
        "date": _dated("silver_consultations"),
        "nature": _column(
            Kind.TEXT, "nature of the care", "nature de prestation", "silver_consultations.nature"
        ),
        "specialty": _column(
            Kind.TEXT,
            "specialty of the practitioner",
            "spécialité du professionnel",
            "silver_consultations.specialty",
        ),
        "quantity": _quantity("silver_consultations"),
    },
)
_BIOLOGY = _view(
    "biology",
    "biological examinations (NABM)",
    "examens de biologie (NABM)",
    {
        "date": _dated("silver_biology"),
        "code": _column(Kind.TEXT, "NABM code", "code NABM", "silver_biology.code"),
        "quantity": _quantity("silver_biology"),
    },
)
_DEVICES = _view(
    "devices",
    "medical devices (LPP)",
    "dispositifs médicaux (LPP)",
    {
        "date": _dated("silver_devices"),
        "code": _column(Kind.TEXT, "LPP code", "code LPP", "silver_devices.code"),
        "quantity": _quantity("silver_devices"),
    },
)
_HOSPITAL_DRUGS = _view(
    "hospital_drugs",
    "drugs given out or paid apart by hospitals (UCD)",
    "médicaments rétrocédés ou en sus par les hôpitaux (UCD)",
    {
        "date": _dated("silver_hospital_drugs"),
        "ucd": _column(
            Kind.TEXT,
            "drug code UCD, seven digits",
            "code UCD à sept chiffres",
            "silver_hospital_drugs.ucd",
        ),
        "thousandths": _column(
            Kind.INT,
            "number of units, in thousandths",
            "nombre d'unités, en millièmes",
            "silver_hospital_drugs.thousandths",
        ),
        "way": _column(
            Kind.TEXT,
            "way (retrocession, on-top, early-access, thrombolysis, off-list)",
            "voie (retrocession : rétrocession ; on-top : en sus ; early-access : ATU ; "
            "thrombolysis : thrombolyse d'un AVC ; off-list : coûteux, hors liste, en HAD)",
            "silver_hospital_drugs.way",
        ),
    },
)
_OTHER_STAYS = _view(
    "other_stays",
    "stays at home, in rehabilitation, in psychiatry",
    "séjours en HAD, en SSR, en psychiatrie",
    {
        "entry": _dated("silver_other_stays", "date of entry", "date d'entrée"),
        "discharge": _column(
            Kind.DATE, "date of discharge", "date de sortie", "silver_other_stays.end"
        ),
        "sector": _column(
            Kind.TEXT,
            "sector (had, ssr, rip)",
            "champ (had, ssr, rip)",
            "silver_other_stays.sector",
        ),
        "exit_mode": _column(
            Kind.TEXT,
            "mode of discharge (9 is death)",
            "mode de sortie (9 : décès)",
            "silver_other_stays.exit_mode",
        ),
    },
    date="entry",
    end="discharge",
)
_DIAGNOSES = _view(
    "diagnoses",
    "diagnoses of hospital stays",
    "diagnostics de séjours hospitaliers",
    {
        "date": _dated("silver_diagnoses", "date of entry", "date d'entrée"),
        "code": _column(Kind.TEXT, "ICD-10 code", "code CIM-10", "silver_diagnoses.code"),
        "position": _column(
            Kind.TEXT,
            "position (dp, dr, das, um-dp, um-dr; others by sector)",
            "position (dp, dr, das, um-dp, um-dr ; autres par champ)",
            "silver_diagnoses.position",
        ),
    },
)
_DEATHS = _view(
    "deaths",
    "deaths, by source",
    "décès, par source",
    {
        "date": _dated("silver_deaths", "date of death", "date de décès"),
        "cause": _column(
            Kind.TEXT,
            "underlying cause (ICD-10)",
            "cause initiale (CIM-10)",
            "silver_deaths.cause",
        ),
        "source": _column(
            Kind.TEXT, "table that tells of it", "table d'origine", "silver_deaths.origin"
        ),
    },
)
_RESIDENCE = _view(
    "residence",
    "places of residence over time",
    "lieux de résidence au fil du temps",
    {
        "start": _dated("silver_residence", "first care there", "premier soin au lieu"),
        "end": _column(
            Kind.DATE, "last care there", "dernier soin au lieu", "silver_residence.end"
        ),
        "department": _column(
            Kind.TEXT, "département", "département", "silver_residence.department"
        ),
        "commune": _column(Kind.TEXT, "commune", "commune", "silver_residence.commune"),
    },
    date="start",
    end="end",
)


def _made(kind: Kind, en: str, fr: str) -> ViewColumn:
    return ViewColumn(kind=kind, en=en, fr=fr, inputs=())


# What `periods` makes of events; it has no table of its own.
_PERIODS = View(
    name=PERIODS,
    en="periods",
    fr="périodes",
    date="start",
    end="end",
    order=("end", "events", "days", "covered"),
    bronze=False,
    columns={
        "start": _made(Kind.DATE, "first day", "premier jour"),
        "end": _made(Kind.DATE, "last day", "dernier jour"),
        "events": _made(Kind.INT, "number of events", "nombre d'événements"),
        "days": _made(Kind.INT, "length in days", "durée en jours"),
        "covered": _made(Kind.INT, "number of days covered", "nombre de jours couverts"),
    },
)

SILVER_ONLY = (
    _ACTS,
    _CONSULTATIONS,
    _BIOLOGY,
    _DEVICES,
    _HOSPITAL_DRUGS,
    _OTHER_STAYS,
    _DIAGNOSES,
    _DEATHS,
    _RESIDENCE,
    _PERIODS,
)
