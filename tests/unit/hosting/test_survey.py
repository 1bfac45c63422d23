"""A survey: what it takes in, what it doubts, what changed since, and how little it holds."""

from __future__ import annotations

import json
import sqlite3
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from bercail.foundation import Invalid
from bercail.hosting import MigrationService, Versions
from bercail.hosting.migration import obstacles
from bercail.hosting.migration.entry import Delta, Entry, ObjectState
from bercail.hosting.migration.obstacles import cautions_of, obstacle_of
from bercail.hosting.migration.sighting import Scope, sighting_of
from bercail.hosting.migration.survey import Looker
from bercail.hosting.migration.worktable import WorkTable
from bercail.storage import InventoryItem, ItemKind, Location, ObjectInfo, Passing, open_store
from bercail.storage.past import PastKind, PastState, find_past
from bercail.testing.moving import Killed, MovingWorld

MOMENT = datetime(2026, 11, 1, tzinfo=UTC)


def item(name: str, **changes: Any) -> InventoryItem:
    """A current block blob with tags, changed as said: `info_...` go to its facts."""
    facts = {key[5:]: changes.pop(key) for key in list(changes) if key.startswith("info_")}
    info = evolve(ObjectInfo(name=name, size=3, etag='"1"', modified=MOMENT, tier="Hot"), **facts)
    found = InventoryItem(kind=ItemKind.CURRENT, info=info, logical=name, tags={"k": "v"})
    return evolve(found, **changes)


@pytest.fixture
def table(tmp_path: Path) -> Iterator[WorkTable]:
    made = WorkTable(tmp_path / "state.sqlite")
    yield made
    made.close()


def taken(table: WorkTable, number: int, *listings: Iterable[InventoryItem]) -> Delta:
    """Survey `number` of one listing, or of two."""
    with table.stage() as stage:
        for turn, listing in enumerate(listings):
            rows = ((sighting_of(one), f"o-{one.info.name}") for one in listing)
            stage.take(rows, again=turn == 1)
        with table:
            return stage.settle(number)


def carry(table: WorkTable) -> None:
    with table:
        for row in list(table.objects.work()):
            done = evolve(row, sha256="0" * 64, sealed_size=19, crc="0" * 16)
            table.objects.carried(done)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"kind": ItemKind.LINK}, obstacles.LINK),
        ({"kind": ItemKind.SPECIAL}, obstacles.SPECIAL),
        ({"unreadable": "it is deleted"}, "it is deleted"),
        ({"logical": "a/../b"}, obstacles.NAME),
        ({"logical": "x" * 1025}, obstacles.NAME),
        ({"logical": ".bercail-past/mine"}, obstacles.RESERVED),
        ({"customer_key": True}, obstacles.CUSTOMER_KEY),
        ({"lease": "infinite", "info_blob_type": "PageBlob"}, obstacles.RUNNING_DISK),
        ({"info_tier": "Archive", "rehydration": "rehydrate-pending-to-hot"}, obstacles.ON_ITS_WAY),
        ({"info_tier": "GLACIER"}, obstacles.COLD),
        ({"info_tier": "DEEP_ARCHIVE", "rehydration": "restoring"}, obstacles.COLD),
        ({"info_tier": "GLACIER", "rehydration": "restored"}, None),
        ({"info_tier": "GLACIER_IR"}, None),
        ({"lease": "infinite", "info_blob_type": "BlockBlob"}, None),
        ({"lease": "fixed", "info_blob_type": "PageBlob"}, None),
        ({}, None),
    ],
)
def test_what_cannot_be_carried_and_why(changes: dict[str, Any], reason: str | None) -> None:
    assert obstacle_of(item("c/x", **changes)) == reason


def test_the_archive_tier_and_the_largest_object_are_obstacles_of_the_entry() -> None:
    assert "archive tier" in (obstacle_of(item("c/x", info_tier="Archive")) or "")
    assert "larger than" in (obstacle_of(item("c/x", info_size=6 * 1024**4)) or "")


