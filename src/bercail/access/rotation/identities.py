"""The platform's pseudonyms of all persons of the lake, as its catalogue names their columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from bercail.access.route import PERSONS
from bercail.catalogue import Registry
from bercail.lake import Lake
from bercail.lake.identities import Texts
from bercail.lake.pseudonym_search import identity_names, persons_in


def lake_identities(lake: Lake, registry: Registry) -> Iterator[Texts]:
    """Distinct pseudonyms, batch by batch, of the epoch that the lake is at.

    While a rotation is under way that is the epoch before it, from the snapshots before it. The
    register of persons comes first, then the smaller tables: who looks for certain persons soon
    has them all and stops.
    """
    identities = identity_names(registry)
    rotation = lake.rewriting.gate.state().rotation
    pinned = []
    for name in lake.tables():
        newest = lake.snapshots(name)[-1]
        found = lake.rewriting.find(name, rotation) if rotation else None
        snapshot = found[0].snapshot if found else newest.id
        pinned.append((name != PERSONS, newest.rows, name, snapshot))
    for _, _, table, snapshot in sorted(pinned):
        schema = lake.read(table, None, snapshot).schema
        names = [name for name in schema.names if name.upper() in identities]
        if names:
            for batch in lake.read(table, names, snapshot):
                for column in batch.columns:
                    yield persons_in(cast("Texts", column))
