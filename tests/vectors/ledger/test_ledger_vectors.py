"""The kept log is read by the second reader, and written again byte for byte by the writer."""

from __future__ import annotations

import base64
import importlib.util
import json
import shutil
from pathlib import Path

import pytest

from bercail.foundation import Secret
from bercail.ledger import MemoryJournal, NewEvent
from bercail.ledger.checkpoint import parse_checkpoint
from bercail.ledger.cosigning import cosigned_by
from bercail.ledger.policy import load_policy
from bercail.ledger.verify import NotVerifiedError, verify
from bercail.ledger.verify_proof import verify_proof
from bercail.testing.ledger_desk import Desk
from bercail.testing.witnesses import NOW
from bercail.vault import Cosigner

HERE = Path(__file__).parent
SCRIPT = HERE.parents[2] / "scripts/make_ledger_vectors.py"
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


def test_the_kept_cosignatures_are_a_quorum(tmp_path: Path) -> None:
    shutil.copytree(HERE / "log", tmp_path / "log")
    with pytest.raises(NotVerifiedError, match="no quorum"):
        verify(tmp_path / "log", HERE / "witnessed/keys.json")
    shutil.copy(HERE / "witnessed/checkpoint", tmp_path / "log/checkpoint")
    assert verify(tmp_path / "log", HERE / "witnessed/keys.json")["size"] == 261
    policy = load_policy(HERE / "witnessed/policy")
    note = (HERE / "witnessed/checkpoint").read_text("utf-8")
    assert cosigned_by(note, policy) == {"w1", "w2"}
    assert json.loads((HERE / "witnessed/keys.json").read_text())["quorum"] == policy.rule()
    # Ed25519 has one signature; the seeds of these witnesses are public.
    cosigner = Cosigner("w2.example/w", Secret(bytes([2]) * 64))
    head = parse_checkpoint(note)
    assert note.splitlines()[-1] + "\n" in cosigner.cosign(head.text(), NOW)


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


def test_the_script_writes_the_kept_vectors(tmp_path: Path) -> None:
    """All but the ML-DSA signatures, drawn anew, and the stamp of an authority outside."""
    spec = importlib.util.spec_from_file_location("make_vectors", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.main(tmp_path)
    kept = {path.relative_to(HERE) for path in HERE.rglob("*") if path.is_file()}
    made = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    assert made == {path for path in kept if path.parts[0] not in {"stamp", "__pycache__"}} - {
        Path("test_ledger_vectors.py")
    }
    signed = {"checkpoint", "earlier-checkpoint", "event-3.tlog-proof"}
    for path in made:
        if path.name not in signed:
            assert (tmp_path / path).read_bytes() == (HERE / path).read_bytes(), path
    for name in ("log/checkpoint", "earlier-checkpoint", "witnessed/checkpoint"):
        heads = [(folder / name).read_text("utf-8").split("\n") for folder in (HERE, tmp_path)]
        assert heads[0][:5] == heads[1][:5], name
    verify(tmp_path / "log", tmp_path / "keys.json")
    shutil.copy(tmp_path / "witnessed/checkpoint", tmp_path / "log/checkpoint")
    assert verify(tmp_path / "log", tmp_path / "witnessed/keys.json")["size"] == 261


def test_the_kept_stamp_is_of_a_checkpoint_of_today() -> None:
    text = (HERE / "stamp/checkpoint-text").read_text("utf-8")
    origin, size, root, *rest = text.split("\n")
    assert (origin, rest) == ("bercail.example/log", [""])
    assert size.isdigit()
    assert len(base64.b64decode(root, validate=True)) == 32
