"""The journal in memory: a real adapter, for one process, forgotten at its end."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from attrs import evolve, frozen

from bercail.ledger.events import NewEvent, RecordedEvent, body_from_text, body_text
from bercail.ledger.journal import conflict, require_stream


@frozen
class _Kept:
    """A record and the text of its body, so that no caller can alter what is kept."""

    record: RecordedEvent
    text: str

    def fresh(self) -> RecordedEvent:
        return evolve(self.record, body=body_from_text(self.text))


class MemoryJournal:
    """Keeps the journal in a list; safe between threads."""

    def __init__(self) -> None:
        self._kept: list[_Kept] = []
        self._places: dict[str, list[int]] = {}
        self._lock = threading.Lock()

    def append(
        self, stream: str, expected: int, events: Sequence[NewEvent]
    ) -> tuple[RecordedEvent, ...]:
        """Record `events`; see `Journal.append`."""
        require_stream(stream, expected)
        texts = [body_text(event) for event in events]
        with self._lock:
            found = len(self._places.get(stream, ()))
            if found != expected:
                raise conflict(stream, expected, found)
            start = len(self._kept)
            added = [
                _Kept(_record(stream, event, start + i, expected + i), text)
                for i, (event, text) in enumerate(zip(events, texts, strict=True), start=1)
            ]
            self._kept.extend(added)
            if added:
                self._places.setdefault(stream, []).extend(range(start, start + len(added)))
        return tuple(kept.fresh() for kept in added)

    def read(self, stream: str) -> tuple[RecordedEvent, ...]:
        """The events of `stream`."""
        with self._lock:
            found = [self._kept[place] for place in self._places.get(stream, ())]
        return tuple(kept.fresh() for kept in found)

    def read_all(self, after: int = 0) -> Iterator[RecordedEvent]:
        """Every event above position `after`, as the journal stands now."""
        with self._lock:
            found = self._kept[max(after, 0) :]
        return (kept.fresh() for kept in found)

    def streams(self, prefix: str = "") -> tuple[str, ...]:
        """Names that begin with `prefix`, sorted."""
        with self._lock:
            return tuple(sorted(name for name in self._places if name.startswith(prefix)))

    def last(self) -> int:
        """The highest position."""
        with self._lock:
            return len(self._kept)


def _record(stream: str, event: NewEvent, position: int, version: int) -> RecordedEvent:
    return RecordedEvent(
        position=position,
        stream=stream,
        version=version,
        kind=event.kind,
        body=event.body,
        actor=event.actor,
        at=event.at,
        salt=event.salt,
    )
