"""What a toy gets wrong about the structure of the SNDS, and the catalogue tells right.

The numbers are those of the list of traps that SNDS experts know; each test names its trap.
"""

from __future__ import annotations

import pyarrow as pa
import pytest

from bercail.catalogue import Registry, arrow_type, disputes, load, vocabularies


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load()


def names(registry: Registry, table: str, year: int | None = None) -> set[str]:
    return set(registry.table(table).column_names(year))


def test_trap_1_a_pmsi_table_has_a_year_and_its_key_holds_in_that_year_only(
    registry: Registry,
) -> None:
    assert registry.year_of("T_MCO19B") == 2019
    stays = registry.table("T_MCO19B")
    assert stays.key == ("ETA_NUM", "RSA_NUM")
    told = [one.why for one in stays.column("RSA_NUM").conflicts if one.kind == "key"]
    assert told == ["numbers begin again in each yearly table"]
    assert "one year" in stays.column("RSA_NUM").label


def test_trap_2_the_year_of_a_pmsi_table_is_that_of_the_discharge(registry: Registry) -> None:
    """A stay that crosses New Year has its entry, and no year of entry, in the later table."""
    in_2019 = names(registry, "T_MCOaaB", 2019)
    assert {"SOR_ANN", "SOR_MOI"} <= in_2019
    assert not {"ENT_ANN", "ENT_MOI"} & in_2019
    assert registry.table("T_MCOaaB").column("SOR_ANN").label == "Year of discharge"


def test_trap_3_there_is_no_single_schema(registry: Registry) -> None:
    stays = [len(names(registry, "T_MCOaaB", year)) for year in (2005, 2010, 2014)]
    links = [len(names(registry, "T_MCOaaC", year)) for year in (2005, 2013)]
    assert (stays, links) == ([47, 67, 66], [12, 29])


@pytest.mark.parametrize(
    ("table", "column", "first", "last"),
    [
        ("T_MCOaaC", "EXE_SOI_DTD", 2009, 2019),
        ("T_MCOaaC", "SOR_MOI", 2005, 2018),
        ("T_MCOaaC", "ENT_MOI", 2019, 2019),
        ("T_MCOaaC", "NIR_ANO_MAM", 2013, 2018),
        ("T_MCOaaC", "ID_MAM_ENF", 2019, 2019),
        ("T_MCOaaC", "RNG_NAI", 2015, 2019),
        ("T_MCOaaC", "COH_NAI_RET", 2013, 2019),
        ("T_MCOaaB", "COD_IGS", 2005, 2009),
        ("T_MCOaaUM", "IGS2_COD", 2010, 2019),
        ("T_MCOaaUM", "UM_TYP", 2006, 2009),
        ("T_MCOaaUM", "AUT_TYP1_UM", 2010, 2019),
        ("T_MCOaaUM", "DGN_PAL", 2008, 2019),
        ("T_SSRaaD", "DGN_COD", 2009, 2019),
    ],
)
def test_trap_3_columns_come_and_go(
    registry: Registry, table: str, column: str, first: int, last: int
) -> None:
    found = registry.table(table).column(column)
    assert (found.first_year, found.last_year) == (first, last)


@pytest.mark.parametrize(
    "column",
    ["ETA_NUM", "ETA_NUM_GEO", "RSA_NUM", "RHA_NUM", "UCD_UCD_COD", "BDI_COD", "BEN_RES_COM",
     "BEN_RES_DPT", "ETB_EXE_FIN", "ETA_NUM_EPMSI", "NIR_ANO_17"],
)  # fmt: skip
def test_trap_4_numbers_that_are_names_keep_their_zeros(registry: Registry, column: str) -> None:
    for table in registry.tables_with(column):
        assert arrow_type(table.column(column)) == pa.string(), table.name


def test_trap_4_a_commune_needs_its_departement(registry: Registry) -> None:
    persons = registry.table("IR_BEN_R")
    assert persons.column("BEN_RES_COM").length == persons.column("BEN_RES_DPT").length == 3


def test_trap_5_return_codes_are_not_booleans(registry: Registry) -> None:
    seen = 0
    for table in registry.tables.values():
        for column in table.columns:
            if table.product == "PMSI" and column.name.endswith("_RET"):
                assert arrow_type(column) in (pa.string(), pa.int64()), (table.name, column.name)
                assert arrow_type(column) != pa.bool_()
                seen += 1
    assert seen > 100


