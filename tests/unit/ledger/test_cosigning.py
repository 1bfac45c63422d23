"""The log and its witnesses: a quorum, reasons, silence, and what a verifier then asks for."""

from __future__ import annotations

import json
import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest

from bercail.foundation import Unavailable
from bercail.ledger.checkpoint import parse_checkpoint
from bercail.ledger.cosigning import collect, cosigned_by
from bercail.ledger.policy import Policy, parse_policy
from bercail.ledger.verify import NotVerifiedError, verify
from bercail.ledger.verify_proof import verify_proof
from bercail.testing.ledger_desk import Desk
from bercail.testing.witnesses import RunningWitness, make_witness, policy_text, running_witness


@pytest.fixture
def witnesses(desk: Desk, tmp_path: Path) -> object:
    """Three witnesses that answer, knowing the desk's log."""
    desk.publish()
    with ExitStack() as stack:
        yield [
            stack.enter_context(running_witness(tmp_path / name, name, desk.keys))
            for name in ("w1", "w2", "w3")
        ]


def set_policy(desk: Desk, lines: list[str], threshold: str = "all") -> Policy:
    text = policy_text(lines, threshold)
    (desk.folder / "witness-policy").write_text(text)
    return parse_policy(text)


def silent_line(desk: Desk, name: str) -> str:
    """The line of a witness that does not answer."""
    witness = make_witness(desk.folder / name, name, desk.keys)
    return f"witness {name} {witness.cosigner.keys[1]} http://127.0.0.1:1"


def test_the_head_carries_the_cosignatures(desk: Desk, witnesses: list[RunningWitness]) -> None:
    policy = set_policy(desk, [w.line(kind) for w, kind in zip(witnesses, (6, 4, 6), strict=True)])
    desk.record(5)
    head = desk.publish()
    assert cosigned_by(head.note, policy) == {"w1", "w2", "w3"}
    assert head.as_dict()["witnesses"][0] == {"witness": "w1", "answer": "cosigned"}
    assert (desk.log / "checkpoint").read_text("utf-8") == head.note
    assert head.note.count("\N{EM DASH} ") == 5
    desk.record(300)
    desk.publish()
    assert [w.witness.seen()[0]["size"] for w in witnesses] == [305] * 3
    assert verify(desk.log, desk.keys)["size"] == 305


def test_a_silent_witness_is_passed_over_with_its_reason(
    desk: Desk, witnesses: list[RunningWitness]
) -> None:
    lines = [witnesses[0].line(), witnesses[1].line(), silent_line(desk, "w9")]
    set_policy(desk, lines, "2")
    desk.record(5)
    told = {one["witness"]: one["answer"] for one in desk.publish().told}
    assert told["w1"] == told["w2"] == "cosigned"
    assert told["w9"].startswith("did not answer")
    assert verify(desk.log, desk.keys)["size"] == 5


def test_without_a_quorum_nothing_is_published(desk: Desk, witnesses: list[RunningWitness]) -> None:
    before = (desk.log / "checkpoint").read_bytes()
    lines = [witnesses[0].line(), silent_line(desk, "w9")]
    set_policy(desk, lines)
    desk.record(5)
    with pytest.raises(Unavailable, match=r"no quorum \(`w1`: cosigned; `w9`: did not answer"):
        desk.publish()
    assert (desk.log / "checkpoint").read_bytes() == before
    # The first witness has now seen more than was published; the next publication goes on.
    set_policy(desk, lines, "any")
    desk.record(3)
    assert desk.publish().size == 8
    assert witnesses[0].witness.seen()[0]["size"] == 8


def test_a_policy_that_comes_later_has_the_present_head_cosigned(
    desk: Desk, witnesses: list[RunningWitness]
) -> None:
    desk.record(5)
    first = desk.publish()
    policy = set_policy(desk, [witnesses[0].line()])
    head = desk.publish()
    assert head.text() == first.text()
    assert head.own_note() == first.note
    assert cosigned_by(head.note, policy) == {"w1"}
    assert desk.publish().note == head.note
    policy = set_policy(desk, [witnesses[0].line(), witnesses[2].line()])
    assert cosigned_by(desk.publish().note, policy) == {"w1", "w3"}
    assert (desk.log / "checkpoint").read_text("utf-8").count("w1.example") == 1


