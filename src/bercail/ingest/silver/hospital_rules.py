"""Rules of outpatient care and of the drugs of hospitals, which no view of the cohorts reads.

The silver tables are made with them, beside the rules that `cohorts` has.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bercail.cohorts.cleaning import BUILD_RULES, Rule
from bercail.cohorts.cleaning.sectors import SectorRule

_ESS = "L'essentiel du SNDS (CNAM, 2020)"

_RULES = (
    SectorRule(
        id="ace-return-codes",
        table="T_MCOaaCSTC",
        keep=" AND ".join(
            f"{{{code}}} = '0'"
            for code in ("NIR_RET", "NAI_RET", "SEX_RET", "IAS_RET", "ENT_DAT_RET")
        ),
        en="outpatient care whose return codes are all 0 (needed to follow persons); they are "
        "others than those of stays",
        fr="les actes et consultations externes dont les codes retour sont tous à 0 (nécessaire "
        "pour suivre des personnes) ; ce ne sont pas ceux des séjours",
        source=f"{_ESS}, MCO outpatient; ENT_DAT_RET since 2009",
    ),
    SectorRule(
        id="dcir-billed-in-town",
        table="ER_ETE_F",
        keep="coalesce({ETE_IND_TAA} <> 1, true)",
        en="care lines that a public hospital did not bill directly: its outpatient care is read "
        "in the PMSI; care in town has no line in ER_ETE_F and stays",
        fr="les lignes qu'un hôpital public n'a pas facturées directement : ses soins externes se "
        "lisent dans le PMSI ; les soins de ville, absents de ER_ETE_F, restent",
        source=f"Documentation SNDS, etablissements_sante; {_ESS}: left join",
    ),
    SectorRule(
        id="ucd-retrocession",
        table="ER_UCD_F",
        keep="{UCD_TOP_UCD} = 0",
        en="drugs that a hospital pharmacy hands over to outpatients (UCD_TOP_UCD 0); those billed "
        "on top of a stay (1) are read in the PMSI, where they stand too",
        fr="les médicaments rétrocédés par une pharmacie d'hôpital (UCD_TOP_UCD 0) ; ceux facturés "
        "en sus d'un séjour (1) se lisent dans le PMSI, où ils figurent aussi",
        source="Documentation SNDS, tables_affinees and medicaments_de_la_liste_en_sus",
    ),
)

HOSPITAL_RULES: Mapping[str, SectorRule] = MappingProxyType({rule.id: rule for rule in _RULES})
# All rules that the silver tables name.
SILVER_RULES: Mapping[str, Rule | SectorRule] = MappingProxyType({**BUILD_RULES, **HOSPITAL_RULES})
