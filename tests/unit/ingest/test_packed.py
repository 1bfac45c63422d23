"""A holder that packs its files in gzip is served as one that does not."""

from __future__ import annotations

import gzip
import hashlib
import json

import pytest

from bercail.foundation import Invalid, Missing, Role
from bercail.ingest.folder import LocalFiles
from bercail.testing.small_house import person

from .conftest import CLEAR, NIR

OPERATOR = person("odile", Role.OPERATOR)
NAME = "DCIR_202402"


def pack(folder, change=lambda data: data):
    """The delivery's files in gzip, each changed, and its manifest with them."""
    manifest = json.loads((folder / "delivery.json").read_text())
    for file in manifest["files"]:
        plain = folder / file["name"]
        data = change(gzip.compress(plain.read_bytes(), mtime=0))
        plain.unlink()
        file |= {"name": f"{file['name']}.gz", "bytes": len(data)}
        file["sha256"] = hashlib.sha256(data).hexdigest()
        (folder / file["name"]).write_bytes(data)
    (folder / "delivery.json").write_text(json.dumps(manifest))


def prepare(house, tmp_path, target="level-1"):
    return house.holder().prepare(tmp_path / "clear", tmp_path / target)


def test_packed_files_stay_packed_and_hold_the_same_lines(house, write, tmp_path):
    folder = write()
    prepare(house, tmp_path, "plain")
    pack(folder)
    prepared = prepare(house, tmp_path)
    assert (prepared.files, prepared.rows) == (2, 4)
    sent = tmp_path / "level-1" / NAME
    for path in (tmp_path / "plain" / NAME).glob("*.csv"):
        packed = (sent / f"{path.name}.gz").read_bytes()
        assert gzip.decompress(packed) == path.read_bytes()
        assert NIR.encode() not in gzip.decompress(packed)
    manifest = json.loads((sent / "delivery.json").read_text())
    for file in manifest["files"]:
        data = (sent / file["name"]).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    house.ingest().load(LocalFiles(tmp_path / "level-1"), NAME, OPERATOR)
    assert house.lake.snapshot("ER_PRS_F").rows == 2


def test_equal_lines_give_equal_bytes(house, write, tmp_path):
    pack(write())
    prepare(house, tmp_path)
    prepare(house, tmp_path, "again")
    for path in (tmp_path / "level-1" / NAME).glob("*.gz"):
        assert path.read_bytes() == (tmp_path / "again" / NAME / path.name).read_bytes()


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[:-9], lambda data: data[:60], lambda _: b"BERCAIL", lambda _: b""],
    ids=["its end is missing", "half of it", "no gzip", "nothing"],
)
def test_a_damaged_file_is_named_and_its_delivery_not_sent(house, write, tmp_path, damage):
    pack(write(), damage)
    with pytest.raises(Invalid) as invalid:
        prepare(house, tmp_path)
    assert f"{NAME}/ER_PRS_F.csv.gz" in str(invalid.value)
    assert CLEAR not in str(invalid.value)
    assert not (tmp_path / "level-1" / NAME).exists()


def test_a_line_that_is_wrong_is_told_by_its_place(house, write, texts, tmp_path):
    first, *rest = texts["ER_PRS_F"].splitlines()
    pack(write(ER_PRS_F="\n".join([first, rest[0], f"{rest[1]};more"]) + "\n"))
    with pytest.raises(Invalid) as invalid:
        prepare(house, tmp_path)
    assert invalid.value.rule == "field-count"
    assert f"{NAME}/ER_PRS_F.csv.gz` line 3" in str(invalid.value)


def test_a_file_that_is_not_there_is_missing(house, write, tmp_path):
    folder = write()
    (folder / "ER_PHA_F.csv").unlink()
    with pytest.raises(Missing, match=r"ER_PHA_F\.csv"):
        prepare(house, tmp_path)
