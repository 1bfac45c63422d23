"""What each chapter shows in the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from bercail.demo import plots
from bercail.demo.page import code, figure, number, pairs, paragraph, rows, tile
from bercail.demo.release_section import release


def opening(told: dict[str, Any], said: Sequence[str]) -> str:
    """The title, the four numbers, and what stood in for a missing server."""
    cloud, scan = told["foreign_cloud"], told["scan"]
    seconds = sum(f["seconds"] for f in told.values() if isinstance(f, dict) and "seconds" in f)
    tiles = (
        tile(number(cloud["persons"]), "invented persons", "personnes inventées")
        + tile(number(cloud["rows"]), "lines delivered", "lignes livrées")
        + tile(f"{cloud['bytes'] / 1e6:.0f} MB", "brought home, sealed", "rapatriés, scellés")
        + tile(str(scan["hits"]), "readable traces on the host", "traces lisibles chez l'hébergeur")
        + tile(f"{seconds:.0f} s", "from end to end", "de bout en bout")
        + tile(
            f"{told['peak_bytes'] / 1e9:.1f} GB",
            "memory, servers included",
            "mémoire, tout compris",
        )
    )
    notes = "".join(f"<p class='lead'>{escape(line)}</p>" for line in said)
    lead = paragraph(
        "A nation's health data leave a foreign cloud, come home to a host that cannot read them, "
        "and one study goes out, anonymous. Every person here is invented; every service is real.",
        "Les données de santé d'un pays quittent un nuage étranger, rentrent chez un hébergeur qui "
        "ne peut pas les lire, et une étude sort, anonyme. Toutes les personnes sont inventées ; "
        "tous les services sont réels.",
        "lead",
    )
    return f"<h1>Bercail</h1>{lead}<div class='tiles'>{tiles}</div>{notes}"


def foreign_cloud(facts: dict[str, Any]) -> str:
    """What was filled."""
    return paragraph(
        f"A data holder pseudonymised {facts['deliveries']} deliveries with its own secret (level "
        "one) and sent them. Beside them stand a notebook, a PDF, an empty file and a large "
        "binary, under names with spaces and accents.",
        f"Un détenteur a pseudonymisé {facts['deliveries']} livraisons avec son propre secret "
        "(niveau un) et les a envoyées. À côté : un carnet, un PDF, un fichier vide et un gros "
        "binaire, sous des noms avec espaces et accents.",
    ) + pairs(
        {
            ("objects", "objets"): facts["objects"],
            ("bytes", "octets"): facts["bytes"],
            ("lines in tables", "lignes de tables"): facts["rows"],
        }
    )


def gate(facts: dict[str, Any]) -> str:
    """The two verdicts, side by side."""
    cards = "".join(_verdict(facts[side]) for side in ("refused", "accepted"))
    return (
        paragraph(
            "Judged as if the data were real, on the day of this run. The qualification belongs to "
            "a service, not to a brand; sealing never makes an unqualified host acceptable.",
            "Jugés comme si les données étaient réelles, au jour de cette exécution. La "
            "qualification porte sur un service, pas sur une marque ; le scellement ne rend jamais "
            "acceptable un hébergeur non qualifié.",
        )
        + f"<div class='verdicts'>{cards}</div>"
    )


def _verdict(verdict: dict[str, Any]) -> str:
    mark = "yes" if verdict["verdict"] == "accepted" else "no"
    failed = [a["reason"] for a in verdict["answers"] if not a["holds"]]
    shown = failed or [a["reason"] for a in verdict["answers"]]
    reasons = "".join(f"<p>{escape(reason)}</p>" for reason in shown)
    cautions = "".join(f"<p><em>{escape(c['text'])}</em></p>" for c in verdict["cautions"])
    rules = ", ".join(verdict["rules"])
    return (
        f"<div><strong class='{mark}'>{escape(verdict['verdict'])}</strong> {escape(rules)}"
        f"<p><strong>{escape(verdict['title'])}</strong></p>{reasons}{cautions}</div>"
    )


def homecoming(facts: dict[str, Any]) -> str:
    """The journey: how the bytes arrived, and the proof."""
    killed = ("The copying process was killed once (kill -9) and resumed without repeating a "
              "finished object. ") if facts["killed"] else ""  # fmt: skip
    tue = ("Le processus de copie a été tué une fois (kill -9) et a repris sans refaire un objet "
           "fini. ") if facts["killed"] else ""  # fmt: skip
    text = paragraph(
        f"{killed}Then every object was read again on both sides and compared; the manifest's root "
        "was signed for both. One event in the journal made the new host canonical.",
        f"{tue}Puis chaque objet a été relu des deux côtés et comparé ; la racine du manifeste a "
        "été signée pour les deux. Un événement du journal a fait du nouvel hôte la référence.",
    )
    drawn = ""
    if facts["arrivals"] and "plan" in facts:
        drawn = figure(
            plots.arrivals(facts["arrivals"], facts["plan"]["bytes"]),
            "Bytes carried over time, with the kill",
            "Octets transportés dans le temps, avec l'interruption",
        )
    proof = facts.get("proof", {})
    plan = facts["plan"]
    proven = {
        ("planned: objects to copy", "planifié : objets à copier"): plan["to_copy"],
        ("planned: bytes to copy", "planifié : octets à copier"): plan["to_copy_bytes"],
        ("cannot be carried", "non transportables"): sum(plan["cannot_be_carried"].values()),
        ("objects proven", "objets prouvés"): proof.get("carried", 0),
        ("bytes proven", "octets prouvés"): proof.get("bytes", 0),
        ("Merkle root", "racine de Merkle"): code(str(proof.get("root", ""))),
        ("canonical side", "côté de référence"): code(facts["status"]["canonical"]),
    }
    return text + drawn + pairs(proven)


def warehouse(facts: dict[str, Any]) -> str:
    """The tables, and how late the lines came."""
    negative = sum(row["negative"] for row in facts["delays"])
    late = max((row["delay"] for row in facts["delays"]), default=0)
    text = paragraph(
        f"Each delivery was checked whole, pseudonymised again with the platform's secret (level "
        f"two) and committed as a signed snapshot. {number(negative)} negative lines correct "
        f"earlier ones; the latest line came {late} months after its care.",
        f"Chaque livraison a été contrôlée en entier, pseudonymisée à nouveau avec le secret de la "
        f"plateforme (niveau deux) et validée en instantané signé. {number(negative)} lignes "
        f"négatives corrigent les précédentes ; la plus tardive est arrivée {late} mois après.",
    )
    drawn = figure(
        plots.delays(facts["delays"]),
        "ER_PRS_F: months between care and flux",
        "ER_PRS_F : mois entre le soin et le flux",
    )
    head = (("table", "table"), ("rows", "lignes"), ("snapshot statement", "instantané signé"))
    table = rows(
        head,
        [
            (name, snapshot["rows"], code(snapshot["statement_digest"][:16] + "…"))
            for name, snapshot in facts["tables"].items()
        ],
    )
    return text + drawn + table


def permission(facts: dict[str, Any]) -> str:
    """The permit, the extract, the refused stranger."""
    head = (("table", "table"), ("rows handed over", "lignes remises"))
    return (
        paragraph(
            "One person objected before. The application lacked items, was completed, got an "
            "opinion and an authorisation; the permit names tables, columns, a year and a "
            "population. The extract holds nothing else, under pseudonyms of this project alone.",
            "Une personne s'est opposée avant. La demande était incomplète, a été complétée, a "
            "reçu un avis et une autorisation ; le permis nomme tables, colonnes, année et "
            "population. L'extraction ne contient rien d'autre, sous des pseudonymes propres.",
        )
        + pairs(
            {
                ("permit", "permis"): code(facts["permit"]),
                ("valid until", "valable jusqu'au"): facts["valid_until"],
                ("persons", "personnes"): facts["persons"],
                ("a stranger at the door", "un tiers à la porte"): facts["refused"],
            }
        )
        + rows(head, list(facts["rows"].items()))
    )


def study(facts: dict[str, Any]) -> str:
    """The flowchart and how long each engine took."""
    seconds = facts["engine_seconds"]
    return paragraph(
        f"{facts['study']} ran on DuckDB ({seconds['duckdb']:.1f} s) and in plain Python "
        f"({seconds['memory']:.1f} s): the same persons, the same counts.",
        f"{facts['study']} a tourné sur DuckDB ({seconds['duckdb']:.1f} s) et en Python nu "
        f"({seconds['memory']:.1f} s) : les mêmes personnes, les mêmes effectifs.",
    ) + figure(plots.flowchart(facts["flowchart"]), "Flowchart", "Diagramme de flux")


def ledger(facts: dict[str, Any]) -> str:
    """The log accepted, then refused with its place."""
    return paragraph(
        f"{number(facts['events'])} events stand in the log. A verifier that shares no code with "
        "the writer accepts it; after one flipped byte it refuses, and names the place.",
        f"{number(facts['events'])} événements figurent au journal. Un vérificateur qui ne partage "
        "aucun code avec l'écrivain l'accepte ; après un octet inversé il refuse et nomme le lieu.",
    ) + pairs(
        {
            ("accepted", "accepté"): code(facts["accepted"]),
            ("flipped", "inversé"): facts["flipped"],
            ("refused", "refusé"): code(facts["refused"]),
        }
    )


def scan(facts: dict[str, Any]) -> str:
    """What was looked for in every byte of the host's store."""
    listed = "".join(f"<li>{escape(item)}</li>" for item in facts["looked_for"])
    return (
        paragraph(
            f"{number(facts['objects'])} objects, {facts['bytes'] / 1e6:.0f} MB read byte by byte, "
            "names included. Looked for, and not found:",
            f"{number(facts['objects'])} objets, {facts['bytes'] / 1e6:.0f} Mo lus octet par "
            "octet, noms compris. Cherché, et introuvable :",
        )
        + f"<ul>{listed}</ul>"
    )


def closing(told: dict[str, Any], seconds: Sequence[tuple[str, float]]) -> str:
    """How long each chapter took."""
    drawn = plots.chapters([{"title": title, "seconds": spent} for title, spent in seconds])
    asked = told["asked"]
    return "<section>" + figure(
        drawn,
        f"Seconds by chapter, {number(asked['persons'])} persons, on this machine",
        f"Secondes par chapitre, {number(asked['persons'])} personnes, sur cette machine",
    ) + "</section>"  # fmt: skip


BODIES: dict[str, Callable[[dict[str, Any]], str]] = {
    "foreign_cloud": foreign_cloud,
    "gate": gate,
    "homecoming": homecoming,
    "warehouse": warehouse,
    "permission": permission,
    "study": study,
    "release": release,
    "ledger": ledger,
    "scan": scan,
}
