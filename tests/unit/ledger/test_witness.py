"""A witness: what it answers to each call, what it remembers, and its door."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest

from bercail.foundation import FixedClock, Invalid, Missing, SeededRandomness, Unavailable
from bercail.ledger.checkpoint import Checkpoint, parse_checkpoint
from bercail.ledger.http_ask import http_ask, require_address
from bercail.ledger.http_door import MOST_BODY, MOST_CONNECTIONS, HttpDoor, Reply
from bercail.ledger.merkle import MerkleTree
from bercail.ledger.witness import Witness, add_log, create_witness, open_witness
from bercail.ledger.witness_door import witness_door
from bercail.ledger.witness_rules import (
    MOST_PROOF_LINES,
    Request,
    Seen,
    judge,
    read_request,
    request_body,
)
from bercail.testing.ledger_desk import ORIGIN, Desk
from bercail.testing.witnesses import NOW, make_witness, running_witness, serving
from bercail.vault import read_cosignatures

TREE = MerkleTree(bytes([n]) for n in range(20))


def note(desk: Desk, size: int, tree: MerkleTree = TREE) -> str:
    """The checkpoint of the first leaves of a tree, signed by the desk's log."""
    return desk.signer.sign_note(stated(size, tree).text(), NOW)


def stated(size: int, tree: MerkleTree = TREE) -> Checkpoint:
    return Checkpoint(origin=ORIGIN, size=size, root=tree.root(size))


def call(desk: Desk, old: int, size: int, tree: MerkleTree = TREE) -> bytes:
    proof = tree.consistency_proof(old, size) if old <= size else ()
    return request_body(old, proof, note(desk, size, tree))


@pytest.fixture
def witness(desk: Desk, tmp_path: Path) -> Witness:
    desk.publish()
    return make_witness(tmp_path / "witness", "w1", desk.keys)


def test_what_continues_is_cosigned(desk: Desk, witness: Witness) -> None:
    for old, size in ((0, 3), (3, 3), (3, 8), (8, 20)):
        answer = witness.add_checkpoint(call(desk, old, size))
        assert answer.status == 200
        found = read_cosignatures(note(desk, size) + answer.text, witness.cosigner.keys)
        assert [c.seconds for c in found] == [int(NOW.timestamp())] * 2
    assert witness.seen() == [{"origin": ORIGIN, "size": 20, "root": TREE.root(20).hex()}]


def test_the_old_size_must_be_the_one_known(desk: Desk, witness: Witness) -> None:
    assert witness.add_checkpoint(call(desk, 5, 9)).text == "0\n"
    witness.add_checkpoint(call(desk, 0, 5))
    for old in (0, 4):
        answer = witness.add_checkpoint(call(desk, old, 9))
        assert (answer.status, answer.text, answer.kind) == (409, "5\n", "text/x.tlog.size")


def test_an_old_size_above_the_new_one_is_malformed(desk: Desk, witness: Witness) -> None:
    witness.add_checkpoint(call(desk, 0, 9))
    assert witness.add_checkpoint(call(desk, 9, 5)).status == 400


def test_another_tree_is_refused_and_kept(desk: Desk, witness: Witness) -> None:
    other = MerkleTree(bytes([n, 1]) for n in range(20))
    witness.add_checkpoint(call(desk, 0, 5))
    assert witness.add_checkpoint(call(desk, 5, 9, other)).status == 422
    same = witness.add_checkpoint(call(desk, 5, 5, other))
    assert (same.status, same.text) == (409, "5\n")
    assert [kept["status"] for kept in witness.evidence()] == [422, 409]
    assert stated(5, other).text() in witness.evidence()[1]["request"]
    assert witness.seen()[0]["size"] == 5


@pytest.mark.parametrize("proof", [(), (bytes(32),), tuple([bytes(32)] * 63)])
def test_a_wrong_proof_is_refused(desk: Desk, witness: Witness, proof: tuple[bytes, ...]) -> None:
    witness.add_checkpoint(call(desk, 0, 5))
    assert witness.add_checkpoint(request_body(5, proof, note(desk, 9))).status == 422


def test_a_first_checkpoint_has_no_proof(desk: Desk, witness: Witness) -> None:
    assert witness.add_checkpoint(request_body(0, [bytes(32)], note(desk, 9))).status == 422


def test_an_empty_log_has_one_root(desk: Desk, witness: Witness) -> None:
    forged = Checkpoint(origin=ORIGIN, size=0, root=bytes(32))
    body = request_body(0, (), desk.signer.sign_note(forged.text(), NOW))
    assert witness.add_checkpoint(body).status == 409
    assert witness.add_checkpoint(call(desk, 0, 0)).status == 200


