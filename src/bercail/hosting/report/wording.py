"""The words of the report, in English and in French: headings, and a sentence for each event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bercail.hosting.naming import CODED, named

HEADINGS: dict[str, dict[str, str]] = {
    "en": {
        "title": "Report of the migration “{name}”",
        "kind": "Report for those who answer for the data",
        "verdict": "Where it stands",
        "page": "page",
        "drawn": "Drawn from the journal, events {first} to {last}; the last of {at}.",
        "moved": "What moved",
        "objects": "objects carried",
        "bytes": "bytes carried",
        "canonical": "canonical side",
        "source": "the source",
        "target": "the target",
        "proof": "The proof",
        "no_proof": "No proof has been made.",
        "proved": (
            "Proof {proof} covers {lines} objects, {bytes} bytes; basis: {named} (`{basis}`)."
        ),
        "root": "root of the manifest",
        "manifest": "manifest (SHA-256)",
        "envelope": "envelope, signed for both sides (SHA-256)",
        "check": (
            "Anyone who holds the manifest, the envelope and the keys checks it with "
            "`bercail migrate verify-manifest`, without trusting this report."
        ),
        "exceptions": "Exceptions",
        "no_exceptions": "The journal holds none.",
        "failed_proofs": "proofs that failed and were repeated",
        "unproven_objects": "objects that a proof named as wrong, all proofs together",
        "failed_objects": "objects that the last run could not carry",
        "left_behind": "objects left behind, accepted at the cut-over",
        "caution_leased": "objects under a lease at the last plan",
        "caution_locked": "objects that the source keeps locked: not to be erased before",
        "caution_held": "objects under a legal hold at the source",
        "caution_no_details": "objects whose headers and tags were not asked for",
        "caution_no_tags": "objects whose index tags the source did not tell: not carried",
        "caution_other_tier": "objects whose storage tier stays behind",
        "differences": "differences in the last comparison of both sides",
        "roll_backs": "returns to the source",
        "written_since": "objects written on the target and not brought back",
        "throughput": "Throughput",
        "throughput_axis": "MB per second",
        "run_axis": "copying run",
        "no_throughput": "The journal does not tell how long a run took.",
        "growth": "Carried over time",
        "growth_axis": "{unit} carried",
        "time_axis": "UTC",
        "decisions": "Who decided what",
        "no_decisions": "Nobody has decided anything yet.",
        "timeline": "Timeline",
        "when": "when (UTC)",
        "who": "who",
        "what": "what",
        "run": "run",
        "began": "began (UTC)",
        "ended": "ended (UTC)",
        "run_objects": "objects",
        "run_bytes": "bytes",
        "glossary": "The words used here",
    },
    "fr": {
        "title": "Rapport de la migration «\u202f{name}\u202f»",
        "kind": "Rapport à ceux qui répondent des données",
        "verdict": "Où elle en est",
        "page": "page",
        "drawn": "Tiré du journal, événements {first} à {last} ; le dernier du {at}.",
        "moved": "Ce qui a été déplacé",
        "objects": "objets transportés",
        "bytes": "octets transportés",
        "canonical": "côté qui fait foi",
        "source": "la source",
        "target": "la cible",
        "proof": "La preuve",
        "no_proof": "Aucune preuve n'a été faite.",
        "proved": (
            "La preuve {proof} porte sur {lines} objets, {bytes} octets ; fondement : {named} "
            "(`{basis}`)."
        ),
        "root": "racine du manifeste",
        "manifest": "manifeste (SHA-256)",
        "envelope": "enveloppe signée pour les deux côtés (SHA-256)",
        "check": (
            "Quiconque détient le manifeste, l'enveloppe et les clés la vérifie avec "
            "`bercail migrate verify-manifest`, sans se fier à ce rapport."
        ),
        "exceptions": "Exceptions",
        "no_exceptions": "Le journal n'en contient pas.",
        "failed_proofs": "preuves qui ont échoué et ont été refaites",
        "unproven_objects": "objets qu'une preuve a désignés comme faux, toutes preuves confondues",
        "failed_objects": "objets que la dernière copie n'a pas pu transporter",
        "left_behind": "objets laissés sur place, accepté lors de la bascule",
        "caution_leased": "objets sous bail au dernier plan",
        "caution_locked": "objets verrouillés par la source : ineffaçables avant l'échéance",
        "caution_held": "objets sous conservation légale à la source",
        "caution_no_details": "objets dont les en-têtes et étiquettes n'ont pas été demandés",
        "caution_no_tags": "objets dont la source n'a pas dit les étiquettes : non transportées",
        "caution_other_tier": "objets dont le niveau de stockage n'est pas repris",
        "differences": "différences à la dernière comparaison des deux côtés",
        "roll_backs": "retours à la source",
        "written_since": "objets écrits sur la cible et non rapportés",
        "throughput": "Débit",
        "throughput_axis": "Mo par seconde",
        "run_axis": "copie",
        "no_throughput": "Le journal ne dit pas combien de temps une copie a duré.",
        "growth": "Transporté au fil du temps",
        "growth_axis": "{unit} transportés",
        "time_axis": "UTC",
        "decisions": "Qui a décidé quoi",
        "no_decisions": "Personne n'a encore rien décidé.",
        "timeline": "Chronologie",
        "when": "quand (UTC)",
        "who": "qui",
        "what": "quoi",
        "run": "copie",
        "began": "début (UTC)",
        "ended": "fin (UTC)",
        "run_objects": "objets",
        "run_bytes": "octets",
        "glossary": "Les mots employés",
    },
}

SENTENCES: dict[str, dict[str, str]] = {
    "en": {
        "SurveyTaken": "survey {survey}: {objects} objects, {bytes} bytes; {new} new, {changed} "
        "changed, {gone} gone",
        "PlanMade": "plan {plan}: {to_copy} objects to copy, {not_carried} that cannot be",
        "CopyFinished": "run {run}: {copied} objects copied, {carried} carried in all, {failed} "
        "failed",
        "ProofMade": "proof {proof} made: {lines} objects, root {root}",
        "ProofFailed": "proof {proof} failed: {failures} objects",
        "SidesCompared": "comparison {comparison} ({depth}): {same} of {objects} objects agree",
        "DeltasLogged": "log of deltas grew from {earlier} to {size} lines",
        "SourceFrozen": "the source is read-only ({how}), says {by}: {statement}",
        "CutOver": "cut over to the target, on proof {proof}; {left_behind} left behind",
        "RolledBack": "rolled back to the source: {reason}",
        "ErasurePlanned": "erasure {plan} planned: {objects} things",
        "ErasureNotified": "notice of the erasure by {given_by} to {given_to}, until {not_before}",
        "ErasureBegun": "the erasure may begin; no roll-back from here on",
        "ErasureEvidenced": "{subject}: {basis}, {by}; {remaining} remain",
        "SourceErased": "erasure certified: {seen} seen, {on_word} on somebody's word",
    },
    "fr": {
        "SurveyTaken": "relevé {survey} : {objects} objets, {bytes} octets ; {new} nouveaux, "
        "{changed} changés, {gone} disparus",
        "PlanMade": "plan {plan} : {to_copy} objets à copier, {not_carried} impossibles",
        "CopyFinished": "copie {run} : {copied} objets copiés, {carried} transportés en tout, "
        "{failed} en échec",
        "ProofMade": "preuve {proof} faite : {lines} objets, racine {root}",
        "ProofFailed": "preuve {proof} en échec : {failures} objets",
        "SidesCompared": "comparaison {comparison} ({depth}) : {same} objets sur {objects} "
        "concordent",
        "DeltasLogged": "journal des écarts passé de {earlier} à {size} lignes",
        "SourceFrozen": "la source est en lecture seule ({how}), dit {by} : {statement}",
        "CutOver": "bascule vers la cible, sur la preuve {proof} ; {left_behind} laissés",
        "RolledBack": "retour à la source : {reason}",
        "ErasurePlanned": "effacement {plan} prévu : {objects} éléments",
        "ErasureNotified": "préavis d'effacement de {given_by} à {given_to}, jusqu'au {not_before}",
        "ErasureBegun": "l'effacement peut commencer ; plus de retour possible",
        "ErasureEvidenced": "{subject} : {basis}, {by} ; {remaining} restent",
        "SourceErased": "effacement certifié : {seen} constatés, {on_word} sur parole",
    },
}

# A word counts nothing: it must not read as if somebody had looked.
_WORD = {"en": "{subject}: {basis}, {by}", "fr": "{subject} : {basis}, {by}"}
_UNITS = {"en": ("kB", "MB", "GB", "TB", "PB"), "fr": ("ko", "Mo", "Go", "To", "Po")}
LANGUAGES = tuple(HEADINGS)


def sentence(language: str, kind: str, body: Mapping[str, Any]) -> str:
    """What an event of `kind` says, in `language`; digests are shown whole."""
    shown = {key: _shown(language, key, value) for key, value in body.items()}
    on_word = kind == "ErasureEvidenced" and body["basis"] != "seen-by-us"
    words = _WORD[language] if on_word else SENTENCES[language][kind]
    # A freeze shown by a probe comes with no statement.
    return words.format(**shown).rstrip(" :")


def _shown(language: str, key: str, value: Any) -> Any:
    """One member of an event for a reader: a number, a moment or a code in its words."""
    if type(value) is int:
        return number(language, value)
    if key == "not_before":
        return f"{moment(value)} UTC"
    return named(language, value) if key in CODED else value


def number(language: str, value: int) -> str:
    """`value` with its thousands apart, as the language writes them."""
    return f"{value:,}" if language == "en" else f"{value:,}".replace(",", "\u202f")


def unit(language: str, value: int) -> tuple[str, int]:
    """The unit in which `value` bytes are easy to read, and how many bytes it is."""
    names = _UNITS[language]
    power = next((n for n in range(1, len(names)) if value < 999.95 * 1000**n), len(names))
    return names[power - 1], 1000**power


def size(language: str, value: int) -> str:
    """Bytes, with a rounded figure for the eye from a thousand on: `4,000,000 (4.0 MB)`."""
    if value < 1000:
        return number(language, value)
    name, worth = unit(language, value)
    return f"{number(language, value)} ({decimal(language, value / worth)} {name})"


def decimal(language: str, value: float) -> str:
    """`value` with one decimal, as the language writes it."""
    return f"{value:.1f}" if language == "en" else f"{value:.1f}".replace(".", ",")


def moment(text: str) -> str:
    """A recorded moment to the second: `2026-11-21 09:00:00`."""
    return text[:19].replace("T", " ")
