"""The words of a release's metadata, in English and French; in English alone as they once were."""

from __future__ import annotations

from attrs import asdict, frozen


@frozen(kw_only=True)
class CrateWords:
    """Each sentence of the metadata; `{0}` stands for the request or the permit."""

    results: str
    lone_table: str
    several: str
    profile: str
    model: str
    permit: str
    airlock: str
    hash_name: str
    study: str
    audit: str
    sign_off: str
    review: str
    bagging: str


ENGLISH = CrateWords(
    results="Results of the request {0}",
    lone_table="Protected table released under the permit {0}.",
    several="Checked results released under the permit {0}.",
    profile="Five Safes RO-Crate profile",
    model="Cohort model of the study",
    permit="data permit",
    airlock="Bercail airlock",
    hash_name="sha-512 algorithm",
    study="The study counted persons",
    audit="Automatic protection and audit",
    sign_off="Permit found live at release",
    review="Output checker's review: approved",
    bagging="BagIt manifests of the crate written",
)
"""Releases made before the French half keep these: their digests were recorded."""

FRENCH = CrateWords(
    results="Résultats de la demande {0}",
    lone_table="Tableau protégé sorti sous le permis {0}.",
    several="Résultats contrôlés sortis sous le permis {0}.",
    profile="Profil de paquet Five Safes RO-Crate",
    model="Modèle de cohorte de l'étude",
    permit="permis de données",
    airlock="Sas de Bercail",
    hash_name="algorithme de hachage sha-512",
    study="L'étude a compté des personnes",
    audit="Protection et audit automatiques",
    sign_off="Permis trouvé en vigueur à la sortie",
    review="Examen d'un vérificateur des sorties : approuvé",
    bagging="Manifestes BagIt du paquet écrits",
)

BOTH = CrateWords(
    **{name: f"{text} / {asdict(FRENCH)[name]}" for name, text in asdict(ENGLISH).items()}
)
"""English before French, as every text of the airlock."""
