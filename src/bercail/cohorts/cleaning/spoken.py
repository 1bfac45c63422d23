"""The rules that the cohort language speaks: a study names those it wants.

Each has an id, a sentence in English and French, and its published source. A row is kept when
`keep` is true; a rule without it adds up lines instead. An id never changes its meaning: a
correction gets a new id.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from attrs import frozen

from bercail.cohorts.expressions import (
    Both,
    Column,
    Compare,
    Either,
    Expression,
    IfUnknown,
    IsIn,
    Known,
    Literal,
    Negation,
    StartsWith,
    YearOf,
)
from bercail.cohorts.views import DISPENSINGS, LONG_TERM_ILLNESSES, PERSONS, STAYS, Kind
from bercail.foundation import Invalid

REAL_IDENTIFIERS = ("00", "03", "04")


@frozen(kw_only=True)
class Rule:
    """One cleaning rule of a view.

    `table` is the SNDS table whose rows `keep` looks at (`persons` for the person view);
    a rule without `keep` nets the lines of the view.
    """

    id: str
    of: str
    table: str
    keep: Expression | None
    en: str
    fr: str
    source: str
    version: int = 1

    @property
    def key(self) -> str:
        """The rule with its version, as `mco-pie@1`: what a table made with it names."""
        return f"{self.id}@{self.version}"


def _column(table: str, name: str) -> Column:
    return Column(of=table, name=name)


def _not_in(column: Column, codes: tuple[int, ...]) -> Expression:
    # A plain `<> 71` would drop the lines where the column is empty.
    inside = IfUnknown(
        value=IsIn(value=column, codes=codes), otherwise=Literal(of=Kind.BOOL, value=False)
    )
    return Negation(value=inside)


def _all_zero(*names: str) -> Expression:
    zero = Literal(of=Kind.TEXT, value="0")
    tests: list[Expression] = [
        Compare(op="==", left=_column("T_MCOaaC", name), right=zero) for name in names
    ]
    kept = tests[0]
    for test in tests[1:]:
        kept = Both(left=kept, right=test)
    return kept


_FOR_INFORMATION = (71, 72)
_GHM = _column("T_MCOaaB", "GRG_GHM")
_STAY_TYPE = _column("T_MCOaaB", "SEJ_TYP")
_DEATH = Column(of=PERSONS, name="death_date")
_BIRTH = Column(of=PERSONS, name="birth_year")

_RULES = (
    Rule(
        id="dcir-base-acts",
        of=DISPENSINGS,
        table="ER_PRS_F",
        keep=Compare(
            op="<",
            left=_column("ER_PRS_F", "CPL_MAJ_TOP"),
            right=Literal(of=Kind.INT, value=2),
        ),
        en="lines that are base acts or complements, not increases (CPL_MAJ_TOP below 2)",
        fr="les lignes d'actes de base ou de compléments, sans les majorations "
        "(CPL_MAJ_TOP inférieur à 2)",
        source="L'essentiel du SNDS (CNAM, 2020), counting acts",
    ),
    Rule(
        id="dcir-not-for-information",
        of=DISPENSINGS,
        table="ER_PRS_F",
        keep=Both(
            left=_not_in(_column("ER_PRS_F", "DPN_QLF"), _FOR_INFORMATION),
            right=_not_in(_column("ER_PRS_F", "PRS_DPN_QLP"), _FOR_INFORMATION),
        ),
        en="lines not sent for information by hospitals (DPN_QLF and PRS_DPN_QLP other "
        "than 71 and 72; empty is kept)",
        fr="les lignes non transmises pour information par les hôpitaux (DPN_QLF et "
        "PRS_DPN_QLP différents de 71 et 72 ; vide est conservé)",
        source="Documentation SNDS, ER_PRS_F and sas_prestation_dcir",
    ),
    Rule(
        id="dcir-real-identifiers",
        of=DISPENSINGS,
        table="ER_PRS_F",
        keep=IsIn(value=_column("ER_PRS_F", "BEN_CDI_NIR"), codes=REAL_IDENTIFIERS),
        en="lines whose identifier is not fictitious (BEN_CDI_NIR 00, 03, 04)",
        fr="les lignes dont l'identifiant n'est pas fictif (BEN_CDI_NIR 00, 03, 04)",
        source="Nomenclature IR_NIR_V; Santé publique France, SNDS (2020)",
    ),
    Rule(
        id="dcir-known-act",
        of=DISPENSINGS,
        table="ER_PRS_F",
        keep=Compare(
            op="!=",
            left=_column("ER_PRS_F", "BSE_PRS_NAT"),
            right=Literal(of=Kind.INT, value=0),
        ),
        en="lines whose nature of act is given (BSE_PRS_NAT not 0)",
        fr="les lignes dont la nature de prestation est renseignée (BSE_PRS_NAT non nul)",
        source="SCALPEL3 extraction, DCIR",
    ),
    Rule(
        id="dcir-net-lines",
        of=DISPENSINGS,
        table="ER_PHA_F",
        keep=None,
        en="net dispensings: packs (and units given out of their pack) of one person, date "
        "and drug are added up, and kept when above zero, so that regularisations cancel",
        fr="les délivrances nettes : les boîtes (et unités hors conditionnement) d'une même "
        "personne, date et présentation sont sommées et gardées si positives, les "
        "régularisations s'annulant",
        source="Documentation SNDS, regularisations and PHA_DEC_TOP; L'essentiel du SNDS",
    ),
    Rule(
        id="mco-return-codes",
        of=STAYS,
        table="T_MCOaaC",
        keep=_all_zero(
            "NIR_RET",
            "NAI_RET",
            "SEX_RET",
            "SEJ_RET",
            "FHO_RET",
            "PMS_RET",
            "DAT_RET",
            "COH_NAI_RET",
            "COH_SEX_RET",
        ),
        en="stays whose chaining return codes are all 0 (needed to follow persons)",
        fr="les séjours dont les codes retour de chaînage sont tous à 0 (nécessaire pour "
        "suivre des personnes)",
        source="L'essentiel du SNDS (CNAM, 2020), MCO chaining; COH codes since 2013",
    ),
    Rule(
        id="mco-no-error-groups",
        of=STAYS,
        table="T_MCOaaB",
        keep=Negation(value=StartsWith(value=_GHM, prefixes=("90",))),
        en="stays whose group is not a grouping error (GRG_GHM not starting with 90)",
        fr="les séjours dont le groupe n'est pas une erreur (GRG_GHM ne commençant pas par 90)",
        source="L'essentiel du SNDS (CNAM, 2020): GRG_GHM NOT LIKE '90%'",
    ),
    Rule(
        id="mco-no-sessions",
        of=STAYS,
        table="T_MCOaaB",
        keep=Negation(value=StartsWith(value=_GHM, prefixes=("28",))),
        en="stays that are not sessions such as dialysis, chemotherapy or radiotherapy "
        "(GRG_GHM not starting with 28)",
        fr="les séjours qui ne sont pas des séances de dialyse, chimiothérapie ou "
        "radiothérapie (GRG_GHM ne commençant pas par 28)",
        source="CNAM, PMSI training (2020): CMD 28",
    ),
    Rule(
        id="mco-pie",
        of=STAYS,
        table="T_MCOaaB",
        keep=Either(
            left=Negation(value=Known(value=_STAY_TYPE)),
            right=Either(
                left=Compare(op="!=", left=_STAY_TYPE, right=Literal(of=Kind.TEXT, value="B")),
                right=Both(
                    left=StartsWith(value=_GHM, prefixes=("28",)),
                    right=Negation(value=IsIn(value=_GHM, codes=("28Z14Z", "28Z15Z", "28Z16Z"))),
                ),
            ),
        ),
        en="stays that do not repeat the stay of the requesting hospital (SEJ_TYP B is "
        "dropped, except sessions of dialysis, chemotherapy and radiotherapy)",
        fr="les séjours qui ne répètent pas celui de l'établissement demandeur (SEJ_TYP B "
        "écarté, sauf séances de dialyse, chimiothérapie et radiothérapie)",
        source="SCALPEL3 McoFilters (variant c), the medically coherent wording",
    ),
    Rule(
        id="ald-only",
        of=LONG_TERM_ILLNESSES,
        table="IR_IMB_R",
        keep=IsIn(value=_column("IR_IMB_R", "IMB_ETM_NAT"), codes=(41, 43, 45)),
        en="exemptions for a long-term illness (IMB_ETM_NAT 41, 43, 45)",
        fr="les exonérations pour affection de longue durée (IMB_ETM_NAT 41, 43, 45)",
        source="Documentation SNDS, requete_type_ald",
    ),
    Rule(
        id="person-known-sex",
        of=PERSONS,
        table=PERSONS,
        keep=Known(value=Column(of=PERSONS, name="sex")),
        en="sex is known, the same on all rows of the person",
        fr="sexe connu et identique sur toutes les lignes de la personne",
        source="sndsTools flags of identity (sex_variation)",
    ),
    Rule(
        id="person-known-birth-year",
        of=PERSONS,
        table=PERSONS,
        keep=Known(value=_BIRTH),
        en="year of birth is known, the same on all rows of the person",
        fr="année de naissance connue et identique sur toutes les lignes de la personne",
        source="SCALPEL3 patients: birth-year codes -1, 0, 1, 1600 refused",
    ),
    Rule(
        id="person-real-identifier",
        of=PERSONS,
        table=PERSONS,
        keep=Column(of=PERSONS, name="real_identifier"),
        en="at least one identifier is not fictitious (BEN_CDI_NIR 00, 03, 04)",
        fr="au moins un identifiant non fictif (BEN_CDI_NIR 00, 03, 04)",
        source="Nomenclature IR_NIR_V; Santé publique France, SNDS (2020)",
    ),
    Rule(
        id="person-plausible-death",
        of=PERSONS,
        table=PERSONS,
        keep=IfUnknown(
            value=Compare(op=">=", left=YearOf(value=_DEATH), right=_BIRTH),
            otherwise=Literal(of=Kind.BOOL, value=True),
        ),
        en="no death before the year of birth",
        fr="pas de décès antérieur à l'année de naissance",
        source="SCALPEL3 patients: death not before birth",
    ),
)

RULES: Mapping[str, Rule] = MappingProxyType({rule.id: rule for rule in _RULES})


def find_rules(view: str, ids: tuple[str, ...]) -> tuple[Rule, ...]:
    """The rules named `ids`, all of them rules of `view`.

    Raises:
        Invalid: an id is unknown, or belongs to another view.
    """
    for rule_id in ids:
        if rule_id not in RULES or RULES[rule_id].of != view:
            known = ", ".join(rule.id for rule in _RULES if rule.of == view)
            raise Invalid(
                f"There is no cleaning rule `{rule_id}` for {view}.", remedy=f"Known: {known}."
            )
    return tuple(RULES[rule_id] for rule_id in ids)