def test_what_to_know_of_what_is_carried_all_the_same() -> None:
    locked = item("c/x", lease="fixed", locked_until=MOMENT, legal_hold=True)
    assert cautions_of(locked) == (obstacles.LEASED, obstacles.LOCKED, obstacles.HELD)
    assert cautions_of(item("c/x")) == ()
    assert sighting_of(locked).remarks["locked_until"] == "2026-11-01T00:00:00.000000Z"


def test_a_former_state_has_a_name_that_reads_back() -> None:
    for state in (
        PastState(kind=PastKind.VERSION, id="a/b:c%", name="con1/x é/y"),
        PastState(kind=PastKind.SNAPSHOT, id="2026-01-01T00:00:00.0000000Z", name="c/z"),
    ):
        assert find_past(state.as_name) == state
    assert find_past("con1/x") is None
    assert find_past(".bercail-past/other/1/x") is None
    assert find_past(".bercail-past/version/1") is None


CHANGES: list[tuple[dict[str, Any], Delta, ObjectState]] = [
    ({}, Delta(), ObjectState.CARRIED),
    ({"info_etag": '"2"'}, Delta(changed=1, content=1), ObjectState.PENDING),
    ({"info_etag": '"2"', "info_size": 4}, Delta(changed=1, content=1), ObjectState.PENDING),
    ({"tags": {"k": "w"}}, Delta(changed=1, tags=1), ObjectState.CARRIED),
    ({"tags": None}, Delta(), ObjectState.CARRIED),
    ({"info_tier": "Cool"}, Delta(changed=1, tier=1), ObjectState.PENDING),
    ({"info_tier": "Archive"}, Delta(changed=1, tier=1), ObjectState.CARRIED),
    ({"info_metadata": {"o": "p"}}, Delta(changed=1, metadata=1), ObjectState.PENDING),
    (
        {"info_metadata": {"o": "p"}, "metadata_told": False},
        Delta(),
        ObjectState.CARRIED,
    ),
    (
        {"info_modified": datetime(2026, 11, 2, tzinfo=UTC)},
        Delta(changed=1, metadata=1),
        ObjectState.PENDING,
    ),
    (
        {"info_tier": "Cool", "tags": {}, "info_metadata": {"o": "p"}},
        Delta(changed=1, tier=1, tags=1, metadata=1),
        ObjectState.PENDING,
    ),
]


@pytest.mark.parametrize(("changes", "delta", "state"), CHANGES)
def test_a_second_survey_says_what_changed_and_in_what(
    table: WorkTable, changes: dict[str, Any], delta: Delta, state: ObjectState
) -> None:
    assert taken(table, 1, [item("c/x")]) == Delta(new=1)
    carry(table)
    assert taken(table, 2, [item("c/x", **changes)]) == delta
    assert [row.entry.name for row in table.objects.rows(state)] == ["c/x"]
    again = [item("c/x", **changes)]
    assert taken(table, 3, again) == Delta()


def test_a_new_entity_tag_over_the_same_bytes_is_a_change_of_metadata_and_copied_again(
    table: WorkTable,
) -> None:
    taken(table, 1, [item("c/x", info_content_md5=b"1" * 16)])
    carry(table)
    rewritten = item("c/x", info_content_md5=b"1" * 16, info_etag='"2"', info_metadata={"o": "p"})
    assert taken(table, 2, [rewritten]) == Delta(changed=1, metadata=1)
    assert [row.entry.name for row in table.objects.work()] == ["c/x"]


def test_new_gone_and_back_again(table: WorkTable) -> None:
    assert taken(table, 1, [item("c/x"), item("c/y")]) == Delta(new=2)
    assert taken(table, 2, [item("c/y"), item("c/z")]) == Delta(new=1, gone=1)
    assert taken(table, 3, [item("c/x"), item("c/y"), item("c/z")]) == Delta(new=1)


def test_tags_and_headers_are_remembered_and_an_untold_tag_forgets_nothing(
    table: WorkTable,
) -> None:
    taken(table, 1, [item("c/x", headers={"ContentType": "text/csv"})])
    (row,) = table.objects.work()
    assert row.remarks == {"tags": {"k": "v"}, "headers": {"ContentType": "text/csv"}}
    assert taken(table, 2, [item("c/x", tags=None)]) == Delta()
    assert taken(table, 3, [item("c/x", tags={"k": "w"})]) == Delta(changed=1, tags=1)


