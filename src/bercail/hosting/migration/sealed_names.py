"""The sealed objects of a landing zone: what was carried there, and the proofs of it."""

from __future__ import annotations

from bercail.hosting.events import MIGRATION_EVENTS, ProofMade
from bercail.hosting.migration.manifest import STORED_NAME
from bercail.lake import SealedFolder
from bercail.ledger import Ledger


def landing_names(folder: SealedFolder, ledger: Ledger, migration: str) -> list[tuple[str, str]]:
    """Name and version of every object carried by `migration` and of every manifest it proved.

    What an earlier run carried in another version is not listed; a re-sealing counts it as
    `unlisted` and keeps the old key.
    """
    _, events = ledger.load(f"migration/{migration}", MIGRATION_EVENTS)
    proofs = [
        (STORED_NAME, f"proof-{event.proof}-{event.root}")
        for event in events
        if isinstance(event, ProofMade)
    ]
    return [*folder.versions(), *proofs]
