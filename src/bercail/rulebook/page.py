"""The conformity page: one HTML file, no script, no network, English and French headings."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from bercail.rulebook.evidence import EvidenceRun
from bercail.rulebook.requirement import Entry, Standing

GROUPS = {
    "HOST": ("Host and sovereignty", "Hébergeur et souveraineté"),
    "ENC": ("Encryption", "Chiffrement"),
    "IAM": ("Identities and access", "Identités et accès"),
    "PSE": ("Pseudonyms", "Pseudonymes"),
    "WSP": ("Project spaces", "Espaces projet"),
    "EXP": ("What leaves", "Sorties"),
    "LOG": ("Traces and incidents", "Traces et incidents"),
    "PER": ("Applications and permits", "Demandes et autorisations"),
    "OPT": ("Objection of persons", "Opposition des personnes"),
    "CAT": ("Catalogue", "Catalogue"),
    "EXIT": ("Reversibility", "Réversibilité"),
    "GOV": ("Governance", "Gouvernance"),
    "LINK": ("Linkage", "Appariement"),
}
"""Titles of the chapters, in English and French, by the group of a requirement."""

STANDINGS = {
    Standing.SHOWN: ("tests pass", "tests réussis", "+"),
    Standing.PARTLY: ("tests pass, document missing", "tests réussis, document absent", "~"),
    Standing.FAILING: ("a test fails", "un test échoue", "!"),
    Standing.NONE: ("no evidence yet", "pas encore de preuve", "-"),
}
"""Each standing in English and French, with the sign that doubles its colour."""

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:72rem;padding:1rem;
color:#1b1b1f;background:#fff}
h1,h2{line-height:1.2}h2{margin-top:2.5rem;border-bottom:2px solid #1b1b1f}
.fr{color:#4a4a55;font-weight:400;font-style:italic}
table{border-collapse:collapse;width:100%}caption{text-align:left;padding:.3rem 0}
th,td{border:1px solid #8a8a94;padding:.45rem .6rem;text-align:left;vertical-align:top}
th{background:#f0f0f3}.id{white-space:nowrap;font-weight:700}
.shown{background:#e2f3e5}.partly{background:#fff3cf}.failing{background:#fde0dc}
.none{background:#ececf0}ul{margin:.2rem 0;padding-left:1.1rem}
code{font-size:.85em;overflow-wrap:anywhere}small{color:#4a4a55}
@media print{body{max-width:none}tr{break-inside:avoid}}
"""


def render(entries: Sequence[Entry], run: EvidenceRun) -> str:
    """The page over `entries`, every one of them, with the run that the evidence is from."""
    chapters: dict[str, list[Entry]] = {}
    for entry in entries:
        chapters.setdefault(entry.requirement.group, []).append(entry)
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            "<title>Conformity / Conformité</title>",
            f"<style>{_STYLE}</style></head><body>",
            f"<h1>Conformity {_french('Conformité')}</h1>",
            _introduction(run),
            _summary(entries),
            *(_chapter(group, items) for group, items in chapters.items()),
            "</body></html>\n",
        ]
    )


def _introduction(run: EvidenceRun) -> str:
    if run.at:
        english = f"Evidence: the test run of {run.at}, version {run.version}."
        french = f"Preuves : l'exécution des tests du {run.at}, version {run.version}."
    else:
        english = "No test run is recorded: nothing below has evidence."
        french = "Aucune exécution de tests enregistrée : rien ci-dessous n'a de preuve."
    return (
        f"<p>{escape(english)} <br>{_french(french)}</p>"
        "<p>A test that passes shows what that test does, on synthetic data, and nothing more; "
        "it is no certificate. <br>"
        + _french(
            "Un test réussi montre ce que ce test fait, sur des données synthétiques, et rien de "
            "plus ; ce n'est pas un certificat."
        )
        + "</p>"
    )


def _summary(entries: Sequence[Entry]) -> str:
    rows = "".join(
        f'<tr class="{standing.name.lower()}"><th scope="row">{_standing(standing)}</th>'
        f"<td>{sum(entry.standing is standing for entry in entries)}</td></tr>"
        for standing in Standing
    )
    return (
        f"<table><caption>{len(entries)} requirements {_french('exigences')}</caption>"
        f"{rows}</table>"
    )


def _chapter(group: str, entries: Sequence[Entry]) -> str:
    english, french = GROUPS[group]
    heads = (
        ("Id", "Id"),
        ("Requirement", "Exigence"),
        ("Standing", "État"),
        ("Evidence", "Preuves"),
    )
    columns = "".join(f'<th scope="col">{en} {_french(fr)}</th>' for en, fr in heads)
    rows = "\n".join(_row(entry) for entry in entries)
    return (
        f'<h2 id="{group}">{escape(english)} {_french(french)}</h2>'
        f"<table><thead><tr>{columns}</tr></thead>\n<tbody>{rows}</tbody></table>"
    )


def _row(entry: Entry) -> str:
    requirement = entry.requirement
    tests = "".join(
        f"<li><code>{escape(test.test)}</code>: {escape(test.outcome)}</li>" for test in entry.tests
    )
    return (
        f'<tr class="{entry.standing.name.lower()}" id="{requirement.id}">'
        f'<th scope="row" class="id">{requirement.id}</th>'
        f"<td>{escape(requirement.requirement)}<br><small>{escape(requirement.source)}</small></td>"
        f"<td>{_standing(entry.standing)}</td>"
        f"<td>{f'<ul>{tests}</ul>' if tests else _awaited(entry)}</td></tr>"
    )


def _awaited(entry: Entry) -> str:
    return f"<small>Awaited {_french('Attendu')}: {escape(entry.requirement.verification)}</small>"


def _standing(standing: Standing) -> str:
    english, french, sign = STANDINGS[standing]
    return f'<span aria-hidden="true">{sign} </span>{escape(english)}<br>{_french(french)}'


def _french(text: str) -> str:
    return f'<span lang="fr" class="fr">{escape(text)}</span>'
