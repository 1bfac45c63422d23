"""Small objects by handfuls: what goes plainly goes together, the rest in the ordinary way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from attrs import evolve

from bercail.foundation import Refused, sha256_hex
from bercail.hosting.migration.copying import SMALL_PIECE, Carrier
from bercail.hosting.migration.entry import ObjectState
from bercail.hosting.migration.entry import entry_of as entry
from bercail.hosting.migration.handfuls import HANDFUL, HandfulCarrier, by_handfuls
from bercail.hosting.migration.object_table import WorkRow
from bercail.hosting.migration.part_notes import UploadNotes
from bercail.hosting.migration.pool import Gauge
from bercail.storage import ObjectStore, Passing
from bercail.storage.several import Wanted
from bercail.testing.moving import MovingWorld

NAMES = tuple(f"o{number}" for number in range(HANDFUL))


class Source(Passing):
    """A source that gives several at once, all but those in `silent`; it tells all in a listing."""

    def __init__(self, store: ObjectStore) -> None:
        super().__init__(store)
        self.features = evolve(store.features, whole_listing=True)
        self.silent: set[str] = set()
        self.together: list[str] = []
        self.refuses: set[str] = set()

    def read_several(self, wanted: Sequence[Wanted]) -> list[bytes | None]:
        self.together += [one.name for one in wanted]
        return [None if one.name in self.silent else self.inner.get(one.name) for one in wanted]

    def stream(self, name: str, **more: object) -> object:  # type: ignore[override]
        if name in self.refuses:
            raise Refused("The host denies access.", remedy="Ask it.")
        return self.inner.stream(name, **more)  # type: ignore[arg-type]


class Home(Passing):
    """A home that takes several at once, all but those in `silent`."""

    def __init__(self, store: ObjectStore) -> None:
        super().__init__(store)
        self.silent = 0

    def put_several(self, bodies: Sequence[tuple[str, bytes]]) -> list[bool]:
        for name, body in bodies[self.silent :]:
            self.inner.put(name, body)
        return [number >= self.silent for number in range(len(bodies))]


class Both:
    """A carrier of handfuls over a world of memory."""

    def __init__(self, folder: Path) -> None:
        self.world = MovingWorld(folder)
        self.world.fill({name: name.encode() * 9 for name in NAMES})
        self.source, self.home = Source(self.world.source), Home(self.world.home)
        self.gauge = Gauge()
        carrier = Carrier(
            source=self.source,
            target=self.world.target(self.home),
            home=self.home,
            gauge=self.gauge,
            notes=UploadNotes(folder / "uploads.sqlite"),
            sleep=lambda _: None,
        )
        self.carrier = HandfulCarrier(carrier, source=self.source, home=self.home, gauge=self.gauge)

    def rows(self, **more: object) -> list[WorkRow]:
        return [self.row(name, **more) for name in NAMES]

    def row(self, name: str, **more: object) -> WorkRow:
        seen = entry(self.world.source.head(name))
        opaque = self.world.target().opaque_name(name, seen.binding_version)
        return WorkRow(entry=seen, opaque=opaque, state=ObjectState.PENDING, **more)

    def carried(self, rows: Sequence[WorkRow]) -> dict[str, WorkRow]:
        """The rows that came back carried; each stands, opens and has its digests."""
        done = self.carrier.carry(rows)
        assert done.error is None
        found = {outcome.row.entry.name: outcome.row for outcome in done.outcomes}
        for outcome in done.outcomes:
            assert (outcome.state, outcome.written) == (ObjectState.CARRIED, True)
            name, version = outcome.row.entry.name, outcome.row.entry.binding_version
            plain = self.world.target().read(name, version)
            assert sha256_hex(plain) == outcome.row.sha256
            assert outcome.row.sealed_size == self.world.home.head(outcome.row.opaque).size
        return found


@pytest.fixture
def both(tmp_path: Path) -> Both:
    return Both(tmp_path)


def test_a_handful_goes_together(both: Both) -> None:
    assert set(both.carried(both.rows())) == set(NAMES)
    assert both.source.together == list(NAMES)
    assert both.gauge.moved == sum(len(name) * 9 for name in NAMES)


def test_what_does_not_come_or_is_not_taken_plainly_goes_alone(both: Both) -> None:
    both.source.silent = {"o1", "o4"}
    both.home.silent = 2
    assert set(both.carried(both.rows())) == set(NAMES)
    assert both.gauge.moved == sum(len(name) * 9 for name in NAMES)


def test_what_was_tried_before_is_asked_for_alone(both: Both) -> None:
    rows = [both.row("o0", distrust=True), both.row("o1", reason="cut"), both.row("o2")]
    assert set(both.carried(rows)) == {"o0", "o1", "o2"}
    assert both.source.together == ["o2"]


def test_bytes_that_are_not_those_of_the_content_md5_are_not_taken(both: Both) -> None:
    rows = both.rows()
    wrong = evolve(rows[3].entry, facts=evolve(rows[3].entry.facts, content_md5="0" * 32))
    done = both.carrier.carry([*rows[:3], evolve(rows[3], entry=wrong), *rows[4:]])
    states = {outcome.row.entry.name: outcome.state for outcome in done.outcomes}
    assert states.pop("o3") is ObjectState.FAILED
    assert set(states.values()) == {ObjectState.CARRIED}


def test_an_error_hands_over_what_was_finished(both: Both) -> None:
    both.source.silent = {"o6"}
    both.source.refuses = {"o6"}
    done = both.carrier.carry(both.rows())
    assert isinstance(done.error, Refused)
    assert {outcome.row.entry.name for outcome in done.outcomes} == set(NAMES) - {"o6"}


def test_a_run_that_fails_keeps_what_came_with_the_error(both: Both) -> None:
    both.source.silent = both.source.refuses = {"o6"}
    service = both.world.service(source=both.source, home=both.home)
    service.survey()
    service.plan()
    with pytest.raises(Refused):
        service.copy()
    both.source.refuses = set()
    report = service.copy()
    # The seven that came with the error are neither written nor read again.
    assert (report.copied.objects, report.read_back.objects) == (1, 0)
    assert report.carried.objects == len(NAMES)


def test_large_objects_are_tasks_of_their_own(both: Both) -> None:
    small = both.row("o0")
    large = evolve(small, entry=evolve(small.entry, size=SMALL_PIECE + 1))
    tasks = list(by_handfuls([large, small, large, *[small] * HANDFUL]))
    assert [len(task) for task in tasks] == [1, 1, HANDFUL, 1]
    assert tasks[0] == tasks[1] == (large,)
