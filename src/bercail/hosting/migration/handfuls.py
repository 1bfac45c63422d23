"""Carry small objects by handfuls: all read, all sealed, all sent, and only then the next.

A handful is a gain and no other way of carrying: an object that is not as the survey saw it,
or that either host does not serve plainly, is left to `Carrier`, which asks, waits and tells.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from bercail.hosting.migration.copying import SMALL_PIECE, Carrier, Outcome
from bercail.hosting.migration.entry import ObjectState
from bercail.lake.sealed_carriage import Plain, put_several
from bercail.storage.several import ReadsSeveral, Wanted, puts_several, reads_several

if TYPE_CHECKING:
    from bercail.hosting.migration.object_table import WorkRow
    from bercail.hosting.migration.pool import Gauge
    from bercail.lake import SealedStore
    from bercail.storage import ObjectStore

HANDFUL = 16
"""Objects worked on together: more wait longer for each other than they gain."""


@frozen(kw_only=True)
class Carried:
    """What became of the objects of one task; `error` is what ended it before its end."""

    outcomes: tuple[Outcome, ...]
    error: BaseException | None = None


def by_handfuls(rows: Iterable[WorkRow]) -> Iterator[tuple[WorkRow, ...]]:
    """Tasks in the order of `rows`: large objects one by one, small ones by handfuls."""
    held: list[WorkRow] = []
    for row in rows:
        if row.entry.size > SMALL_PIECE:
            yield (row,)
            continue
        held.append(row)
        if len(held) == HANDFUL:
            yield tuple(held)
            held = []
    if held:
        yield tuple(held)


class HandfulCarrier:
    """Carries tasks of one object or several; threads may share it."""

    def __init__(
        self, carrier: Carrier, *, source: ObjectStore, home: ObjectStore, gauge: Gauge
    ) -> None:
        self._carrier = carrier
        self._gauge = gauge
        self._reads = reads_several(source) if puts_several(home) is not None else None

    def carry(self, rows: Sequence[WorkRow]) -> Carried:
        """Carry all of `rows`; what was carried before an error is handed over with it."""
        done: dict[str, Outcome] = {}
        try:
            if self._reads is not None and len(rows) > 1:
                for outcome in self._together(self._reads, rows):
                    done[outcome.row.entry.name] = outcome
            for row in rows:
                if row.entry.name not in done:
                    done[row.entry.name] = self._carrier.carry(row)
        except BaseException as error:  # noqa: BLE001  # it is raised where the tasks come from
            return Carried(outcomes=tuple(done.values()), error=error)
        return Carried(outcomes=tuple(done.values()))

    def _together(self, reads: ReadsSeveral, rows: Sequence[WorkRow]) -> Iterator[Outcome]:
        """What became of those that went plainly."""
        chosen = [row for row in rows if row.entry.size and self._carrier.is_as_listed(row)]
        wanted = [
            Wanted(name=row.entry.name, etag=row.entry.facts.etag, size=row.entry.size)
            for row in chosen
        ]
        found: dict[str | None, list[tuple[WorkRow, bytes]]] = {}
        for row, plain in zip(chosen, reads.read_several(wanted), strict=True):
            if plain is not None and _is_its_own(row, plain):
                self._gauge.move(len(plain))
                found.setdefault(self._carrier.class_of(row), []).append((row, plain))
        for name, pairs in found.items():
            yield from self._sent(self._carrier.target_in(name), pairs)

    def _sent(
        self, target: SealedStore, pairs: Sequence[tuple[WorkRow, bytes]]
    ) -> Iterator[Outcome]:
        plains = [
            Plain(
                name=row.entry.name,
                version=row.entry.binding_version,
                opaque=row.opaque,
                content=content,
            )
            for row, content in pairs
        ]
        made = put_several(target, plains, self._carrier.key())
        for (row, plain), sealed in zip(pairs, made, strict=True):
            if sealed is None:
                self._gauge.move(-len(plain))
                continue
            carried = evolve(
                row, sha256=sealed.sha256, sealed_size=sealed.sealed_size, crc=sealed.crc64nvme
            )
            yield Outcome(row=carried, state=ObjectState.CARRIED, written=True)


def _is_its_own(row: WorkRow, plain: bytes) -> bool:
    """Whether the bytes are those of the source's own Content-MD5, where it has one."""
    told = row.entry.facts.content_md5
    return not told or hashlib.md5(plain, usedforsecurity=False).hexdigest() == told