def test_two_listings_that_disagree(table: WorkTable) -> None:
    first = [item("c/a"), item("c/b"), item("c/stale")]
    second = [item("c/a"), item("c/c"), item("c/stale", info_etag='"2"')]
    assert taken(table, 1, first, second) == Delta(new=4, unsteady=3)
    assert taken(table, 2, first, first) == Delta(gone=1)


def test_a_repeated_entry_is_counted_and_stored_once(table: WorkTable) -> None:
    with table.stage() as stage:
        stage.take((sighting_of(one), "o") for one in [item("c/a"), item("c/a"), item("c/b")])
        assert stage.repeated == 1
        with table:
            assert stage.settle(1) == Delta(new=2)


def test_a_comparison_of_two_listings(table: WorkTable) -> None:
    taken(table, 1, [item("c/a"), item("c/b")])
    a, b, moved = (
        sighting_of(one).entry for one in (item("c/a"), item("c/b"), item("c/b", info_etag='"2"'))
    )
    new = sighting_of(item("c/n")).entry
    compare: Callable[..., Delta] = table.objects.compare
    with table:
        assert compare([a, b]) == Delta()
        assert compare([a, b, a], [b, a]) == Delta()
        assert compare([a], [a, b]) == Delta(unsteady=1)
        assert compare([a, b], [a]) == Delta(unsteady=1)
        assert compare([a, b], [a, moved]) == Delta(unsteady=1)
        assert compare([a, moved], [a, moved]) == Delta(changed=1)
        assert compare([a, b, new], [a, b, new]) == Delta(new=1)
        assert compare([a]) == Delta(gone=1)
        assert not Delta(unsteady=1).empty
    assert "2 on which two listings disagree" in Delta(unsteady=2).described()
    assert "1 hidden" in Delta(hidden=1).described()


class Hiding(Passing):
    """A source whose listing leaves out what `hidden` names."""

    hidden: frozenset[str] = frozenset()

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """What the store lists, less what is hidden."""
        return (info for info in super().list(prefix) if info.name not in self.hidden)


def test_an_object_that_a_later_listing_hides_is_not_gone(tmp_path: Path) -> None:
    world = MovingWorld(tmp_path)
    world.fill({"a": b"1", "b": b"2", "c": b"3"})
    service = world.service()
    service.survey()
    service.plan()
    service.copy()
    lying = Hiding(world.source)
    lying.hidden = frozenset({"b"})
    world.source.delete("c")
    found = world.service(source=lying).survey()
    assert (found.delta.hidden, found.delta.gone, found.objects) == (1, 1, 2)
    assert found.as_dict()["hidden"] == 1


def test_what_one_of_two_listings_hides_is_found_and_carried(tmp_path: Path) -> None:
    class Sometimes(Hiding):
        turn = 0

        def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
            self.turn += 1
            self.hidden = frozenset({"a"} if self.turn == 1 else {"b"})
            return super().list(prefix)

    world = MovingWorld(tmp_path)
    world.fill({"a": b"1", "b": b"2", "c": b"3"})
    found = world.service(source=Sometimes(world.source)).survey(twice=True)
    assert (found.objects, found.delta.unsteady) == (3, 2)


def test_a_survey_killed_anywhere_leaves_the_table_as_it_was(tmp_path: Path) -> None:
    class Dying(Passing):
        def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
            yield from list(super().list(prefix))[:2]
            raise Killed

    world = MovingWorld(tmp_path)
    world.fill({"a": b"1", "b": b"2", "c": b"3"})
    service = world.service()
    service.survey()
    service.plan()
    service.copy()
    before = service.status().tallies
    world.source.put("a", b"changed")
    world.source.put("d", b"4")
    world.source.delete("c")
    with pytest.raises(Killed):
        world.service(source=Dying(world.source)).survey()
    assert world.service().status().tallies == before
    assert not list((tmp_path / "work").glob("survey.scratch*"))
    delta = world.service().survey().delta
    assert (delta.new, delta.changed, delta.gone) == (1, 1, 1)


