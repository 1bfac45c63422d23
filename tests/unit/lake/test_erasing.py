"""Rows erased: gone from every readable state, their keys destroyed, and said with care."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from bercail.foundation import FixedClock, Invalid, Missing, Refused, Unproven
from bercail.lake import DeliveryRows, ErasureCertificate, Lake, PersonRows
from bercail.lake.erasing import read_erasure
from bercail.lake.row_choice import chosen_rows
from bercail.storage.memory import MemoryStore
from bercail.vault import Keyring, SealedReader, signer
from bercail.vault.sealed_format import PREAMBLE_SIZE, parse_preamble

TABLE = "ER_PRS_F"
SCHEMA = pa.schema([("BEN_NIR_PSA", pa.string()), ("n", pa.int64())])
REASON = "the holder withdrew it, letter of June"


def lines(first: int, count: int) -> pa.RecordBatch:
    found = [{"BEN_NIR_PSA": f"person{n % 4}", "n": n} for n in range(first, first + count)]
    return pa.RecordBatch.from_pylist(found, schema=SCHEMA)


@pytest.fixture
def filled(lake: Lake, clock: FixedClock) -> Lake:
    for delivery in range(4):
        lake.append(TABLE, [lines(delivery * 10, 10)], SCHEMA, delivery=f"D{delivery}")
        clock.advance(timedelta(minutes=1))
    return lake


def numbers(lake: Lake) -> list[int]:
    return sorted(lake.read(TABLE, ["n"]).read_all().column(0).to_pylist())


def erase(lake: Lake, rows: DeliveryRows | PersonRows, **options: bool) -> ErasureCertificate:
    return lake.erasing.erase(TABLE, rows, REASON, **options)


def test_a_delivery_is_gone_from_every_state(filled: Lake, host: MemoryStore) -> None:
    old = filled.snapshots(TABLE)
    before = {info.name: host.get(info.name) for info in host.list()}
    made = erase(filled, DeliveryRows(delivery="D1"))
    assert (made.rows_erased, made.rows_left) == (10, 30)
    assert numbers(filled) == [*range(10), *range(20, 40)]
    for one in old:
        with pytest.raises(Missing, match="were let go"):
            filled.read(TABLE, snapshot_id=one.id)
    assert filled.verify(TABLE).rows == 30
    assert filled.orphans(timedelta(0)) == ()
    assert {part.delivery for part in filled.parts(TABLE)} == {"D0", "D2", "D3"}
    kept = [name for name in before if name in {info.name for info in host.list()}]
    assert all(host.get(name) != before[name] for name in kept)
    # Whoever kept a copy of the host needs keys that are destroyed.
    destroyed = {bytes.fromhex(key) for key in made.keys}
    found = {parse_preamble(data[:PREAMBLE_SIZE]).header.key_id for data in before.values()}
    assert found == destroyed
    assert [key.destroyed for key in filled.files.data_keys(TABLE)].count(None) == 1


def _put_back(host: MemoryStore, objects: dict[str, bytes]) -> None:
    for name, data in objects.items():
        host.put(name, data)


def test_an_old_file_put_back_does_not_open(filled: Lake, host: MemoryStore) -> None:
    (url,) = (part.url for part in filled.parts(TABLE) if part.delivery == "D1")
    assert isinstance(filled.files.reader(url), SealedReader)
    before = {info.name: host.get(info.name) for info in host.list()}
    erase(filled, DeliveryRows(delivery="D1"))
    with pytest.raises(Missing):
        filled.files.reader(url)
    _put_back(host, before)
    with pytest.raises((Missing, Unproven)):
        filled.files.reader(url).read_all()


def test_persons_are_gone_and_the_others_stay(filled: Lake, clock: FixedClock) -> None:
    filled.compaction.compact(TABLE, 1 << 20)
    filled.append(TABLE, [lines(40, 2)], SCHEMA, delivery="D4")
    last = filled.parts(TABLE)[-1]
    rows = PersonRows(request="R-7", column="BEN_NIR_PSA", persons=frozenset({"person2", "who"}))
    made = erase(filled, rows)
    assert numbers(filled) == [n for n in range(42) if n % 4 != 2]
    assert (made.rows_erased, made.rows_left) == (10, 32)
    assert last in filled.parts(TABLE)
    assert filled.parts(TABLE)[0].holds[0].rows == 8
    assert filled.verify(TABLE).rows == 32
    text = str(made.as_dict()) + str(rows)
    assert "person2" not in text
    assert made.erasure == "erase:persons:R-7"


def test_a_delivery_goes_out_of_a_joined_part(filled: Lake) -> None:
    filled.compaction.compact(TABLE, 1 << 20)
    assert len(filled.parts(TABLE)) == 1
    for delivery in ("D1", "D3", "D0"):
        erase(filled, DeliveryRows(delivery=delivery), destroy_keys=False)
    (left,) = filled.parts(TABLE)
    assert (left.delivery, left.holds) == ("D2", ())
    assert numbers(filled) == list(range(20, 30))
    erase(filled, DeliveryRows(delivery="D2"), destroy_keys=False)
    assert filled.parts(TABLE) == ()
    assert numbers(filled) == []
    assert filled.verify(TABLE).rows == 0
    assert filled.append(TABLE, [lines(0, 1)], SCHEMA, delivery="D9").rows == 1


def test_an_erased_delivery_does_not_come_back(filled: Lake) -> None:
    erase(filled, DeliveryRows(delivery="D1"), destroy_keys=False)
    with pytest.raises(Refused, match="was erased") as refusal:
        filled.append(TABLE, [lines(0, 1)], SCHEMA, delivery="D1")
    assert refusal.value.rule == "lake-erased"


def test_an_append_that_was_running_is_refused(filled: Lake) -> None:
    def watched() -> Iterator[pa.RecordBatch]:
        yield lines(90, 2)
        erase(filled, DeliveryRows(delivery="D1"))
        yield lines(92, 2)

    with pytest.raises(Refused, match="were erased while") as refusal:
        filled.append(TABLE, watched(), SCHEMA, delivery="D9")
    assert refusal.value.rule == "lake-erased"
    assert filled.verify(TABLE).rows == 30
    assert filled.append(TABLE, [lines(90, 4)], SCHEMA, delivery="D9").rows == 34


def test_what_an_interrupted_append_left_is_erased_too(filled: Lake) -> None:
    filled.files.write(f"sealed://{TABLE}/data/D1/part-left-00000.parquet", b"old rows")
    erase(filled, DeliveryRows(delivery="D1"), destroy_keys=False)
    assert filled.orphans(timedelta(0)) == ()


def test_the_same_erasure_again_gives_the_same_certificate(filled: Lake, keys: Keyring) -> None:
    first = erase(filled, DeliveryRows(delivery="D1"))
    count = len(filled.snapshots(TABLE))
    again = filled.erasing.erase(TABLE, DeliveryRows(delivery="D1"), "another reason, later")
    assert again == first
    assert len(filled.snapshots(TABLE)) == count
    assert read_erasure(first.envelope, signer(keys, "lake").public) == first
    assert first.reason == REASON


def test_a_certificate_says_what_is_not_proven(filled: Lake, keys: Keyring) -> None:
    made = erase(filled, DeliveryRows(delivery="D1"), destroy_keys=False)
    said = made.as_dict()
    assert any("backup" in line for line in said["not_proven"])
    assert not any("keys" in line for line in said["proven"])
    with pytest.raises(Unproven):
        read_erasure(made.envelope, signer(keys, "another").public)
    with pytest.raises(Unproven):
        read_erasure(b"{", signer(keys, "lake").public)


def test_what_is_not_there_cannot_be_erased(filled: Lake) -> None:
    count = len(filled.snapshots(TABLE))
    with pytest.raises(Missing, match="no delivery `D8`"):
        erase(filled, DeliveryRows(delivery="D8"))
    for column in ("NUM_ENQ", "n"):
        with pytest.raises(Missing, match=f"no text column `{column}`"):
            erase(filled, PersonRows(request="R", column=column, persons=frozenset({"x"})))
    assert len(filled.snapshots(TABLE)) == count


def test_rows_are_chosen_by_delivery_or_by_a_file(tmp_path: Path) -> None:
    assert chosen_rows("D1", None, "c", "") == DeliveryRows(delivery="D1")
    file = tmp_path / "persons"
    file.write_text("a\nb\n\n", encoding="utf-8")
    expected = PersonRows(request="R-1", column="c", persons=frozenset("ab"))
    assert chosen_rows(None, file, "c", "R-1") == expected
    file.write_text("\n", encoding="utf-8")
    for delivery, persons, request, message in (
        (None, None, "R", "one delivery or one file"),
        ("D1", file, "R", "one delivery or one file"),
        (None, file, "Jean Dupont", "named with letters"),
        (None, file, "R", "names nobody"),
    ):
        with pytest.raises(Invalid, match=message):
            chosen_rows(delivery, persons, "c", request)
    with pytest.raises(Missing):
        chosen_rows(None, tmp_path / "absent", "c", "R")