def test_a_log_that_is_not_known_is_not_found(desk: Desk, witness: Witness) -> None:
    body = call(desk, 0, 3).replace(ORIGIN.encode(), b"other.example/log")
    assert witness.add_checkpoint(body).status == 404


@pytest.mark.parametrize("line", [-1, -2])
def test_a_checkpoint_lacking_a_signature_is_forbidden(
    desk: Desk, witness: Witness, line: int
) -> None:
    lines = call(desk, 0, 3).decode().splitlines(keepends=True)
    del lines[line]
    assert witness.add_checkpoint("".join(lines).encode()).status == 403


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"old 1\n",
        b"old 01\n\nnote",
        b"old -1\n\nnote",
        b"new 1\n\nnote",
        b"old 0\n!\n\nnote",
        b"old 0\nAAAA\n\nnote",
        b"old 0\n\nnote",
        b"old 0\n" + (b"A" * 43 + b"=\n") * (MOST_PROOF_LINES + 1) + b"\nnote",
    ],
)
def test_what_is_no_call_is_malformed(witness: Witness, body: bytes) -> None:
    assert witness.add_checkpoint(body).status == 400


def test_a_request_is_read_back() -> None:
    read = read_request(request_body(7, [bytes(32), b"\x01" * 32], "a note\n"))
    assert read == Request(old=7, proof=(bytes(32), b"\x01" * 32), note="a note\n")


def test_the_rules_know_every_tree_of_twenty_leaves() -> None:
    for old in range(21):
        seen = Seen(size=old, root=TREE.root(old))
        for size in range(old, 21):
            proof = TREE.consistency_proof(old, size)
            request = Request(old=old, proof=proof, note="")
            assert judge(request, stated(size), seen) is None
            longer = Request(old=old, proof=(*proof, bytes(32)), note="")
            refusal = judge(longer, stated(size), seen)
            assert refusal is not None
            assert refusal.status == 422


def test_a_witness_remembers(desk: Desk, witness: Witness, tmp_path: Path) -> None:
    witness.add_checkpoint(call(desk, 0, 5))
    again = open_witness(tmp_path / "witness", FixedClock(NOW))
    assert again.cosigner.keys == witness.cosigner.keys
    assert again.add_checkpoint(call(desk, 0, 9)).text == "5\n"