def test_a_scratch_file_that_a_killed_survey_left_is_thrown_away(tmp_path: Path) -> None:
    world = MovingWorld(tmp_path)
    world.fill({"a": b"1"})
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "survey.scratch").write_bytes(b"half a page")
    assert world.service().survey().objects == 1


def test_a_folder_is_surveyed_with_its_links_and_empty_folders(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "empty").mkdir(parents=True)
    (source / "file").write_bytes(b"1")
    (source / "link").symlink_to("file")
    world = MovingWorld(tmp_path)
    service: MigrationService = world.service(source=open_store(Location.folder(source)))
    survey = service.survey()
    assert {kind: tally.objects for kind, tally in survey.noted.items()} == {"directory": 1}
    plan = service.plan()
    assert plan.left_behind == {obstacles.LINK: 1}
    assert plan.as_dict()["left_behind_knowingly"] == {"directory": 1}
    assert plan.to_copy.objects == 1
    assert service.copy().carried.objects == 1


def test_the_scope_of_the_last_survey_holds_for_the_next(tmp_path: Path) -> None:
    world = MovingWorld(tmp_path)
    world.fill({"a": b"1"})
    world.service().survey(versions=Versions.ALL, details=True)
    world.service().survey()
    kept = json.loads((tmp_path / "work" / "survey-scope.json").read_bytes())
    assert kept == {"versions": "all", "details": True}


def test_a_work_table_of_version_1_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    with sqlite3.connect(path) as db:
        db.execute(
            "CREATE TABLE objects (name TEXT PRIMARY KEY, size INTEGER NOT NULL, facts TEXT NOT "
            "NULL, version TEXT NOT NULL, opaque TEXT NOT NULL, seen INTEGER NOT NULL, state TEXT "
            "NOT NULL, reason TEXT, there INTEGER NOT NULL DEFAULT 0, distrust INTEGER NOT NULL "
            "DEFAULT 0, sha256 TEXT, sealed_size INTEGER, crc TEXT) WITHOUT ROWID"
        )
        entry = sighting_of(item("c/x")).entry
        facts = json.dumps(entry.facts.as_dict())
        db.execute(
            "INSERT INTO objects VALUES ('c/x', 3, ?, ?, 'o', 1, 'carried', NULL, 1, 0, ?, 19, '')",
            (facts, entry.binding_version, "0" * 64),
        )
        db.execute("PRAGMA user_version = 1")
    db.close()
    table = WorkTable(path)
    (row,) = table.objects.rows(ObjectState.CARRIED)
    assert (row.entry, row.remarks) == (entry, {})
    assert taken(table, 2, [item("c/x")]) == Delta()
    table.close()


MANY, TRACED = 300_000, 15_000


class Endless(Passing):
    """A source of `MANY` objects, made up as they are asked for.

    Tracing slows everything down several times, so that only the last are traced: what
    Python holds at `early` and at `late`, objects of a listing that both are deep in.
    """

    early = late = 0

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """The objects under `prefix`, in the order of their names."""
        for number in range(MANY):
            if number == MANY - TRACED:
                tracemalloc.start()
            if number == MANY - TRACED // 2:
                self.early = tracemalloc.get_traced_memory()[0]
            yield ObjectInfo(
                name=f"{prefix}container/{number:09d}/a file with a longer name.parquet",
                size=number,
                etag=f'"{number:x}"',
                modified=MOMENT,
            )
        self.late = tracemalloc.get_traced_memory()[0]


def test_a_survey_of_many_objects_holds_none_of_them(tmp_path: Path) -> None:
    source = Endless(open_store(Location.parse("memory:endless")))
    looker = Looker(source=source, scope=Scope(), opaque=_opaque)
    table = WorkTable(tmp_path / "state.sqlite")
    try:
        survey = looker.take(table, 1, lambda _: None)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        table.close()
    assert survey.objects == MANY
    # Even one reference an object would be 60,000 bytes over this half.
    assert source.late - source.early < 40_000
    assert peak < 4 << 20


def _opaque(entry: Entry) -> str:
    return f"opaque/{entry.name[10:19]}"


def test_nothing_is_written_where_former_states_have_their_names() -> None:
    with pytest.raises(Invalid):
        open_store(Location.parse("memory:m")).put(".bercail-past/version/1/x", b"1")
