"""What the report shows of the airlock: the protected table and what an attacker is left with."""

from __future__ import annotations

from html import escape
from typing import Any

from bercail.demo.page import Markup, both, code, pairs, paragraph

MARKS = {"small": "hidden", "protecting": "hidden second"}


def release(facts: dict[str, Any]) -> str:
    """The table as it left, with the reason of each hidden cell (for this demonstration only)."""
    report = facts["report"]
    small = sum(cell["status"] == "small" for cell in report["cells"])
    chosen = "optimum" if report["optimal"] else "heuristic"
    text = paragraph(
        f"{small} cells count fewer than {report['policy']['threshold']} persons; "
        f"{facts['hidden'] - small} more are hidden to protect them, the fewest that do "
        f"({chosen}, by integer programming). A separate attacker program then computed what can "
        "still be found out. The author could not approve; two checkers outside the project did.",
        f"{small} cases comptent moins de {report['policy']['threshold']} personnes ; "
        f"{facts['hidden'] - small} autres sont masquées pour les protéger, le moins possible "
        "(optimum, par programmation en nombres entiers). Un programme attaquant distinct a "
        "calculé ce qui reste à découvrir. L'auteur n'a pas pu approuver ; deux vérificateurs "
        "extérieurs au projet l'ont fait.",
    )
    note = paragraph(
        "Hatched amber: small cells. Hatched blue: cells that protect them. In a hidden square "
        "stands the interval an attacker is left with. What leaves does not tell the two apart; "
        "this page does, because everybody here is invented.",
        "Ambre : petites cases. Bleu : cases protectrices. Dans une case masquée figure "
        "l'intervalle qui reste à un attaquant. Ce qui sort ne les distingue pas ; cette page le "
        "fait, car tout le monde y est inventé.",
    )
    verified = facts["verified"]
    return (
        text
        + _table(report)
        + note
        + pairs(
            {
                ("author's own approval", "approbation par l'auteur"): facts["own_approval"],
                ("checkers", "vérificateurs"): ", ".join(facts["checkers"]),
                ("package", "colis"): code(facts["package"]["package_digest"]),
                ("verified", "vérifié"): ", ".join(f"{k}: {v}" for k, v in _few(verified).items()),
            }
        )
    )


def _few(verified: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in verified.items() if isinstance(v, int | str) and len(str(v)) < 30}


def _table(report: dict[str, Any]) -> Markup:
    first, second = report["dimensions"][:2]
    cells = {tuple(cell["cell"]): cell for cell in report["cells"]}
    across = [*second["categories"], "(all)"]
    head = "".join(f'<th class="n" scope="col">{_label(name)}</th>' for name in across)
    lines = "".join(
        f'<tr><th scope="row">{_label(row)}</th>'
        + "".join(_square(cells[row, column]) for column in across)
        + "</tr>"
        for row in [*first["categories"], "(all)"]
    )
    corner = f'<th scope="col">{escape(first["name"])}</th>'
    return Markup(f"<table><thead><tr>{corner}{head}</tr></thead><tbody>{lines}</tbody></table>")


def _square(cell: dict[str, Any]) -> str:
    if cell["status"] == "shown":
        return f'<td class="n">{cell["persons"]:,}</td>'.replace(",", " ")
    return f'<td class="n {MARKS[cell["status"]]}">{escape(str(cell["attacker"]))}</td>'


def _label(name: str) -> str:
    return both("all", "ensemble") if name == "(all)" else escape(name)
