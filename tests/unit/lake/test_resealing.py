"""Re-sealing on suspicion: every object under the new key, proven, before the old one dies."""

from __future__ import annotations

import pyarrow as pa
import pytest

from bercail.foundation import FixedClock, Missing, SeededRandomness, SystemRandomness, Unproven
from bercail.lake import Lake, Resealing, SealedStore
from bercail.storage import ObjectStore
from bercail.storage.memory import MemoryStore
from bercail.vault import Keyring, Purpose

NAMES = [("empty", "1"), ("small", "1"), ("small", "2"), ("large", "1")]
PLAIN = {("empty", "1"): b"", ("small", "1"): b"one", ("small", "2"): b"two"}
PLAIN["large", "1"] = bytes(range(256)) * 40_000


@pytest.fixture
def filled(sealed: SealedStore) -> SealedStore:
    for (name, version), data in PLAIN.items():
        sealed.put(name, data, version)
    return sealed


def resealing(host: ObjectStore, keys: Keyring, names: list[tuple[str, str]] = NAMES) -> Resealing:
    return Resealing(host, keys, "file", "deliveries", lambda: names, SystemRandomness())


def living(keys: Keyring) -> list[int]:
    return [
        entry.epoch
        for entry in keys.entries()
        if entry.purpose is Purpose.DATA and entry.destroyed is None
    ]


def require_all_open(sealed: SealedStore) -> None:
    for (name, version), data in PLAIN.items():
        assert sealed.read(name, version) == data


def test_every_object_comes_under_the_new_key_and_the_old_one_dies(
    filled: SealedStore, host: MemoryStore, keys: Keyring
) -> None:
    old = keys.data_key("file", "deliveries")
    before = {info.name: host.get(info.name) for info in host.list()}
    told: list[tuple[str, int, int]] = []
    report = resealing(host, keys).run(progress=lambda *step: told.append(step))
    assert (report.epoch, report.resealed, report.already) == (2, 4, 0)
    assert (report.left, report.unlisted) == ((), 0)
    assert [line.epoch for one in report.destroyed for line in one.keys] == [1]
    assert told[0] == ("file/deliveries", 0, 4)
    assert told[-1] == ("file/deliveries", 4, 4)
    after = {info.name: host.get(info.name) for info in host.list()}
    assert after.keys() == before.keys()
    assert all(old.id not in data[:96] for data in after.values())
    with pytest.raises(Missing, match="was destroyed"):
        keys.by_id(old.id)
    require_all_open(filled)
    assert report.as_dict()["resealed"] == 4


def test_it_says_what_is_left(filled: SealedStore, host: MemoryStore, keys: Keyring) -> None:
    keys.next_epoch("file", "deliveries")
    filled.put("small", b"one", "1")
    work = resealing(host, keys, [*NAMES, ("gone", "1")])
    assert [(one.name, one.version, one.epoch) for one in work.left()] == [
        ("empty", "1", 1),
        ("small", "2", 1),
        ("large", "1", 1),
        ("gone", "1", None),
    ]
    assert work.left()[0].as_dict() == {"name": "empty", "version": "1", "epoch": 1}
    # An object begun and not there may still be under way with the old key: it lives on.
    report = work.run()
    assert (report.resealed, report.already, report.destroyed) == (3, 1, ())
    assert [one.name for one in report.left] == ["gone"]
    assert report.as_dict()["left"] == [{"name": "gone", "version": "1", "epoch": None}]
    assert living(keys) == [1, 2]
    # Once nothing is left the same call ends the old key, without a new one.
    assert len(resealing(host, keys).run().destroyed) == 1
    assert living(keys) == [2]


def test_an_object_that_nobody_named_keeps_the_old_key_alive(
    filled: SealedStore, host: MemoryStore, keys: Keyring
) -> None:
    report = resealing(host, keys, NAMES[:3]).run()
    assert (report.left, report.unlisted, report.destroyed) == ((), 1, ())
    require_all_open(filled)


def test_objects_of_others_and_foreign_bytes_are_left_alone(
    filled: SealedStore, host: MemoryStore, keys: Keyring
) -> None:
    other = SealedStore(host, keys, kind="file", scope="other", randomness=SeededRandomness(9))
    other.put("one", b"1")
    host.put("readme", b"not sealed")
    place = other.opaque_name("one")
    before = host.get(place)
    assert len(resealing(host, keys).run().destroyed) == 1
    assert host.get(place) == before
    assert host.get("readme") == b"not sealed"


def test_the_old_key_may_be_kept_and_a_new_one_asked_for(
    filled: SealedStore, host: MemoryStore, keys: Keyring
) -> None:
    assert resealing(host, keys).run(destroy_old=False).destroyed == ()
    assert living(keys) == [1, 2]
    report = resealing(host, keys).run(new_key=True)
    assert (report.epoch, report.resealed, len(report.destroyed)) == (3, 4, 2)
    assert living(keys) == [3]
    require_all_open(filled)


def test_secrets_of_the_same_kind_and_scope_are_not_destroyed(
    filled: SealedStore, host: MemoryStore, keys: Keyring
) -> None:
    secret = keys.secret("file", "deliveries")
    resealing(host, keys).run()
    assert keys.secret("file", "deliveries") == secret


