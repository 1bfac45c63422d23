"""Rules for hospital stays: the MCO tables of the PMSI, read with their year of discharge."""

# ruff: noqa: S608 - queries are made of constants of this file
from __future__ import annotations

from bercail.cohorts.cleaning.view import PublishedRule, WrongWording

_ESS = "L'essentiel du SNDS (CNAM, 2020)"
_SPOKEN = "The cohort language has it under the same id."
_ALWAYS = ("NIR_RET", "NAI_RET", "SEX_RET", "SEJ_RET", "FHO_RET", "PMS_RET")
_ZERO = " AND ".join(f"{code} = '0'" for code in _ALWAYS)
_CHAINED = (
    f"SELECT * FROM T_MCOaaC WHERE {_ZERO} AND (year < 2006 OR DAT_RET = '0') "
    "AND (year < 2013 OR (COH_NAI_RET = '0' AND COH_SEX_RET = '0'))"
)
# One code of the list of 166 is printed without its first digit.
_DOUBLES = (
    "SELECT CASE eta_num WHEN '90787460' THEN '690787460' ELSE eta_num END FROM duplicate_finess"
)
_NOT_B = "SEJ_TYP IS NULL OR SEJ_TYP <> 'B'"
_OTHERS = "('28Z14Z', '28Z15Z', '28Z16Z')"

