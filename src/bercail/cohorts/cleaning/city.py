"""Rules for care in town: ER_PRS_F and the tables of its details."""

# ruff: noqa: S608 - queries are made of constants of this file
from __future__ import annotations

from bercail.cohorts.cleaning.view import PublishedRule, WrongWording

_ESS = "L'essentiel du SNDS (CNAM, 2020)"
_KEY = (
    "FLX_DIS_DTD, FLX_TRT_DTD, FLX_EMT_TYP, FLX_EMT_NUM, FLX_EMT_ORD, ORG_CLE_NUM, "
    "DCT_ORD_NUM, PRS_ORD_NUM, REM_TYP_AFF"
)
_EIGHT = _KEY.removesuffix(", REM_TYP_AFF")
_SPOKEN = "The cohort language has it under the same id."
_ON_TABLE = "Written on the table: the cohort language has no view of acts or amounts."
_DRUG = "BEN_NIR_PSA, BEN_RNG_GEM, EXE_SOI_DTD, PHA_PRS_C13"

CITY = (
    PublishedRule(
        id="dcir-base-acts",
        tables=("ER_PRS_F",),
        sql="SELECT * FROM ER_PRS_F WHERE CPL_MAJ_TOP < 2",
        en="Acts are counted on base lines and complements, without increases.",
        fr="Les actes se comptent sur les lignes de base et les compléments, sans les majorations.",
        source=f"{_ESS}: CPL_MAJ_TOP < 2",
        wrong=(
            WrongWording(
                wording="every line is an act",
                sql="SELECT * FROM ER_PRS_F",
                why="increases and flat shares of the patient are lines too",
                source="usual mistake",
            ),
        ),
        note=_SPOKEN,
    ),
    PublishedRule(
        id="dcir-not-for-information",
        tables=("ER_PRS_F",),
        sql="SELECT * FROM ER_PRS_F WHERE coalesce(DPN_QLF, 0) NOT IN (71, 72) "
        "AND coalesce(PRS_DPN_QLP, 0) NOT IN (71, 72)",
        en="Lines that hospitals sent for information are left out; an empty value counts.",
        fr="Les lignes transmises pour information par les hôpitaux sont écartées ; vide compte.",
        source="Documentation SNDS, ER_PRS_F and sas_prestation_dcir",
        wrong=(
            WrongWording(
                wording="DPN_QLF <> 71",
                sql="SELECT * FROM ER_PRS_F WHERE DPN_QLF <> 71",
                why="SQL drops the lines where DPN_QLF is empty, and PRS_DPN_QLP is not looked at",
                source="sndsTools, extraction of drugs",
            ),
        ),
        note=_SPOKEN,
    ),
    PublishedRule(
        id="dcir-lines-of-cost",
        tables=("ER_PRS_F",),
        sql="SELECT * FROM ER_PRS_F WHERE coalesce(DPN_QLF, 0) NOT IN (71, 72) AND "
        "(coalesce(PRS_DPN_QLP, 0) NOT IN (71, 72) OR (DPN_QLF = 0 AND PRS_DPN_QLP = 71))",
        en="A study of costs keeps the patient's share of hospital lines (DPN_QLF 0, PRS_DPN_QLP "
        "71), which is real money.",
        fr="Une étude de coûts garde la participation du patient (DPN_QLF 0, PRS_DPN_QLP 71), qui "
        "est réellement payée.",
        source="CNAM, FAQ DCIR: CPL_AFF_COD 16",
        wrong=(
            WrongWording(
                wording="the filter of acts used for costs",
                sql="SELECT * FROM ER_PRS_F WHERE coalesce(DPN_QLF, 0) NOT IN (71, 72) "
                "AND coalesce(PRS_DPN_QLP, 0) NOT IN (71, 72)",
                why="drops the patient's shares",
                source="usual mistake",
            ),
        ),
        note=_ON_TABLE,
    ),
    PublishedRule(
        id="dcir-real-identifiers",
        tables=("ER_PRS_F",),
        sql="SELECT * FROM ER_PRS_F WHERE BEN_CDI_NIR IN ('00', '03', '04')",
        en="Lines under a fictitious number are left out; provisional numbers are persons.",
        fr="Les lignes sous un numéro fictif sont écartées ; les numéros provisoires sont des "
        "personnes.",
        source="Nomenclature IR_NIR_V; Santé publique France, SNDS (2020)",
        wrong=(
            WrongWording(
                wording="BEN_CDI_NIR = '00'",
                sql="SELECT * FROM ER_PRS_F WHERE BEN_CDI_NIR = '00'",
                why="drops persons under a provisional number",
                source="IQVIA, training on the SNDS",
            ),
        ),
        note=_SPOKEN,
    ),
    PublishedRule(
        id="dcir-known-act",
        tables=("ER_PRS_F",),
        sql="SELECT * FROM ER_PRS_F WHERE BSE_PRS_NAT <> 0",
        en="The nature of the act is given.",
        fr="La nature de la prestation est renseignée.",
        source="SCALPEL3 extraction, DCIR",
        note=_SPOKEN,
    ),
    PublishedRule(
        id="dcir-real-schemes",
        tables=("ER_PRS_F",),
        sql="SELECT * FROM ER_PRS_F WHERE RGM_COD IS DISTINCT FROM 888",
        en="Lines of the fictitious scheme 888 are left out.",
        fr="Les lignes du régime fictif 888 sont écartées.",
        source="Santé publique France, SNDS (2020)",
        note=_ON_TABLE,
    ),
    PublishedRule(
        id="dcir-net-lines",
        tables=("ER_PRS_F", "ER_PHA_F"),
        sql=f"SELECT {_DRUG}, sum(PHA_ACT_QSN) AS packs FROM ER_PRS_F JOIN ER_PHA_F USING ({_KEY}) "
        f"GROUP BY {_DRUG} HAVING sum(PHA_ACT_QSN) > 0",
        en="Packs of one person, date and drug are added up, so that regularisations cancel.",
        fr="Les boîtes d'une même personne, date et présentation sont sommées : les "
        "régularisations s'annulent.",
        source="Documentation SNDS, regularisations",
        wrong=(
            WrongWording(
                wording="PHA_ACT_QSN > 0 before adding up",
                sql=f"SELECT {_DRUG}, sum(PHA_ACT_QSN) AS packs FROM ER_PRS_F "
                f"JOIN ER_PHA_F USING ({_KEY}) WHERE PHA_ACT_QSN > 0 GROUP BY {_DRUG}",
                why="the reversal is dropped and the cancelled line stays",
                source="usual mistake",
            ),
            WrongWording(
                wording="SELECT DISTINCT instead of a sum",
                sql=f"SELECT DISTINCT {_DRUG}, PHA_ACT_QSN AS packs FROM ER_PRS_F "
                f"JOIN ER_PHA_F USING ({_KEY}) WHERE PHA_ACT_QSN > 0",
                why="two true lines that look alike become one, and nothing cancels",
                source="sndsTools, extraction of drugs",
            ),
        ),
        note=_SPOKEN,
    ),
    PublishedRule(
        id="dcir-nine-columns",
        tables=("ER_PRS_F", "ER_PHA_F"),
        sql=f"SELECT PHA_ORD_NUM, PHA_PRS_C13 FROM ER_PRS_F JOIN ER_PHA_F USING ({_KEY})",
        en="A care line and its details share nine columns.",
        fr="Une ligne de soins et ses détails ont neuf colonnes en commun.",
        source=f"{_ESS}, join keys",
        wrong=(
            WrongWording(
                wording="the key without REM_TYP_AFF",
                sql=f"SELECT PHA_ORD_NUM, PHA_PRS_C13 FROM ER_PRS_F JOIN ER_PHA_F USING ({_EIGHT})",
                why="a complement has the other eight columns, so drugs are met twice",
                source="usual mistake",
            ),
        ),
        note="The views of the cohort language always join on nine columns.",
    ),
    PublishedRule(
        id="dcir-money-once",
        tables=("ER_PRS_F",),
        sql="SELECT sum(PRS_PAI_MNT) AS paid FROM ER_PRS_F",
        en="Amounts are summed on ER_PRS_F alone.",
        fr="Les montants se somment sur ER_PRS_F seule.",
        source=f"{_ESS}, detail tables",
        wrong=(
            WrongWording(
                wording="the sum after a join with the details",
                sql=f"SELECT sum(PRS_PAI_MNT) AS paid FROM ER_PRS_F JOIN ER_PHA_F USING ({_KEY})",
                why="a line with two drugs is paid twice, and one without drugs never",
                source="usual mistake",
            ),
        ),
        note=_ON_TABLE,
    ),
    PublishedRule(
        id="dcir-billed-in-town",
        tables=("ER_PRS_F", "ER_ETE_F"),
        sql="SELECT ER_PRS_F.* FROM ER_PRS_F LEFT JOIN ER_ETE_F "
        f"USING ({_KEY}) WHERE ETE_IND_TAA IS DISTINCT FROM 1",
        en="Lines that a public hospital bills directly are left out; care in town has no line in "
        "ER_ETE_F and stays.",
        fr="Les lignes facturées directement par un hôpital public sont écartées ; les soins de "
        "ville, absents de ER_ETE_F, restent.",
        source="Documentation SNDS, etablissements_sante; L'essentiel du SNDS: left join",
        wrong=(
            WrongWording(
                wording="an inner join with ER_ETE_F",
                sql="SELECT ER_PRS_F.* FROM ER_PRS_F JOIN ER_ETE_F "
                f"USING ({_KEY}) WHERE ETE_IND_TAA <> 1",
                why="drops all care in town",
                source="usual mistake",
            ),
            WrongWording(
                wording="ETE_IND_TAA <> 1 after a left join",
                sql="SELECT ER_PRS_F.* FROM ER_PRS_F LEFT JOIN ER_ETE_F "
                f"USING ({_KEY}) WHERE ETE_IND_TAA <> 1",
                why="an empty value is not different from 1 in SQL, so care in town goes",
                source="usual mistake",
            ),
        ),
        note=_ON_TABLE,
    ),
    PublishedRule(
        id="dcir-flux-months",
        tables=("ER_PRS_F",),
        sql="SELECT * FROM ER_PRS_F WHERE EXE_SOI_DTD BETWEEN $first AND $last AND FLX_DIS_DTD > "
        "$first AND FLX_DIS_DTD <= date_trunc('month', $last) + INTERVAL 6 MONTH",
        en="Care of a period is read in the fluxes from the month after it to six months later "
        "(99 % of the lines; the last come after 27 months).",
        fr="Les soins d'une période se lisent dans les flux du mois suivant à six mois plus tard "
        "(99 % des lignes ; les dernières arrivent au bout de 27 mois).",
        source=f"{_ESS}, dates of flux; HDH, lag of six months",
        wrong=(
            WrongWording(
                wording="the flux of the month of care",
                sql="SELECT * FROM ER_PRS_F WHERE EXE_SOI_DTD BETWEEN $first AND $last "
                "AND FLX_DIS_DTD BETWEEN $first AND $last",
                why="a flux is dated on the first of the month that follows its treatment",
                source="usual mistake",
            ),
        ),
        note="A study pins the snapshots it read, so that later lines do not change it.",
    ),
    PublishedRule(
        id="dcir-age-in-years",
        tables=("ER_PRS_F",),
        sql="SELECT *, CASE WHEN BEN_AMA_COD < 1000 THEN BEN_AMA_COD "
        "ELSE (BEN_AMA_COD - 1000) // 12 END AS age FROM ER_PRS_F "
        "WHERE BEN_AMA_COD BETWEEN 0 AND 1023",
        en="BEN_AMA_COD holds years, or from 1000 to 1023 the months of a child under two; 9999 "
        "says nothing.",
        fr="BEN_AMA_COD contient des années, ou de 1000 à 1023 les mois d'un enfant de moins de "
        "deux ans ; 9999 ne dit rien.",
        source=f"{_ESS}, BEN_AMA_COD",
        wrong=(
            WrongWording(
                wording="BEN_AMA_COD is the age",
                sql="SELECT *, BEN_AMA_COD AS age FROM ER_PRS_F",
                why="1003 is three months, and 9999 no age",
                source="usual mistake",
            ),
        ),
        note="The cohort language computes an age from the year of birth.",
    ),
    PublishedRule(
        id="dcir-drug-codes",
        tables=("ER_PHA_F",),
        sql="SELECT * FROM ER_PHA_F WHERE coalesce(PHA_PRS_C13, 0) <> 0 "
        "OR coalesce(PHA_PRS_IDE, 0) <> 0",
        en="A drug is known by its CIP13, or by its CIP7 for care of 2006 and 2007.",
        fr="Un médicament est connu par son CIP13, ou par son CIP7 pour les soins de 2006 et 2007.",
        source="Documentation SNDS, medicament: CIP13 mandatory since 2014-10-01",
        wrong=(
            WrongWording(
                wording="PHA_PRS_C13 IS NOT NULL",
                sql="SELECT * FROM ER_PHA_F WHERE PHA_PRS_C13 IS NOT NULL",
                why="no drug of 2006 and 2007 has one",
                source="usual mistake",
            ),
        ),
        note="The dispensings of the cohort language know CIP13 only.",
    ),
    PublishedRule(
        id="dcir-ucd-seven-digits",
        tables=("ER_UCD_F",),
        sql="SELECT * FROM ER_UCD_F WHERE right(UCD_UCD_COD, 7) = $code",
        en="The code of a hospital drug is the last seven of thirteen places.",
        fr="Le code UCD occupe les sept dernières de treize positions.",
        source="Documentation SNDS, tables_affinees",
        wrong=(
            WrongWording(
                wording="UCD_UCD_COD equals the seven digits",
                sql="SELECT * FROM ER_UCD_F WHERE UCD_UCD_COD = $code",
                why="six zeros stand before them",
                source="usual mistake",
            ),
        ),
        note="Written on the table: the cohort language has no view of hospital drugs.",
    ),
)
