"""Attacks on what the outside sees of the ledger: its head, its tiles, its witnesses."""

from __future__ import annotations

import base64
import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest

from bercail.foundation import Secret, Unavailable, Unproven
from bercail.ledger.checkpoint import Checkpoint, parse_checkpoint
from bercail.ledger.cosigning import cosigned_by
from bercail.ledger.policy import parse_policy
from bercail.ledger.verify import NotVerifiedError, verify
from bercail.ledger.verify_proof import verify_proof
from bercail.ledger.watching import Watcher, fetcher
from bercail.testing.ledger_desk import ORIGIN, Desk
from bercail.testing.witnesses import NOW, RunningWitness, policy_text, running_witness
from bercail.vault import NoteSigner


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk whose 300 events are published."""
    made = Desk(tmp_path / "house")
    made.folder.mkdir()
    made.record(300)
    made.publish()
    return made


@pytest.fixture
def witnesses(desk: Desk, tmp_path: Path) -> object:
    """Three witnesses; the policy asks for two of them, and they have cosigned the head."""
    with ExitStack() as stack:
        running = [
            stack.enter_context(running_witness(tmp_path / name, name, desk.keys))
            for name in ("w1", "w2", "w3")
        ]
        (desk.folder / "witness-policy").write_text(policy(running))
        desk.publish()
        yield running


def policy(running: list[RunningWitness]) -> str:
    return policy_text([witness.line() for witness in running], "2")


def other_history(desk: Desk, count: int = 300) -> Desk:
    """The same house, with the same keys, telling something else."""
    folder = desk.folder.parent / "other-house"
    folder.mkdir(exist_ok=True)
    other = Desk(folder)
    other.record(count, "notes/forged")
    return other


def watcher(desk: Desk, seen: Desk) -> Watcher:
    """Somebody outside who looks at the log of `seen` with the keys of `desk`."""
    return Watcher(
        fetch=fetcher(str(seen.log)), keys=desk.keys, kept=desk.folder.parent / "watched"
    )


def refused(desk: Desk) -> str:
    with pytest.raises(NotVerifiedError) as refusal:
        verify(desk.log, desk.keys)
    return refusal.value.place


@pytest.mark.requirement("LOG-03")
def test_a_split_view_gets_no_quorum(desk: Desk, witnesses: list[RunningWitness]) -> None:
    other = other_history(desk)
    other.publish()
    (other.folder / "witness-policy").write_text(policy(witnesses))
    with pytest.raises(Unavailable, match="has seen another tree of 300 events: a split view"):
        other.publish()
    assert verify(desk.log, desk.keys)["size"] == 300
    with pytest.raises(NotVerifiedError, match="no quorum"):
        verify(other.log, desk.keys)
    assert [len(w.witness.evidence()) for w in witnesses] == [1, 1, 1]


def test_a_split_view_that_is_longer_gets_no_quorum(
    desk: Desk, witnesses: list[RunningWitness]
) -> None:
    other = other_history(desk, 500)
    (other.folder / "witness-policy").write_text(policy(witnesses))
    with pytest.raises(Unavailable, match="inconsistent with what it saw before"):
        other.publish()
    assert not (other.log / "checkpoint").exists()


def test_a_split_view_is_seen_by_a_watcher(desk: Desk) -> None:
    watcher(desk, desk).look()
    other = other_history(desk)
    other.publish()
    with pytest.raises(Unproven, match="another tree of 300 events was signed: a split view"):
        watcher(desk, other).look()
    kept = {path.name for path in (desk.folder.parent / "watched").iterdir()}
    assert {name for name in kept if name.startswith("evidence-300-")}
    other.record(10, "notes/forged")
    other.publish()
    with pytest.raises(Unproven, match="do not give the root of 300"):
        watcher(desk, other).look()
    assert watcher(desk, desk).look()["grown"] == 0


@pytest.mark.requirement("LOG-03")
def test_a_rollback_is_refused_by_witnesses_and_watchers(
    desk: Desk, witnesses: list[RunningWitness], tmp_path: Path
) -> None:
    shutil.copytree(desk.folder, tmp_path / "backup")
    desk.record(50)
    desk.publish()
    watcher(desk, desk).look()
    old = Desk(tmp_path / "backup")
    with pytest.raises(Unproven, match="it has 300 events, it had 350: rolled back"):
        watcher(desk, old).look()
    # Signed again without the last events, it finds no witness.
    shorter = other_history(desk, 310)
    (shorter.folder / "witness-policy").write_text(policy(witnesses))
    with pytest.raises(Unavailable, match="has seen 350 events of this log, more than there are"):
        shorter.publish()


@pytest.mark.requirement("LOG-03")
@pytest.mark.parametrize("forged", ["Ed25519", "ML-DSA-44"])
def test_a_forged_checkpoint_with_one_of_two_signatures_wrong(desk: Desk, forged: str) -> None:
    path = desk.log / "checkpoint"
    good = path.read_text("utf-8").splitlines(keepends=True)
    line = 4 + ("Ed25519", "ML-DSA-44").index(forged)
    payload = bytearray(base64.b64decode(good[line].split(" ")[2]))
    payload[-1] ^= 1
    bad = f"\N{EM DASH} {ORIGIN} {base64.b64encode(payload).decode()}\n"
    path.write_text("".join([*good[:line], bad, *good[line + 1 :]]), encoding="utf-8")
    assert refused(desk) == "checkpoint"
    with pytest.raises(Unproven):
        watcher(desk, desk).look()
    desk.record(1)
    with pytest.raises(Unproven):
        desk.publish()
    # A good line beside the wrong one does not heal it.
    path.write_text("".join([*good[: line + 1], bad, *good[line + 1 :]]), encoding="utf-8")
    assert refused(desk) == "checkpoint"


@pytest.mark.parametrize("stolen", [0, 1])
def test_one_stolen_key_of_the_two_forges_nothing(desk: Desk, stolen: int) -> None:
    seed = bytes(range(64))
    halves = [seed[:32], bytes(32)] if stolen == 0 else [bytes(32), seed[32:]]
    thief = NoteSigner(ORIGIN, Secret(b"".join(halves)))
    text = Checkpoint(origin=ORIGIN, size=300, root=bytes(32)).text()
    (desk.log / "checkpoint").write_text(thief.sign_note(text, NOW), encoding="utf-8")
    assert refused(desk) == "checkpoint"


def test_an_equivocating_witness_is_not_a_quorum_and_is_named(
    desk: Desk, witnesses: list[RunningWitness]
) -> None:
    # The first witness cosigns whatever it is shown; the two others do not.
    watcher(desk, desk).look()
    other = other_history(desk)
    head = other.publish()
    lies = witnesses[0].witness.cosigner.cosign(head.text(), NOW)
    (other.log / "checkpoint").write_text(head.note + lies, encoding="utf-8")
    assert cosigned_by(head.note + lies, parse_policy(policy(witnesses))) == {"w1"}
    with pytest.raises(Unproven, match="no quorum"):
        watcher(desk, other).look()
    with pytest.raises(NotVerifiedError, match="no quorum"):
        verify(other.log, desk.keys)


def test_a_quorum_of_equivocating_witnesses_is_shown_by_two_checkpoints(
    desk: Desk, witnesses: list[RunningWitness]
) -> None:
    watcher(desk, desk).look()
    other = other_history(desk)
    head = other.publish()
    lies = "".join(w.witness.cosigner.cosign(head.text(), NOW) for w in witnesses[:2])
    (other.log / "checkpoint").write_text(head.note + lies, encoding="utf-8")
    said = r"a split view; `w1\.example/w` cosigned both; `w2\.example/w` cosigned both"
    with pytest.raises(Unproven, match=said):
        watcher(desk, other).look()


def test_a_witness_is_not_counted_twice(desk: Desk, witnesses: list[RunningWitness]) -> None:
    path = desk.log / "checkpoint"
    note = path.read_text("utf-8")
    own = parse_checkpoint(note).own_note()
    line = note.removeprefix(own).splitlines(keepends=True)[0]
    path.write_text(own + line * 3, encoding="utf-8")
    with pytest.raises(NotVerifiedError, match="no quorum"):
        verify(desk.log, desk.keys)


def test_a_cosignature_moved_to_another_head(desk: Desk, witnesses: list[RunningWitness]) -> None:
    old = parse_checkpoint((desk.log / "checkpoint").read_text("utf-8"))
    lines = old.note.removeprefix(old.own_note())
    desk.record(1)
    fresh = desk.publish()
    (desk.log / "checkpoint").write_text(fresh.own_note() + lines, encoding="utf-8")
    with pytest.raises(NotVerifiedError, match="does not hold"):
        verify(desk.log, desk.keys)


def test_a_proof_stripped_of_its_witnesses(desk: Desk, witnesses: list[RunningWitness]) -> None:
    proof = desk.folder / "p"
    text = desk.ledger.prove(7, proof)
    assert verify_proof(proof, desk.keys)["position"] == 7
    head = text.partition("\n\n")[2]
    proof.write_text(text.replace(head, parse_checkpoint(head).own_note()), encoding="utf-8")
    with pytest.raises(NotVerifiedError, match="no quorum"):
        verify_proof(proof, desk.keys)


def test_a_truncated_tile(desk: Desk) -> None:
    for name, width, position in (
        ("tile/0/000", 8192, 2),
        ("tile/0/001.p/44", 44 * 32, 2),
        ("tile/1/000.p/1", 32, 300),
    ):
        path = desk.log / name
        whole = path.read_bytes()
        assert len(whole) == width
        path.write_bytes(whole[:-32])
        assert refused(desk) == name
        with pytest.raises(Unproven, match="bytes, not"):
            desk.ledger.prove(position)
        path.write_bytes(whole)
    (desk.log / "tile/0/001.p/44").write_bytes(bytes(43 * 32))
    with pytest.raises(Unproven, match=r"tile/0/001\.p/44"):
        watcher(desk, desk).look()


def test_a_stale_tile(desk: Desk) -> None:
    """Tiles of an earlier size served in the place of those of the head."""
    stale = (desk.log / "tile/0/001.p/44").read_bytes()
    entries = (desk.log / "tile/entries/001.p/44").read_bytes()
    desk.record(20)
    desk.publish()
    fresh = desk.log / "tile/0/001.p/64"
    good = fresh.read_bytes()
    fresh.write_bytes(stale)
    assert refused(desk) == "tile/0/001.p/64"
    # Filled up to the length that is due, it is another tree.
    fresh.write_bytes(stale + stale[: 20 * 32])
    assert refused(desk).startswith("tile/0/001.p/64, leaf 300")
    with pytest.raises(Unproven, match="do not give the root of 320"):
        watcher(desk, desk).look()
    fresh.write_bytes(good)
    (desk.log / "tile/entries/001.p/64").write_bytes(entries + entries[: 20 * 34])
    assert refused(desk) == "tile/entries/001.p/64, leaf 300"


def test_a_stale_partial_tile_is_not_read_for_a_later_head(desk: Desk) -> None:
    stale = (desk.log / "tile/0/001.p/44").read_bytes()
    desk.record(300)
    desk.publish()
    (desk.log / "tile/0/001.p").mkdir(exist_ok=True)
    (desk.log / "tile/0/001.p/44").write_bytes(bytes(len(stale)))
    assert verify(desk.log, desk.keys)["size"] == 600
    assert watcher(desk, desk).look()["size"] == 600


def test_a_log_that_a_watcher_cannot_place_is_not_taken_for_new(desk: Desk) -> None:
    watcher(desk, desk).look()
    (desk.log / "checkpoint").unlink()
    with pytest.raises(Unavailable, match="no checkpoint"):
        watcher(desk, desk).look()
    assert (desk.folder.parent / "watched/latest").exists()
