"""The dual run: deltas until the source is quiet, and every difference between the sides."""

from __future__ import annotations

import json
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from bercail.foundation import Invalid, Refused, Unproven
from bercail.hosting import Depth, MigrationService
from bercail.hosting.migration.dual_run import DeltaLog
from bercail.hosting.migration.entry import ObjectState
from bercail.ledger import MerkleTree, verify_consistency
from bercail.storage import Location, ObjectInfo, Passing, open_store
from bercail.testing.moving import Labelled, MovingWorld

CONTENTS = {f"data/{n}": bytes([n]) * (100 + n) for n in range(8)}


@pytest.fixture
def world(tmp_path: Path) -> MovingWorld:
    made = MovingWorld(tmp_path)
    made.fill(CONTENTS)
    return made


def names(report: dict) -> dict[str, str]:
    lines = Path(report["names"]).read_text().splitlines()
    return {json.loads(line)["name"]: json.loads(line)["difference"] for line in lines}


class Writing(Passing):
    """A source to which somebody writes `more` while it is listed, one object each time."""

    def __init__(self, store: object, more: dict[str, bytes]) -> None:
        super().__init__(store)
        self.more = dict(more)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        yield from list(super().list(prefix))
        if self.more:
            self._store.put(*self.more.popitem())


def test_from_nothing_it_carries_everything_and_both_sides_agree(world: MovingWorld) -> None:
    report = world.service().dual_run(quiet_rounds=2, depth=Depth.FULL).as_dict()
    assert (report["rounds"], report["rounds_with_a_delta"], report["quiet"]) == (3, 1, True)
    assert (report["objects"], report["same"], report["reread"]) == (8, 8, 8)
    assert report["differences"] == {}
    assert report["deltas_logged"] == 8


def test_it_goes_on_until_the_source_is_quiet(world: MovingWorld) -> None:
    source = Writing(world.source, {f"more/{n}": b"m" for n in range(3)})
    report = world.service(source=source).dual_run(rounds=10, quiet_rounds=2)
    assert report.quiet
    assert report.carried == 3
    assert report.comparison.same == 11


def test_a_source_that_is_never_quiet_ends_at_the_last_round(world: MovingWorld) -> None:
    source = Writing(world.source, {f"more/{n}": b"m" for n in range(50)})
    report = world.service(source=source).dual_run(rounds=4, quiet_rounds=2)
    assert (report.rounds, report.quiet) == (4, False)


def test_it_waits_between_two_rounds(world: MovingWorld) -> None:
    waited: list[float] = []
    service = world.service()
    service._sleep = waited.append
    service.dual_run(rounds=3, quiet_rounds=2, pause=7.5)
    assert waited == [7.5, 7.5]


def test_a_proof_stands_when_nothing_moved(world: MovingWorld) -> None:
    service = world.service()
    service.dual_run()
    service.prove()
    assert service.dual_run().carried == 0
    assert service.status().state.proof is not None


def test_each_difference_is_counted_by_class_and_named_on_the_trust_side(
    world: MovingWorld,
) -> None:
    labels = {name: {"blob_type": "PageBlob"} for name in ("data/0", "data/1")}
    source = Labelled(world.source, labels)
    world.service(source=source).dual_run()
    with world.service().ground.table() as table:
        opaque = {row.entry.name: row.opaque for row in table.objects.rows(ObjectState.CARRIED)}
    world.home.delete(opaque["data/0"])
    world.home.put(opaque["data/2"], b"short")
    flipped = bytearray(world.home.get(opaque["data/3"]))
    flipped[-1] ^= 1
    world.home.put(opaque["data/3"], bytes(flipped))
    ground = world.service(source=source).ground
    found = compared(ground, Depth.FULL, world)
    assert found["differences"] == {
        "PageBlob/absent from the target": 1,
        "object/contents": 1,
        "object/other size on the target": 1,
    }
    assert names(found) == {
        "data/0": "absent from the target",
        "data/2": "other size on the target",
        "data/3": "contents",
    }
    # What only a re-reading shows is not seen by heads, and the report says what was looked at.
    shallow = compared(ground, Depth.HEADS, world)
    assert "object/contents" not in shallow["differences"]
    assert (shallow["depth"], shallow["reread"]) == ("listing-and-heads", 0)


