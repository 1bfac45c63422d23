"""How fast objects move, from what was measured, and how long the rest will take.

Nothing is assumed of a network: either a run of copying was timed, or a short sample is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from attrs import frozen

from bercail.foundation import Missing, Randomness, Unproven
from bercail.hosting.migration.object_table import Tally, WorkRow
from bercail.hosting.migration.worktable import WorkTable
from bercail.storage import ObjectStore

# A sample ends after this many objects or bytes, whichever is first.
SAMPLE_OBJECTS = 20
SAMPLE_BYTES = 64 * 1024 * 1024
PROBE_BYTES = 4 * 1024 * 1024
_NOTE = "last_rate"


@frozen(kw_only=True)
class Speed:
    """A measured speed: `bytes_per_second`, and what one object costs beside its bytes.

    `basis` says what was measured, in words that a plan shows.
    """

    bytes_per_second: int
    microseconds_per_object: int
    basis: str

    def as_dict(self) -> dict[str, Any]:
        """Plain types."""
        return {
            "bytes_per_second": self.bytes_per_second,
            "microseconds_per_object": self.microseconds_per_object,
            "basis": self.basis,
        }

    def seconds(self, work: Tally) -> int:
        """How long `work` takes at this speed, rounded up."""
        waiting = work.objects * self.microseconds_per_object
        moving = work.bytes * 1_000_000 // max(self.bytes_per_second, 1)
        return -(-(waiting + moving) // 1_000_000)


def keep_rate(table: WorkTable, copied: Tally, seconds: float) -> None:
    """Remember how fast a run copied, inside a transaction; a run that copied little says little.

    Small and large objects are not told apart: `objects` were moved with their bytes.
    """
    if copied.objects and seconds > 0:
        note = {
            "objects": copied.objects,
            "bytes": copied.bytes,
            "microseconds": int(seconds * 1_000_000),
        }
        table.set_note(_NOTE, note)


def kept_rate(table: WorkTable) -> Speed | None:
    """The speed of the last run that copied something, or None.

    Half of its time is put down to bytes and half to objects where it had both: one run
    cannot tell them apart, and a rest of other sizes is then neither flattered nor feared.
    """
    kept = table.note(_NOTE)
    if kept is None:
        return None
    half = kept["microseconds"] // 2 if kept["bytes"] else 0
    return Speed(
        bytes_per_second=kept["bytes"] * 1_000_000 // max(half, 1),
        microseconds_per_object=(kept["microseconds"] - half) // kept["objects"],
        basis=f"the last run: {kept['objects']} objects, {kept['bytes']} bytes",
    )


def measure(
    source: ObjectStore,
    home: ObjectStore,
    rows: Iterable[WorkRow],
    *,
    threads: int,
    randomness: Randomness,
    now: Callable[[], float] = time.perf_counter,
) -> Speed | None:
    """Read a sample of `rows` from the source, write made-up bytes to `home` and delete them.

    The slower of the two sides counts, since copying does both at once. One stream is
    timed: waiting for an answer is divided among `threads`, the line is not. None when there
    is nothing to read.

    Raises:
        Unavailable, Refused: as the stores do.
    """
    reads = list(_timed_reads(source, rows, now))
    if not reads:
        return None
    latency, sent = _written(home, randomness, now)
    waiting = max(min(seconds for _, seconds in reads), latency)
    size = sum(count for count, _ in reads)
    moving = max(sum(seconds for _, seconds in reads) - waiting * len(reads), 0.0)
    read_rate = size / moving if moving > 0 else float(size) / max(waiting, 1e-6)
    rate = min(read_rate, PROBE_BYTES / max(sent - latency, 1e-6))
    return Speed(
        bytes_per_second=max(int(rate), 1),
        microseconds_per_object=int(waiting * 1_000_000 / threads),
        basis=f"a sample: {len(reads)} objects, {size} bytes read, {PROBE_BYTES} bytes written",
    )


def _timed_reads(
    source: ObjectStore, rows: Iterable[WorkRow], now: Callable[[], float]
) -> Iterator[tuple[int, float]]:
    read = 0
    for row in islice(rows, SAMPLE_OBJECTS):
        began, count = now(), 0
        try:
            for piece in source.stream(row.entry.name):
                count += len(piece)
                if read + count >= SAMPLE_BYTES:
                    break
        except (Missing, Unproven):
            continue  # it went or changed meanwhile: no sample
        read += count
        yield count, now() - began
        if read >= SAMPLE_BYTES:
            return


def _written(
    home: ObjectStore, randomness: Randomness, now: Callable[[], float]
) -> tuple[float, float]:
    """Seconds that an empty object and one of `PROBE_BYTES` take on the target."""
    name = f"bercail-measure-{randomness.take(8).hex()}"
    taken = []
    try:
        for body in (b"", randomness.take(PROBE_BYTES)):
            began = now()
            home.put(name, body)
            taken.append(now() - began)
    finally:
        home.delete(name)
    return taken[0], taken[1]
