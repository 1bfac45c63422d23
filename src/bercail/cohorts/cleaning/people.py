"""Rules for persons: the register, long-term illnesses, deaths, residence."""

from __future__ import annotations

from bercail.cohorts.cleaning.view import PublishedRule, WrongWording

_ESS = "L'essentiel du SNDS (CNAM, 2020)"
_SPOKEN = "The cohort language has it under the same id."
_BUILT_IN = "Held by the person layer and by the persons of the cohort language."

PEOPLE = (
    PublishedRule(
        id="ald-only",
        tables=("IR_IMB_R",),
        sql="SELECT * FROM IR_IMB_R WHERE IMB_ETM_NAT IN (41, 43, 45)",
        en="Exemptions for a long-term illness, and no others.",
        fr="Les exonérations pour affection de longue durée, et elles seules.",
        source="Documentation SNDS, requete_type_ald",
        wrong=(
            WrongWording(
                wording="every line of IR_IMB_R",
                sql="SELECT * FROM IR_IMB_R",
                why="maternity and invalidity are exemptions too",
                source="usual mistake",
            ),
        ),
        note=_SPOKEN,
    ),
    PublishedRule(
        id="ald-active",
        tables=("IR_IMB_R",),
        sql="SELECT * FROM IR_IMB_R WHERE IMB_ALD_DTD <= $last AND (IMB_ALD_DTF IS NULL "
        "OR IMB_ALD_DTF = DATE '1600-01-01' OR IMB_ALD_DTF >= $first)",
        en="An illness is active in a period when it began before its end and did not end before "
        "its beginning; an end of 1600 is no end.",
        fr="Une ALD est active sur une période si elle commence avant sa fin et ne finit pas avant "
        "son début ; une fin en 1600 n'est pas une fin.",
        source=f"{_ESS}, ALD",
        wrong=(
            WrongWording(
                wording="IMB_ALD_DTF >= the first day",
                sql="SELECT * FROM IR_IMB_R WHERE IMB_ALD_DTD <= $last AND IMB_ALD_DTF >= $first",
                why="an unknown end, written 1600, ends in 1600",
                source="usual mistake",
            ),
            WrongWording(
                wording="begun within the period",
                sql="SELECT * FROM IR_IMB_R WHERE IMB_ALD_DTD BETWEEN $first AND $last",
                why="forgets who was ill already",
                source="usual mistake",
            ),
        ),
        note="`long_term_illnesses` is narrowed with its start and end in the cohort language.",
    ),
    PublishedRule(
        id="ald-persons",
        tables=("IR_IMB_R",),
        sql="SELECT DISTINCT BEN_NIR_PSA, BEN_RNG_GEM, MED_MTF_COD FROM IR_IMB_R",
        en="An illness has many lines, one for each renewal; they overlap.",
        fr="Une ALD a plusieurs lignes, une par renouvellement ; elles se recouvrent.",
        source="Documentation SNDS, beneficiaires_ald",
        wrong=(
            WrongWording(
                wording="one line is one illness",
                sql="SELECT BEN_NIR_PSA, BEN_RNG_GEM, MED_MTF_COD FROM IR_IMB_R",
                why="a renewal is counted as another illness",
                source="usual mistake",
            ),
        ),
        note="The cohort language turns events into one value per person.",
    ),
    PublishedRule(
        id="ald-by-disease",
        tables=("IR_IMB_R",),
        sql="SELECT * FROM IR_IMB_R WHERE MED_MTF_COD LIKE $code",
        en="A disease is found by its ICD-10 code: numbers of illnesses are not put right when the "
        "list changes.",
        fr="Une maladie se repère par son code CIM-10 : les numéros d'ALD ne sont pas corrigés "
        "quand la liste change.",
        source="Documentation SNDS, requete_type_ald: Alzheimer went from ALD 15 to 23",
        wrong=(
            WrongWording(
                wording="IMB_ALD_NUM",
                sql="SELECT * FROM IR_IMB_R WHERE IMB_ALD_NUM = 15",
                why="finds those of before or after the change",
                source="usual mistake",
            ),
        ),
        note="`long_term_illnesses.icd10`; the number is no column of the cohort language.",
    ),
    PublishedRule(
        id="person-by-identity",
        tables=("IR_BEN_R",),
        sql="SELECT DISTINCT BEN_IDT_ANO FROM IR_BEN_R",
        en="A person is a BEN_IDT_ANO: some have several pseudonyms, and twins share one.",
        fr="Une personne est un BEN_IDT_ANO : certaines ont plusieurs pseudonymes, des jumeaux en "
        "partagent un.",
        source=f"{_ESS}; CNAM, CepiDc user documentation",
        wrong=(
            WrongWording(
                wording="a person is a BEN_NIR_PSA",
                sql="SELECT DISTINCT BEN_NIR_PSA FROM IR_BEN_R",
                why="a child of two parents is two, same-sex twins are one",
                source="usual mistake",
            ),
        ),
        note=_BUILT_IN,
    ),
    PublishedRule(
        id="person-known-death",
        tables=("IR_BEN_R",),
        sql="SELECT BEN_IDT_ANO, max(BEN_DCD_DTE) AS death FROM IR_BEN_R "
        "WHERE year(BEN_DCD_DTE) > 1600 GROUP BY BEN_IDT_ANO",
        en="A death may stand on one line of a person only, and 1600 is no death: the latest date "
        "over all lines.",
        fr="Un décès peut ne figurer que sur une ligne d'une personne, et 1600 n'en est pas un : "
        "la date la plus tardive de toutes les lignes.",
        source="CNAM, CepiDc user documentation",
        wrong=(
            WrongWording(
                wording="BEN_DCD_DTE IS NOT NULL",
                sql="SELECT DISTINCT BEN_IDT_ANO, BEN_DCD_DTE AS death FROM IR_BEN_R "
                "WHERE BEN_DCD_DTE IS NOT NULL",
                why="everybody died in 1600",
                source="usual mistake",
            ),
            WrongWording(
                wording="the first line of a person",
                sql="SELECT BEN_IDT_ANO, death FROM (SELECT BEN_IDT_ANO, "
                "arg_min(BEN_DCD_DTE, BEN_NIR_PSA) AS death FROM IR_BEN_R GROUP BY BEN_IDT_ANO) "
                "WHERE year(death) > 1600",
                why="the death may stand on another line",
                source="usual mistake",
            ),
        ),
        note=_BUILT_IN,
    ),
    PublishedRule(
        id="person-known-birth-year",
        tables=("IR_BEN_R",),
        sql="SELECT * FROM IR_BEN_R WHERE try_cast(BEN_NAI_ANN AS INTEGER) BETWEEN 1601 AND 2199",
        en="A year of birth of 1600, 0 or 1 is unknown.",
        fr="Une année de naissance 1600, 0 ou 1 est inconnue.",
        source="SCALPEL3 patients: -1, 0, 1, 1600 refused",
        wrong=(
            WrongWording(
                wording="BEN_NAI_ANN IS NOT NULL",
                sql="SELECT * FROM IR_BEN_R WHERE BEN_NAI_ANN IS NOT NULL",
                why="gives persons of four hundred years",
                source="usual mistake",
            ),
        ),
        note=_SPOKEN,
    ),
    PublishedRule(
        id="residence-two-columns",
        tables=("IR_BEN_R",),
        sql="SELECT DISTINCT BEN_RES_DPT, BEN_RES_COM FROM IR_BEN_R",
        en="A commune of three characters means something with its département only.",
        fr="Une commune de trois caractères n'a de sens qu'avec son département.",
        source=f"{_ESS}; localisation_geographique_beneficiaires",
        wrong=(
            WrongWording(
                wording="BEN_RES_COM alone",
                sql="SELECT DISTINCT BEN_RES_COM FROM IR_BEN_R",
                why="every département has a commune 001",
                source="usual mistake",
            ),
        ),
        note="Written on the table: the cohort language knows the département only.",
    ),
    PublishedRule(
        id="causes-all-deaths",
        tables=("KI_CCI_R",),
        sql="SELECT DCD_IDT_ENC FROM KI_CCI_R",
        en="Deaths are counted with those that were not matched to a person (DCD_IDT_TOP 0).",
        fr="Les décès se comptent avec ceux qui ne sont pas appariés (DCD_IDT_TOP 0).",
        source="CNAM, CepiDc user documentation: from 34 % matched in 2006 to 90 % in 2015",
        wrong=(
            WrongWording(
                wording="DCD_IDT_TOP = 1",
                sql="SELECT DCD_IDT_ENC FROM KI_CCI_R WHERE DCD_IDT_TOP = 1",
                why="two deaths in three are missing in 2006",
                source="usual mistake",
            ),
        ),
        note="Written on the table: the cohort language has no view of causes.",
    ),
)
