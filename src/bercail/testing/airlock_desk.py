"""An airlock on stores in memory, for tests of the room and of attacks on it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

from bercail.airlock import SNDS, AirlockService, DisclosurePolicy, MemoryPermits, PermitView
from bercail.airlock.disclosure.counts import Axis, Counts
from bercail.foundation import Actor, FixedClock, Role, Secret, SeededRandomness
from bercail.lake import SealedStore
from bercail.ledger import Ledger, MemoryJournal
from bercail.storage import Location
from bercail.storage.memory import MemoryStore
from bercail.vault import Keyring, MemoryCustodian, NoteSigner

AUTHOR = Actor(id="researcher-1", roles={Role.DATA_USER})
COLLEAGUE = Actor(id="researcher-2", roles={Role.DATA_USER, Role.OUTPUT_CHECKER})
CHECKERS = tuple(Actor(id=f"checker-{n}", roles={Role.OUTPUT_CHECKER}) for n in (1, 2, 3))
AUDITOR = Actor(id="auditor-1", roles={Role.AUDITOR})
PERMIT = "permit-1"
ORIGIN = "bercail.example/log"

SMALL_COUNTS = ((40, 31), (6, 58), (77, 12), (25, 90))
"""Persons by age group and sex; one cell is under 11."""


class AirlockDesk:
    """One house with one live permit; `folder` receives files, keys and packages."""

    def __init__(self, folder: Path, policy: DisclosurePolicy = SNDS, checkers: int = 2) -> None:
        self.folder = folder
        self.clock = FixedClock(datetime(2026, 11, 21, 12, tzinfo=UTC))
        self.randomness = SeededRandomness(7)
        self.keys = Keyring(
            folder / "keys.db", MemoryCustodian(self.randomness), self.randomness, self.clock
        )
        self.store = MemoryStore(Location.parse(f"memory:{folder.name}"))
        self.journal = MemoryJournal()
        self.policy = policy
        self.permits = MemoryPermits()
        self.permits.add(
            PermitView(
                id=PERMIT,
                project="diabetes",
                members=frozenset({AUTHOR.id, COLLEAGUE.id}),
                live_until=self.clock.now() + timedelta(days=30),
                is_live=True,
                checkers_required=checkers,
            )
        )

    @property
    def ledger(self) -> Ledger:
        """The ledger on the desk's journal."""
        signer = NoteSigner(ORIGIN, Secret(bytes(range(64))))
        log = self.folder / "log"
        return Ledger(self.journal, log, signer, self.clock, self.randomness, ORIGIN)

    @property
    def airlock(self) -> AirlockService:
        """The service, opened again each time: no state but the journal and the store."""
        return AirlockService(
            self.ledger,
            self.sealed,
            self.permits,
            self.keys,
            self.clock,
            self.randomness,
            self.policy,
        )

    def sealed(self, kind: str, scope: str) -> SealedStore:
        """Sealed objects in memory."""
        return SealedStore(
            self.store, self.keys, kind=kind, scope=scope, randomness=self.randomness
        )

    def table_file(
        self, rows: Sequence[Sequence[int]] = SMALL_COUNTS, name: str = "table.json"
    ) -> Path:
        """A count table by age and sex, written to a file."""
        path = self.folder / name
        path.write_text(json.dumps(document(rows)))
        return path

    def submitted(self, rows: Sequence[Sequence[int]] = SMALL_COUNTS) -> str:
        """The id of a request that waits for its first vote."""
        return self.airlock.submit(self.table_file(rows), PERMIT, AUTHOR).id

    def approved(self, rows: Sequence[Sequence[int]] = SMALL_COUNTS) -> str:
        """The id of a request that two checkers approved."""
        request = self.submitted(rows)
        for checker in CHECKERS[:2]:
            self.airlock.review(request, checker, approve=True)
        return request

    def released(self) -> Path:
        """The folder of a released package."""
        request = self.approved()
        return Path(self.airlock.release(request, CHECKERS[0], self.folder / "out")["package"])

    def kinds(self, request: str) -> list[str]:
        """The kinds of the events of a request, in order."""
        return [record.kind for record in self.journal.read(f"airlock/{request}")]


def document(rows: Sequence[Sequence[int]], **changes: Any) -> dict[str, Any]:
    """The JSON of a count table by age (rows) and sex (columns)."""
    ages = [f"age {number}" for number in range(len(rows))]
    sexes = ["women", "men", "unknown", "other"][: len(rows[0])]
    return {
        "format": "bercail-count-table",
        "version": 1,
        "title": "Treated diabetics",
        "dimensions": [
            {"name": "age", "categories": ages},
            {"name": "sex", "categories": sexes},
        ],
        "cells": [
            {"categories": [age, sex], "persons": rows[i][j]}
            for i, age in enumerate(ages)
            for j, sex in enumerate(sexes)
        ],
        "model_digest": "ab" * 32,
        "snapshots": ["ER_PRS_F@7"],
        **changes,
    }


def counts(shape: Sequence[int], values: Sequence[int]) -> Counts:
    """A table of any shape; `values` in the order of the cells, last dimension fastest."""
    axes = tuple(
        Axis(name=f"d{number}", categories=tuple(f"c{place}" for place in range(size)))
        for number, size in enumerate(shape)
    )
    keys = product(*(axis.categories for axis in axes))
    cells: Mapping[tuple[str, ...], int] = dict(zip(keys, values, strict=True))
    return Counts(title="A table", axes=axes, cells=cells)
