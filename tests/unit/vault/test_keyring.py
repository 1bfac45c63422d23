"""The key ring: one key per kind and scope, epochs, roots, destruction, several processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from bercail.foundation import (
    FixedClock,
    Invalid,
    Missing,
    Secret,
    SeededRandomness,
    SystemClock,
    SystemRandomness,
    Unavailable,
    Unproven,
)
from bercail.vault import (
    Binding,
    FileCustodian,
    Keyring,
    MemoryCustodian,
    Purpose,
    open_bytes,
    renew_root,
    seal_bytes,
    signer,
)

PASSPHRASE = Secret(b"five words from a dice")


def ring(path: Path, custodian: MemoryCustodian | FileCustodian) -> Keyring:
    return Keyring(path, custodian, SystemRandomness(), SystemClock())


def test_a_key_is_created_once_and_found_again(tmp_path: Path, keyring: Keyring) -> None:
    one = keyring.data_key("part", "ER_PRS_F")
    assert (one.kind, one.scope, one.epoch) == ("part", "ER_PRS_F", 1)
    assert keyring.data_key("part", "ER_PRS_F") == one
    assert keyring.by_id(one.id) == one
    assert keyring.data_key("part", "ER_PHA_F") != one
    again = ring(tmp_path / "keys.sqlite", keyring.custodian)  # type: ignore[arg-type]
    assert again.by_id(one.id) == one


def test_no_key_stands_in_clear_in_the_files(tmp_path: Path, keyring: Keyring) -> None:
    secrets = [
        keyring.data_key("part", "a").secret,
        keyring.secret("name", "a"),
        keyring.seed(Purpose.DUAL_SIGNER, "source"),
    ]
    for file in tmp_path.iterdir():
        data = file.read_bytes()
        for secret in secrets:
            assert secret.reveal()[:16] not in data
    assert (tmp_path / "keys.sqlite").stat().st_mode & 0o077 == 0


def test_secrets_and_data_keys_of_one_name_are_apart(keyring: Keyring) -> None:
    secret = keyring.secret("name", "house")
    assert len(secret) == 32
    assert keyring.secret("name", "house") == secret
    assert keyring.data_key("name", "house").secret != secret
    with pytest.raises(Missing, match="is a secret, not a data key"):
        keyring.by_id(bytes.fromhex(next(e.id for e in keyring.entries() if e.purpose == "secret")))


def test_a_new_epoch_gives_a_new_key_and_keeps_the_old(keyring: Keyring) -> None:
    first = keyring.data_key("part", "a")
    assert keyring.next_epoch("part", "a") == 2
    second = keyring.data_key("part", "a")
    assert second.epoch == 2
    assert second.secret != first.secret
    assert keyring.by_id(first.id) == first
    assert keyring.next_epoch("new", "a") == 1
    old = keyring.secret("pseudonym", "project")
    assert keyring.next_epoch("pseudonym", "project", Purpose.SECRET) == 2
    assert keyring.secret("pseudonym", "project") != old
    assert keyring.secret("pseudonym", "project", 1) == old
    with pytest.raises(Missing, match="epoch `9`"):
        keyring.secret("pseudonym", "project", 9)
    with pytest.raises(Missing, match="epoch `1`"):
        keyring.secret("part", "a", 1)


def test_unknown_and_nameless_keys(keyring: Keyring) -> None:
    with pytest.raises(Missing, match=bytes(16).hex()):
        keyring.by_id(bytes(16))
    with pytest.raises(Invalid, match="kind and a scope"):
        keyring.data_key("", "a")
    with pytest.raises(Invalid, match="kind and a scope"):
        keyring.data_key("part", "")


def test_destroying_erases_and_certifies(
    tmp_path: Path, keyring: Keyring, clock: FixedClock
) -> None:
    key, name_secret = keyring.data_key("extract", "p1"), keyring.secret("extract", "p1")
    keyring.next_epoch("extract", "p1")
    wrapped = {
        row[0]
        for row in sqlite3.connect(tmp_path / "keys.sqlite").execute("SELECT wrapped FROM key")
    }
    other = keyring.data_key("extract", "p2")
    certificate = keyring.destroy("extract", "p1", 1)
    assert [(k.purpose, k.epoch) for k in certificate.keys] == [("data", 1), ("secret", 1)]
    for gone in (lambda: keyring.by_id(key.id), lambda: keyring.secret("extract", "p1")):
        with pytest.raises(Missing, match="was destroyed at 2026-11-21T09:30"):
            gone()
    assert keyring.data_key("extract", "p1").epoch == 2
    whole = keyring.destroy("extract", "p1")
    assert [k.epoch for k in whole.keys] == [1, 2, 1]
    clock.advance(timedelta(days=1))
    assert keyring.destroy("extract", "p1").as_dict() == whole.as_dict()
    assert whole.as_dict()["certificate"] == "bercail key destruction v1"
    with pytest.raises(Missing, match="destroyed"):
        keyring.data_key("extract", "p1")
    assert keyring.data_key("extract", "p2") == other
    assert name_secret
    left = {
        row[0]
        for row in sqlite3.connect(tmp_path / "keys.sqlite").execute(
            "SELECT wrapped FROM key WHERE wrapped IS NOT NULL"
        )
    }
    for file in tmp_path.iterdir():
        data = file.read_bytes()
        assert not [one for one in wrapped - left if one in data]


def test_there_must_be_something_to_destroy(keyring: Keyring) -> None:
    with pytest.raises(Missing, match="no key of `part` `a`\\."):
        keyring.destroy("part", "a")
    keyring.data_key("part", "a")
    with pytest.raises(Missing, match="for epoch `3`"):
        keyring.destroy("part", "a", 3)
    with pytest.raises(Missing):
        keyring.destroy("root", "witness")


def test_what_a_destroyed_key_sealed_stays_shut(keyring: Keyring) -> None:
    key = keyring.data_key("extract", "p1")
    binding = Binding(kind="extract", store="p1", name="table", version="1")
    sealed = seal_bytes(b"rows", key, binding, SystemRandomness())
    assert open_bytes(sealed, keyring.by_id, binding) == b"rows"
    keyring.destroy("extract", "p1")
    with pytest.raises(Missing, match="was destroyed"):
        open_bytes(sealed, keyring.by_id, binding)


def test_entries_say_who_can_open_what_and_no_bytes(keyring: Keyring) -> None:
    keyring.data_key("part", "a")
    signer(keyring, "source")
    keyring.destroy("part", "a")
    found = [entry.as_dict() for entry in keyring.entries()]
    assert [(e["purpose"], e["kind"], e["scope"]) for e in found] == [
        ("data", "part", "a"),
        ("dual-signer", "dual-signer", "source"),
    ]
    assert found[0]["destroyed"] is not None
    assert found[1]["destroyed"] is None
    assert {e["custodian"] for e in found} == {"memory"}
    assert {e["root"] for e in found} == {keyring.custodian.root}


def test_a_change_of_root_wraps_every_living_key_again(tmp_path: Path, keyring: Keyring) -> None:
    key, secret = keyring.data_key("part", "a"), keyring.secret("name", "a")
    keyring.data_key("part", "gone")
    keyring.destroy("part", "gone")
    old, new = keyring.custodian, MemoryCustodian(SystemRandomness(), "new")
    assert keyring.rotate_root(new) == 2
    assert keyring.by_id(key.id) == key
    assert keyring.secret("name", "a") == secret
    assert {e.custodian for e in keyring.entries() if not e.destroyed} == {"new"}
    assert keyring.rotate_root(new) == 2
    with pytest.raises(Unproven, match="does not hold the root"):
        ring(tmp_path / "keys.sqlite", old)  # type: ignore[arg-type]


def test_a_failed_change_of_root_changes_nothing(keyring: Keyring) -> None:
    key = keyring.data_key("part", "a")
    keyring.data_key("part", "b")

    class Failing(MemoryCustodian):
        calls = 0

        def wrap(self, secret: Secret, context: bytes) -> bytes:
            self.calls += 1
            if self.calls == 2:
                raise Unavailable("The custodian does not answer.", remedy="Try again.")
            return super().wrap(secret, context)

    with pytest.raises(Unavailable):
        keyring.rotate_root(Failing(SystemRandomness()))
    assert keyring.by_id(key.id) == key
    assert len({e.root for e in keyring.entries()}) == 1


def test_a_process_with_a_forgotten_root_creates_no_key(tmp_path: Path) -> None:
    path, table = tmp_path / "root.custodian", tmp_path / "keys.sqlite"
    first = ring(table, FileCustodian.create(path, PASSPHRASE, SystemRandomness(), cost=4))
    first.data_key("part", "a")
    late = ring(table, FileCustodian.open(path, PASSPHRASE))
    renew_root(first)
    with pytest.raises(Unproven, match="does not hold the root"):
        late.data_key("part", "b")
    with pytest.raises(Unproven, match="does not hold the root"):
        late.next_epoch("part", "a")
    assert [e.scope for e in first.entries()] == ["a"]


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_change_of_root_killed_after_any_step_is_finished_by_a_second_run(
    tmp_path: Path, steps: int
) -> None:
    path, table = tmp_path / "root.custodian", tmp_path / "keys.sqlite"
    custodian = FileCustodian.create(path, PASSPHRASE, SystemRandomness(), cost=4)
    keys = ring(table, custodian)
    key = keys.data_key("part", "a")
    both = custodian.with_new_root()
    if steps > 1:
        keys.rotate_root(both)
    if steps > 2:
        both.forget_old_roots()
    again = ring(table, FileCustodian.open(path, PASSPHRASE))
    assert again.by_id(key.id) == key
    other = again.data_key("part", "b")
    change = renew_root(again).as_dict()
    assert change["keys"] == 2
    assert change["new_root"] not in {custodian.root, change["old_root"]}
    final = ring(table, FileCustodian.open(path, PASSPHRASE))
    assert final.by_id(key.id) == key
    assert final.by_id(other.id) == other


def test_a_root_in_memory_is_not_renewed(keyring: Keyring) -> None:
    with pytest.raises(Invalid, match="root of `memory` cannot be renewed"):
        renew_root(keyring)


def test_two_lines_exchanged_are_refused(tmp_path: Path, keyring: Keyring) -> None:
    one, two = keyring.data_key("part", "a"), keyring.data_key("part", "b")
    keyring.close()
    connection = sqlite3.connect(tmp_path / "keys.sqlite")
    (wrapped,) = connection.execute("SELECT wrapped FROM key WHERE id = ?", (two.id,)).fetchone()
    connection.execute("UPDATE key SET wrapped = ? WHERE id = ?", (wrapped, one.id))
    connection.commit()
    with pytest.raises(Unproven) as caught:
        keyring.by_id(one.id)
    assert caught.value.rule == "wrapped-key"
    assert keyring.by_id(two.id) == two


def _create(path: str, root: Path, start: object, out: object) -> None:
    keys = ring(Path(path), FileCustodian.open(root, PASSPHRASE))
    start.wait()  # type: ignore[attr-defined]
    out.put([keys.data_key("part", str(n)).id for n in range(5)])  # type: ignore[attr-defined]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_processes_that_create_the_same_keys_receive_the_same_keys(tmp_path: Path) -> None:
    root = tmp_path / "root.custodian"
    FileCustodian.create(root, PASSPHRASE, SystemRandomness(), cost=4)
    context = multiprocessing.get_context("fork")
    start, out = context.Event(), context.Queue()
    workers = [
        context.Process(target=_create, args=(str(tmp_path / "keys.sqlite"), root, start, out))
        for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    start.set()
    found = [out.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join(timeout=60)
    assert found[0] == found[1] == found[2]
    assert len(set(found[0])) == 5


def test_the_key_that_another_created_first_wins(
    keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = keyring.data_key("part", "a")
    look = keyring._table.current
    answers = [None]

    def blind_once(*names: object) -> object:
        return answers.pop() if answers else look(*names)  # type: ignore[arg-type]

    monkeypatch.setattr(keyring._table, "current", blind_once)
    assert keyring.data_key("part", "a") == first


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_opens_its_own_connection(keyring: Keyring) -> None:
    key = keyring.data_key("part", "a")
    child = os.fork()
    if child == 0:
        os._exit(0 if keyring.by_id(key.id) == key else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert keyring.by_id(key.id) == key


def test_threads_share_a_ring(keyring: Keyring) -> None:
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append(keyring.data_key("part", "a").id))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1


def test_a_file_that_is_no_key_table_is_unproven(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"this is not a database at all, but it is long enough" * 30)
    with pytest.raises(Unproven, match="not a key table, or is damaged"):
        ring(other, MemoryCustodian(SeededRandomness(1)))


def test_a_later_version_is_unproven(tmp_path: Path, keyring: Keyring) -> None:
    connection = sqlite3.connect(tmp_path / "keys.sqlite")
    connection.execute("PRAGMA user_version = 2")
    connection.commit()
    with pytest.raises(Unproven, match="version 2, not 1"):
        ring(tmp_path / "keys.sqlite", MemoryCustodian(SeededRandomness(1)))


def test_a_table_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable, match="does not answer"):
        ring(tmp_path / "file" / "keys", MemoryCustodian(SeededRandomness(1)))


def test_a_closed_ring_opens_again(keyring: Keyring) -> None:
    keyring.close()
    keyring.close()
    assert keyring.data_key("part", "a").epoch == 1


def test_what_a_parent_opened_is_left_alone_in_a_child(
    keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = keyring.data_key("part", "a")
    here = keyring._table._here
    opened = here._held
    monkeypatch.setattr("bercail.vault.key_table.os.getpid", lambda: -1)
    assert keyring.by_id(key.id) == key
    assert here._held is not opened
    assert here._inherited == [opened]
    assert opened is not None
    opened.close()


class Dying(MemoryCustodian):
    """A custodian whose process is killed at the second key."""

    calls = 0

    def wrap(self, secret: Secret, context: bytes) -> bytes:
        self.calls += 1
        if self.calls == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().wrap(secret, context)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_process_killed_while_it_changes_the_root_leaves_the_old_one(
    tmp_path: Path, keyring: Keyring
) -> None:
    keys = [keyring.data_key("part", name) for name in "abc"]
    child = os.fork()
    if child == 0:
        keyring.rotate_root(Dying(SystemRandomness()))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    again = ring(tmp_path / "keys.sqlite", keyring.custodian)  # type: ignore[arg-type]
    assert [again.by_id(key.id) for key in keys] == keys
    assert again.data_key("part", "d").epoch == 1