def test_a_witness_that_does_not_know_the_log(desk: Desk, witnesses: list[RunningWitness]) -> None:
    settings = desk.folder / "w1" / "witness.json"
    content = json.loads(settings.read_text())
    witnesses[0].witness.logs.clear()  # type: ignore[attr-defined]
    set_policy(desk, [witnesses[0].line(), witnesses[1].line()], "any")
    desk.record(1)
    told = {one["witness"]: one["answer"] for one in desk.publish().told}
    assert told["w1"] == "does not witness this log (404)"
    assert content["logs"]


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([(403, b"")], "does not know the keys"),
        ([(422, b"")], "found the log inconsistent"),
        ([(500, b"")], "answered 500"),
        ([(409, b"nonsense")], "409 without a size"),
        ([(409, b"12\n")], "has seen 12 events of this log, more than there are"),
        ([(409, b"0\n")], "has seen another tree of 0 events: a split view"),
        ([(409, b"1\n"), (409, b"2\n"), (409, b"1\n")], "asked by others"),
        ([(200, b"")], "without a cosignature by its key"),
        ([(200, b"\xff")], "does not hold"),
        ([(200, "\N{EM DASH} w1.example/w AAAA!\n".encode())], "without a cosignature"),
    ],
)
def test_every_answer_has_its_reason(
    desk: Desk, answers: list[tuple[int, bytes]], reason: str
) -> None:
    desk.record(5)
    head = desk.publish()
    witness = make_witness(desk.folder / "w1", "w1", desk.keys)
    line = f"witness w1 {witness.cosigner.keys[1]} http://w1.example"
    turn = iter(answers)
    with pytest.raises(Unavailable, match=reason):
        collect(
            parse_policy(policy_text([line])), head, 0, lambda _: (), lambda _url, _body: next(turn)
        )


def test_a_cosignature_that_does_not_hold_is_not_published(desk: Desk) -> None:
    desk.record(5)
    head = desk.publish()
    witness = make_witness(desk.folder / "w1", "w1", desk.keys)
    line = f"witness w1 {witness.cosigner.keys[1]} http://w1.example"
    desk.record(1)
    other = witness.cosigner.cosign(desk.publish().text(), desk.ledger.clock.now())
    with pytest.raises(Unavailable, match="does not hold"):
        collect(
            parse_policy(policy_text([line])),
            head,
            0,
            lambda _: (),
            lambda *_: (200, other.encode()),
        )


def test_only_the_line_of_the_key_of_the_policy_is_published(desk: Desk) -> None:
    desk.record(5)
    head = desk.publish()
    witness = make_witness(desk.folder / "w1", "w1", desk.keys)
    line = f"witness w1 {witness.cosigner.keys[0]} http://w1.example"
    lines = witness.cosigner.cosign(head.text(), desk.ledger.clock.now())
    extra = "\N{EM DASH} advert.example/buy AAAAAAAA\n"
    policy = parse_policy(policy_text([line]))
    fresh = collect(policy, head, 0, lambda _: (), lambda *_: (200, (extra + lines).encode()))
    assert fresh.note == head.note + lines.splitlines(keepends=True)[0]


def test_a_verifier_asks_for_the_quorum(desk: Desk, witnesses: list[RunningWitness]) -> None:
    set_policy(desk, [w.line() for w in witnesses], "2")
    desk.record(5)
    desk.publish()
    proof = desk.folder / "p"
    desk.ledger.prove(3, proof)
    assert verify_proof(proof, desk.keys)["position"] == 3
    path = desk.log / "checkpoint"
    lines = path.read_text("utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:-1]), encoding="utf-8")
    assert verify(desk.log, desk.keys)["size"] == 5
    path.write_text("".join(lines[:-2]), encoding="utf-8")
    with pytest.raises(NotVerifiedError, match="no quorum"):
        verify(desk.log, desk.keys)
    shutil.copy(path, desk.folder / "kept")
    path.write_text("".join(lines), encoding="utf-8")
    assert verify(desk.log, desk.keys, earlier=[desk.folder / "kept"])["earlier"] == 1


def test_keys_whose_quorum_has_no_form_are_refused(desk: Desk) -> None:
    desk.publish()
    content = json.loads(desk.keys.read_text())
    for quorum in ({}, [[]], ["x", "y"], [1, "nonsense"], [1, {}]):
        desk.keys.write_text(json.dumps({**content, "quorum": quorum}))
        with pytest.raises(NotVerifiedError, match="keys"):
            verify(desk.log, desk.keys)


def test_a_quorum_of_nobody_is_still_somebody(desk: Desk) -> None:
    desk.publish()
    content = json.loads(desk.keys.read_text())
    witness = make_witness(desk.folder / "w1", "w1", desk.keys)
    desk.keys.write_text(json.dumps({**content, "quorum": [0, str(witness.cosigner.keys[0])]}))
    with pytest.raises(NotVerifiedError, match="no quorum"):
        verify(desk.log, desk.keys)


def test_a_proof_carries_the_cosignatures(desk: Desk, witnesses: list[RunningWitness]) -> None:
    set_policy(desk, [witnesses[0].line()])
    desk.record(5)
    head = desk.publish()
    proof = desk.ledger.prove(2)
    assert proof.endswith(head.note)
    assert parse_checkpoint(proof.partition("\n\n")[2]) == head
