"""Our own labels: enough of them, in both languages, short, and none for two things of a table."""

from __future__ import annotations

import csv
from fnmatch import fnmatchcase
from importlib.resources import files

import pytest

from bercail.catalogue import Language, Registry, load

LANGUAGES: tuple[Language, ...] = ("en", "fr")
ROWS = list(
    csv.DictReader(
        (files("bercail.catalogue") / "data" / "snds" / "column_labels.csv")
        .read_text("utf-8")
        .splitlines()
    )
)


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load()


def test_the_columns_that_studies_use_most_are_labelled() -> None:
    assert len({row["column"] for row in ROWS}) >= 300


def test_every_label_is_of_a_column_that_exists(registry: Registry) -> None:
    for row in ROWS:
        assert any(
            fnmatchcase(table.name, row["tables"]) and table.has_column(row["column"])
            for table in registry.tables.values()
        ), row


def test_labels_are_short_and_in_both_languages() -> None:
    for row in ROWS:
        for text in (row["label"], row["label_fr"]):
            assert 0 < len(text) <= 80, row
            assert text == text.strip()
        assert row["label"] != row["label_fr"], row


def test_no_two_columns_of_a_table_share_a_label(registry: Registry) -> None:
    for table in registry.tables.values():
        for language in LANGUAGES:
            told = [item.told(language) for item in table.columns if item.told(language)]
            assert len(told) == len(set(told)), (table.name, language)


def test_no_pattern_and_column_stand_twice() -> None:
    places = [(row["tables"], row["column"]) for row in ROWS]
    assert len(places) == len(set(places))


def test_one_name_with_two_meanings_has_two_labels(registry: Registry) -> None:
    visit = registry.table("T_MCOaaFASTC").column("SEQ_NUM").told()
    sequence = registry.table("T_HADaaB").column("SEQ_NUM").told()
    assert visit.startswith("Number of the outpatient record")
    assert sequence.startswith("Number of the sequence")


def test_the_columns_that_every_study_reads_have_a_label(registry: Registry) -> None:
    read = {
        "ER_PRS_F": "BEN_NIR_PSA BEN_RNG_GEM EXE_SOI_DTD FLX_DIS_DTD PRS_NAT_REF DPN_QLF",
        "ER_PHA_F": "PHA_PRS_C13 PHA_ACT_QSN",
        "IR_BEN_R": "BEN_IDT_ANO BEN_SEX_COD BEN_NAI_ANN BEN_DCD_DTE BEN_RES_DPT BEN_RES_COM",
        "IR_IMB_R": "IMB_ALD_DTD IMB_ALD_DTF IMB_ETM_NAT MED_MTF_COD",
        "T_MCOaaB": "ETA_NUM RSA_NUM DGN_PAL DGN_REL GRG_GHM SEJ_TYP SOR_MOD SEJ_NBJ AGE_ANN",
        "T_MCOaaC": "NIR_ANO_17 EXE_SOI_DTD NIR_RET SEJ_NUM",
    }
    for table, names in read.items():
        for name in names.split():
            column = registry.table(table).column(name)
            assert all(column.told(language) for language in LANGUAGES), (table, name)


def test_tables_are_told_in_french_too(registry: Registry) -> None:
    for model in ("snds", "omop"):
        for table in load(model).tables.values():
            assert bool(table.label) == bool(table.label_fr), table.name
    assert registry.table("ER_PRS_F").told("fr") == "Soins de ville : lignes remboursées"
