"""What is kept of a release: the tables as published, who they count, what must stay hidden."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from bercail.airlock.disclosure.audit.published import FORMAT as TABLES
from bercail.airlock.disclosure.check import DisclosureCheck
from bercail.airlock.disclosure.counts import Key
from bercail.airlock.disclosure.protect.outcome import ProtectedTables
from bercail.airlock.disclosure.tables.dimension import flat
from bercail.airlock.disclosure.tables.typed import PERSONS
from bercail.foundation import Unproven, canonical_json

FORMAT = "bercail-released-constraints/1"

Secret = tuple[int, Key, int, int]
"""Table, key, and the least and greatest number that attackers must go on holding possible."""


@frozen(kw_only=True)
class ReleaseRecord:
    """One release of a lake. `document` is the published JSON; `secrets` never leave.

    `secrets`: for each primary cell the range that attackers must go on holding possible, as
    (table, key, low, high) in units of the system (whole persons or records, hundredths).
    """

    release: str
    lake: str
    snapshot: str
    document: Mapping[str, Any] = field(repr=False)
    secrets: tuple[Secret, ...] = field(repr=False)

    @property
    def cells(self) -> int:
        """The number of cells, hidden ones too."""
        return sum(len(table["cells"]) for table in self.document["tables"])

    def to_bytes(self) -> bytes:
        """The record as it is sealed."""
        return canonical_json(
            {
                "format": FORMAT,
                "release": self.release,
                "lake": self.lake,
                "snapshot": self.snapshot,
                "document": self.document,
                "secrets": [[n, list(key), low, high] for n, key, low, high in self.secrets],
            }
        )


def record_of(outcome: ProtectedTables, *, release: str, lake: str, snapshot: str) -> ReleaseRecord:
    """The record of protected tables, before or after they are released."""
    return ReleaseRecord(
        release=release,
        lake=lake,
        snapshot=snapshot,
        document=outcome.document,
        secrets=secrets_of(outcome),
    )


def secrets_of(outcome: ProtectedTables) -> tuple[Secret, ...]:
    """The ranges that protected tables keep."""
    return tuple((want.table, want.key, want.low, want.high) for want in outcome.wanted)


def record_of_check(
    check: DisclosureCheck, *, release: str, lake: str, snapshot: str
) -> ReleaseRecord:
    """The record of a protected count table."""
    document, secrets = document_of_check(check)
    return ReleaseRecord(
        release=release, lake=lake, snapshot=snapshot, document=document, secrets=secrets
    )


def document_of_check(check: DisclosureCheck) -> tuple[dict[str, Any], tuple[Secret, ...]]:
    """A protected count table as it is published, and the ranges that it keeps."""
    policy = check.policy
    values = dict(check.table.cells)
    document = {
        "format": TABLES,
        "method": "suppression",
        "base": 0,
        "threshold": policy.threshold,
        "tables": [
            {
                "name": check.table.title,
                "population": str(check.table.provenance.get("model_digest", "")),
                "measure": PERSONS.as_dict(),
                "dimensions": [
                    flat(axis.name, axis.categories).as_dict() for axis in check.table.axes
                ],
                "cells": [{"key": list(key), "value": values[key]} for key in values],
            }
        ],
    }
    secrets = tuple(
        (0, cell.key, min(policy.low, cell.persons), policy.high)
        for cell in check.cells
        if cell.status == "small"
    )
    return document, secrets


def read_record(data: bytes) -> ReleaseRecord:
    """The record that `to_bytes` wrote; raises `Unproven`."""
    try:
        value = json.loads(data)
        if value["format"] != FORMAT:
            raise ValueError("another format")
        return ReleaseRecord(
            release=value["release"],
            lake=value["lake"],
            snapshot=value["snapshot"],
            document=value["document"],
            secrets=tuple((n, tuple(key), low, high) for n, key, low, high in value["secrets"]),
        )
    except (KeyError, TypeError, ValueError) as problem:
        raise Unproven(
            "The record of an earlier release cannot be read. / "
            "La trace d'une sortie antérieure ne peut pas être lue.",
            remedy="Release nothing more of this lake; tell the operator. / "
            "Ne sortez plus rien de ce lac ; prévenez l'opérateur.",
            rule="differencing",
        ) from problem
