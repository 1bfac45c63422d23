"""What a checker must know about a table beyond its small cells; what stops it outright."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from attrs import field, frozen

from bercail.airlock.disclosure.counts import ALL_LABEL, Counts, Key
from bercail.airlock.disclosure.lattice import Lattice
from bercail.airlock.disclosure.policy import DisclosurePolicy

Severity = Literal["note", "blocking"]

SEVERITIES_FR: Mapping[str, str] = {"note": "note", "fix": "à corriger", "blocking": "bloquant"}
"""How grave a finding is, in French."""

VERDICTS_FR: Mapping[str, str] = {
    "clear": "libre",
    "protected": "protégé",
    "people": "à examiner",
    "blocked": "bloqué",
}
"""What a check says, in French."""

FOR_PEOPLE = "for people / à examiner: {0}"
"""A line with a reason why people must look; the reason is in both languages."""


def severity_label(severity: str) -> str:
    """How grave something is, in both languages; once where they have the same word."""
    french = SEVERITIES_FR[severity]
    return severity if french == severity else f"{severity} / {french}"


IDENTIFYING_NAMES = frozenset(
    {
        "ass_nir_ano", "ben_idt_ano", "ben_nir_ano", "ben_nir_psa", "ben_nir_psb", "eta_num",
        "etb_pre_fin", "finess", "id_patient", "ipp", "nir", "nir_ano_17", "nir_ano_17_1",
        "num_enq", "num_seq", "patient_id", "person_id", "pfs_exe_num", "pfs_exe_num_bdd",
        "pfs_pre_num", "rpps", "rsa_num", "subject_id",
    }
)  # fmt: skip
"""Names of columns that identify a beneficiary, a stay, or a professional, even encrypted."""

_IDENTIFIERS = (
    (
        "a national identity number",
        "un numéro de sécurité sociale",
        re.compile(r"[12]\d\d[0-9]{2}[0-9AB]{2}\d{6}(\d\d)?"),
    ),
    ("a pseudonym", "un pseudonyme", re.compile(r"(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9]{17,20}")),
    ("a professional's number", "un numéro de professionnel", re.compile(r"\d{11}")),
    ("an establishment's number", "un numéro d'établissement", re.compile(r"\d[0-9AB]\d{7}")),
    ("a digest", "une empreinte", re.compile(r"[0-9a-fA-F]{32,128}")),
    (
        "a random id",
        "un identifiant aléatoire",
        re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
    ),
)
_EXACT_DAY = re.compile(r"\d{4}-\d\d-\d\d|\d\d/\d\d/\d{4}")
_FORMULA = ("=", "+", "-", "@")


@frozen(kw_only=True)
class Finding:
    """One thing found: the rule, how grave, where, what to do. Never a label or a count.

    `where` names dimensions and places; `cells` (for the checkers' eyes only) the cells.
    """

    rule: str
    severity: Severity
    message: str
    remedy: str = ""
    cells: tuple[Key, ...] = field(default=(), repr=False)

    def line(self) -> str:
        """The finding for a person at a terminal, without its cells."""
        return f"{severity_label(self.severity)}: {self.message} {self.remedy}".rstrip()

    def as_dict(self) -> dict[str, Any]:
        """The finding with its cells, as checkers read it."""
        return {
            "rule": self.rule,
            "severity": self.severity,
            "message": self.message,
            "remedy": self.remedy,
            "cells": [" / ".join(ALL_LABEL if x is None else x for x in k) for k in self.cells],
        }


def findings_of(table: Counts, lattice: Lattice, policy: DisclosurePolicy) -> tuple[Finding, ...]:
    """Every finding on `table`, the blocking ones first."""
    found = [*wording_findings(table), *_classes(lattice, policy)]
    if lattice.values[-1] == 0:
        found.append(
            Finding(
                rule="empty-table",
                severity="note",
                message="The table counts no person at all. / La table ne compte personne.",
                remedy="Check the study: an empty answer is rarely what was meant. / "
                "Vérifiez l'étude : une réponse vide est rarement voulue.",
            )
        )
    return tuple(sorted(found, key=lambda finding: finding.severity))


def wording_findings(table: Counts) -> list[Finding]:
    """What the names and labels of `table` give away, whatever its counts."""
    return [*_identifying(table), *_wording(table)]


def _identifying(table: Counts) -> list[Finding]:
    """EXP-07: no identifier of a person or a professional, even encrypted."""
    found = []
    for place, axis in enumerate(table.axes, start=1):
        if axis.name.strip().lower() in IDENTIFYING_NAMES:
            found.append(
                Finding(
                    rule="identifier",
                    severity="blocking",
                    message=f"Dimension {place} has the name of a column that identifies. / "
                    f"La dimension {place} a le nom d'une colonne identifiante.",
                    remedy="Group the persons by something else. / "
                    "Regroupez les personnes par autre chose.",
                )
            )
        for what, what_fr, pattern in _IDENTIFIERS:
            many = sum(1 for category in axis.categories if pattern.fullmatch(category.strip()))
            if many:
                found.append(
                    Finding(
                        rule="identifier",
                        severity="blocking",
                        message=f"{many} categories of dimension {place} look like {what}. / "
                        f"{many} catégories de la dimension {place} ressemblent à {what_fr}.",
                        remedy="Take identifiers out of the table, encrypted ones too. / "
                        "Retirez les identifiants de la table, même chiffrés.",
                    )
                )
    return found


def _wording(table: Counts) -> list[Finding]:
    """Labels that a spreadsheet would run, and days so exact that they point at a person."""
    found = []
    labels = [table.title, *(axis.name for axis in table.axes)]
    labels += [category for axis in table.axes for category in axis.categories]
    formulas = sum(1 for label in labels if label.lstrip().startswith(_FORMULA))
    if formulas:
        found.append(
            Finding(
                rule="formula",
                severity="blocking",
                message=f"{formulas} labels begin like a spreadsheet formula. / "
                f"{formulas} libellés commencent comme une formule de tableur.",
                remedy="Begin labels with a letter or a digit, not with `=`, `+`, `-` or `@`. / "
                "Commencez les libellés par une lettre ou un chiffre, pas par l'un de ces signes.",
            )
        )
    for place, axis in enumerate(table.axes, start=1):
        if any(_EXACT_DAY.fullmatch(category.strip()) for category in axis.categories):
            found.append(
                Finding(
                    rule="exact-day",
                    severity="note",
                    message=f"Dimension {place} has exact days as categories. / "
                    f"La dimension {place} a des jours exacts pour catégories.",
                    remedy="Prefer months or quarters. / Préférez des mois ou des trimestres.",
                )
            )
    return found


def _classes(lattice: Lattice, policy: DisclosurePolicy) -> list[Finding]:
    """Class disclosure: everyone of a shown group stands in the same category (CASD 2.3.1.2)."""
    cells: dict[int, list[Key]] = {}
    for equation in lattice.equations:
        total = lattice.values[equation.total]
        if len(equation.parts) < 2 or total < policy.threshold:
            continue
        full = [part for part in equation.parts if lattice.values[part] == total]
        if full:
            margin = lattice.keys[equation.total]
            line = next(n for n, x in enumerate(margin) if lattice.keys[full[0]][n] != x)
            cells.setdefault(line, []).append(lattice.keys[full[0]])
    return [
        Finding(
            rule="class-disclosure",
            severity="note",
            message=f"In {len(keys)} groups everyone stands in one category of dimension "
            f"{line + 1}: who knows that a person is in the group knows the category. / "
            f"Dans {len(keys)} groupes tous sont dans une même catégorie de la dimension "
            f"{line + 1} : qui sait qu'une personne est du groupe sait sa catégorie.",
            remedy="If this dimension is sensitive, return the request: widen its categories. / "
            "Si cette dimension est sensible, renvoyez la demande : élargissez ses catégories.",
            cells=tuple(keys),
        )
        for line, keys in sorted(cells.items())
    ]
