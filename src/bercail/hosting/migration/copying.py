"""Carry one object: read it pinned to its entity tag, seal it on the way, say what became of it.

A carrier keeps nothing of an object and may be used by several threads.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from threading import BoundedSemaphore
from typing import TypeVar

from attrs import evolve, frozen

from bercail.foundation import BercailError, Invalid, Missing, Unavailable, Unproven
from bercail.hosting.migration.classes import NONE, Classes
from bercail.hosting.migration.entry import Entry, ObjectState, entry_of, with_tier
from bercail.hosting.migration.object_table import WorkRow
from bercail.hosting.migration.patience import Patience
from bercail.hosting.migration.pool import Gauge
from bercail.lake import SealedObject, SealedStore
from bercail.lake.sealed_carriage import KEY_SECONDS, give_up_parts, put_in_parts, through
from bercail.lake.sealed_parts import OtherPlaintext, PartNotes
from bercail.storage import ObjectStore
from bercail.storage.classes import in_class
from bercail.storage.crc64 import crc64nvme
from bercail.storage.pausing import pause_asked
from bercail.vault import DataKey

# A source object may change while it is read; it is read again as what it has become.
MOST_CHANGES = 5
ONE_PIECE = 4 * 1024 * 1024
"""Bytes of an object that is sent in one request."""
LARGE_PIECE = 8 * 1024 * 1024
"""Bytes asked for at once of a large object: a host works less for few long ranges."""
SMALL_PIECE = 128 * 1024
"""Bytes asked for at once of an object that has no more."""


@frozen(kw_only=True)
class Outcome:
    """What became of one object. `row` holds its digests when the state is CARRIED.

    `written` is false for an object that already stood on the target and was
    only read back.
    """

    row: WorkRow
    state: ObjectState
    reason: str | None = None
    written: bool = False


class Carrier:
    """Carries objects from `source` to `target`; `home` is the store under `target`.

    `classes` says in which storage class of the target an object is written. Of all large
    objects together, `threads` parts are being sent at once: a host works more for each of
    many parts that come side by side.
    """

    def __init__(
        self,
        *,
        source: ObjectStore,
        target: SealedStore,
        home: ObjectStore,
        gauge: Gauge,
        notes: PartNotes,
        threads: int = 1,
        classes: Classes = NONE,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._source = source
        self._target = target
        self._home = home
        self._gauge = gauge
        self._notes = notes
        self._turns = BoundedSemaphore(threads)
        self._classes = classes
        self._classed = {name: through(target, in_class(home, name)) for name in classes.names()}
        self._held: tuple[float, DataKey] | None = None
        self._patience = Patience(
            sleep=sleep, now=time.monotonic, asked=lambda: pause_asked(self._home, self._source)
        )

    def carry(self, row: WorkRow) -> Outcome:
        """Carry the object of `row`, or say why not.

        1. Where the survey's listing told everything, try that state first: reading is
           pinned to its entity tag, so a listing that is old or lies costs a request, no more.
        2. Otherwise ask the source what the object is now.
        3. Read back what stands on the target already, if a former run may have finished it.
        4. Otherwise read, seal and send it; if it changes meanwhile, begin again as a new version.

        Raises:
            Unavailable: a host did not answer in several attempts.
            Refused: a host denies access.
        """
        attempt = 1
        while True:
            self._patience.before()
            try:
                return self._carry(row)
            except Unavailable as error:
                self._patience.after(attempt, error)
            attempt += 1

    def clear(self, name: str) -> None:
        """Clear what an interrupted upload of `name` left on the target."""
        give_up_parts(self._target, name, self._notes)

    def _carry(self, row: WorkRow) -> Outcome:
        try:
            outcome = self._as_listed(row)  # 1
            if outcome is not None:
                return outcome
            for _ in range(MOST_CHANGES):
                now = self._now(row.entry.name)  # 2
                if now.obstacle is not None:
                    return Outcome(row=row, state=ObjectState.NOT_CARRIED, reason=now.obstacle)
                row = self._follow(row, now)
                if row.there and not row.distrust:
                    adopted = self._adopt(row)  # 3
                    if adopted is not None:
                        return adopted
                outcome = self._send(row)  # 4
                if outcome is not None:
                    return outcome
        except _Vanished:
            return Outcome(row=row, state=ObjectState.GONE, reason="the source no longer has it")
        except Invalid as error:
            return Outcome(row=row, state=ObjectState.FAILED, reason=_plain(error))
        reason = f"it changed {MOST_CHANGES} times while it was being read"
        return Outcome(row=row, state=ObjectState.FAILED, reason=reason)

    def is_as_listed(self, row: WorkRow) -> bool:
        """Whether the survey's listing told everything of an object that nobody has tried."""
        fresh = not (row.there or row.distrust or row.reason)
        return fresh and self._source.features.whole_listing

    def class_of(self, row: WorkRow) -> str | None:
        """The storage class in which the object is to stand, where one is said."""
        return self._classes.of(row.entry)

    def target_in(self, name: str | None) -> SealedStore:
        """The target whose new objects stand in the storage class `name`."""
        return self._classed.get(name or "", self._target)

    def _as_listed(self, row: WorkRow) -> Outcome | None:
        """Carry the object as the survey saw it; None when it must be asked for first."""
        if not self.is_as_listed(row):
            return None
        try:
            return self._send(row)
        except Invalid:
            # Azure tells of an archived object only so, and its entity tag does not change.
            return None

    def _now(self, name: str) -> Entry:
        return entry_of(_found(lambda: self._source.head(name)))

    def _follow(self, row: WorkRow, now: Entry) -> WorkRow:
        """`row` as the source shows it `now`; a changed object is another sealed object."""
        if now.binding_version == row.entry.binding_version:
            return evolve(row, entry=with_tier(now, row.entry))
        opaque = self._target.opaque_name(now.name, now.binding_version)
        there = self._target.exists(now.name, now.binding_version)
        return WorkRow(
            entry=now, opaque=opaque, state=row.state, there=there, distrust=row.distrust
        )

    def _adopt(self, row: WorkRow) -> Outcome | None:
        """Take the digests of what stands on the target; None when it is not the object."""
        sha256, size, crc, sealed_size = hashlib.sha256(), 0, 0, 0
        try:
            for piece in self._target.stream(row.entry.name, row.entry.binding_version):
                sha256.update(piece)
                size += len(piece)
                self._gauge.move(len(piece))
            for sealed in self._home.stream(row.opaque):
                crc = crc64nvme(sealed, crc)
                sealed_size += len(sealed)
            whole = size == row.entry.size
        except (Unproven, Missing):
            whole = False
        if not whole:
            self._gauge.move(-size)
            return None
        carried = evolve(row, sha256=sha256.hexdigest(), sealed_size=sealed_size, crc=f"{crc:016x}")
        return Outcome(row=carried, state=ObjectState.CARRIED)

    def _send(self, row: WorkRow) -> Outcome | None:
        """Read, seal and send; None when the source changed meanwhile."""
        entry = row.entry
        reading = _Reading(self._source, entry, self._gauge)
        try:
            sealed = self._put(entry, reading)
        except Unavailable:
            reading.forget()
            raise
        except OtherPlaintext:
            # The host has lied about its entity tag; nothing is left of what was begun.
            reading.forget()
            return None
        except Unproven as error:
            reading.forget()
            now = self._now(entry.name)
            if now.binding_version != entry.binding_version:
                return None
            return Outcome(row=row, state=ObjectState.FAILED, reason=_plain(error))
        carried = evolve(
            row, sha256=sealed.sha256, sealed_size=sealed.sealed_size, crc=sealed.crc64nvme
        )
        return Outcome(row=carried, state=ObjectState.CARRIED, written=True)

    def key(self) -> DataKey:
        """The sealing key as the ring gave it less than a second ago, since asking costs more
        than sealing; what is sealed meanwhile under a key renewed or destroyed, a proof tells."""
        asked = time.monotonic()
        held = self._held
        if held is None or asked - held[0] >= KEY_SECONDS:
            held = self._held = (asked, self._target.sealing_key())
        return held[1]

    def _put(self, entry: Entry, reading: _Reading) -> SealedObject:
        """Small objects in one request; large ones in parts, going on where a run stopped."""
        version = entry.binding_version
        target = self.target_in(self._classes.of(entry))
        if entry.size <= ONE_PIECE:
            return target.put(entry.name, reading.pieces(), version, key=self.key())
        return put_in_parts(
            target,
            entry.name,
            reading.pieces(),
            version,
            size=entry.size,
            notes=self._notes,
            turns=self._turns,
        )


