"""The error of a solver that fails: nothing of the table may be used then."""

from __future__ import annotations

from bercail.foundation import Unproven


def unsolved(why: str, why_fr: str) -> Unproven:
    """The error for a table that no solver could protect or judge; each text is a sentence."""
    return Unproven(
        f"{why} / {why_fr}",
        remedy="Nothing of the output is used. Use fewer or wider categories, or tell the "
        "operator. / Rien de la sortie n'est utilisé. Employez moins de catégories, plus larges, "
        "ou prévenez l'opérateur.",
        rule="attacker-audit",
    )
