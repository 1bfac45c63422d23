"""Somebody wants the old pseudonyms back, or wants a rotation to look done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from attrs import evolve
from pyiceberg.catalog.sql import SqlCatalog

from bercail.foundation import Refused, Role, Unproven
from bercail.ingest.rotation import proving
from bercail.lake.fileio import file_io_properties
from bercail.lake.filesystem import split_url
from bercail.lake.part_writing import PartWriter
from bercail.lake.signing import DELIVERY, EPOCH, PARTS
from bercail.lake.snapshot import parts_digest
from bercail.lake.verification import _require_next
from bercail.testing.small_house import SmallHouse, person

OPERATOR = person("odile", Role.OPERATOR)
OLD = ["ABCDEFGHIJKLMNOPQ", "BCDEFGHIJKLMNOPQR"]
SCHEMA = pa.schema([("BEN_NIR_PSA", pa.string()), ("NOTE", pa.string())])
TABLE = "ER_PRS_F"


@pytest.fixture
def house(tmp_path: Path) -> Any:
    built = SmallHouse.build(tmp_path)
    built.lake.append(TABLE, [rows(OLD)], SCHEMA, delivery="first")
    yield built
    built.close()


def rows(values: list[str]) -> pa.RecordBatch:
    notes = pa.array(["a note"] * len(values))
    return pa.RecordBatch.from_arrays([pa.array(values), notes], schema=SCHEMA)


def catalogue(house: SmallHouse, tmp_path: Path) -> Any:
    """The Iceberg catalogue, as an insider with the trust side's database opens it."""
    url = f"sqlite:///{tmp_path / 'lake.db'}"
    held = SqlCatalog("lake", uri=url, **file_io_properties(house.lake.files))
    return held.load_table(("lake", TABLE))


def test_an_old_object_in_the_place_of_a_new_part(house: SmallHouse) -> None:
    (old,) = house.lake.parts(TABLE)
    house.rotation().apply(OPERATOR)
    (new,) = house.lake.parts(TABLE)
    sealed = house.lake.files.sealed(TABLE)
    place, former = (sealed.opaque_name(split_url(part.url)[1]) for part in (new, old))
    house.host.put(place, house.host.get(former))
    house.lake.filesystem().forget(new.url)
    with pytest.raises(Unproven):
        house.lake.verify(TABLE)
    with pytest.raises(Unproven):
        house.rotation().apply(OPERATOR)


def test_an_old_part_sealed_again_under_the_new_name(house: SmallHouse) -> None:
    (old,) = house.lake.parts(TABLE)
    plain = house.lake.files.read(old.url)
    house.rotation().apply(OPERATOR)
    (new,) = house.lake.parts(TABLE)
    house.lake.files.sealed(TABLE).put(split_url(new.url)[1], plain)
    with pytest.raises(Unproven) as refused:
        house.lake.verify(TABLE)
    assert refused.value.rule == "lake-parts"


@pytest.mark.parametrize("epoch", ["1", "2"])
def test_an_old_part_committed_again_is_never_signed(
    house: SmallHouse, tmp_path: Path, epoch: str
) -> None:
    table = catalogue(house, tmp_path)
    (old,) = house.lake.parts(TABLE)
    (entry,) = [task.file for task in table.scan().plan_files()]
    house.rotation().apply(OPERATOR)
    table = table.refresh()
    summary = {DELIVERY: "planted", PARTS: parts_digest([old]), EPOCH: epoch}
    with table.transaction() as transaction:
        with transaction.update_snapshot(summary).fast_append() as update:
            update.append_data_file(entry)
    for act in (house.lake.snapshot, house.lake.read, house.lake.verify):
        with pytest.raises(Unproven) as refused:
            act(TABLE)
        assert refused.value.rule == "lake-epoch"


def test_rows_under_old_pseudonyms_do_not_come_in_after_a_rotation(house: SmallHouse) -> None:
    house.rotation().apply(OPERATOR)
    with pytest.raises(Refused) as refused:
        house.lake.append(TABLE, [rows(OLD)], SCHEMA, delivery="late", epoch=1)
    assert refused.value.rule == "pseudonym-epoch"


def test_an_append_that_began_before_a_rotation_does_not_commit_after_it(
    house: SmallHouse,
) -> None:
    def batches() -> Any:
        house.rotation().apply(OPERATOR)
        yield rows(OLD)

    with pytest.raises(Refused) as refused:
        house.lake.append(TABLE, batches(), SCHEMA, delivery="slow")
    assert refused.value.rule == "pseudonym-epoch"
    assert house.lake.snapshot(TABLE).rows == 2
    house.rotation().expire(OPERATOR)
    assert house.lake.verify(TABLE).rows == 2


def test_an_old_pseudonym_slipped_in_while_a_table_is_rewritten_is_not_proven(
    house: SmallHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = PartWriter.write

    def slips(self: Any, batches: Any, names: Any, first: int = 0) -> Any:
        def planted() -> Any:
            for batch in batches:
                yield batch.set_column(1, "NOTE", pa.array(OLD))

        return write(self, planted(), names, first)

    monkeypatch.setattr(PartWriter, "write", slips)
    with pytest.raises(Unproven) as refused:
        house.rotation().apply(OPERATOR)
    assert refused.value.rule == "rotation-proof"
    with pytest.raises(Refused) as shut:
        house.lake.read(TABLE)
    assert shut.value.rule == "rotation-under-way"
    for value in OLD:
        assert value not in str(refused.value)


def test_the_search_for_old_pseudonyms_does_not_lean_on_the_comparison(
    house: SmallHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.rotation().apply(OPERATOR)
    before, after = house.lake.rewriting.find(TABLE, "rotation-2") or (None, None)
    assert before is not None
    assert after is not None
    one = proving.Turned(before=before, after=after, columns=())
    now = house.lake.read(TABLE, ["BEN_NIR_PSA"]).read_all().column(0).combine_chunks()
    with pytest.raises(Unproven, match=r"2 old pseudonym"):
        proving._require_clean(house.lake, one, now, frozenset())


def test_a_statement_of_another_epoch_breaks_the_chain(house: SmallHouse) -> None:
    house.rotation().apply(OPERATOR)
    statements = house.lake._statements
    before, after = house.lake.rewriting.find(TABLE, "rotation-2") or (None, None)
    assert after is not None
    shelf = house.lake._shelf
    forged = evolve(after, rewrite=None)
    with pytest.raises(Unproven):
        _require_next(TABLE, before, forged)
    _require_next(TABLE, before, after)
    assert statements.open(shelf.statements(TABLE)[-1]).epoch == 2
