"""Rules for the sectors of the PMSI other than the MCO, and for archives: each as a query."""

# ruff: noqa: S608 - queries are made of constants of this file
from __future__ import annotations

from bercail.cohorts.cleaning.view import PublishedRule, WrongWording

_ESS = "L'essentiel du SNDS (CNAM, 2020)"
_TRAINING = "CNAM, PMSI training (2020)"
_SILVER = "The silver tables are made with it; the cohort language has no view of these tables."
_NAMED = "The silver tables name stays so; the cohort language has no view of these tables."
_ALWAYS = ("NIR_RET", "NAI_RET", "SEX_RET", "SEJ_RET", "FHO_RET", "PMS_RET", "DAT_RET")
_ZERO = " AND ".join(f"{code} = '0'" for code in _ALWAYS)


def _chained(sector: str, table: str, en: str, fr: str) -> PublishedRule:
    return PublishedRule(
        id=f"{sector}-return-codes",
        tables=(table,),
        sql=f"SELECT * FROM {table} WHERE {_ZERO} "
        "AND (year < 2013 OR (COH_NAI_RET = '0' AND COH_SEX_RET = '0'))",
        en=f"To follow persons {en}, every return code of the chaining is 0: COH_NAI_RET and "
        "COH_SEX_RET since 2013.",
        fr=f"Pour suivre des personnes {fr}, tous les codes retour du chaînage sont à 0 : "
        "COH_NAI_RET et COH_SEX_RET depuis 2013.",
        source=f"{_ESS}, PMSI chaining",
        wrong=(
            WrongWording(
                wording="the filter of the MCO alone",
                sql=f"SELECT * FROM {table}",
                why="a third of the lines of the first years belong to nobody",
                source="Santé publique France, SNDS (2020), error rates by year",
            ),
            WrongWording(
                wording="the codes of 2013 asked of every year",
                sql=f"SELECT * FROM {table} WHERE {_ZERO} "
                "AND COH_NAI_RET = '0' AND COH_SEX_RET = '0'",
                why="a column that a year does not have drops that year",
                source="usual mistake",
            ),
        ),
        note=_SILVER,
    )


def _once(
    sector: str, table: str, key: tuple[str, ...], en: str, fr: str, why: str
) -> PublishedRule:
    return PublishedRule(
        id=f"{sector}-one-stay",
        tables=(table,),
        sql=f"SELECT DISTINCT year, {', '.join(key)} FROM {table}",
        en=en,
        fr=fr,
        source=f"{_TRAINING}; keys of the sectors",
        wrong=(
            WrongWording(
                wording="every line is a stay",
                sql=f"SELECT year, {', '.join(key)} FROM {table}",
                why=why,
                source="usual mistake",
            ),
        ),
        note=_NAMED,
    )


