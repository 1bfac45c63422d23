"""The labels of the airlock's tables on a terminal in both languages; `--json` keeps its keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bercail.cli.door import emit

LABELS_FR: Mapping[str, str] = {
    "alerts": "alertes",
    "anonymity": "anonymat",
    "approved_by": "approuvé par",
    "attacker": "attaquant",
    "author": "auteur",
    "bringing": "entrée",
    "causes": "causes",
    "cell": "case",
    "cell_count": "cases",
    "cells": "cases",
    "checker": "vérificateur",
    "checkers": "vérificateurs",
    "context": "contexte",
    "correlation": "corrélation",
    "days": "jours",
    "decision": "décision",
    "decisions": "décisions",
    "digest": "empreinte",
    "envelope": "enveloppe",
    "files": "fichiers",
    "folder": "dossier",
    "hidden_cells": "cases masquées",
    "inference": "inférence",
    "informed_attacker": "attaquant averti",
    "insider": "initié",
    "insisted": "insistance",
    "kind": "nature",
    "judged_by_people": "jugés par des personnes",
    "marked": "marqué",
    "name": "nom",
    "origin": "origine",
    "package": "paquet",
    "package_digest": "empreinte du paquet",
    "permit": "permis",
    "persons": "personnes",
    "policy": "politique",
    "policy_digest": "empreinte de la politique",
    "project": "projet",
    "purpose": "but",
    "reason": "motif",
    "request": "demande",
    "revoked_at": "révoquée le",
    "role": "rôle",
    "rules": "règles",
    "set_digest": "empreinte de l'ensemble",
    "signed": "signée",
    "singling_out": "individualisation",
    "state": "état",
    "status": "état",
    "submissions": "dépôts",
    "terms": "conditions",
    "turn": "à qui d'agir",
    "value": "valeur",
    "verdict": "verdict",
    "verified": "vérifié",
    "version": "version",
    "votes": "votes",
    "votes_cast": "votes exprimés",
    "waiting": "en attente",
    "weaker_than_snds": "moins strict que le SNDS",
}

ROLES_FR: Mapping[str, str] = {"leaves": "sort", "supports": "appuie", "declares": "déclare"}
_STATUS_FR: Mapping[str, str] = {
    "shown": "montrée",
    "small": "petite",
    "primary": "primaire",
    "protecting": "protège",
    "withheld": "masquée par l'auteur",
    "rounded": "arrondie",
    "noised": "bruitée",
}


NEXT: Mapping[str, str] = {
    "checked": "next: checkers outside the project vote with `bercail airlock review` / "
    "suite : des vérificateurs extérieurs au projet votent avec `bercail airlock review`",
    "quarantined": "next: a checker gives it back with `bercail airlock return` / "
    "suite : un vérificateur la renvoie avec `bercail airlock return`",
    "consolidating": "next: the checkers disagree; read the votes, and vote again or return it / "
    "suite : les vérificateurs ne s'accordent pas ; lisez les votes, revotez ou renvoyez",
    "approved": "next: a checker writes the package with `bercail airlock release` / "
    "suite : un vérificateur écrit le paquet avec `bercail airlock release`",
    "returned": "next: its author mends and hands in again with `--replaces {0}` / "
    "suite : l'auteur corrige et redépose avec `--replaces {0}`",
}
"""What follows a state of a request, for whose turn it is; `{0}` is the request."""


def label(key: str, between: str = " / ") -> str:
    """The label of a JSON key: the key, then its French where that differs."""
    french = LABELS_FR.get(key, key)
    return key if french == key else f"{key}{between}{french}"


def tell(value: Mapping[str, Any], as_json: bool, title: str) -> None:
    """`emit` a mapping, its labels and states in both languages unless it is JSON."""
    emit(value if as_json else in_both(value), as_json, title=title)


def tell_rows(
    rows: Iterable[Mapping[str, Any]], as_json: bool, title: str, columns: Sequence[str]
) -> None:
    """`emit` a table of many, in the same way."""
    known = list(rows)
    if as_json:
        emit(known, True)
        return
    # French below English: a column stays as narrow as its words, and an id on one line.
    shown = [in_both(row, "\n") for row in known]
    emit(shown, False, title=title, columns=[label(column, "\n") for column in columns])


def in_both(value: Mapping[str, Any], between: str = " / ") -> dict[str, Any]:
    """`value` with labels in both languages, and French beside what is a word of ours."""
    return {label(key, between): _worded(key, part, between) for key, part in value.items()}


def _worded(key: str, part: Any, between: str) -> Any:
    if isinstance(part, Mapping):
        return in_both(part, between)
    if isinstance(part, list | tuple):
        return [_worded(key, one, between) for one in part]
    if isinstance(part, str):
        french = _words(key).get(part)
        return f"{part}{between}{french}" if french and french != part else part
    return part


def _words(key: str) -> Mapping[str, str]:
    """The French of the values that stand under `key`."""
    # The rooms bring heavy libraries; `bercail --help` must not wait for them.
    from bercail.airlock.denials import BRINGING_FR, STATES_FR, TURNS_FR
    from bercail.airlock.disclosure.findings import VERDICTS_FR
    from bercail.airlock.inspection.kinds import KINDS_FR

    return {
        "state": {**BRINGING_FR, **STATES_FR},
        "turn": TURNS_FR,
        "verdict": VERDICTS_FR,
        "status": _STATUS_FR,
        "kind": {kind.value: french for kind, french in KINDS_FR.items()},
        "role": ROLES_FR,
        "decision": {"approve": "approuver", "reject": "rejeter"},
    }.get(key, {})
