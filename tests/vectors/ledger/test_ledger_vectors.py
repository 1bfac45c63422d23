"""The kept log is read by the second reader, and written again byte for byte by the writer."""

from __future__ import annotations

import json
from pathlib import Path

from bercail.ledger import MemoryJournal, NewEvent
from bercail.ledger.verify import verify
from bercail.ledger.verify_proof import verify_proof
from bercail.testing.ledger_desk import Desk

HERE = Path(__file__).parent
ROOT = "d17d745a9bda2a060d002d9c82a660ed0e8bca5ea312ca512cd6147f4de535d4"


def test_the_second_reader_accepts_the_kept_log() -> None:
    report = verify(
        HERE / "log", HERE / "keys.json", HERE / "events.jsonl", [HERE / "earlier-checkpoint"]
    )
    assert report == {
        "origin": "bercail.example/log",
        "size": 261,
        "root": ROOT,
        "earlier": 1,
        "events": 261,
        "unpublished": 0,
    }


def test_the_kept_proof_shows_its_event() -> None:
    event = verify_proof(HERE / "event-3.tlog-proof", HERE / "keys.json")
    assert (event["position"], event["stream"], event["body"]["number"]) == (
        3,
        "permit/permit-1",
        2,
    )


def test_the_writer_writes_the_kept_files(tmp_path: Path) -> None:
    journal = MemoryJournal()
    for line in (HERE / "events.jsonl").read_text("utf-8").splitlines():
        event = json.loads(line)
        draft = NewEvent(
            kind=event["kind"],
            body=event["body"],
            actor=event["actor"],
            at=event["at"],
            salt=bytes.fromhex(event["salt"]),
        )
        journal.append(event["stream"], event["version"] - 1, [draft])
    desk = Desk(tmp_path, journal)
    assert desk.publish().root.hex() == ROOT
    kept = {
        str(path.relative_to(HERE / "log")): path.read_bytes()
        for path in (HERE / "log").rglob("*")
        if path.is_file()
    }
    written = desk.files()
    heads = [files.pop("checkpoint").decode() for files in (kept, written)]
    assert written == kept
    assert heads[0].split("\n")[:5] == heads[1].split("\n")[:5]  # Ed25519 has one signature
    assert desk.exported().read_bytes() == (HERE / "events.jsonl").read_bytes()
