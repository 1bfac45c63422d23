"""Prove what was carried: read the target again, open it, compare with the source.

Nothing that a listing, an entity tag or a stored checksum says is taken as proof.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

from attrs import frozen

from bercail.foundation import Invalid, Missing, Unproven
from bercail.hosting.migration.copy_run import Progress
from bercail.hosting.migration.copying import LARGE_PIECE
from bercail.hosting.migration.entry import Entry, ObjectState, entry_of, with_tier
from bercail.hosting.migration.object_table import WorkRow
from bercail.hosting.migration.pool import Gauge, run_bounded
from bercail.hosting.migration.worktable import WorkTable
from bercail.lake import SealedStore
from bercail.lake.sealed_carriage import HeldKeys, reread
from bercail.storage import ObjectStore


class Basis(StrEnum):
    """What the target is compared with; written in the proof."""

    REREAD = "independent-reread"
    COPY_TIME = "copy-time-digests"


@frozen(kw_only=True)
class Proof:
    """A proof that was made, and the files that hold it on the trust side."""

    number: int
    basis: Basis
    carried: int
    not_carried: int
    bytes: int
    root: str
    manifest: Path
    envelope: Path
    keys: Path
    key_ids: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for `--json`."""
        return {
            "proof": self.number,
            "basis": self.basis.value,
            "carried": self.carried,
            "not_carried": self.not_carried,
            "bytes": self.bytes,
            "root": self.root,
            "manifest": str(self.manifest),
            "envelope": str(self.envelope),
            "keys": str(self.keys),
            "key_ids": dict(self.key_ids),
        }


@frozen(kw_only=True)
class Check:
    """What re-reading one object showed. `wrong` is None when everything agrees.

    `distrust` says that it is the target that is wrong, so that a next copy
    writes it again instead of reading it back.
    """

    name: str
    wrong: str | None = None
    distrust: bool = False


class Prover:
    """Re-reads objects on both sides; used by several threads."""

    def __init__(
        self, *, source: ObjectStore, target: SealedStore, gauge: Gauge, basis: Basis
    ) -> None:
        self._source = source
        self._target = target
        self._gauge = gauge
        self._keys = HeldKeys(target)
        self.basis = basis

    def check(self, row: WorkRow) -> Check:
        """Compare one carried object: size and SHA-256 on the target, then on the source.

        Raises:
            Unavailable: a host does not answer; that proves nothing either way.
        """
        wrong = self._target_wrong(row)
        if wrong is not None:
            return Check(name=row.entry.name, wrong=wrong, distrust=True)
        if self.basis is Basis.REREAD:
            return self._source_check(row)
        return Check(name=row.entry.name)

    def _target_wrong(self, row: WorkRow) -> str | None:
        entry = row.entry
        try:
            size, sha256 = self._digest(
                reread(
                    self._target,
                    entry.name,
                    entry.binding_version,
                    row.sealed_size or 0,
                    self._keys,
                )
            )
        except Missing:
            return "it is absent from the target"
        except (Unproven, Invalid) as error:
            return f"it does not open on the target ({error.message.rstrip('.')})"
        if (size, sha256) != (entry.size, row.sha256):
            return "the target holds other bytes than were copied"
        return None

    def _source_check(self, row: WorkRow) -> Check:
        entry = row.entry
        try:
            now = with_tier(entry_of(self._source.head(entry.name)), entry)
            if now != entry:
                return Check(name=entry.name, wrong=_changed(entry, now))
            stream = self._source.stream(entry.name, if_match=entry.facts.etag, chunk=LARGE_PIECE)
            size, sha256 = self._digest(stream)
        except Missing:
            return Check(name=entry.name, wrong="the source no longer has it")
        except Unproven as error:
            wrong = f"the source changed while it was read ({error.message.rstrip('.')})"
            return Check(name=entry.name, wrong=wrong)
        if (size, sha256) != (entry.size, row.sha256):
            wrong = "the source now gives other bytes under the same entity tag"
            return Check(name=entry.name, wrong=wrong, distrust=True)
        return Check(name=entry.name)

    def _digest(self, pieces: Iterator[bytes] | Iterator[bytes | memoryview]) -> tuple[int, str]:
        size, sha256 = 0, hashlib.sha256()
        for piece in pieces:
            sha256.update(piece)
            size += len(piece)
            self._gauge.move(len(piece))
        return size, sha256.hexdigest()


def run_checks(
    table: WorkTable, prover: Prover, gauge: Gauge, *, threads: int, progress: Progress | None
) -> dict[str, Check]:
    """Check every object that should be on the target; returns those that are wrong, by name."""
    wrong: dict[str, Check] = {}
    for row in table.objects.rows(ObjectState.PENDING, ObjectState.FAILED):
        why = row.reason or "it is still to be copied"
        wrong[row.entry.name] = Check(name=row.entry.name, wrong=f"not carried: {why}")
    sides = 2 if prover.basis is Basis.REREAD else 1
    total = table.objects.tallies()[ObjectState.CARRIED].bytes * sides

    def taken(check: Check) -> None:
        if check.wrong is not None:
            wrong[check.name] = check

    def tick() -> None:
        if progress is not None:
            progress("prove", min(gauge.moved, total), total)

    rows = table.objects.rows(ObjectState.CARRIED)
    run_bounded(rows, prover.check, threads=threads, gauge=gauge, on_result=taken, on_tick=tick)
    if progress is not None:
        progress("prove", total, total)
    return wrong


def _changed(entry: Entry, now: Entry) -> str:
    if now.binding_version != entry.binding_version:
        return "the source changed since it was copied"
    return "the source's metadata changed since it was copied"
