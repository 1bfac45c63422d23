"""Where sources disagree, both are kept with who says which."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pytest

from bercail.catalogue import Conflict, Registry, arrow_type, counts, disputes, load
from bercail.catalogue.conflict import type_conflict
from bercail.foundation import Missing


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load()


def test_one_type_in_nine_that_both_sources_show_disagrees(registry: Registry) -> None:
    """316 of the 2,697 columns that the Oracle catalogue and the public schema share."""
    types = [item.conflict for item in disputes(registry) if item.conflict.kind == "type"]
    assert Counter(conflict.stands_by for conflict in types) == {
        "oracle": 316,
        "oracle_elsewhere": 17,
        "assumed": 7,
        # Numbers that the schema says are whole, and are not.
        "schema elsewhere": 23,
        "reading": 70,
    }
    told = Counter(c.other for c in types if c.stands_by == "oracle" and c.stands[:4] == "char")
    assert told == {
        "date": 101, "year": 79, "boolean": 72, "yearmonth": 34, "integer": 26, "number": 1,
    }  # fmt: skip


def test_the_physical_type_stands_and_the_declared_one_is_told(registry: Registry) -> None:
    number = registry.table("T_MCOaaB").column("ETA_NUM")
    assert (number.kind, number.type_source) == ("char(9)", "oracle")
    assert number.conflicts == (
        Conflict(
            kind="type", stands="char(9)", stands_by="oracle", other="integer", other_by="schema"
        ),
    )


def test_amounts_that_the_schema_says_are_whole_keep_their_cents(registry: Registry) -> None:
    """Refusing half a unit of a drug, or a price with cents, would refuse the whole delivery."""
    for table, column in (
        ("T_HADaaMED", "ADM_NBR"),
        ("T_SSRaaMEDATU", "ADM_NBR"),
        ("T_MCOaaFB", "PRI_UNI"),
        ("ER_DTR_F", "TRS_ACT_PRU"),
        ("CT_DEP_AAAA_GN", "TOT_DEP_MNT"),
    ):
        found = registry.table(table).column(column)
        assert found.declared_type == "integer"
        assert arrow_type(found) == pa.decimal128(18, 4)
        (conflict,) = found.conflicts
        assert (conflict.stands, conflict.other, conflict.why != "") == (
            "num with decimals", "integer", True,
        )  # fmt: skip
    # Codes and counts that are numbers stay whole.
    for table, column in (("T_MCOaaFB", "ETE_GHS_NUM"), ("ER_TIP_F", "TIP_PRS_IDE")):
        assert arrow_type(registry.table(table).column(column)) == pa.int64()
    whole = [
        (table.name, column.name)
        for table in registry.tables.values()
        for column in table.columns
        if column.name.endswith("_MNT") and arrow_type(column) == pa.int64()
    ]
    assert whole == []


def test_sources_that_agree_have_no_conflict(registry: Registry) -> None:
    assert registry.table("ER_PRS_F").column("FLX_DIS_DTD").conflicts == ()
    assert type_conflict("num", None, "integer", "oracle") is None
    assert type_conflict("date", None, "datetime", "oracle") is None
    assert type_conflict("char", 2, "date", "declared") is None
    assert type_conflict("char", 2, "", "oracle") is None


def test_a_column_spelled_in_two_cases_is_told(registry: Registry) -> None:
    names = {item.column for item in disputes(registry, "T_HADaaC") if item.conflict.kind == "name"}
    assert names == {"format", "vid_hosp_for"}


def test_counts_leave_out_what_there_is_not(registry: Registry) -> None:
    assert counts(disputes(registry, "ER_DCT_F")) == {"key": 2}
    assert counts([]) == {}
    with pytest.raises(Missing, match="`ER_DCT`"):
        disputes(registry, "ER_DCT")
