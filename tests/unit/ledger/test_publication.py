"""The log as it is published: sizes, files, proofs, exports, and what is refused."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from bercail.foundation import (
    Invalid,
    Missing,
    Secret,
    SystemClock,
    SystemRandomness,
    Unavailable,
    Unproven,
)
from bercail.ledger import Ledger, MemoryJournal, MerkleTree
from bercail.ledger.folder import LogFolder, tile_name
from bercail.ledger.growth import Growth
from bercail.ledger.verify_proof import verify_proof
from bercail.testing.ledger_desk import ORIGIN, Desk, NoteTaken
from bercail.vault import NoteSigner, verify_note


@pytest.mark.parametrize(
    ("index", "width", "name"),
    [
        (0, 256, "tile/0/000"),
        (999, 256, "tile/0/999"),
        (1_000, 256, "tile/0/x001/000"),
        (1_234_067, 256, "tile/0/x001/x234/067"),
        (1_234_067, 12, "tile/0/x001/x234/067.p/12"),
    ],
)
def test_tiles_are_named_as_published(index: int, width: int, name: str) -> None:
    assert tile_name(0, index, width) == name


def test_an_empty_journal_has_an_empty_log(desk: Desk) -> None:
    head = desk.publish()
    assert head.size == 0
    assert head.root.hex().startswith("e3b0c442")
    assert list(desk.files()) == ["checkpoint"]
    assert desk.ledger.verify()["size"] == 0


@pytest.mark.parametrize("sizes", [(1,), (255, 1, 1), (256,), (257,), (3, 600, 1), (512, 0, 2)])
def test_every_size_gives_the_root_of_its_events(desk: Desk, sizes: tuple[int, ...]) -> None:
    for count in sizes:
        desk.record(count)
        head = desk.publish()
        tree = MerkleTree(event.commitment() for event in desk.journal.read_all())
        assert (head.size, head.root) == (len(tree), tree.root())
        report = desk.ledger.verify(export=desk.exported(), keys=desk.keys)
        assert report["events"] == head.size
        assert report["unpublished"] == 0


def test_the_levels_stack_as_published(tmp_path: Path) -> None:
    # 65,536 + 1 leaves: a full tile at level 1 and the first at level 2 (tlog-tiles).
    folder = LogFolder(tmp_path)
    with folder.locked():
        growth = Growth(folder, 0)
        commitments = [number.to_bytes(32, "big") for number in range(65_537)]
        for commitment in commitments:
            growth.add(commitment)
        growth.finish()
        again = Growth(folder, growth.size)
    assert again.root() == growth.root() == MerkleTree(commitments).root()
    assert (tmp_path / "tile/1/000").stat().st_size == 8192
    assert (tmp_path / "tile/2/000.p/1").stat().st_size == 32
    assert (tmp_path / "tile/1/001.p").exists() is False
    assert (tmp_path / "tile/entries/256.p/1").stat().st_size == 34


def test_publishing_again_changes_nothing(desk: Desk) -> None:
    desk.record(300)
    head = desk.publish()
    before = desk.files()
    assert desk.publish() == head
    assert desk.files() == before


def test_the_head_is_a_checkpoint_signed_twice(desk: Desk) -> None:
    desk.record(3)
    head = desk.publish()
    note = (desk.log / "checkpoint").read_text("utf-8")
    assert verify_note(note, desk.signer.public) == head.text()
    assert note.splitlines()[:2] == [ORIGIN, "3"]
    assert note.count("\N{EM DASH} ") == 2


def test_partial_tiles_go_when_they_are_full(desk: Desk) -> None:
    desk.record(255)
    desk.publish()
    assert "tile/0/000.p/255" in desk.files()
    desk.record(1)
    desk.publish()
    assert {name for name in desk.files() if ".p/" in name} == {"tile/1/000.p/1"}


def test_the_log_tells_nothing_of_the_events(desk: Desk) -> None:
    desk.record(20, stream="permit/secret-project")
    desk.publish()
    everything = b"".join(desk.files().values())
    for word in (b"secret-project", b"NoteTaken", b"auditor-1", b"happened"):
        assert word not in everything


def test_equal_events_have_unequal_commitments(desk: Desk) -> None:
    desk.record(2)
    one, two = (event.commitment() for event in desk.journal.read_all())
    assert one != two


@pytest.mark.parametrize("position", [1, 2, 256, 257, 300])
def test_a_proof_stands_alone(desk: Desk, position: int) -> None:
    desk.record(300)
    desk.publish()
    proof = desk.folder / "one.tlog-proof"
    text = desk.ledger.prove(position, proof)
    assert text.startswith("c2sp.org/tlog-proof@v1\nextra ")
    event = verify_proof(proof, desk.keys)
    assert event["position"] == position
    assert event["body"]["number"] == position - 1


def test_a_proof_of_an_old_event_holds_in_a_later_log(desk: Desk) -> None:
    desk.record(1)
    desk.publish()
    desk.record(600)
    desk.publish()
    desk.ledger.prove(1, desk.folder / "p")
    assert verify_proof(desk.folder / "p", desk.keys)["position"] == 1


@pytest.mark.parametrize("position", [-1, 0, 4])
def test_there_is_no_proof_of_an_event_that_is_not_there(desk: Desk, position: int) -> None:
    desk.record(3)
    desk.publish()
    with pytest.raises(Missing, match="no event at position"):
        desk.ledger.prove(position)


def test_there_is_no_proof_before_publication(desk: Desk) -> None:
    desk.record(3)
    with pytest.raises(Missing, match="not in the published log yet"):
        desk.ledger.prove(3)
    desk.publish()
    desk.record(1)
    with pytest.raises(Missing, match="not in the published log yet"):
        desk.ledger.prove(4)


def test_events_beyond_the_log_are_counted_and_not_accepted(desk: Desk) -> None:
    desk.record(3)
    desk.publish()
    desk.record(2)
    report = desk.ledger.verify(export=desk.exported())
    assert (report["events"], report["unpublished"]) == (3, 2)


def test_the_keys_file_holds_no_secret(desk: Desk) -> None:
    desk.publish()
    keys = json.loads(desk.keys.read_text())
    assert keys == desk.ledger.public_keys()
    assert keys["origin"] == ORIGIN
    assert [key.split("+")[0] for key in keys["keys"]] == [ORIGIN, ORIGIN]


def test_a_log_is_signed_under_its_own_name(tmp_path: Path) -> None:
    signer = NoteSigner("somebody.example/else", Secret(bytes(64)))
    with pytest.raises(Invalid, match=r"somebody.example/else"):
        Ledger(
            MemoryJournal(), tmp_path, signer, SystemClock(), SystemRandomness(), "my.example/log"
        )


def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("in the way")
    desk = Desk(tmp_path)
    desk.record(1)
    with pytest.raises(Unavailable, match="cannot be used"):
        desk.publish()
    with pytest.raises(Unavailable, match="cannot be written"):
        desk.ledger.export(tmp_path / "absent" / "events.jsonl")


def test_a_full_disk_is_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.record(1)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match=r"disk of the log folder .* is full"):
        desk.publish()
    monkeypatch.undo()
    assert desk.publish().size == 1
    assert desk.ledger.verify()["size"] == 1


@pytest.mark.parametrize("note", ["", "x", "o\n1\n", "o\n01\nAA==\n\n— o AA==\n"])
def test_a_head_that_is_no_checkpoint_stops_publication(desk: Desk, note: str) -> None:
    desk.record(1)
    desk.publish()
    (desk.log / "checkpoint").write_text(note)
    with pytest.raises(Unproven):
        desk.publish()


def test_a_head_that_is_not_text_stops_publication(desk: Desk) -> None:
    desk.publish()
    (desk.log / "checkpoint").write_bytes(b"\xff\xfe")
    with pytest.raises(Unproven, match="not text"):
        desk.publish()


def test_history_shows_the_last_events_in_order(desk: Desk) -> None:
    desk.record(3, "permit/a")
    desk.record(2, "permit/b")
    desk.record(2, "lake/t")
    desk.record(1, "permit/a")
    ledger = desk.ledger
    assert [event.position for event in ledger.history(limit=3)] == [6, 7, 8]
    assert [event.position for event in ledger.history("permit/", limit=3)] == [4, 5, 8]
    assert [event.position for event in ledger.history("permit/b")] == [4, 5]
    assert ledger.history(limit=0) == ()
    assert ledger.streams("permit/") == ("permit/a", "permit/b")


def test_load_gives_the_events_and_the_version(desk: Desk) -> None:
    desk.record(2)
    version, events = desk.ledger.load("notes/one", [NoteTaken])
    assert version == 2
    assert events == (NoteTaken(number=0), NoteTaken(number=1))
    assert desk.ledger.load("never", [NoteTaken]) == (0, ())