class _Vanished(Exception):
    """The source lost an object between the survey and its copy."""


Found = TypeVar("Found")


def _found(ask: Callable[[], Found]) -> Found:
    """The source's answer; only a `Missing` of the source itself means that an object is gone."""
    try:
        return ask()
    except Missing as error:
        raise _Vanished from error


class _Reading:
    """One pinned pass over a source object; refuses an end that is not the one announced."""

    def __init__(self, source: ObjectStore, entry: Entry, gauge: Gauge) -> None:
        self._source = source
        self._entry = entry
        self._gauge = gauge
        self._read = 0

    def pieces(self) -> Iterator[bytes]:
        """The object's bytes; raising here keeps the sealed object from becoming visible."""
        entry = self._entry
        md5 = hashlib.md5(usedforsecurity=False) if entry.facts.content_md5 else None
        # A store reads small and large ranges in different ways, each where it costs least.
        chunk = LARGE_PIECE if entry.size > SMALL_PIECE else SMALL_PIECE
        stream = self._source.stream(entry.name, if_match=entry.facts.etag, chunk=chunk)
        while piece := _found(lambda: next(stream, b"")):
            self._gauge.move(len(piece))
            self._read += len(piece)
            if md5 is not None:
                md5.update(piece)
            yield piece
        if self._read != entry.size:
            raise Unproven(
                f"The source gave {self._read} bytes of an object that it says has {entry.size}."
            )
        if md5 is not None and md5.hexdigest() != entry.facts.content_md5:
            raise Unproven("The source gave bytes that are not those of its own Content-MD5.")

    def forget(self) -> None:
        """Take back what was counted: it will be read again."""
        self._gauge.move(-self._read)
        self._read = 0


def _plain(error: BercailError) -> str:
    return error.message.rstrip(".")