def test_a_link_and_a_pipe_stay_behind_and_are_not_gone(tmp_path: Path) -> None:
    """A folder lists them, and there is no object to ask for."""
    world = MovingWorld(tmp_path)
    old = tmp_path / "old"
    old.mkdir()
    (old / "file").write_bytes(b"one")
    (old / "link").symlink_to("file")
    os.mkfifo(old / "pipe")
    service = world.service(source=open_store(Location.folder(old)))
    report = service.dual_run().as_dict()
    assert report["differences"] == {"object/left behind": 2}
    assert names(report) == {"link": "left behind", "pipe": "left behind"}
    (old / "link").unlink()
    found = compared(service.ground, Depth.HEADS, world)
    assert names(found) == {"link": "gone from the source", "pipe": "left behind"}


def compared(ground: object, depth: Depth, world: MovingWorld) -> dict:
    from bercail.hosting.migration.dual_run.comparing import Comparer

    with ground.table() as table:
        return Comparer(ground, threads=2).compare(table, 9, depth, sample=3).as_dict()


def test_what_moves_on_the_source_is_a_difference(world: MovingWorld) -> None:
    service = world.service()
    service.dual_run()
    world.source.put("data/1", b"changed")
    world.source.put("new", b"new")
    world.source.delete("data/2")
    found = compared(service.ground, Depth.HEADS, world)
    assert names(found) == {
        "data/1": "changed on the source",
        "data/2": "gone from the source",
        "new": "new on the source",
    }
    assert (found["objects"], found["same"]) == (9, 6)


def test_metadata_and_what_stays_behind_are_differences(world: MovingWorld) -> None:
    service = world.service(source=Labelled(world.source, {"data/7": {"tier": "Archive"}}))
    service.dual_run()
    changed = {"data/6": {"metadata": {"owner": "x"}}, "data/7": {"tier": "Archive"}}
    ground = world.service(source=Labelled(world.source, changed)).ground
    assert names(compared(ground, Depth.HEADS, world)) == {
        "data/6": "other metadata on the source",
        "data/7": "left behind",
    }


def test_a_sample_is_as_large_as_asked_and_the_same_when_repeated(world: MovingWorld) -> None:
    world.service().dual_run(sample=3)
    ground = world.service().ground
    first, second = (compared(ground, Depth.SAMPLE, world) for _ in range(2))
    assert first["reread"] == second["reread"] == 3
    assert first["digest"] == second["digest"]


def test_the_events_hold_counts_and_digests_and_no_name(world: MovingWorld) -> None:
    service = world.service()
    service.dual_run()
    body = world.journal.read("migration/moving")[-1].body
    assert world.kinds()[-2:] == ["DeltasLogged", "SidesCompared"]
    assert body["same"] == 8
    assert "data/" not in json.dumps([one.body for one in world.journal.read_all()])


def test_the_log_of_deltas_only_grows_and_each_growth_is_proven(world: MovingWorld) -> None:
    service = world.service()
    service.dual_run()
    world.source.put("data/1", b"changed")
    world.source.delete("data/2")
    world.source.put("new", b"new")
    report = service.dual_run()
    assert (report.logged, report.log_size) == (3, 11)
    heads = [r.body for r in world.journal.read("migration/moving") if r.kind == "DeltasLogged"]
    assert [head["size"] for head in heads] == [8, 11]
    proof = json.loads((world.folder / "work" / "dual-run" / "deltas-8-11.json").read_text())
    path = [bytes.fromhex(node) for node in proof["proof"]]
    roots = [bytes.fromhex(head["root"]) for head in heads]
    verify_consistency(8, 11, roots[0], roots[1], path)
    with pytest.raises(Unproven):
        verify_consistency(8, 11, roots[1], roots[0], path)


def test_the_last_line_of_every_name_is_the_line_of_the_manifest(world: MovingWorld) -> None:
    service = world.service()
    service.dual_run()
    world.source.put("data/1", b"changed")
    world.source.delete("data/2")
    service.dual_run()
    last = dict(DeltaLog(world.folder / "work" / "dual-run").lines())
    alive = {name: line for name, line in last.items() if json.loads(line)["state"] != "gone"}
    assert b"".join(alive[name] + b"\n" for name in sorted(alive)) == (
        service.prove().manifest.read_bytes()
    )


