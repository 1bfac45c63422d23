"""Rules of the other sectors of the PMSI: home hospitalisation, rehabilitation, psychiatry.

The cohort language has no view of their tables, so no study names these rules: the silver tables
are made with them, and `other_sectors` has each as a query, with what goes wrong without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from attrs import frozen

from bercail.cohorts.cleaning.spoken import RULES, Rule

RETURN_CODES = (
    "NIR_RET",
    "NAI_RET",
    "SEX_RET",
    "SEJ_RET",
    "FHO_RET",
    "PMS_RET",
    "DAT_RET",
    "COH_NAI_RET",
    "COH_SEX_RET",
)


@frozen(kw_only=True)
class SectorRule:
    """One cleaning rule of a table that the cohort language has no view of.

    A row of `table` is kept when `keep` is true: SQL with the columns of that table in braces,
    read without the SNDS's ways of saying `unknown`.
    """

    id: str
    table: str
    keep: str
    en: str
    fr: str
    source: str
    version: int = 1

    @property
    def key(self) -> str:
        """The rule with its version, as `had-no-error-groups@2`."""
        return f"{self.id}@{self.version}"


def _chained(sector: str, table: str, en: str, fr: str) -> SectorRule:
    return SectorRule(
        id=f"{sector}-return-codes",
        table=table,
        keep=" AND ".join(f"{{{code}}} = '0'" for code in RETURN_CODES),
        en=f"{en} whose chaining return codes are all 0 (needed to follow persons)",
        fr=f"{fr} dont les codes retour de chaînage sont tous à 0 (nécessaire pour suivre des "
        "personnes)",
        source="L'essentiel du SNDS (CNAM, 2020), PMSI chaining; COH codes since 2013",
    )


_RULES = (
    _chained("had", "T_HADaaC", "stays at home", "les séjours d'HAD"),
    _chained("ssr", "T_SSRaaC", "rehabilitation stays", "les séjours de SSR"),
    _chained("rip", "T_RIPaaC", "psychiatric stays", "les séjours de psychiatrie"),
    SectorRule(
        id="had-no-error-groups",
        version=2,
        table="T_HADaaGRP",
        keep="coalesce({GHT_NUM} <> '99', true) AND coalesce({PAP_GRP_GHPC} NOT LIKE '99%', true)",
        en="sub-sequences at home whose groups are no grouping error (GHT_NUM 99, PAP_GRP_GHPC "
        "beginning with 99)",
        fr="les sous-séquences d'HAD dont les groupes ne sont pas en erreur (GHT_NUM 99, "
        "PAP_GRP_GHPC commençant par 99)",
        source="L'essentiel du SNDS (CNAM, 2020); widths of the columns in the Oracle catalogue",
    ),
    SectorRule(
        id="ssr-no-error-groups",
        table="T_SSRaaB",
        keep="coalesce({GRG_GME} NOT LIKE '90%', true)",
        en="weeks of rehabilitation whose group is not a grouping error (GRG_GME not starting "
        "with 90; before 2013 there is none)",
        fr="les semaines de SSR dont le groupe n'est pas une erreur (GRG_GME ne commençant pas "
        "par 90 ; il n'existe pas avant 2013)",
        source="L'essentiel du SNDS (CNAM, 2020): GRG_GME '90%'",
    ),
)

SECTOR_RULES: Mapping[str, SectorRule] = MappingProxyType({rule.id: rule for rule in _RULES})
# All rules that the silver tables may name.
BUILD_RULES: Mapping[str, Rule | SectorRule] = MappingProxyType({**RULES, **SECTOR_RULES})
