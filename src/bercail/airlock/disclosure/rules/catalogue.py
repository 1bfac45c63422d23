"""Every primary rule: its id, where it comes from, and what it says in English and French."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class Rule:
    """One rule. `source` names the published text or the decision behind the number."""

    id: str
    source: str
    en: str
    fr: str

    def as_dict(self) -> dict[str, str]:
        """The rule as a report writes it."""
        return {"id": self.id, "source": self.source, "en": self.en, "fr": self.fr}


_CASD = "CASD, guide of output rules, 06/2022"
_HUNDEPOOL = "Hundepool et al., Statistical Disclosure Control, 2012"
_HANDBOOK = "Griffiths et al., Handbook on SDC for Outputs, 2019"

RULES: dict[str, Rule] = {
    rule.id: rule
    for rule in (
        Rule(
            id="persons-threshold",
            source=f"{_CASD}, 5.23; ATIH ScanSanté",
            en="Fewer distinct persons than the threshold stand behind the number.",
            fr="Moins de personnes distinctes que le seuil se trouvent derrière le nombre.",
        ),
        Rule(
            id="persons-unknown",
            source="house rule: a count of records is no count of persons",
            en="Nobody said how many distinct persons stand behind the number.",
            fr="Le nombre de personnes distinctes derrière la valeur n'est pas donné.",
        ),
        Rule(
            id="establishments-threshold",
            source=f"{_CASD}, business rule of 3 units",
            en="Fewer establishments than the threshold stand behind the number.",
            fr="Moins d'établissements que le seuil se trouvent derrière le nombre.",
        ),
        Rule(
            id="prescribers-threshold",
            source=f"{_CASD}, business rule of 3 units",
            en="Fewer prescribers than the threshold stand behind the number.",
            fr="Moins de prescripteurs que le seuil se trouvent derrière le nombre.",
        ),
        Rule(
            id="dominance",
            source="Insee, statistical secrecy of enterprises: NK(1,85)",
            en="The greatest contributors make up more than the allowed share of the amount.",
            fr="Les plus gros contributeurs font plus que la part permise du montant.",
        ),
        Rule(
            id="p-percent",
            source=f"{_HUNDEPOOL}, 4.2.2",
            en="The second contributor could estimate the first one too closely.",
            fr="Le deuxième contributeur pourrait estimer le premier de trop près.",
        ),
        Rule(
            id="contributors-unknown",
            source=f"{_HUNDEPOOL}, 4.2.2",
            en="The greatest contributions to an amount are not given, so dominance is unknown.",
            fr="Les plus grandes contributions ne sont pas données : la dominance est inconnue.",
        ),
        Rule(
            id="zero-cell",
            source=f"{_HANDBOOK}, class disclosure",
            en="Nobody of a group stands in this category: that is known of each of its members.",
            fr="Personne d'un groupe n'est dans cette catégorie : on le sait de chacun.",
        ),
        Rule(
            id="full-cell",
            source=f"{_CASD}, 2.3.1.2, class disclosure",
            en="Everyone of a group stands in this category: that is known of each of its members.",
            fr="Tout un groupe est dans cette catégorie : on le sait de chacun de ses membres.",
        ),
        Rule(
            id="extreme",
            source=f"{_HANDBOOK}, minima and maxima",
            en="A minimum or maximum is the value of one person.",
            fr="Un minimum ou un maximum est la valeur d'une seule personne.",
        ),
        Rule(
            id="percentile-sides",
            source=f"{_HANDBOOK}, percentiles; threshold of the source",
            en="Too few persons stand on one side of the percentile.",
            fr="Trop peu de personnes se trouvent d'un côté du centile.",
        ),
        Rule(
            id="ratio-counts",
            source=f"{_HANDBOOK}, ratios and proportions",
            en="The numerator, the denominator or their difference is under the threshold.",
            fr="Le numérateur, le dénominateur ou leur différence est sous le seuil.",
        ),
        Rule(
            id="degrees-of-freedom",
            source=f"{_HANDBOOK}, regressions: ten residual degrees of freedom",
            en="The model leaves too few residual degrees of freedom.",
            fr="Le modèle laisse trop peu de degrés de liberté résiduels.",
        ),
        Rule(
            id="survival-step",
            source=f"{_HANDBOOK}, survival curves",
            en="A step of the survival curve rests on too few events or persons at risk.",
            fr="Une marche de la courbe de survie repose sur trop peu d'événements ou d'exposés.",
        ),
        Rule(
            id="map-zone",
            source=f"{_HANDBOOK}, maps; threshold of the source",
            en="A zone of the map holds too few persons.",
            fr="Une zone de la carte contient trop peu de personnes.",
        ),
        Rule(
            id="map-bounds",
            source=f"{_HANDBOOK}, maps and extremes",
            en="A class of the map holds so few zones that its bounds give a zone's value away.",
            fr="Une classe de la carte a si peu de zones que ses bornes en livrent une valeur.",
        ),
    )
}
