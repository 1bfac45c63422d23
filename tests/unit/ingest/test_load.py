"""A delivery is loaded whole, once, under level-2 pseudonyms; or it is quarantined whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bercail.foundation import Invalid, Missing, Refused, Role
from bercail.ingest.folder import LocalFiles
from bercail.testing.small_house import SmallHouse, person

CLEAR = "1620375056001196203121"

OPERATOR = person("odile", Role.OPERATOR)


def prepared(house: SmallHouse, tmp_path: Path) -> LocalFiles:
    house.holder().prepare(tmp_path / "clear", tmp_path / "level-1")
    return LocalFiles(tmp_path / "level-1")


def test_every_line_arrives_under_another_pseudonym(house, write, tmp_path):
    write()
    landing = prepared(house, tmp_path)
    level_one = (tmp_path / "level-1/DCIR_202402/ER_PRS_F.csv").read_text()
    reports = house.ingest().load_all(landing, OPERATOR)
    assert [report.as_dict() for report in reports] == [
        {"delivery": "DCIR_202402", "rows": 4, "tables": {"ER_PRS_F": 2, "ER_PHA_F": 2}}
    ]
    rows = house.lake.read("ER_PRS_F").read_all().to_pylist()
    assert [row["PRS_ACT_QTE"] for row in rows] == [1, -1]
    assert [str(row["PRS_PAI_MNT"]) for row in rows] == ["12.5000", "-3.1000"]
    assert rows[0]["EXE_SOI_DTD"].isoformat() == "2024-01-09"
    (stored,) = {row["BEN_NIR_PSA"] for row in rows}
    assert len(stored) == 17
    assert stored not in level_one
    assert house.lake.snapshot("ER_PHA_F").rows == 2


def test_a_separator_inside_a_quoted_text_goes_through_both_levels(house, write, tmp_path, texts):
    header, first, second = texts["ER_PRS_F"].splitlines()
    lines = [f"{header};BEN_RES_COM", f'{first};"0;1"', f"{second};002"]
    write(ER_PRS_F="\n".join(lines) + "\n", ER_PHA_F=texts["ER_PHA_F"])
    house.ingest().load_all(prepared(house, tmp_path), OPERATOR)
    towns = [row["BEN_RES_COM"] for row in house.lake.read("ER_PRS_F").read_all().to_pylist()]
    assert towns == ["0;1", "002"]


def test_a_loaded_delivery_is_refused_a_second_time(house, write, tmp_path):
    write()
    landing = prepared(house, tmp_path)
    house.ingest().load_all(landing, OPERATOR)
    assert house.ingest().load_all(landing, OPERATOR) == ()
    with pytest.raises(Refused) as refused:
        house.ingest().load(landing, "DCIR_202402", OPERATOR)
    assert refused.value.rule == "delivery-once"
    assert house.lake.snapshot("ER_PRS_F").rows == 2


def test_a_load_killed_between_two_tables_is_finished_without_doubling(house, write, tmp_path):
    write()
    landing = prepared(house, tmp_path)
    append, calls = house.lake.append, []

    def dies_at_the_second(table, *rest, **named):
        calls.append(table)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return append(table, *rest, **named)

    house.lake.append = dies_at_the_second
    with pytest.raises(KeyboardInterrupt):
        house.ingest().load_all(landing, OPERATOR)
    house.lake.append = append
    house.ingest().load_all(landing, OPERATOR)
    assert house.lake.snapshot("ER_PRS_F").rows == 2
    assert house.lake.snapshot("ER_PHA_F").rows == 2


@pytest.mark.requirement("PSE-01")
def test_clear_identifiers_never_pass_the_door(house, write, tmp_path):
    write()
    with pytest.raises(Refused) as refused:
        house.ingest().load_all(LocalFiles(tmp_path / "clear"), OPERATOR)
    assert refused.value.rule == "PSE-01"
    assert house.lake.tables() == ()


@pytest.mark.requirement("PSE-01")
def test_a_clear_identity_under_a_level_1_label_quarantines_unseen(house, write, tmp_path):
    write(identifiers="level-1", root="level-1")
    landing = LocalFiles(tmp_path / "level-1")
    with pytest.raises(Refused) as refused:
        house.ingest().load_all(landing, OPERATOR)
    assert refused.value.rule == "delivery-checks"
    assert "not-a-pseudonym in ER_PRS_F.csv column BEN_NIR_PSA: 2, first at line 2" in str(
        refused.value
    )
    assert "1620375056001" not in str(refused.value)
    status = house.ingest().status("DCIR_202402")
    assert status["state"] == "quarantined"
    assert "1620375056001" not in str(status)
    assert house.lake.tables() == ()
    with pytest.raises(Refused) as again:
        house.ingest().load(landing, "DCIR_202402", OPERATOR)
    assert again.value.rule == "delivery-quarantined"


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"rows": 9}, "row-count in ER_PRS_F.csv: 7"),
        ({"sha256": "0" * 64}, "digest in ER_PRS_F.csv: 1"),
    ],
)
def test_what_the_manifest_says_must_be_true(house, write, tmp_path, change, finding):
    write()
    prepared(house, tmp_path)
    path = tmp_path / "level-1/DCIR_202402"
    text = (path / "ER_PRS_F.csv").read_text()
    write(identifiers="level-1", root="level-1", ER_PRS_F=text, **change)
    with pytest.raises(Refused, match=finding):
        house.ingest().load_all(LocalFiles(tmp_path / "level-1"), OPERATOR)


def test_a_detail_line_without_its_prestation_is_found(house, write, tmp_path, texts):
    header, _, second = texts["ER_PRS_F"].splitlines()
    write(ER_PRS_F=f"{header}\n{second}\n", ER_PHA_F=texts["ER_PHA_F"])
    landing = prepared(house, tmp_path)
    with pytest.raises(Refused, match=r"line-without-parent in ER_PHA_F.csv: 2"):
        house.ingest().load_all(landing, OPERATOR)


def test_a_repeated_key_is_found(house, write, tmp_path, texts):
    write(ER_PRS_F=texts["ER_PRS_F"] + texts["ER_PRS_F"].splitlines()[1] + "\n")
    landing = prepared(house, tmp_path)
    with pytest.raises(Refused, match=r"repeated-key in ER_PRS_F.csv: 1"):
        house.ingest().load_all(landing, OPERATOR)


def test_an_unknown_column_and_an_unknown_table_are_named(house, write, tmp_path):
    write(ER_PRS_F="FLX_DIS_DTD;NOT_A_COLUMN\n01/02/2024;x\n")
    landing = prepared(house, tmp_path)
    with pytest.raises(Refused, match=r"unknown-column in ER_PRS_F.csv column NOT_A_COLUMN: 1"):
        house.ingest().load_all(landing, OPERATOR)
    write("DCIR_202403", ER_NOPE_F="A\n1\n")
    with pytest.raises(Missing, match="`ER_NOPE_F`"):
        prepared(house, tmp_path)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "01/02/2024;15/01/2024;1;1;1;01C010000;1;1;1;SECRET;1;09/01/2024;x9;1\n",
            "not-a-number in ER_PRS_F.csv column PRS_ACT_QTE: 1",
        ),
        (
            "01/02/2024;15/01/2024;1;1;1;01C010000;1;1;1;SECRET;1;31/02/2024;1;1\n",
            "not-a-date in ER_PRS_F.csv column EXE_SOI_DTD: 1",
        ),
        ("01/02/2024;SECRET\n", "field-count in ER_PRS_F.csv: 1"),
    ],
)
def test_a_malformed_line_is_named_by_file_and_line_only(house, write, tmp_path, texts, line, said):
    write(identifiers="level-1", root="level-1", ER_PRS_F=texts["ER_PRS_F"] + line)
    with pytest.raises(Refused) as refused:
        house.ingest().load_all(LocalFiles(tmp_path / "level-1"), OPERATOR)
    assert refused.value.rule == "delivery-checks"
    assert f"{said}, first at line 4" in refused.value.message
    assert "SECRET" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert "SECRET" not in str(house.ingest().status("DCIR_202402"))
    assert house.lake.tables() == ()


def test_a_file_that_is_not_utf_8_is_located(house, write, tmp_path):
    folder = write(identifiers="level-1", root="level-1")
    path = folder / "ER_PRS_F.csv"
    path.write_bytes(path.read_bytes() + "01/02/2024;é\n".encode("latin-1"))
    with pytest.raises(Refused, match=r"encoding-latin-1 in ER_PRS_F.csv: 1, first at line 4"):
        house.ingest().load_all(LocalFiles(tmp_path / "level-1"), OPERATOR)


def test_only_an_operator_loads(house, write, tmp_path):
    write()
    landing = prepared(house, tmp_path)
    with pytest.raises(Refused):
        house.ingest().load_all(landing, person("camille", Role.DATA_USER))


def test_an_empty_landing_zone_is_said(house, tmp_path):
    (tmp_path / "nothing").mkdir()
    with pytest.raises(Missing, match="holds no delivery"):
        house.ingest().load_all(LocalFiles(tmp_path / "nothing"), OPERATOR)


def test_a_wrong_manifest_names_its_key(house, write, tmp_path):
    folder = write(identifiers="level-1", root="level-1")
    (folder / "delivery.json").write_text('{"holder": "CNAM"}')
    with pytest.raises(Invalid, match="wrong at `system`"):
        house.ingest().load_all(LocalFiles(tmp_path / "level-1"), OPERATOR)


@pytest.mark.requirement("PSE-04")
def test_the_holder_writes_each_use_of_its_secret_beside_what_it_prepares(house, write, tmp_path):
    write()
    house.holder().prepare(tmp_path / "clear", tmp_path / "level-1")
    house.holder().prepare(tmp_path / "clear", tmp_path / "level-1")
    write("DCIR_202403")
    house.holder().prepare(tmp_path / "clear", tmp_path / "level-1")
    log = (tmp_path / "level-1.secret-uses.jsonl").read_text().splitlines()
    told = [json.loads(line) for line in log]
    assert [(one["delivery"], one["files"], one["identifiers"]) for one in told] == [
        ("DCIR_202402", 2, 2),
        ("DCIR_202403", 2, 2),
    ]
    assert CLEAR not in "".join(log)
    # A use that cannot be written down does not happen.
    write("DCIR_202404")
    (tmp_path / "level-1.secret-uses.jsonl").unlink()
    (tmp_path / "level-1.secret-uses.jsonl").mkdir()
    with pytest.raises(IsADirectoryError):
        house.holder().prepare(tmp_path / "clear", tmp_path / "level-1")
    assert not (tmp_path / "level-1" / "DCIR_202404").exists()
