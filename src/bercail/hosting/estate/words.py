"""The words of an assessment, in English and in French."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum


class Language(StrEnum):
    """The languages in which an assessment is written."""

    EN = "en"
    FR = "fr"


# English, French.
_WORDS: dict[str, tuple[str, str]] = {
    "vm": ("virtual machine", "machine virtuelle"),
    "s3": ("S3 objects", "objets S3"),
    "postgresql": ("PostgreSQL", "PostgreSQL"),
    "oidc": ("OIDC", "OIDC"),
    "oci": ("OCI image", "image OCI"),
    "git": ("Git", "Git"),
    "network": ("network", "réseau"),
    "firewall": ("firewall", "pare-feu"),
    "none": ("none", "aucun"),
    "unknown": ("unknown", "inconnu"),
    "move": ("move", "déplacer"),
    "rebuild": ("rebuild", "reconstruire"),
    "replace": ("replace", "remplacer"),
    "drop": ("drop", "abandonner"),
    "durable": ("durable data", "données durables"),
    "state": ("settings", "réglages"),
    "secret": ("secrets", "secrets"),
    "log": ("logs", "journaux"),
    "transit": ("messages in transit", "messages en transit"),
    "copy": ("copies", "copies"),
    "used": ("used", "utilisés"),
    "capacity": ("capacity", "capacité"),
    "no-equivalent": ("no equivalent", "pas d'équivalent"),
    "proprietary-api": ("proprietary interface", "interface propriétaire"),
    "cannot-leave": ("cannot be taken out", "ne peut sortir"),
    "exists": ("exists", "existe"),
    "planned": ("planned", "prévu"),
    "leaving": ("planned to go", "suppression prévue"),
    "declared": ("declared", "déclaré"),
    "tenant": ("tenant", "annuaire"),
    "subscription": ("subscription", "abonnement"),
    "group": ("resource group", "groupe de ressources"),
    "resource": ("resource", "ressource"),
    "owner-of-subscription": ("full power over a subscription", "plein pouvoir sur un abonnement"),
    "guest-with-role": ("guest from another directory", "invité d'un autre annuaire"),
    "title": ("The estate, and what becomes of it", "Le parc, et ce qu'il devient"),
    "resources": ("Resources", "Ressources"),
    "blockers": ("Blockers", "Points bloquants"),
    "cautions": ("To be checked", "À vérifier"),
    "unknowns": ("Unknown types", "Types inconnus"),
    "sorts": ("What becomes of each sort", "Ce que devient chaque sorte"),
    "order": ("Order of the migration", "Ordre de la migration"),
    "gravity": ("Where the data weighs", "Où pèsent les données"),
    "access": ("Who has access today", "Qui a accès aujourd'hui"),
    "flags": ("Accounts to look at", "Comptes à examiner"),
    "notices": ("What the exports do not settle", "Ce que les exports ne tranchent pas"),
    "graph": ("Dependencies", "Dépendances"),
    "exports": ("Exports read", "Exports lus"),
    "name": ("name", "nom"),
    "type": ("type", "type"),
    "sort": ("sort", "sorte"),
    "count": ("count", "nombre"),
    "target": ("target", "cible"),
    "work": ("work", "travail"),
    "holds": ("holds", "contient"),
    "bytes": ("size", "volume"),
    "why": ("why", "raison"),
    "needed by": ("needed by", "requis par"),
    "evidence": ("evidence", "appui"),
    "alternatives": ("alternatives", "autres voies"),
    "stage": ("stage", "étape"),
    "together": ("together", "ensemble"),
    "role": ("role", "rôle"),
    "level": ("level", "niveau"),
    "principals": ("accounts", "comptes"),
    "users": ("persons", "personnes"),
    "groups": ("groups", "groupes"),
    "programs": ("programs", "programmes"),
    "guests": ("guests", "invités"),
    "account": ("account", "compte"),
    "domain": ("domain", "domaine"),
    "scope": ("scope", "portée"),
    "place": ("place", "lieu"),
    "file": ("file", "fichier"),
    "kind": ("kind", "genre"),
    "nothing": ("None.", "Aucun."),
    "nobody": (
        "nothing in the exports shows who calls it",
        "rien dans les exports ne montre qui l'appelle",
    ),
    "legend": (
        "A dot is a sort of resource; what stands further left is needed first. Red: a blocker.",
        "Un point est une sorte ; ce qui est plus à gauche est requis d'abord. Rouge : bloquant.",
    ),
}

_CAUSES: dict[str, tuple[str, str]] = {
    "circle": ("its expressions need each other", "ses expressions se réclament l'une l'autre"),
    "malformed": ("its expression is not well formed", "son expression est mal formée"),
    "member": ("a member is not in the template", "un membre n'est pas dans le modèle"),
    "function": ("`{}` needs the running service", "`{}` demande le service en marche"),
    "arguments": ("the arguments of `{}` are not known", "les arguments de `{}` sont inconnus"),
    "parameter": ("the parameter `{}` has no value here", "le paramètre `{}` est sans valeur ici"),
    "variable": ("the variable `{}` has no value here", "la variable `{}` est sans valeur ici"),
}

_NOTICES: dict[str, tuple[str, str]] = {
    "rows-not-read": (
        "{} rows are of no known shape (positions {})",
        "{} lignes n'ont pas une forme connue (positions {})",
    ),
    "empty": ("the list holds no row", "la liste est vide"),
    "other-providers": (
        "resources of other providers are not judged: {}",
        "les ressources d'autres fournisseurs ne sont pas jugées : {}",
    ),
    "reference-outside": (
        "{} references lead to resources that no export shows",
        "{} références mènent à des ressources qu'aucun export ne montre",
    ),
    "conflict": ("exports do not agree on {}: {}", "les exports ne s'accordent pas sur {} : {}"),
    "page-missing": (
        "{} rows are here; the whole answer has at least {}",
        "{} lignes sont là ; la réponse entière en a au moins {}",
    ),
    "copies-unknown": (
        "copied an unknown number of times: {}",
        "copié un nombre inconnu de fois : {}",
    ),
    "condition-unknown": ("may or may not exist: {}", "existe peut-être : {}"),
    "name-unknown": ("the name is not known: {}", "le nom n'est pas connu : {}"),
    "dependency-unknown": ("a dependency is not known: {}", "une dépendance n'est pas connue : {}"),
    "template-elsewhere": (
        "a linked template is not in this file",
        "un modèle lié n'est pas dans ce fichier",
    ),
}


def word(key: str, language: Language) -> str:
    """The wording of `key`; a key without wording is shown as it is."""
    return _pick(_WORDS[key], language) if key in _WORDS else key


def notice(rule: str, values: Sequence[str], language: Language) -> str:
    """The wording of a notice with its values filled in."""
    if values and values[0] in _CAUSES and rule.endswith("-unknown"):
        values = [_pick(_CAUSES[values[0]], language).format(*values[1:])]
    return _pick(_NOTICES[rule], language).format(*values)


def _pick(both: tuple[str, str], language: Language) -> str:
    return both[language is Language.FR]


def size(number: int | None, language: Language) -> str:
    """Bytes for a person: `1.5 TB`, in powers of ten; empty when nothing is told."""
    if number is None:
        return ""
    amount, units = float(number), ["B", "kB", "MB", "GB", "TB", "PB"]
    while amount >= 1000 and len(units) > 1:
        amount, units = amount / 1000, units[1:]
    unit = units[0].replace("B", "o") if language is Language.FR else units[0]
    text = f"{amount:.0f}" if amount >= 100 or units[0] == "B" else f"{amount:.1f}"
    return f"{text.replace('.', ',') if language is Language.FR else text} {unit}"