def test_a_log_that_was_rewritten_is_unproven(world: MovingWorld) -> None:
    import sqlite3

    service = world.service()
    service.dual_run()
    with sqlite3.connect(world.folder / "work" / "dual-run" / "deltas.sqlite") as db:
        db.execute("UPDATE leaves SET line = ? WHERE number = 3", (b"{}",))
    db.close()
    with pytest.raises(Unproven, match="not a continuation"):
        service.dual_run()


def logged(log: DeltaLog, first: int, last: int) -> None:
    """Write the lines `first` to `last` as an earlier run would have left them."""
    with log._open() as db, db:
        rows = ((f"n{n}", b"line %d" % n) for n in range(first, last))
        db.executemany("INSERT INTO leaves (name, line) VALUES (?, ?)", rows)


def test_a_log_from_which_lines_were_taken_is_unproven(tmp_path: Path) -> None:
    log = DeltaLog(tmp_path)
    logged(log, 0, 7)
    whole = MerkleTree(b"line %d" % n for n in range(7)).root().hex()
    log.require_root(7, whole)
    with log._open() as db, db:
        db.execute("DELETE FROM leaves WHERE number = 3")
    with pytest.raises(Unproven, match="lines where"):
        log.require_root(7, whole)
    with log._open() as db, db:
        db.execute("DELETE FROM leaves")
    with pytest.raises(Unproven, match="0 lines where 7 were logged"):
        log.grow([], 7)


@pytest.mark.parametrize(("earlier", "size"), [(0, 1), (0, 6), (1, 2), (4, 8), (5, 13), (8, 21)])
def test_a_log_that_holds_nothing_in_memory_has_the_roots_of_the_whole_tree(
    tmp_path: Path, earlier: int, size: int
) -> None:
    log = DeltaLog(tmp_path)
    logged(log, 0, size)
    tree = MerkleTree(b"line %d" % n for n in range(size))
    for length in range(size + 1):
        log.require_root(length, tree.root(length).hex())
    # The names that the log has and nobody shows any more are logged as gone: `size` lines more.
    event = log.grow([], earlier).event
    assert event is not None
    whole = MerkleTree(line for _, line in log.lines())
    assert (event.size, event.earlier) == (2 * size, earlier)
    assert event.root == whole.root().hex()
    assert event.earlier_root == tree.root(earlier).hex()
    proof = json.loads((tmp_path / f"deltas-{earlier}-{2 * size}.json").read_text())
    path = tuple(bytes.fromhex(node) for node in proof["proof"])
    assert path == whole.consistency_proof(earlier)


def test_a_long_log_is_checked_in_the_memory_of_a_short_one(tmp_path: Path) -> None:
    peaks = []
    for size in (500, 20_000):
        log = DeltaLog(tmp_path / str(size))
        logged(log, 0, size)
        root = MerkleTree(b"line %d" % n for n in range(size)).root().hex()
        tracemalloc.start()
        log.require_root(size, root)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 50_000


def test_killed_between_the_log_and_the_journal_the_growth_is_told_later(
    world: MovingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = world.service()
    service.dual_run()
    world.source.put("new", b"new")
    log = DeltaLog(world.folder / "work" / "dual-run")
    service.survey()
    service.plan()
    service.copy()
    with service.ground.table() as table:
        rows = list(table.objects.rows(ObjectState.CARRIED))
        assert log.grow(rows, 8).added == 1
    report = world.service().dual_run()
    assert (report.logged, report.log_size) == (1, 9)


def test_quiet_rounds_must_fit_and_the_cut_over_ends_it(world: MovingWorld) -> None:
    service: MigrationService = world.service()
    for wrong in ({"quiet_rounds": 0}, {"rounds": 1, "quiet_rounds": 2}):
        with pytest.raises(Invalid):
            service.dual_run(**wrong)
    service.dual_run()
    service.prove()
    service.cut_over()
    with pytest.raises(Refused) as caught:
        service.dual_run()
    assert caught.value.rule == "migration-order"