def test_trap_5_a_month_is_never_a_date(registry: Registry) -> None:
    """Also in tables that the Oracle catalogue does not show, where the schema says date."""
    for table in registry.tables.values():
        for column in table.columns:
            if {"MOI", "MOIS"} & set(column.name.split("_")):
                assert column.physical_type != "date", (table.name, column.name)
    month = registry.table("T_RIPaaS").column("SOR_MOI")
    assert (month.kind, month.type_source) == ("char(2)", "oracle_elsewhere")


@pytest.mark.parametrize("table", ["T_MCOaaC", "T_SSRaaC", "T_HADaaC", "T_RIPaaC", "T_MCOaaCSTC"])
def test_trap_5_days_of_stays_are_text_of_eight_characters(registry: Registry, table: str) -> None:
    for name in ("ENT_DAT", "SOR_DAT"):
        assert registry.table(table).column(name).kind == "char(8)"
    assert arrow_type(registry.table(table).column("EXE_SOI_DTD")) == pa.date32()


def test_trap_6_claims_join_on_seven_columns(registry: Registry) -> None:
    disputed = {one.column for one in disputes(registry, "ER_DCT_F") if one.conflict.kind == "key"}
    assert disputed == {"PRS_ORD_NUM", "REM_TYP_AFF"}
    claims, lines = registry.table("ER_DCT_F"), registry.table("ER_PRS_F")
    assert len([name for name in lines.key if claims.has_column(name)]) - len(disputed) == 7


def test_trap_13_an_age_of_1003_is_three_months(registry: Registry) -> None:
    label = registry.table("ER_PRS_F").column("BEN_AMA_COD").label
    assert label == "Age at the care: years, or 1000 plus months below two"


def test_trap_14_archives_of_city_care_have_other_columns(registry: Registry) -> None:
    widths = {year: len(names(registry, "ER_PRS_F", year)) for year in (2006, 2009, 2012, 2013)}
    assert widths == {2006: 108, 2009: 112, 2012: 117, 2013: 123}
    assert registry.table("ER_PRS_F_2006") is registry.table("ER_PRS_F")
    assert registry.year_of("ER_PRS_F_2006") == 2006


def test_trap_14_the_archive_of_beneficiaries_is_known(registry: Registry) -> None:
    """Numbers archived before 2013 are nowhere else: going from a person to all PSA needs it."""
    assert registry.table("IR_BEN_R_ARC") is registry.table("IR_BEN_R")
    assert registry.year_of("IR_BEN_R_ARC") is None
    assert registry.archives == {"IR_BEN_R_ARC": "IR_BEN_R"}


def test_trap_31_potential_identifiers_are_of_five_kinds(registry: Registry) -> None:
    assert sorted(registry.categories) == [
        "birth_month", "care_date", "death_commune", "death_date", "residence_commune",
    ]  # fmt: skip


def test_trap_33_city_care_has_neither_diagnoses_nor_results(registry: Registry) -> None:
    """ICD-10 stands in stays, long-term illnesses and deaths; a laboratory act is a code alone."""
    diagnoses = [known for known in vocabularies() if known.label.startswith("Diagnosis")]
    assert diagnoses
    city = [table for table in registry.tables.values() if table.product == "DCIR"]
    assert len(city) > 10
    for table in city:
        for column in table.columns:
            assert not any(known.holds(table.name, column.name) for known in diagnoses)
    tests = registry.table("ER_BIO_F")
    own = {name for name in tests.column_names() if not registry.table("ER_PRS_F").has_column(name)}
    # Its code, its quantity, its place on the line, a rate: no value of a measurement.
    assert own == {"BIO_PRS_IDE", "BIO_ACT_QSN", "BIO_ORD_NUM", "ARO_THE_TAU"}


def test_drugs_billed_for_private_stays_are_dated_by_entry(registry: Registry) -> None:
    """T_MCOaaFH has a month of entry and a delay, where T_MCOaaFB has a month of discharge."""
    drugs = registry.table("T_MCOaaFH")
    assert {"ENT_ANN", "ENT_MOI", "DEL_DAT_ENT"} <= names(registry, "T_MCOaaFH", 2019)
    assert not drugs.has_column("SOR_MOI")
    assert registry.table("T_MCOaaFB").has_column("SOR_MOI")
