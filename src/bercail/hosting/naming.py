"""The codes of the journal in words: how a freeze was shown, how deep sides were compared."""

from __future__ import annotations

NAMES: dict[str, dict[str, str]] = {
    "en": {
        "independent-reread": "an independent second reading",
        "copy-time-digests": "the digests of the copy",
        "probe-write": "a probe write was refused",
        "attestation": "attested",
        "listing-and-heads": "every object asked for",
        "heads-and-sampled-contents": "every object asked for, a sample read",
        "heads-and-all-contents": "every object read",
        "contents": "contents",
        "versions": "versions",
        "snapshots": "snapshots",
        "soft-deleted": "deleted objects that can be brought back",
        "backups": "backups",
        "provider-key": "the provider's key",
        "technical-data": "technical data",
        "seen-by-us": "seen by us",
        "provider's-word": "the provider's word",
        "does-not-exist-here": "does not exist here",
    },
    "fr": {
        "independent-reread": "une seconde lecture indépendante",
        "copy-time-digests": "les empreintes de la copie",
        "probe-write": "écriture d'essai refusée",
        "attestation": "attesté",
        "listing-and-heads": "chaque objet demandé",
        "heads-and-sampled-contents": "chaque objet demandé, un échantillon relu",
        "heads-and-all-contents": "chaque objet relu",
        "contents": "contenus",
        "versions": "versions",
        "snapshots": "instantanés",
        "soft-deleted": "objets supprimés qui peuvent être rétablis",
        "backups": "sauvegardes",
        "provider-key": "la clé du prestataire",
        "technical-data": "données techniques",
        "seen-by-us": "constaté par nous",
        "provider's-word": "parole du prestataire",
        "does-not-exist-here": "n'existe pas ici",
    },
}
# The members of events that hold a code; the others are numbers, digests, and people's words.
CODED = ("how", "depth", "subject", "basis")


def named(language: str, code: str) -> str:
    """What a code of the journal means; a code of a later program stands for itself."""
    return NAMES[language].get(code, code)