HOSPITAL = (
    PublishedRule(
        id="mco-return-codes",
        tables=("T_MCOaaC",),
        sql=_CHAINED,
        en="To follow persons, every return code of the chaining is 0: DAT_RET since 2006, "
        "COH_NAI_RET and COH_SEX_RET since 2013.",
        fr="Pour suivre des personnes, tous les codes retour du chaînage sont à 0 : DAT_RET depuis "
        "2006, COH_NAI_RET et COH_SEX_RET depuis 2013.",
        source=f"{_ESS}, MCO chaining",
        wrong=(
            WrongWording(
                wording="every code <> '0'",
                sql="SELECT * FROM T_MCOaaC WHERE "
                + " AND ".join(f"{code} <> '0'" for code in (*_ALWAYS, "DAT_RET")),
                why="inverted: keeps nothing but errors",
                source="Documentation SNDS, fiche_beneficiaire",
            ),
            WrongWording(
                wording="the codes of 2013 asked of every year",
                sql=f"SELECT * FROM T_MCOaaC WHERE {_ZERO} AND DAT_RET = '0' "
                "AND COH_NAI_RET = '0' AND COH_SEX_RET = '0'",
                why="a column that a year does not have drops that year",
                source="usual mistake",
            ),
        ),
        note=_SPOKEN,
    ),
    PublishedRule(
        id="mco-count-stays",
        tables=("T_MCOaaB", "T_MCOaaC"),
        sql="SELECT year, ETA_NUM, RSA_NUM FROM T_MCOaaB WHERE GRG_GHM NOT LIKE '90%'",
        en="To count stays, return codes are not looked at: a stay that cannot be chained took "
        "place.",
        fr="Pour compter des séjours, les codes retour ne sont pas regardés : un séjour non "
        "chaînable a eu lieu.",
        source=f"{_ESS}, MCO chaining",
        wrong=(
            WrongWording(
                wording="the filter of return codes in a count of stays",
                sql="SELECT year, ETA_NUM, RSA_NUM FROM T_MCOaaB "
                f"JOIN ({_CHAINED}) USING (year, ETA_NUM, RSA_NUM) WHERE GRG_GHM NOT LIKE '90%'",
                why="from 1.4 to 10.8 % of the stays of a year are lost",
                source="Santé publique France, SNDS (2020), error rates by year",
            ),
        ),
        note="Stays of the cohort language belong to persons; this is for counts of stays.",
    ),
    PublishedRule(
        id="mco-known-person",
        tables=("T_MCOaaC",),
        sql="SELECT * FROM T_MCOaaC WHERE NIR_ANO_17 NOT IN "
        "('xxxxxxxxxxxxxxxxx', 'XXXXXXXXXXXXXXXXS', 'XXXXXXXXXXXXXXXXD')",
        en="The marks that stand for nobody are no person.",
        fr="Les marques qui ne désignent personne ne sont pas une personne.",
        source=f"{_ESS}, MCO chaining",
        wrong=(
            WrongWording(
                wording="NIR_ANO_17 IS NOT NULL",
                sql="SELECT * FROM T_MCOaaC WHERE NIR_ANO_17 IS NOT NULL",
                why="makes one person of everybody unknown",
                source="usual mistake",
            ),
        ),
        note="Held by every view of persons: these marks lead to nobody.",
    ),
    PublishedRule(
        id="ace-return-codes",
        tables=("T_MCOaaCSTC",),
        sql="SELECT * FROM T_MCOaaCSTC WHERE "
        + " AND ".join(
            f"{code} = '0'" for code in ("NIR_RET", "NAI_RET", "SEX_RET", "IAS_RET", "ENT_DAT_RET")
        ),
        en="Outpatient acts have return codes of their own.",
        fr="Les actes et consultations externes ont leurs propres codes retour.",
        source=f"{_ESS}, MCO outpatient",
        note="Written on the table: the cohort language has no view of outpatient acts.",
    ),
    PublishedRule(
        id="mco-no-error-groups",
        tables=("T_MCOaaB",),
        sql="SELECT * FROM T_MCOaaB WHERE GRG_GHM NOT LIKE '90%'",
        en="Stays of a grouping error are left out.",
        fr="Les séjours en erreur de groupage sont écartés.",
        source=f"{_ESS}: GRG_GHM NOT LIKE '90%'",
        wrong=(
            WrongWording(
                wording="LIKE '%90%'",
                sql="SELECT * FROM T_MCOaaB WHERE GRG_GHM NOT LIKE '%90%'",
                why="drops true groups that hold 90 further on",
                source="sndsTools, extraction of stays",
            ),
            WrongWording(
                wording="GRC_GHM instead of GRG_GHM",
                sql="SELECT * FROM T_MCOaaB WHERE GRC_GHM NOT LIKE '90%'",
                why="GRC_GHM is what the hospital's software found",
                source="usual mistake",
            ),
        ),
        note=_SPOKEN,
    ),
    PublishedRule(
        id="mco-type-of-record",
        tables=("T_MCOaaB",),
        sql="SELECT * FROM T_MCOaaB WHERE TYP_GEN_RSA = '0'",
        en="Records of a stay proper; said to say the same as the error groups.",
        fr="Résumés de séjour proprement dits ; dit redondant avec les groupes en erreur.",
        source=_ESS,
        note="The cohort language has `mco-no-error-groups` only.",
    ),
    PublishedRule(
        id="had-no-error-groups",
        tables=("T_HADaaGRP",),
        sql="SELECT * FROM T_HADaaGRP WHERE PAP_GRP_GHPC <> '99'",
        en="Home hospitalisations of a grouping error are left out.",
        fr="Les séjours d'HAD en erreur de groupage sont écartés.",
        source=_ESS,
        note="Written on the table: the cohort language has no view of home hospitalisation.",
    ),
    PublishedRule(
        id="ssr-no-error-groups",
        tables=("T_SSRaaB",),
        sql="SELECT * FROM T_SSRaaB WHERE GRG_GME NOT LIKE '90%'",
        en="Weeks of rehabilitation of a grouping error are left out.",
        fr="Les semaines de SSR en erreur de groupage sont écartées.",
        source=_ESS,
        note="Written on the table: the cohort language has no view of rehabilitation.",
    ),
    PublishedRule(
        id="mco-no-sessions",
        tables=("T_MCOaaB",),
        sql="SELECT * FROM T_MCOaaB WHERE GRG_GHM NOT LIKE '28%'",
        en="Sessions (CMD 28) are not counted as stays: dialysis alone is 4.27 of 21.9 million.",
        fr="Les séances (CMD 28) ne se comptent pas comme des séjours : la dialyse seule en fait "
        "4,27 sur 21,9 millions.",
        source="CNAM, PMSI training (2020)",
        wrong=(
            WrongWording(
                wording="every record is a stay",
                sql="SELECT * FROM T_MCOaaB",
                why="a patient under dialysis has 150 stays a year",
                source="usual mistake",
            ),
        ),
        note=_SPOKEN,
    ),
    PublishedRule(
        id="mco-pie",
        tables=("T_MCOaaB",),
        sql=f"SELECT * FROM T_MCOaaB WHERE {_NOT_B} "
        f"OR (GRG_GHM LIKE '28%' AND GRG_GHM NOT IN {_OTHERS})",
        en="A stay that another hospital asked for (SEJ_TYP B) repeats its stay, except sessions "
        "of dialysis, chemotherapy and radiotherapy.",
        fr="Un séjour demandé par un autre établissement (SEJ_TYP B) répète le sien, sauf séances "
        "de dialyse, chimiothérapie et radiothérapie.",
        source="SCALPEL3 McoFilters, the medically coherent of four published wordings",
        wrong=(
            WrongWording(
                wording="SEJ_TYP <> ' B', with a blank",
                sql="SELECT * FROM T_MCOaaB WHERE SEJ_TYP <> ' B'",
                why="never filters B, and drops the empty values",
                source=f"{_ESS}, second solution as printed",
            ),
            WrongWording(
                wording="ENT_MOD <> '0' AND SOR_MOD <> '0'",
                sql="SELECT * FROM T_MCOaaB WHERE ENT_MOD <> '0' AND SOR_MOD <> '0'",
                why="drops the sessions too",
                source=f"{_ESS}, first solution",
            ),
            WrongWording(
                wording="the three groups, without 28",
                sql=f"SELECT * FROM T_MCOaaB WHERE {_NOT_B} OR GRG_GHM NOT IN {_OTHERS}",
                why="keeps the copies of ordinary stays",
                source="IQVIA, training on the SNDS",
            ),
            WrongWording(
                wording="the three groups are the exception",
                sql=f"SELECT * FROM T_MCOaaB WHERE {_NOT_B} OR GRG_GHM IN {_OTHERS}",
                why="keeps transfusions and drops dialysis",
                source="Documentation SNDS, scalpel_pipeline, its prose",
            ),
        ),
        note=_SPOKEN,
    ),
    PublishedRule(
        id="mco-no-doubles",
        tables=("T_MCOaaB", "duplicate_finess"),
        sql=f"SELECT * FROM T_MCOaaB WHERE year > 2017 OR ETA_NUM NOT IN ({_DOUBLES})",
        en="Until 2017, stays of AP-HP, AP-HM and HCL stand under the legal entity and under each "
        "site: those of the sites are left out.",
        fr="Jusqu'en 2017, les séjours de l'AP-HP, de l'AP-HM et des HCL figurent sous l'entité "
        "juridique et sous chaque site : ceux des sites sont écartés.",
        source="DREES, depenses_hopital_public (166 codes, one put right); CNAM (46 of them)",
        wrong=(
            WrongWording(
                wording="the list as printed, with '90787460'",
                sql="SELECT * FROM T_MCOaaB WHERE year > 2017 "
                "OR ETA_NUM NOT IN (SELECT eta_num FROM duplicate_finess)",
                why="a FINESS has nine characters: the one cut short never filters",
                source="Documentation SNDS, depenses_hopital_public; SCALPEL3",
            ),
            WrongWording(
                wording="the list in every year",
                sql=f"SELECT * FROM T_MCOaaB WHERE ETA_NUM NOT IN ({_DOUBLES})",
                why="since 2018 these are true stays",
                source="sndsTools, extraction of stays",
            ),
            WrongWording(
                wording="the 46 codes only",
                sql="SELECT * FROM T_MCOaaB WHERE year > 2017 OR ETA_NUM NOT IN "
                "(SELECT eta_num FROM duplicate_finess WHERE cnam_2020)",
                why="120 sites stay counted twice",
                source=_ESS,
            ),
        ),
        note="Written on the table: `duplicate_finess` is the catalogue's list.",
    ),
    PublishedRule(
        id="mco-yearly-key",
        tables=("T_MCOaaB",),
        sql="SELECT DISTINCT year, ETA_NUM, RSA_NUM FROM T_MCOaaB",
        en="ETA_NUM and RSA_NUM name a stay within one year only.",
        fr="ETA_NUM et RSA_NUM ne désignent un séjour que dans une année.",
        source=f"{_ESS}, PMSI keys",
        wrong=(
            WrongWording(
                wording="the key without the year",
                sql="SELECT DISTINCT ETA_NUM, RSA_NUM FROM T_MCOaaB",
                why="numbers begin again every year",
                source="usual mistake",
            ),
        ),
        note="The views of the cohort language always join on the year.",
    ),
    PublishedRule(
        id="mco-diagnoses-everywhere",
        tables=("T_MCOaaD", "T_MCOaaUM"),
        sql="SELECT year, ETA_NUM, RSA_NUM FROM T_MCOaaD WHERE ASS_DGN LIKE $code UNION "
        "SELECT year, ETA_NUM, RSA_NUM FROM T_MCOaaUM "
        "WHERE DGN_PAL LIKE $code OR DGN_REL LIKE $code",
        en="An associated diagnosis stands in table D or in the units of the stay (UM).",
        fr="Un diagnostic associé figure dans la table D ou dans les unités du séjour (UM).",
        source="CNAM, PMSI training (2020)",
        wrong=(
            WrongWording(
                wording="table D alone",
                sql="SELECT year, ETA_NUM, RSA_NUM FROM T_MCOaaD WHERE ASS_DGN LIKE $code",
                why="the diagnosis of a unit may not be repeated in D",
                source="usual mistake",
            ),
        ),
        note="`stays.associated_diagnoses` of the cohort language holds both.",
    ),
    PublishedRule(
        id="mco-principal-since-2009",
        tables=("T_MCOaaB",),
        sql="SELECT * FROM T_MCOaaB WHERE year > 2009 OR (year = 2009 AND SOR_MOI >= '03')",
        en="Principal diagnoses are compared from March 2009 on: before, it was the main problem "
        "treated, since then the reason for admission.",
        fr="Les diagnostics principaux se comparent à partir de mars 2009 : avant, c'était le "
        "problème principal traité, depuis le motif d'admission.",
        source="CNAM, PMSI training (2020)",
        wrong=(
            WrongWording(
                wording="one series across 2009",
                sql="SELECT * FROM T_MCOaaB",
                why="the break of March 2009 looks like a change of health",
                source="usual mistake",
            ),
        ),
        note="A period of the study does it in the cohort language.",
    ),
    PublishedRule(
        id="mco-no-abortions",
        tables=("T_MCOaaB",),
        sql="SELECT * FROM T_MCOaaB WHERE GRG_GHM <> '14Z08Z' AND GHS_NUM IS DISTINCT FROM '9999'",
        en="Stays for an abortion (14Z08Z) and stays without a tariff (GHS 9999) are left out.",
        fr="Les séjours d'IVG (14Z08Z) et sans tarif (GHS 9999) sont écartés.",
        source="SCALPEL3, scalpel_pipeline",
        note="Written on the table: for studies that follow SCALPEL3.",
    ),
    PublishedRule(
        id="stays-once",
        tables=("T_MCOaaB",),
        sql="SELECT year, ETA_NUM, RSA_NUM FROM T_MCOaaB",
        en="Stays are counted in the PMSI: stays of private hospitals stand in the DCIR too.",
        fr="Les séjours se comptent dans le PMSI : ceux des cliniques figurent aussi dans le DCIR.",
        source=f"{_ESS}; IQVIA, training on the SNDS",
        wrong=(
            WrongWording(
                wording="stays of the PMSI and invoices of the DCIR added up",
                sql="SELECT year::VARCHAR, ETA_NUM, RSA_NUM FROM T_MCOaaB UNION ALL "
                "SELECT 'DCIR', ORG_CLE_NUM, DCT_ORD_NUM::VARCHAR FROM ER_ETE_F",
                why="a private stay is counted twice",
                source="usual mistake",
            ),
        ),
        note="`stays` of the cohort language reads the PMSI alone.",
    ),
)