OTHER_SECTORS = (
    _chained("had", "T_HADaaC", "at home", "en HAD"),
    _chained("ssr", "T_SSRaaC", "in rehabilitation", "en SSR"),
    _chained("rip", "T_RIPaaC", "in psychiatry", "en psychiatrie"),
    PublishedRule(
        id="had-no-error-groups",
        version=2,
        tables=("T_HADaaGRP",),
        sql="SELECT * FROM T_HADaaGRP WHERE GHT_NUM IS DISTINCT FROM '99' "
        "AND coalesce(PAP_GRP_GHPC NOT LIKE '99%', true)",
        en="Sub-sequences at home of a grouping error are left out: GHT_NUM 99, or a PAP_GRP_GHPC "
        "that begins with 99.",
        fr="Les sous-séquences d'HAD en erreur de groupage sont écartées : GHT_NUM 99, ou "
        "PAP_GRP_GHPC commençant par 99.",
        source=f"{_ESS}; widths of the columns in the Oracle catalogue",
        wrong=(
            WrongWording(
                wording="PAP_GRP_GHPC <> '99'",
                sql="SELECT * FROM T_HADaaGRP WHERE PAP_GRP_GHPC <> '99'",
                why="the column has four characters, so two of them never filter; and GHT_NUM is "
                "not looked at",
                source="the first version of this rule",
            ),
        ),
        note=_SILVER,
    ),
    _once(
        "had",
        "T_HADaaB",
        ("ETA_NUM_EPMSI", "RHAD_NUM"),
        "A stay at home has a line for each sub-sequence: stays are counted by their number.",
        "Un séjour d'HAD a une ligne par sous-séquence : les séjours se comptent par leur numéro.",
        "a stay whose care changes is counted again",
    ),
    _once(
        "ssr",
        "T_SSRaaB",
        ("ETA_NUM", "RHA_NUM"),
        "A stay in rehabilitation has a line for each week: stays are counted by their number.",
        "Un séjour de SSR a une ligne par semaine : les séjours se comptent par leur numéro.",
        "a stay of a month is counted five times",
    ),
    _once(
        "rip",
        "T_RIPaaRSA",
        ("ETA_NUM_EPMSI", "RIP_NUM"),
        "A stay in psychiatry has a line for each sequence: stays are counted by their number.",
        "Un séjour de psychiatrie a une ligne par séquence : les séjours se comptent par leur "
        "numéro.",
        "a long stay is counted once for each of its sequences",
    ),
    PublishedRule(
        id="ssr-illness-columns",
        tables=("T_SSRaaB", "T_SSRaaD"),
        sql="SELECT year, ETA_NUM, RHA_NUM FROM T_SSRaaB "
        "WHERE MOR_PRP LIKE $code OR ETL_AFF LIKE $code OR FP_PEC LIKE $code UNION "
        "SELECT year, ETA_NUM, RHA_NUM FROM T_SSRaaD WHERE DGN_COD LIKE $code",
        en="In rehabilitation an illness stands as main condition, as its origin, as the purpose, "
        "or among the associated diagnoses; the purpose is not coded after February 2023.",
        fr="En SSR une maladie figure en manifestation morbide principale, en affection "
        "étiologique, en finalité, ou parmi les diagnostics associés ; la finalité n'est plus "
        "codée après février 2023.",
        source="Health Data Hub, SSR pages; SMR reform of 1 March 2023",
        wrong=(
            WrongWording(
                wording="FP_PEC as the principal diagnosis",
                sql="SELECT year, ETA_NUM, RHA_NUM FROM T_SSRaaB WHERE FP_PEC LIKE $code",
                why="it says what the care is for, mostly not an illness, and is empty since "
                "March 2023",
                source="usual mistake",
            ),
        ),
        note="`silver_diagnoses` holds the four, under positions of their own.",
    ),
    PublishedRule(
        id="ssr-ccam-code",
        tables=("T_SSRaaCCAM",),
        sql="SELECT * FROM T_SSRaaCCAM WHERE CCAM_ACT LIKE $code",
        en="In rehabilitation the CCAM code of an act is CCAM_ACT, of seven characters; "
        "CCAM_COD_ACT has one and is the activity.",
        fr="En SSR le code CCAM d'un acte est CCAM_ACT, sur sept caractères ; CCAM_COD_ACT en a "
        "un seul et est l'activité.",
        source="widths of the columns in the Oracle catalogue",
        wrong=(
            WrongWording(
                wording="CCAM_COD_ACT as the code",
                sql="SELECT * FROM T_SSRaaCCAM WHERE CCAM_COD_ACT LIKE $code",
                why="a code of seven characters is never in a column of one",
                source="usual mistake",
            ),
        ),
        note="`silver_acts` reads it so.",
    ),
    PublishedRule(
        id="rip-ambulatory-nobody",
        tables=("T_RIPaaR3A",),
        sql="SELECT DISTINCT year, ETA_NUM_EPMSI, IPP_IRR_CRY FROM T_RIPaaR3A",
        en="Ambulatory psychiatry has no pseudonym of a person: IPP_IRR_CRY is a number of one "
        "hospital, and nobody is followed beyond it.",
        fr="La psychiatrie ambulatoire n'a pas de pseudonyme de la personne : IPP_IRR_CRY est un "
        "numéro d'un établissement, au-delà duquel personne n'est suivi.",
        source=f"{_TRAINING}; Documentation SNDS, RIM-P",
        wrong=(
            WrongWording(
                wording="IPP_IRR_CRY as the person",
                sql="SELECT DISTINCT IPP_IRR_CRY FROM T_RIPaaR3A",
                why="two hospitals give one number to two persons",
                source="usual mistake",
            ),
        ),
        note="The silver tables leave these lines out, since they are nobody's.",
    ),
    PublishedRule(
        id="dcir-archives",
        tables=("ER_PRS_F", "ER_PRS_F_2012"),
        sql="SELECT EXE_SOI_DTD FROM ER_PRS_F WHERE EXE_SOI_DTD BETWEEN $first AND $last "
        "UNION ALL SELECT EXE_SOI_DTD FROM ER_PRS_F_2012 "
        "WHERE EXE_SOI_DTD BETWEEN $first AND $last",
        en="Care before 2013 stands in archives of one year each (ER_PRS_F_2006 to _2012), and "
        "what came late in their neighbours and in ER_PRS_F: all of them are read as one.",
        fr="Les soins d'avant 2013 figurent dans des archives annuelles (ER_PRS_F_2006 à _2012), "
        "et les remontées tardives dans leurs voisines et dans ER_PRS_F : toutes se lisent "
        "ensemble.",
        source=f"{_ESS}; sndsTools, flux of January and February of archived years",
        wrong=(
            WrongWording(
                wording="ER_PRS_F alone",
                sql="SELECT EXE_SOI_DTD FROM ER_PRS_F WHERE EXE_SOI_DTD BETWEEN $first AND $last",
                why="what was archived is forgotten",
                source="usual mistake",
            ),
            WrongWording(
                wording="the archive of the year alone",
                sql="SELECT EXE_SOI_DTD FROM ER_PRS_F_2012 "
                "WHERE EXE_SOI_DTD BETWEEN $first AND $last",
                why="late lines and their reversals stand in the next table",
                source="usual mistake",
            ),
        ),
        note="The silver tables read archives with the table that they were taken from.",
    ),
)
