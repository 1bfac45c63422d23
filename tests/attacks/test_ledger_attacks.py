"""Attacks on the ledger, by name; each must be refused at its place."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bercail.foundation import Secret, SeededRandomness, SystemClock, Unproven
from bercail.ledger import Ledger, MemoryJournal, NewEvent, SqlJournal
from bercail.ledger.checkpoint import parse_checkpoint
from bercail.ledger.merkle import root_of_hashes
from bercail.ledger.verify import NotVerifiedError, verify
from bercail.ledger.verify_proof import verify_proof
from bercail.testing.ledger_desk import ORIGIN, Desk
from bercail.vault import NoteSigner

SIZE = 300


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk on SQLite whose 300 events are published and exported."""
    made = Desk(tmp_path, SqlJournal(f"sqlite:///{tmp_path}/journal.db"))
    made.record(200, "permit/a")
    made.record(100, "permit/b")
    made.publish()
    made.exported()
    return made


def refused(desk: Desk, **options: Any) -> str:
    with pytest.raises(NotVerifiedError) as refusal:
        verify(desk.log, desk.keys, **options)
    return refusal.value.place


def lines_of(desk: Desk) -> list[bytes]:
    return (desk.folder / "events.jsonl").read_bytes().splitlines(keepends=True)


def write_lines(desk: Desk, lines: list[bytes]) -> Path:
    target = desk.folder / "events.jsonl"
    target.write_bytes(b"".join(lines))
    return target


