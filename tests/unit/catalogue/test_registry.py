"""The registry: names, years, types and identities, as the SNDS has them."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from bercail.catalogue import Registry, arrow_type, load
from bercail.foundation import Missing


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load()


def test_a_family_and_one_of_its_years_are_the_same_table(registry: Registry) -> None:
    assert registry.table("T_MCO22B") is registry.table("T_MCOaaB")
    assert registry.year_of("T_MCO22B") == 2022
    assert registry.year_of("T_MCO05UM") == 2005
    assert registry.year_of("T_MCOaaB") is None


def test_an_archive_and_a_yearly_map_keep_four_digits(registry: Registry) -> None:
    assert registry.table("ER_PRS_F_2012").name == "ER_PRS_F"
    assert registry.year_of("ER_PRS_F_2012") == 2012
    assert registry.year_of("CT_IDE_2019_G8") == 2019


def test_no_dated_name_belongs_to_two_families(registry: Registry) -> None:
    for name in registry.tables:
        dated = name.replace("aa", "14").replace("AAAA", "2014").replace("GN", "G5")
        assert registry.table(dated).name == name


def test_an_unknown_table_is_missing_and_near_names_are_given(registry: Registry) -> None:
    with pytest.raises(Missing, match="`ER_PRSF`") as caught:
        registry.table("ER_PRSF")
    assert "`ER_PRS_F`" in caught.value.remedy


def test_an_unknown_column_is_missing_and_near_names_are_given(registry: Registry) -> None:
    with pytest.raises(Missing, match="`BEN_NIR_PSE`") as caught:
        registry.table("ER_PRS_F").column("BEN_NIR_PSE")
    assert "`BEN_NIR_PSA`" in caught.value.remedy
    with pytest.raises(Missing, match="`BEN_NIR_PSE`"):
        registry.tables_with("BEN_NIR_PSE")


def test_columns_come_and_go_with_the_years(registry: Registry) -> None:
    chaining = registry.table("T_MCOaaC")
    assert "EXE_SOI_DTD" not in chaining.column_names(2008)
    assert "EXE_SOI_DTD" in chaining.column_names(2009)
    assert "SOR_MOI" in chaining.column_names(2018)
    assert "SOR_MOI" not in chaining.column_names(2019)


def test_a_year_after_the_known_ones_has_the_columns_of_the_last(registry: Registry) -> None:
    stay = registry.table("T_MCOaaB")
    assert stay.column_names(2024) == stay.column_names(stay.years[-1])


def test_an_undated_column_is_newer_than_the_archives(registry: Registry) -> None:
    lines = registry.table("ER_PRS_F")
    assert lines.column("PRS_PPU_SEC").years == ()
    assert "PRS_PPU_SEC" not in lines.column_names(2012)
    assert "PRS_PPU_SEC" in lines.column_names(2023)
    assert len(lines.column_names()) == 123


def test_a_table_without_years_has_all_its_columns_in_every_year(registry: Registry) -> None:
    persons = registry.table("IR_BEN_R")
    assert persons.column_names(1999) == persons.column_names()
    assert len(persons.column_names()) == 21


@pytest.mark.parametrize(
    ("table", "column", "expected"),
    [
        ("T_MCOaaB", "ETA_NUM", pa.string()),
        ("T_MCOaaB", "SOR_MOI", pa.string()),
        ("T_MCOaaC", "NIR_RET", pa.string()),
        ("T_MCOaaC", "ENT_DAT", pa.string()),
        ("IR_BEN_R", "BEN_RES_COM", pa.string()),
        ("IR_BEN_R", "BEN_IDT_TOP", pa.int64()),
        ("ER_PRS_F", "FLX_DIS_DTD", pa.date32()),
        ("ER_PHA_F", "PHA_PRS_C13", pa.int64()),
        ("ER_PRS_F", "PRS_PAI_MNT", pa.decimal128(18, 4)),
    ],
)
def test_types_are_the_physical_ones(
    registry: Registry, table: str, column: str, expected: pa.DataType
) -> None:
    """The declared schema has several of these wrong: zeros and '2A' would be lost."""
    assert arrow_type(registry.table(table).column(column)) == expected


def test_the_key_of_city_care_has_nine_columns(registry: Registry) -> None:
    assert set(registry.table("ER_PRS_F").key) == {
        "FLX_DIS_DTD",
        "FLX_TRT_DTD",
        "FLX_EMT_TYP",
        "FLX_EMT_NUM",
        "FLX_EMT_ORD",
        "ORG_CLE_NUM",
        "DCT_ORD_NUM",
        "PRS_ORD_NUM",
        "REM_TYP_AFF",
    }
    assert registry.table("T_MCOaaB").key == ("ETA_NUM", "RSA_NUM")


def test_pseudonym_columns_are_named_table_by_table(registry: Registry) -> None:
    kinds = {item.name: item.kind for item in registry.pseudonyms("IR_BEN_R")}
    assert kinds == {
        "BEN_NIR_PSA": "person",
        "BEN_NIR_ANO": "person",
        "ASS_NIR_ANO": "person",
        "BEN_IDT_ANO": "person_ranked",
    }
    assert [item.name for item in registry.pseudonyms("T_MCO22C")] == ["NIR_ANO_17"]
    assert [item.name for item in registry.pseudonyms("CT_IDE_2019_G8")] == ["ben_nir_psa"]
    assert registry.pseudonyms("T_MCOaaB") == ()


def test_other_pointers_to_a_person_are_withheld(registry: Registry) -> None:
    assert "NIR_ANO_MAM" in registry.withheld("T_MCOaaC")
    assert registry.withheld("ER_PRS_F") == ()


def test_every_pseudonym_column_is_text_of_the_right_length(registry: Registry) -> None:
    lengths = {"person": 17, "person_ranked": 18}
    seen = 0
    for table in registry.tables.values():
        for item in registry.pseudonyms(table):
            column = table.column(item.name)
            assert column.physical_type == "char"
            assert column.length in (lengths[item.kind], None)
            seen += 1
    assert seen > 40


def test_potential_identifiers_are_marked(registry: Registry) -> None:
    column = registry.table("IR_BEN_R").column("BEN_DCD_DTE")
    assert column.sensitivity == "potential_identifier"


def test_drugs_keep_their_codes(registry: Registry) -> None:
    drugs = registry.drugs()
    assert drugs.num_rows == 23_124
    assert drugs.schema.field("cip13").type == pa.int64()
    metformin = drugs.filter(pc.equal(drugs["atc"], pa.scalar("A10BA02")))
    assert {30, 90} <= set(metformin["units_per_pack"].to_pylist())
    assert drugs["atc"].null_count == 944


def test_code_lists_have_our_labels(registry: Registry) -> None:
    codes = {item.code: item.label for item in registry.codes("IR_NIR_V")}
    assert codes["04"].startswith("Provisional")
    with pytest.raises(Missing, match="`IR_NIRV`") as caught:
        registry.codes("IR_NIRV")
    assert "`IR_NIR_V`" in caught.value.remedy


def test_the_published_finess_lists_are_kept_apart(registry: Registry) -> None:
    lists = registry.duplicate_finess()
    assert lists["cnam_2020"].to_pylist().count(True) == 46
    assert lists["drees"].to_pylist().count(True) == 166


def test_an_unknown_model_is_missing() -> None:
    with pytest.raises(Missing, match="`fhir`") as caught:
        load("fhir")
    assert caught.value.remedy == "Known: snds, omop."
