"""Potential identifiers by category, medical columns, whose mark each is."""

from __future__ import annotations

import pytest

from bercail.catalogue import MEDICAL, POTENTIAL_IDENTIFIER, Registry, categories_of, load, marks


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load()


@pytest.mark.parametrize(
    ("table", "column", "category"),
    [
        ("IR_BEN_R", "BEN_NAI_MOI", "birth_month"),
        ("IR_BEN_R", "BEN_RES_COM", "residence_commune"),
        ("IR_BEN_R", "BEN_DCD_DTE", "death_date"),
        ("T_MCOaaC", "EXE_SOI_DTD", "care_date"),
        ("T_MCOaaC", "ENT_DAT", "care_date"),
        ("KI_CCI_R", "DCD_COM_COD", "death_commune"),
        ("T_MCOaaB", "BDI_COD", "residence_commune"),
    ],
)
def test_the_five_kinds_of_potential_identifiers(
    registry: Registry, table: str, column: str, category: str
) -> None:
    found = registry.table(table).column(column)
    assert (found.sensitivity, found.sensitivity_category) == (POTENTIAL_IDENTIFIER, category)
    assert found.sensitivity_source == "kwikly"


def test_the_same_fact_in_another_table_is_marked_too(registry: Registry) -> None:
    """The lists mark IR_BEN_R and pass over the table with one line for each person."""
    for name in ("BEN_NAI_MOI", "BEN_DCD_DTE", "BEN_RES_COM"):
        column = registry.table("IR_IBA_R").column(name)
        assert (column.sensitivity, column.sensitivity_source) == (
            POTENTIAL_IDENTIFIER,
            "same_name",
        )


def test_names_in_lower_case_are_marked_too(registry: Registry) -> None:
    """The disease map writes its columns so."""
    found = registry.table("CT_DEP_AAAA_GN").column("ben_dcd_dte")
    assert found.sensitivity_category == "death_date"


def test_every_potential_identifier_has_a_known_category(registry: Registry) -> None:
    for model in ("snds", "omop"):
        of_model = load(model)
        found = [m for m in marks(of_model.tables.values()) if m.sensitivity != MEDICAL]
        assert len(found) > 10
        assert {mark.category for mark in found} <= set(of_model.categories)
    assert set(registry.categories) == {
        "birth_month", "care_date", "death_date", "residence_commune", "death_commune",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("T_MCOaaB", "DGN_PAL"),
        ("T_MCOaaD", "ASS_DGN"),
        ("T_SSRaaB", "ASS_DGN_20"),
        ("IR_IMB_R", "MED_MTF_COD"),
        ("KI_ECD_R", "ECD_CIM_COD"),
        ("ER_PHA_F", "PHA_PRS_C13"),
        ("ER_CAM_F", "CAM_PRS_IDE"),
        ("T_MCOaaA", "CDC_ACT"),
        ("T_MCOaaB", "GRG_GHM"),
    ],
)
def test_medical_columns_are_marked_and_of_no_category(
    registry: Registry, table: str, column: str
) -> None:
    found = registry.table(table).column(column)
    assert (found.sensitivity, found.sensitivity_category) == (MEDICAL, None)


def test_what_tells_nothing_of_a_person_is_not_marked(registry: Registry) -> None:
    for table, column in (("ER_PRS_F", "FLX_DIS_DTD"), ("IR_BEN_R", "BEN_SEX_COD")):
        assert registry.table(table).column(column).sensitivity is None


def test_categories_of_a_choice_are_told_once_each(registry: Registry) -> None:
    chosen = [
        ("T_MCOaaC", "ENT_DAT"),
        ("T_MCOaaC", "SOR_DAT"),
        ("IR_BEN_R", "BEN_NAI_MOI"),
        ("IR_BEN_R", "BEN_SEX_COD"),
        ("T_MCOaaB", "DGN_PAL"),
    ]
    assert categories_of(registry, chosen) == ("birth_month", "care_date")