def edited(line: bytes, **changes: Any) -> bytes:
    event = {**json.loads(line), **changes}
    text = json.dumps(event, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode() + b"\n"


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def by_force(desk: Desk, statement: str) -> None:
    """What somebody with the rights of the database's owner can do."""
    connection = sqlite3.connect(desk.folder / "journal.db")
    for trigger in ("update", "delete", "next"):
        connection.execute(f"DROP TRIGGER IF EXISTS bercail_journal_{trigger}")
    connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.mark.requirement("LOG-03")
@pytest.mark.parametrize(
    ("file", "offset", "place"),
    [
        ("tile/0/000", 32 * 17 + 5, "tile/0/000, leaf 17"),
        ("tile/0/001.p/44", 0, "tile/0/001.p/44, leaf 256"),
        ("tile/entries/000", 34 * 17 + 5, "tile/entries/000, leaf 17"),
        ("tile/entries/001.p/44", 34 * 43 + 33, "tile/entries/001.p/44, leaf 299"),
        ("tile/entries/000", 34 * 3 + 1, "tile/entries/000, leaf 3"),
        ("tile/1/000.p/1", 31, "tile/1/000.p/1, hash 0"),
        ("checkpoint", 3, "checkpoint"),
        ("checkpoint", len(ORIGIN) + 2, "checkpoint"),
        ("checkpoint", len(ORIGIN) + 10, "checkpoint"),
        ("checkpoint", 200, "checkpoint"),
        ("checkpoint", 2_000, "checkpoint"),
    ],
)
def test_one_flipped_bit(desk: Desk, file: str, offset: int, place: str) -> None:
    flip(desk.log / file, offset)
    assert refused(desk) == place


def test_every_byte_of_the_log_counts(desk: Desk) -> None:
    for name, data in desk.files().items():
        for offset in range(0, len(data), max(1, len(data) // 12)):
            flip(desk.log / name, offset)
            assert refused(desk)
            (desk.log / name).write_bytes(data)
    verify(desk.log, desk.keys)


def test_a_cut_or_lengthened_file(desk: Desk) -> None:
    for name, data in desk.files().items():
        if name == "checkpoint":
            continue
        for other in (data[:-1], data + b"x", b"", data[: len(data) // 2]):
            (desk.log / name).write_bytes(other)
            assert refused(desk) == name
        (desk.log / name).unlink()
        assert refused(desk) == name
        (desk.log / name).write_bytes(data)


def test_an_edited_entry_with_its_leaf_edited_to_match(desk: Desk) -> None:
    entries, leaves = desk.log / "tile/entries/000", desk.log / "tile/0/000"
    forged = bytearray(entries.read_bytes())
    forged[2:34] = bytes(32)
    entries.write_bytes(forged)
    hashes = bytearray(leaves.read_bytes())
    hashes[:32] = hashlib.sha256(b"\x00" + bytes(32)).digest()
    leaves.write_bytes(hashes)
    assert refused(desk) == "tile/1/000.p/1, hash 0"
    above = desk.log / "tile/1/000.p/1"
    above.write_bytes(root_of_hashes([hashes[i : i + 32] for i in range(0, 8192, 32)]))
    assert refused(desk) == "checkpoint"
    with pytest.raises(Unproven, match="do not lead to the root"):
        desk.publish()


def test_a_proof_is_not_made_from_an_edited_tile(desk: Desk) -> None:
    flip(desk.log / "tile/0/000", 0)
    with pytest.raises(Unproven, match="inclusion proof of leaf `1`"):
        desk.ledger.prove(2)


@pytest.mark.requirement("LOG-03")
@pytest.mark.parametrize(
    "change",
    [
        {"body": {"number": 16, "text": "nothing happened"}},
        {"actor": "somebody.else"},
        {"at": "2026-11-22T00:00:00.000000Z"},
        {"kind": "NoteLost"},
        {"salt": "00" * 16},
    ],
)
def test_an_edited_event_in_the_export(desk: Desk, change: dict[str, Any]) -> None:
    lines = lines_of(desk)
    lines[16] = edited(lines[16], **change)
    place = refused(desk, export=write_lines(desk, lines))
    assert place == "events.jsonl, line 17 (leaf 16)"


def test_an_event_moved_to_another_stream(desk: Desk) -> None:
    lines = lines_of(desk)
    lines[299] = edited(lines[299], stream="permit/c", version=1)
    assert "line 300 (leaf 299)" in refused(desk, export=write_lines(desk, lines))


def test_two_events_in_each_other_s_place(desk: Desk) -> None:
    lines = lines_of(desk)
    lines[3], lines[4] = lines[4], lines[3]
    assert refused(desk, export=write_lines(desk, lines)) == "events.jsonl, line 4"


def test_two_events_in_each_other_s_place_and_renumbered(desk: Desk) -> None:
    lines = lines_of(desk)
    lines[3], lines[4] = (
        edited(lines[4], position=4, version=4),
        edited(lines[3], position=5, version=5),
    )
    assert refused(desk, export=write_lines(desk, lines)) == "events.jsonl, line 4 (leaf 3)"


def test_a_gap(desk: Desk) -> None:
    lines = lines_of(desk)
    del lines[10]
    assert refused(desk, export=write_lines(desk, lines)) == "events.jsonl, line 11"


def test_an_event_told_twice(desk: Desk) -> None:
    lines = lines_of(desk)
    lines.insert(10, lines[9])
    assert refused(desk, export=write_lines(desk, lines)) == "events.jsonl, line 11"


def test_a_version_told_twice_beyond_the_log(desk: Desk) -> None:
    lines = lines_of(desk)
    lines.append(edited(lines[299], position=301))
    assert refused(desk, export=write_lines(desk, lines)) == "events.jsonl, line 301"


def test_events_withheld_at_the_end(desk: Desk) -> None:
    place = refused(desk, export=write_lines(desk, lines_of(desk)[:-1]))
    assert place == "events.jsonl, line 300"
    assert refused(desk, export=write_lines(desk, [])) == "events.jsonl, line 1"


@pytest.mark.parametrize(
    "rewrite",
    [
        lambda line: line.replace(b",", b", ", 1),
        lambda line: line.replace(b'"version":', b'"version":1,"version":'),
        lambda line: line.replace(b'"number":16', b'"number":16.0'),
        lambda line: line.replace(b'"number":16', b'"number":1e400'),
        lambda line: line.replace(b'"number":16', b'"number":NaN'),
        lambda line: line.replace(b'"kind"', b'"also":1,"kind"'),
        lambda line: line.replace(b'"actor":"auditor-1",', b""),
        lambda line: line.replace(b'"position":17', b'"position":true'),
        lambda line: line.replace(b'"stream":"permit/a"', b'"stream":["permit/a"]'),
        lambda line: line.replace(b'.000000Z"', b'Z"'),
        lambda line: line.replace(b'"salt":"', b'"salt":"00'),
        lambda line: line.replace(b'"salt":"', b'"salt":"zz'),
        lambda line: line.replace(b'"something happened"', b'"\\ud800"'),
        lambda line: b"[]\n",
        lambda line: b"\n",
        lambda line: b"[" * 100_000 + b"\n",
        lambda line: b"\xff" + line,
        lambda line: line[:-1] + b"\r\n",
    ],
)
def test_a_line_that_two_readers_could_read_differently(
    desk: Desk, rewrite: Callable[[bytes], bytes]
) -> None:
    lines = lines_of(desk)
    lines[16] = rewrite(lines[16])
    assert refused(desk, export=write_lines(desk, lines)) == "events.jsonl, line 17"


def test_an_export_whose_last_line_is_cut(desk: Desk) -> None:
    lines = lines_of(desk)
    lines[-1] = lines[-1][:-1]
    assert refused(desk, export=write_lines(desk, lines)) == "events.jsonl, line 300"


@pytest.mark.requirement("LOG-03")
def test_an_edited_journal(desk: Desk) -> None:
    by_force(desk, "UPDATE bercail_journal SET actor = 'somebody.else' WHERE position = 17")
    place = refused(desk, export=desk.exported())
    assert place == "events.jsonl, line 17 (leaf 16)"
    with pytest.raises(Unproven, match="position `17`"):
        desk.ledger.prove(17)


def test_an_edited_journal_stops_publication_at_the_edge(desk: Desk) -> None:
    by_force(desk, "UPDATE bercail_journal SET actor = 'somebody.else' WHERE position = 290")
    before = desk.files()
    desk.record(1)
    with pytest.raises(Unproven, match="position `290`"):
        desk.publish()
    assert desk.files() == before


def test_a_journal_cut_short_stops_publication(desk: Desk) -> None:
    by_force(desk, "DELETE FROM bercail_journal WHERE position > 290")
    with pytest.raises(Unproven, match="holds 300 events, the journal only 290"):
        desk.publish()
    with pytest.raises(NotVerifiedError, match="line 291"):
        verify(desk.log, desk.keys, desk.exported())


def test_a_gap_in_the_journal_stops_everything(desk: Desk) -> None:
    by_force(desk, "DELETE FROM bercail_journal WHERE position = 290")
    with pytest.raises(Unproven, match="`290` is absent"):
        desk.publish()
    with pytest.raises(Unproven, match="`290` is absent"):
        desk.exported()


def test_a_log_rolled_back(desk: Desk) -> None:
    old = desk.folder / "old-log"
    shutil.copytree(desk.log, old)
    desk.record(50)
    desk.publish()
    kept = desk.folder / "kept-checkpoint"
    shutil.copy(desk.log / "checkpoint", kept)
    shutil.rmtree(desk.log)
    shutil.copytree(old, desk.log)
    assert refused(desk, earlier=[kept]) == str(kept)


@pytest.mark.requirement("LOG-03")
def test_a_split_view(desk: Desk, tmp_path: Path) -> None:
    kept = tmp_path / "kept-checkpoint"
    shutil.copy(desk.log / "checkpoint", kept)
    other = Desk(tmp_path / "other")
    other.folder.mkdir()
    other.record(SIZE, "permit/other")  # the same house signs another history of the same size
    other.publish()
    assert refused(other, earlier=[kept]) == str(kept)
    other.record(50, "permit/other")
    other.publish()
    assert refused(other, earlier=[kept]) == str(kept)


def test_another_history_is_not_published_over_the_log(desk: Desk) -> None:
    other = Desk(desk.folder)
    other.record(SIZE + 10, "permit/other")
    before = desk.files()
    with pytest.raises(Unproven, match="position `257`"):
        other.publish()
    assert desk.files() == before


def test_a_lost_checkpoint_does_not_open_the_way_to_another_history(desk: Desk) -> None:
    (desk.log / "checkpoint").unlink()
    other = Desk(desk.folder)
    other.record(SIZE, "permit/other")
    with pytest.raises(Unproven, match="says something else than the journal"):
        other.publish()
    assert desk.publish().size == SIZE
    assert verify(desk.log, desk.keys)["size"] == SIZE


def test_a_log_forged_whole_is_not_continued(desk: Desk) -> None:
    journal = MemoryJournal()
    events = [
        NewEvent(
            kind="Forged", body={}, actor="m", at="2026-11-21T22:46:15.000000Z", salt=bytes(16)
        )
    ] * 10
    journal.append("a", 0, events)
    stranger = NoteSigner(ORIGIN, Secret(bytes(64)))
    shutil.rmtree(desk.log)
    forger = Ledger(journal, desk.log, stranger, SystemClock(), SeededRandomness(1), ORIGIN)
    forger.publish()
    assert refused(desk) == "checkpoint"
    with pytest.raises(Unproven):
        desk.publish()


def test_a_checkpoint_whose_signatures_are_exchanged(desk: Desk) -> None:
    path = desk.log / "checkpoint"
    old = path.read_text("utf-8")
    desk.record(1)
    desk.publish()
    new = path.read_text("utf-8")
    text = new.rpartition("\n\n")[0]
    path.write_text(text + "\n\n" + old.rpartition("\n\n")[2], encoding="utf-8")
    assert refused(desk) == "checkpoint"
    with pytest.raises(Unproven):
        desk.publish()


def test_a_checkpoint_stripped_of_one_signature(desk: Desk) -> None:
    path = desk.log / "checkpoint"
    lines = path.read_text("utf-8").splitlines(keepends=True)
    for dropped in (4, 5):
        path.write_text("".join(lines[:dropped] + lines[dropped + 1 :]), encoding="utf-8")
        assert refused(desk) == "checkpoint"


def test_a_checkpoint_with_surplus_lines(desk: Desk) -> None:
    path = desk.log / "checkpoint"
    note = path.read_text("utf-8")
    for other in (
        note.replace("\n\n", "\nextension\n\n", 1),
        note + "garbage\n",
        "\n" + note,
        note.replace("\n300\n", "\n0300\n"),
        note.replace("\n300\n", "\n\u0663\u0660\u0660\n"),
    ):
        path.write_text(other, encoding="utf-8")
        assert refused(desk) == "checkpoint"
    path.write_bytes(b"\xff" + note.encode())
    assert refused(desk) == "checkpoint"


def test_a_checkpoint_whose_root_is_no_digest(desk: Desk) -> None:
    path = desk.log / "checkpoint"
    lines = path.read_text("utf-8").split("\n")
    for root in ("AAAA", "", "!", lines[2][:-4]):
        path.write_text("\n".join([*lines[:2], root, *lines[3:]]), encoding="utf-8")
        assert refused(desk) == "checkpoint"
        with pytest.raises(Unproven, match="not of the form"):
            desk.publish()


def test_the_log_of_another_house(desk: Desk, tmp_path: Path) -> None:
    signer = NoteSigner("other.example/log", Secret(bytes(range(64))))
    other = Ledger(
        MemoryJournal(), desk.log, signer, SystemClock(), SeededRandomness(1), "other.example/log"
    )
    before = desk.files()
    with pytest.raises(Unproven, match=r"holds the log `bercail\.example/log`"):
        other.publish()
    assert desk.files() == before


def test_edited_proofs(desk: Desk) -> None:
    proof = desk.folder / "p"
    text = desk.ledger.prove(17, proof)
    other = desk.ledger.prove(18)
    lines, others = text.split("\n"), other.split("\n")
    forgeries = [
        text.replace("index 16", "index 17"),
        text.replace("index 16", "index 016"),
        text.replace("tlog-proof@v1", "tlog-proof@v2"),
        "\n".join([lines[0], others[1], *lines[2:]]),  # the event of another proof
        "\n".join([lines[0], others[1], others[2], *lines[3:]]),
        "\n".join(lines[:3] + lines[4:]),
        "\n".join(lines[:4] + lines[3:]),
        "\n".join([*lines[:3], lines[4], lines[3], *lines[5:]]),
        "\n".join([*lines[:3], "AAAA", *lines[4:]]),
        "\n".join([*lines[:3], "!", *lines[4:]]),
        text.partition("\n\n")[0],
        "",
    ]
    for forgery in forgeries:
        proof.write_text(forgery, encoding="utf-8")
        with pytest.raises(NotVerifiedError):
            verify_proof(proof, desk.keys)
    proof.write_text(text, encoding="utf-8")
    assert verify_proof(proof, desk.keys)["position"] == 17


def test_the_refusal_of_the_desk_names_the_place_and_the_rule(desk: Desk) -> None:
    flip(desk.log / "tile/0/000", 0)
    with pytest.raises(Unproven, match="tile/0/000, leaf 0") as refusal:
        desk.ledger.verify()
    assert refusal.value.exit_code == 5
    assert refusal.value.rule == "LOG-03"


def test_a_salt_hides_a_guessable_event(desk: Desk) -> None:
    event = json.loads(lines_of(desk)[0])
    event.pop("salt")
    guess = json.dumps(event, sort_keys=True, separators=(",", ":")).encode()
    published = b"".join(desk.files().values())
    assert hashlib.sha256(guess).digest() not in published
    assert hashlib.sha256(bytes(16) + guess).digest() not in published


def test_the_head_read_back_is_the_head_written(desk: Desk) -> None:
    head = parse_checkpoint((desk.log / "checkpoint").read_text("utf-8"))
    assert head.size == SIZE
