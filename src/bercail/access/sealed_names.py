"""The objects of a project's sealed place, as the ledger and the extracts tell them."""

from __future__ import annotations

import json

from bercail.access import rules
from bercail.access.events import APPLICATION_EVENTS
from bercail.access.extract import MANIFEST
from bercail.lake import SealedStore
from bercail.ledger import Ledger


def extract_names(sealed: SealedStore, ledger: Ledger, project: str) -> list[tuple[str, str]]:
    """Name and version of the manifest and of every part of each recorded extract of `project`,
    with those under former pseudonyms that did not expire.

    An interrupted cutting may have left objects that no event names; a re-sealing counts them as
    `unlisted` and keeps the old key.

    Raises:
        Missing, Unproven: as reading a sealed object.
    """
    names: list[tuple[str, str]] = []
    for stream in ledger.streams("application/"):
        dossier = rules.fold(ledger.load(stream, APPLICATION_EVENTS)[1])
        if dossier.extract is None or dossier.permit is None or dossier.permit.project != project:
            continue
        for made in (dossier.extract, *dossier.former):
            manifest = f"{made.extract}/{MANIFEST}"
            parts = json.loads(sealed.read(manifest))["parts"]
            names += [(manifest, "1"), *((str(part["name"]), "1") for part in parts)]
    return names
