"""The host audit sees what an enemy sees: whatever is not sealed, wherever it stands."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import random
import zipfile
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bercail.foundation import Invalid, Secret, SeededRandomness, Unproven
from bercail.storage import CHUNK, HostAudit, Location, ObjectStore, audit_host, keep_probe, probe
from bercail.storage import open_store as opened
from bercail.storage.plain_forms import BLOCK, SEALED_MAGIC, disguises, is_even, recognised
from bercail.vault import Binding, DataKey, seal_bytes

NAME = "ab/" + "c" * 50
CANARY = b"1840675123456 Dupont"


@pytest.fixture
def store() -> ObjectStore:
    return opened(Location.parse(f"memory:{uuid4().hex}"))


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def sealed(plain: bytes) -> bytes:
    key = DataKey(id=bytes(16), kind="k", scope="s", epoch=1, secret=Secret(bytes(32)))
    binding = Binding(kind="k", store="s", name="n", version="1")
    return seal_bytes(plain, key, binding, SeededRandomness(4))


def kinds(audit: HostAudit) -> set[str]:
    return set(audit.counts)


def parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"BEN_NIR_PSA": ["a" * 17] * 1000}), sink)
    return sink.getvalue()


def zipped() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("x", noise(1000))
    return sink.getvalue()


@pytest.mark.parametrize("size", [0, 1, 40, 100, 1000, BLOCK, 3 * BLOCK + 17, CHUNK + 5])
def test_what_is_sealed_passes(store: ObjectStore, size: int) -> None:
    store.put(NAME, sealed(CANARY + bytes(size)))
    found = audit_host(store, [CANARY])
    assert found.lines()[:-1] == []
    assert found.clean
    assert (found.objects, found.sealed, found.canaries) == (1, 1, 1)
    assert found.bytes == store.head(NAME).size
    found.require_clean()


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (parquet(), "Parquet"),
        (b"BEN_NIR_PSA;FLX_DIS_DTD\nabc;2023-01-01\ndef;2023-02-01\n" * 50, "CSV"),
        (json.dumps([{"patient": "x"}] * 500).encode(), "JSON"),
        (json.dumps([{"patient": "x"}] * 50_000).encode(), "JSON"),
        (b"%PDF-1.7\n" + noise(5000), "PDF"),
        (zipped(), "ZIP"),
        (gzip.compress(noise(5000)), "gzip"),
        ("Le patient présente une dyspnée. ".encode() * 100, "text"),
        (b"SQLite format 3\0" + noise(4000), "SQLite"),
        (bytes(128) + b"DICM" + noise(4000), "DICOM"),
        (b"Salted__" + noise(4000), "OpenSSL"),
    ],
)
def test_a_well_known_form_is_named(store: ObjectStore, content: bytes, form: str) -> None:
    store.put(NAME, content)
    found = audit_host(store)
    assert {"not-sealed", "recognised"} <= kinds(found)
    assert any(form in one.told for one in found.exposed)
    with pytest.raises(Unproven) as refusal:
        found.require_clean()
    assert refusal.value.rule == "clear-text-on-host"


def test_noise_without_the_magic_is_not_taken_for_sealed(store: ObjectStore) -> None:
    store.put(NAME, noise(100_000))
    assert kinds(audit_host(store)) == {"not-sealed"}


def test_clear_text_behind_a_sealed_beginning_is_uneven(store: ObjectStore) -> None:
    whole = sealed(bytes(5 * BLOCK))
    for at in (200, BLOCK, 3 * BLOCK):
        spoilt = whole[:at] + b"a;b;c;d\n" * (BLOCK // 8)
        store.put(NAME, spoilt + whole[len(spoilt) :])
        found = audit_host(store)
        assert kinds(found) == {"uneven"}
        assert found.exposed[0].offset == at // BLOCK * BLOCK


def test_a_form_behind_the_header_is_seen(store: ObjectStore) -> None:
    store.put(NAME, sealed(b"")[:136] + b"\x28\xb5\x2f\xfd" + noise(5000))
    assert kinds(audit_host(store)) == {"recognised"}


@pytest.mark.parametrize("cut", [8, 95, 100, 151])
def test_a_beginning_alone_is_not_a_sealed_object(store: ObjectStore, cut: int) -> None:
    store.put(NAME, sealed(b"")[:cut])
    assert "not-sealed" in kinds(audit_host(store))
    store.put(NAME, SEALED_MAGIC + b"\0\2" + sealed(bytes(1000))[10:])
    assert "not-sealed" in kinds(audit_host(store))


def test_an_empty_object_is_not_sealed(store: ObjectStore) -> None:
    store.put(NAME, b"")
    assert kinds(audit_host(store)) == {"not-sealed"}


@pytest.mark.parametrize("name", ["DCIR_202302/ER_PRS_F.parquet", "ab/short", "AB/" + "c" * 50])
def test_names_that_tell_something(store: ObjectStore, name: str) -> None:
    store.put(name, sealed(b"x"))
    assert kinds(audit_host(store)) == {"name"}


def test_metadata_tells_something(store: ObjectStore) -> None:
    store.put(NAME, sealed(b"x"), metadata={"table": CANARY.decode()})
    found = audit_host(store, [CANARY])
    assert kinds(found) == {"metadata", "canary"}
    assert CANARY.decode() not in json.dumps(found.as_dict())


@pytest.mark.parametrize(
    "spelling",
    [
        CANARY,
        CANARY.decode().encode("utf-16-le"),
        CANARY.decode().encode("utf-16-be"),
        CANARY.hex().encode(),
        CANARY.hex().upper().encode(),
        base64.b64encode(b"<" + CANARY + b">"),
        base64.b64encode(b"<>" + CANARY + b">>"),
        base64.b64encode(CANARY + b">"),
    ],
)
@pytest.mark.parametrize("at", [500, BLOCK - 5, CHUNK - 5])
def test_a_canary_is_found_in_any_spelling(store: ObjectStore, spelling: bytes, at: int) -> None:
    whole = sealed(bytes(CHUNK + BLOCK))
    store.put(NAME, whole[:at] + spelling + whole[at + len(spelling) :])
    found = audit_host(store, [CANARY])
    assert "canary" in kinds(found)
    assert CANARY.decode() not in "\n".join(found.lines())


def test_an_empty_canary_is_refused(store: ObjectStore) -> None:
    with pytest.raises(Invalid):
        audit_host(store, [b""])


def test_the_result_of_a_probe_is_known_and_a_forged_one_is_not(store: ObjectStore) -> None:
    keep_probe(store, probe(store))
    assert audit_host(store).clean
    store.put("bercail-probe/result.json", b'{"patients": ["x"]}')
    assert {"name", "not-sealed"} <= kinds(audit_host(store))


def test_a_report_stays_short_and_counts_everything(store: ObjectStore) -> None:
    for number in range(600):
        store.put(f"clear/{number}", b"x" * 10)
    found = audit_host(store)
    assert len(found.exposed) == 1000
    assert found.counts["name"] == found.counts["not-sealed"] == 600
    assert any("more" in line for line in found.lines())


def test_ciphertext_is_even_and_plain_bytes_are_not() -> None:
    for size in (0, 63, 64, 500, 1023, 1024, 4096, BLOCK):
        assert is_even(os.urandom(size))
    for plain in (bytes(BLOCK), bytes(range(256)) * 256, b"a;b\n" * 1000, b"abc" * 30):
        assert not is_even(plain)


def test_short_marks_are_not_looked_for_in_ciphertext() -> None:
    assert recognised(b"\x1f\x8b" + noise(100)) == "gzip"
    assert recognised(b"\x1f\x8b" + noise(100), least=4) is None
    assert recognised(noise(4096)) is None
    assert recognised(b"") is None
    assert recognised("é".encode() * 3000 + "é".encode()[:1]) == "text"


def test_disguises_are_bytes_that_differ() -> None:
    assert len(set(disguises(CANARY))) == len(disguises(CANARY)) == 8
    assert disguises(b"\xff\xfe")[0] == b"\xff\xfe"


def test_a_home_filled_by_the_house_is_clean(tmp_path: Path) -> None:
    from bercail.foundation import FixedClock, SystemClock, SystemRandomness
    from bercail.lake import SealedStore
    from bercail.vault import Keyring, MemoryCustodian

    randomness = SystemRandomness()
    keys = Keyring(
        tmp_path / "keys.db",
        MemoryCustodian(randomness),
        randomness,
        FixedClock(SystemClock().now()),
    )
    home = opened(Location.folder(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    put = SealedStore(home, keys, kind="lake", scope="t", randomness=randomness)
    for number in range(20):
        put.put(f"part-{number}", CANARY * 1000 * number)
    found = audit_host(home, [CANARY, b"part-"])
    assert found.lines()[:-1] == []
    assert found.sealed == 20