def test_there_must_be_a_key(host: MemoryStore, keys: Keyring) -> None:
    with pytest.raises(Missing, match="no living data key of `file` `deliveries`"):
        resealing(host, keys, []).run()


def test_an_object_that_does_not_open_stops_the_run(
    filled: SealedStore, host: MemoryStore, keys: Keyring
) -> None:
    place = filled.opaque_name("large")
    broken = bytearray(host.get(place))
    broken[100_000] ^= 1
    host.put(place, bytes(broken))
    with pytest.raises(Unproven, match="does not authenticate"):
        resealing(host, keys).run()
    assert host.get(place) == bytes(broken)
    assert living(keys) == [1, 2]


class Lying(MemoryStore):
    """A host that keeps something else than it was sent, at one put or more."""

    lies = 0
    skip = 0
    swap: tuple[str, bytes] | None = None

    def put(self, name: str, data: object, **options: object) -> object:  # type: ignore[override]
        whole = data if isinstance(data, bytes) else b"".join(data)  # type: ignore[arg-type]
        if self.swap is not None:
            place, other = self.swap
            self.swap = None
            super().put(place, other)
        if self.skip:
            self.skip -= 1
        elif self.lies:
            self.lies -= 1
            whole = whole[:-1] + bytes([whole[-1] ^ 1])
        return super().put(name, whole, **options)  # type: ignore[arg-type]


@pytest.fixture
def lying(host: MemoryStore, keys: Keyring) -> tuple[Lying, SealedStore]:
    liar = Lying(host.location)
    sealed = SealedStore(
        liar, keys, kind="file", scope="deliveries", randomness=SeededRandomness(2)
    )
    sealed.put("small", b"one")
    return liar, sealed


@pytest.mark.parametrize("skip", [0, 1])
def test_a_host_that_alters_what_it_is_sent(
    lying: tuple[Lying, SealedStore], keys: Keyring, skip: int
) -> None:
    """The first put is the one beside, the second the one in place: either lie is found."""
    liar, sealed = lying
    liar.skip, liar.lies = skip, 1
    work = resealing(liar, keys, [("small", "1")])
    with pytest.raises(Unproven, match="does not authenticate"):
        work.run()
    assert living(keys) == [1, 2]
    # The next run finds the object in place, or the proven one beside it.
    report = work.run()
    assert len(report.destroyed) == 1
    assert sealed.read("small") == b"one"
    assert len(list(liar.list())) == 1


def test_a_host_that_gives_back_another_sound_object(
    lying: tuple[Lying, SealedStore], keys: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older sound sealing of the same name opens; its digest and key tell."""
    liar, sealed = lying
    sealed.put("small", b"two")
    work = resealing(liar, keys, [("small", "1")])
    older = liar.get(sealed.opaque_name("small"))
    first_put = liar.put

    def stubborn(name: str, data: object, **options: object) -> object:
        consumed = data if isinstance(data, bytes) else b"".join(data)  # type: ignore[arg-type]
        return first_put(name, older if consumed else consumed, **options)

    monkeypatch.setattr(liar, "put", stubborn)
    with pytest.raises(Unproven) as caught:
        work.run()
    assert caught.value.rule == "reseal-proof"


def test_a_writer_in_between_is_noticed(lying: tuple[Lying, SealedStore], keys: Keyring) -> None:
    liar, sealed = lying
    place = sealed.opaque_name("small")
    held = liar.get(place)
    sealed.put("small", b"newer")
    newer = liar.get(place)
    liar.put(place, held)
    liar.swap = (place, newer)
    with pytest.raises(Unproven) as caught:
        resealing(liar, keys, [("small", "1")]).run()
    assert caught.value.rule == "reseal-changed"
    assert sealed.read("small") == b"newer"


def test_a_stream_stops_when_its_key_is_destroyed(filled: SealedStore, keys: Keyring) -> None:
    pieces = filled.stream("large", chunk=1 << 20)
    assert next(pieces)
    keys.destroy("file", "deliveries")
    with pytest.raises(Missing, match="was destroyed"):
        list(pieces)
    with pytest.raises(Missing, match="was destroyed"):
        filled.read("large")


def test_a_table_is_sealed_again_and_still_verifies(
    lake: Lake, keys: Keyring, clock: FixedClock
) -> None:
    schema = pa.schema([("x", pa.int64())])
    for number in range(2):
        batch = pa.record_batch([pa.array(range(100))], schema=schema)
        lake.append("ER_PRS_F", [batch], schema, delivery=f"d{number}")
    reader = lake.filesystem().open(lake.parts("ER_PRS_F")[0].url)
    old = keys.data_key("lake", "ER_PRS_F")
    work = lake.files.resealing("ER_PRS_F")
    assert work.left() == ()
    report = work.run()
    assert report.resealed > 4
    assert [one.keys[0].id for one in report.destroyed] == [old.id.hex()]
    assert lake.verify("ER_PRS_F").rows == 200
    assert lake.read("ER_PRS_F").read_all().num_rows == 200
    # A reader opened before must not pass what it finds for the object it knew.
    with pytest.raises(Missing, match="was destroyed"):
        reader.read()
