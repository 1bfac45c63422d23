"""An operator's checkout of the public schema: read whole or not at all, laid over the registry."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from bercail.catalogue import arrow_type, import_schema, load
from bercail.cli.catalogue import app
from bercail.config import load_config
from bercail.foundation import BercailError, Invalid, Missing
from bercail.platform import Platform

STAYS = "schemas/PMSI/PMSI MCO/T_MCOaaB.json"
PERSONS = "schemas/BENEFICIAIRE/IR_BEN_R.json"
NEW = "schemas/PMSI/PMSI MCO/T_MCOaaNEW.json"
DISCHARGE = "nomenclatures/ATIH/MS_TEST_V.csv"


def column(name: str, kind: str, **more: Any) -> dict[str, Any]:
    """A field as the public schema writes it."""
    told = {"description": f"Libellé  de\n{name}", "nomenclature": "-", "length": "", **more}
    return {"name": name, "type": kind, "format": "default", "dateCreated": "2007", **told}


def schema(name: str, *fields: dict[str, Any], **more: Any) -> str:
    return json.dumps({"fields": fields, "name": name, "title": f"Table {name}", **more})


FILES = {
    STAYS: schema(
        "T_MCOaaB",
        column("ETA_NUM", "integer", length="9"),
        column("RSA_NUM", "string", length="12"),
        column("SEJ_NBJ", "string", length="4"),
        column("DGN_PAL", "string", length="6", nomenclature="MS_TEST_V"),
        column("ADDED_LATER", "string", length="3,2", nomenclature="MS_TEST_V:CODE"),
        produit="PMSI",
        primaryKey=["ETA_NUM", "RSA_NUM"],
    ),
    PERSONS: schema(
        "IR_BEN_R",
        column("BEN_NIR_PSA", "string", length="17"),
        column("BEN_RNG_GEM", "number", length=None),
        primaryKey="BEN_NIR_PSA",
    ),
    NEW: schema(
        "T_MCOaaNEW", column("BEN_NAI_MOI", "date"), column("DONE", "boolean"), produit="PMSI"
    ),
    DISCHARGE: '"nom_table";"TEC_COL";"SOR_MOD";"SOR_LIB"\n"MS_TEST_V";0;"9";"DECES"\n'
    '"MS_TEST_V";0;"8";"DOMICILE; ou autre"\n',
    "nomenclatures/ORAVAL/IR_NIR_V.csv": "BEN_NIR_COD;BEN_NIR_LIB\n00;NIR NORMAL\n",
    "nomenclatures/ORAREF/NU_TEST_R.csv": "LABEL_LIB;OTHER;UCD\nUn;x;0001\nDeux;y;0002\n",
    "nomenclatures/ORAREF/NU_TEST_R.json": schema(
        "NU_TEST_R", column("UCD", "integer", role="code"), column("LABEL_LIB", "string")
    ),
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return write(tmp_path / "schema-snds", FILES)


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_counts_and_differences_are_told(checkout: Path, tmp_path: Path) -> None:
    report = import_schema(checkout, tmp_path / "out", load())
    assert (report.tables, report.columns, report.lists, report.codes) == (3, 9, 3, 5)
    assert report.new_tables == ("T_MCOaaNEW",)
    assert report.new_columns == (("T_MCOaaB", "ADDED_LATER"),)
    told = {(table, name, c.kind, c.stands, c.other) for table, name, c in report.disagreements}
    assert told == {
        ("T_MCOaaB", "RSA_NUM", "length", "10", "12"),
        ("T_MCOaaB", "SEJ_NBJ", "type", "num", "string"),
        ("IR_BEN_R", "BEN_RNG_GEM", "key", "part of the key", "no part of the key"),
    }
    assert {c.other_by for _, _, c in report.disagreements} == {STAYS, PERSONS}


def test_what_is_imported_is_laid_over_the_registry(checkout: Path, tmp_path: Path) -> None:
    report = import_schema(checkout, tmp_path / "out", load())
    laid, own = load(imported=report.file), load()
    stays = laid.table("T_MCO23B")
    assert stays.official_label == "Table T_MCOaaB"
    assert stays.column("DGN_PAL").official_label == "Libellé de DGN_PAL"
    assert stays.column("DGN_PAL").told("fr") == "Diagnostic principal (CIM-10)"
    added = stays.column("ADDED_LATER")
    assert (added.type_source, added.length, added.code_list) == ("imported", 3, "MS_TEST_V")
    assert added.told("fr") == "Libellé de ADDED_LATER"
    assert not own.table("T_MCOaaB").has_column("ADDED_LATER")
    assert "T_MCOaaNEW" not in own.tables


def test_the_built_in_type_stands(checkout: Path, tmp_path: Path) -> None:
    report = import_schema(checkout, tmp_path / "out", load())
    laid = load(imported=report.file).table("T_MCOaaB")
    assert arrow_type(laid.column("ETA_NUM")) == pa.string()
    assert [c.other for c in laid.column("ETA_NUM").conflicts] == ["integer"]
    nights = laid.column("SEJ_NBJ")
    assert nights.physical_type == "num"
    assert [(c.other, c.other_by) for c in nights.conflicts] == [("string", STAYS)]


def test_a_new_table_is_marked_as_the_others_are(checkout: Path, tmp_path: Path) -> None:
    report = import_schema(checkout, tmp_path / "out", load())
    table = load(imported=report.file).table("T_MCO23NEW")
    assert table.column("BEN_NAI_MOI").sensitivity_category == "birth_month"
    assert table.column("BEN_NAI_MOI").label == "Month of birth"
    assert arrow_type(table.column("DONE")) == pa.string()


def test_code_lists_come_with_where_they_are_from(checkout: Path, tmp_path: Path) -> None:
    report = import_schema(checkout, tmp_path / "out", load())
    laid = load(imported=report.file)
    assert [(c.code, c.label) for c in laid.codes("MS_TEST_V")] == [
        ("9", "DECES"),
        ("8", "DOMICILE; ou autre"),
    ]
    assert [(c.code, c.label) for c in laid.codes("NU_TEST_R")] == [
        ("0001", "Un"),
        ("0002", "Deux"),
    ]
    assert laid.code_sources["MS_TEST_V"] == DISCHARGE
    # A list that we label ourselves keeps our words.
    assert laid.code_sources["IR_NIR_V"] == "bercail"
    assert laid.codes("IR_NIR_V") == load().codes("IR_NIR_V")


def test_the_same_checkout_gives_the_same_bytes(checkout: Path, tmp_path: Path) -> None:
    one = import_schema(checkout, tmp_path / "one", load())
    two = import_schema(checkout, tmp_path / "two", load())
    assert one.digest == two.digest
    assert one.file.read_bytes() == two.file.read_bytes()


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        (STAYS, '{"fields": [,]}', "`line 1, column 13` is not JSON"),
        (STAYS, "[]", "`the whole file` is wrong"),
        (STAYS, schema("T_MCOaaB"), "`fields` is wrong"),
        (STAYS, json.dumps({"name": "T_MCOaaB", "fields": [{"name": "A"}]}), "`fields.0.type`"),
        (STAYS, schema("T_MCOaaC", column("A", "string")), "`name` is `T_MCOaaC` in the file of"),
        (STAYS, schema("T_MCOaaB", column("A B", "string")), "`fields.0.name`"),
        (
            STAYS,
            schema("T_MCOaaB", column("A", "string"), column("A", "string")),
            "`fields.1.name` gives `A` a second time",
        ),
        (STAYS, schema("T_MCOaaB", column("A", "string", length="long")), "`fields.0.length`"),
        (
            STAYS,
            schema("T_MCOaaB", column("A", "string"), primaryKey=["B"]),
            "`primaryKey` names `B`",
        ),
        ("nomenclatures/ORAREF/NU_TEST_R.json", '{"fields": 3}', "`fields` is wrong"),
        (DISCHARGE, "A;B\n1;x\n2\n", "`line 3` has 1 fields where the header has 2"),
        (DISCHARGE, 'A;B\n1;"x\n', "is not CSV"),
        (DISCHARGE, "A\n1\n", "`line 1` is no header"),
        (DISCHARGE, "", "`line 1` is no header"),
        (DISCHARGE, "A;A\n1;2\n", "`line 1` is no header"),
    ],
)
def test_a_wrong_file_is_named_with_its_place_and_nothing_is_imported(
    checkout: Path, tmp_path: Path, file: str, text: str, told: str
) -> None:
    (checkout / file).write_text(text, encoding="utf-8")
    out = tmp_path / "out"
    with pytest.raises(Invalid) as caught:
        import_schema(checkout, out, load())
    assert f"`{file}`" in caught.value.message
    assert told in caught.value.message
    assert not out.exists()


def test_a_wrong_checkout_leaves_the_former_import(checkout: Path, tmp_path: Path) -> None:
    former = import_schema(checkout, tmp_path / "out", load())
    before = former.file.read_bytes()
    (checkout / DISCHARGE).write_bytes(b"A;B\n1;\xe9\n")
    with pytest.raises(Invalid, match="`byte 6` is not UTF-8"):
        import_schema(checkout, tmp_path / "out", load())
    assert [path.name for path in (tmp_path / "out").iterdir()] == [former.file.name]
    assert former.file.read_bytes() == before


def test_one_table_in_two_folders_is_refused(checkout: Path, tmp_path: Path) -> None:
    write(checkout, {"schemas/OTHER/IR_BEN_R.json": FILES[PERSONS]})
    with pytest.raises(Invalid, match=r"`IR_BEN_R` is in .* and in `schemas/OTHER/IR_BEN_R.json`"):
        import_schema(checkout, tmp_path / "out", load())


def test_a_folder_without_schemas_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="has no file"):
        import_schema(tmp_path, tmp_path / "out", load())


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def without_a_type(content: bytes) -> bytes:
    whole = json.loads(content)
    del whole["tables"][0]["columns"][0]["type"]
    return json.dumps(whole).encode()


@pytest.mark.parametrize("damage", [cut, without_a_type, lambda _: b"[]", lambda _: b"{}"])
def test_a_damaged_import_is_not_loaded(
    checkout: Path, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    file = import_schema(checkout, tmp_path / "out", load()).file
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(Invalid, match="is not an imported catalogue"):
        load(imported=file)


def test_an_import_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="cannot be read"):
        load(imported=tmp_path / "none.json")


def test_the_platform_takes_the_import_that_its_configuration_names(
    checkout: Path, tmp_path: Path
) -> None:
    house = tmp_path / "house"
    import_schema(checkout, house / "catalogue", load())
    config = house / "bercail.toml"
    whole = (
        'name = "h"\ntrust_side = "trust"\n[home]\nlocation = "file:home"\ncredentials = "A"\n'
        '[host]\nservice = "s"\n'
    )
    config.write_text(whole + '[catalogue]\nimported = "catalogue/imported.json"\n')
    assert "T_MCOaaNEW" in Platform(load_config(config)).registry.tables
    config.write_text(whole)
    assert Platform(load_config(config)).registry is load()


def test_the_command_tells_what_it_wrote(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BERCAIL_CONFIG", raising=False)
    words = ["import-schema", str(checkout)]
    told = CliRunner().invoke(app, [*words, "--out", "out", "--json"], catch_exceptions=False)
    answer = json.loads(told.stdout)
    assert answer["disagreements"] == {"key": 1, "length": 1, "type": 1}
    assert answer["new_columns"] == ["T_MCOaaB.ADDED_LATER"]
    assert Path(answer["file"]).is_file()
    shown = CliRunner().invoke(app, [*words, "--out", "out"], catch_exceptions=False)
    assert "  new table  T_MCOaaNEW" in shown.stdout
    refused = CliRunner().invoke(app, words)
    assert isinstance(refused.exception, BercailError)
    assert "`--out`" in refused.exception.remedy
