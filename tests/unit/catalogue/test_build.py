"""The script that builds the data files from tables of facts."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "build_catalogue.py"


@pytest.fixture(scope="module")
def build() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


def test_years_fold_into_ranges(build: dict[str, Any]) -> None:
    assert build["year_ranges"]("2005 2006 2007 2009 2012 2011") == "2005-2007 2009 2011-2012"
    assert build["year_ranges"]("") == ""


def _write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, encoding="utf-8")


def test_a_column_known_by_years_only_is_assumed_to_be_text(
    build: dict[str, Any], tmp_path: Path
) -> None:
    head = "product,table,column,physical_type,char_length,declared_type,type_source,key"
    _write(tmp_path, "columns.csv", f"{head}\nP,T,a,num,,integer,oracle,pk\n")
    _write(tmp_path, "column_years.csv", "table,column,years\nT,A,2005 2006\nT,B,2019\n")
    fields = build["COLUMN_FIELDS"]
    lines = [dict(zip(fields, row, strict=True)) for row in build["column_lines"](tmp_path)]
    by_name = {line["column"]: line for line in lines}
    assert by_name["a"]["years"] == "2005-2006"
    assert (by_name["B"]["physical_type"], by_name["B"]["type_source"]) == ("char", "assumed")


def test_units_count_tablets_or_containers_and_nothing_else(
    build: dict[str, Any], tmp_path: Path
) -> None:
    packs = ["90", "5/3 ML", "120 DOSES", ""]
    rows = "".join(f"34009{n:08d},300000{n},A10,X,{text}\n" for n, text in enumerate(packs))
    _write(tmp_path, "drugs.csv", "cip13,cip7,atc,name,units_per_pack\n" + rows)
    assert [line[4] for line in build["drug_lines"](tmp_path)] == ["90", "5", "", ""]


def test_a_name_that_oracle_types_elsewhere_has_that_type(
    build: dict[str, Any], tmp_path: Path
) -> None:
    head = "product,table,column,physical_type,char_length,declared_type,type_source,key"
    lines = (
        "P,T,SOR_MOI,char,2,date,oracle,",
        "P,U,SOR_MOI,date,,date,declared,",
        "P,U,MOI_DEB,date,,date,declared,",
        "P,U,EXE_DTD,date,,date,declared,",
        "P,T,DEL,char,5,number,oracle,",
        "P,U,DEL,num,,number,oracle,",
        "P,V,DEL,num,,number,declared,",
    )
    _write(tmp_path, "columns.csv", "\n".join((head, *lines)) + "\n")
    _write(tmp_path, "column_years.csv", "table,column,years\n")
    fields = build["COLUMN_FIELDS"]
    rows = [dict(zip(fields, row, strict=True)) for row in build["column_lines"](tmp_path)]
    told = {
        (row["table"], row["column"]): (row["physical_type"], row["length"], row["type_source"])
        for row in rows
    }
    assert told["U", "SOR_MOI"] == ("char", "2", "oracle_elsewhere")
    assert told["U", "MOI_DEB"] == ("char", "", "assumed")
    assert told["U", "EXE_DTD"] == ("date", "", "declared")
    # Oracle itself types this name in two ways, so it says nothing of a third table.
    assert told["V", "DEL"] == ("num", "", "declared")