def test_of_many_calls_at_once_none_is_rolled_back(desk: Desk, witness: Witness) -> None:
    bodies = [call(desk, 0, size) for size in range(1, 21)]
    statuses: list[int] = []

    def send(body: bytes) -> None:
        statuses.append(witness.add_checkpoint(body).status)

    threads = [threading.Thread(target=send, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [409] * 19


def test_what_cannot_be_kept_is_not_cosigned(desk: Desk, witness: Witness) -> None:
    witness.state.mkdir()
    with pytest.raises(Unavailable, match="cannot be used"):
        witness.add_checkpoint(call(desk, 0, 5))


def test_the_seed_is_for_its_owner_only(witness: Witness) -> None:
    assert (witness.state.with_name("seed").stat().st_mode & 0o777) == 0o600


def test_a_folder_has_one_witness(witness: Witness, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="already"):
        create_witness(tmp_path / "witness", "w2.example/w", SeededRandomness(1))


def test_a_log_with_other_keys_is_not_taken(desk: Desk, witness: Witness, tmp_path: Path) -> None:
    folder = tmp_path / "witness"
    assert add_log(folder, desk.keys) == ORIGIN
    content = json.loads(desk.keys.read_text())
    for change in (
        {"keys": content["keys"][:1]},
        {"keys": []},
        {"origin": "other.example/log"},
        {"keys": ["nonsense"]},
    ):
        desk.keys.write_text(json.dumps({**content, **change}))
        with pytest.raises(Invalid):
            add_log(folder, desk.keys)
    for broken in ("[]", "{}", "nonsense"):
        desk.keys.write_text(broken)
        with pytest.raises(Invalid, match="not the keys file"):
            add_log(folder, desk.keys)


def test_a_witness_that_cannot_be_opened(tmp_path: Path, witness: Witness) -> None:
    with pytest.raises(Missing, match="no witness"):
        open_witness(tmp_path / "nowhere", FixedClock(NOW))
    (tmp_path / "witness" / "seed").write_text("zz")
    with pytest.raises(Invalid, match="seed"):
        open_witness(tmp_path / "witness", FixedClock(NOW))
    (tmp_path / "witness" / "witness.json").write_text("{}")
    with pytest.raises(Invalid, match="settings"):
        open_witness(tmp_path / "witness", FixedClock(NOW))
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be written"):
        create_witness(tmp_path / "file" / "w", "w.example/w", SeededRandomness(1))


def test_the_door_of_a_witness(desk: Desk, tmp_path: Path) -> None:
    desk.publish()
    with running_witness(tmp_path / "w", "w1", desk.keys) as running:
        status, answer = http_ask("POST", running.url + "/add-checkpoint", call(desk, 0, 3))
        assert status == 200
        assert read_cosignatures(note(desk, 3) + answer.decode(), running.witness.cosigner.keys)
        assert http_ask("POST", running.url + "/add-checkpoint", b"x")[0] == 400
        assert http_ask("GET", running.url + "/add-checkpoint")[0] == 405
        assert http_ask("POST", running.url + "/other", b"x")[0] == 404
        status, page = http_ask("GET", running.url + "/")
        assert (status, page.decode().split()[2]) == (200, str(running.witness.cosigner.keys[0]))
        assert http_ask("HEAD", running.url + "/") == (200, b"")


def test_a_broken_witness_says_so_without_its_reasons(desk: Desk, tmp_path: Path) -> None:
    desk.publish()
    with running_witness(tmp_path / "w", "w1", desk.keys) as running:
        running.witness.state.mkdir()
        answer = http_ask("POST", running.url + "/add-checkpoint", call(desk, 0, 3))
    assert answer == (503, b"not possible now\n")


def echo(method: str, path: str, body: bytes) -> Reply:
    return Reply(status=200, body=f"{method} {path} {len(body)}".encode())


def exchange(url: str, sent: bytes) -> bytes:
    """What the server says to raw bytes, until it closes the connection."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(sent)
        received = b""
        while chunk := connection.recv(65_536):
            received += chunk
        return received


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"", b"411"),
        (b"Content-Length: x\r\n", b"411"),
        (b"Content-Length: -1\r\n", b"411"),
        (b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", b"411"),
        (b"Content-Length: %d\r\n" % (MOST_BODY + 1), b"413"),
        (b"Content-Length: 9999999999999\r\n", b"413"),
    ],
)
def test_a_body_without_bounds_is_not_read(head: bytes, status: bytes) -> None:
    with serving(HttpDoor(("127.0.0.1", 0), echo)) as url:
        answer = exchange(url, b"POST / HTTP/1.1\r\nHost: x\r\n" + head + b"\r\nabc")
    assert answer.split(b" ")[1] == status
    assert answer.count(b"HTTP/1.1") == 1


def test_a_connection_may_carry_several_requests() -> None:
    one = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    last = b"GET /b?c=d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with serving(HttpDoor(("127.0.0.1", 0), echo)) as url:
        answer = exchange(url, one + last)
    assert b"POST /a 3" in answer
    assert b"GET /b 0" in answer
    assert b"Python" not in answer


def test_a_body_that_was_not_asked_for_is_no_second_request() -> None:
    smuggled = b"GET /secret HTTP/1.1\r\nHost: x\r\n\r\n"
    sent = b"GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(smuggled)
    with serving(HttpDoor(("127.0.0.1", 0), echo)) as url:
        answer = exchange(url, sent + smuggled)
    assert answer.count(b"HTTP/1.1") == 1


def test_a_slow_client_is_cut() -> None:
    door = HttpDoor(("127.0.0.1", 0), echo)
    door.life_seconds = 0.2
    with serving(door) as url:
        assert exchange(url, b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc") == b""


def test_there_are_only_so_many_connections() -> None:
    door = HttpDoor(("127.0.0.1", 0), echo)
    with serving(door) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        held = [socket.create_connection((host, int(port)), 30) for _ in range(MOST_CONNECTIONS)]
        # Each one held has its place once it was answered.
        for connection in held:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(16).startswith(b"HTTP/1.1 200")
        with socket.create_connection((host, int(port)), 30) as late:
            assert late.recv(16) == b""
        for connection in held:
            connection.close()


def test_an_address_that_is_taken() -> None:
    with serving(HttpDoor(("127.0.0.1", 0), echo)) as url:
        port = int(url.rpartition(":")[2])
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            taken = other.getsockname()[1]
            with pytest.raises(Unavailable, match=str(taken)):
                HttpDoor(("127.0.0.1", taken), echo)
        assert port != taken


@pytest.mark.parametrize("url", ["", "file:///etc/passwd", "witness.example", "http://"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(Invalid, match="not the address"):
        require_address(url)
    with pytest.raises(OSError, match="no address"):
        http_ask("GET", "http://127.0.0.1:x/")


def test_the_note_of_the_log_alone(desk: Desk, witness: Witness) -> None:
    signed = note(desk, 3)
    answer = witness.add_checkpoint(call(desk, 0, 3))
    assert parse_checkpoint(signed + answer.text).own_note() == signed


def test_the_door_needs_a_sound_address(witness: Witness) -> None:
    with pytest.raises(Unavailable, match="cannot be served"):
        witness_door(witness, "192.0.2.1", 0)
