"""What an engine is given: names, years, types, filesystems."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from bercail.cohorts import (
    Cohort,
    DuckdbEngine,
    MemoryEngine,
    Model,
    Source,
    Sources,
    dispensings,
    persons,
    stays,
)
from bercail.foundation import Invalid, Missing, Unavailable, Unproven
from bercail.testing.small_snds import DRUGS, SmallSnds

ENGINES = pytest.mark.parametrize("engine", [DuckdbEngine, MemoryEngine])


def _stays(*rules: str) -> Model:
    return Cohort(
        name="s",
        title="s",
        population=persons.birth_year.is_known(),
        attributes={"stays": stays.clean(*rules).count()},
    ).model


def _counts(engine: Any, sources: Sources, model: Model) -> dict[str, int]:
    rows = engine(sources).run(model).persons.to_pylist()
    return {row["person"]: row["stays"] for row in rows}


def _two_years() -> SmallSnds:
    data = SmallSnds()
    data.person("a")
    data.stay("a", "2012-01-01", "2012-01-02", RSA_NUM=1)
    data.stay("a", "2023-01-01", "2023-01-02", RSA_NUM=1)
    return data


@ENGINES
def test_return_codes_are_not_asked_for_before_their_year(engine: Any) -> None:
    tables = _two_years().tables()
    tables["T_MCO12C"] = tables["T_MCO12C"].drop_columns(["COH_NAI_RET", "COH_SEX_RET"])
    assert _counts(engine, Sources(tables=tables), _stays("mco-return-codes")) == {"a": 2}
    tables["T_MCO23C"] = tables["T_MCO23C"].drop_columns(["COH_NAI_RET"])
    with pytest.raises(Invalid, match="`COH_NAI_RET` of `T_MCOaaC_2023`"):
        engine(Sources(tables=tables)).run(_stays("mco-return-codes"))


@ENGINES
def test_a_family_with_its_years_is_as_good_as_dated_tables(engine: Any, tmp_path: Path) -> None:
    tables: dict[str, Source | pa.Table] = {}
    for name, table in _two_years().tables().items():
        if name.startswith("T_MCO"):
            pq.write_table(table, tmp_path / f"{name}.parquet")
        else:
            tables[name] = table
    for letter in ("B", "C", "D", "UM"):
        files = sorted(tmp_path.glob(f"T_MCO??{letter}.parquet"))
        years = tuple(2000 + int(file.name[5:7]) for file in files)
        tables[f"T_MCOaa{letter}"] = Source(urls=tuple(map(str, files)), years=years)
    assert _counts(engine, Sources(tables=tables), _stays()) == {"a": 2}


@ENGINES
def test_a_family_without_years_is_refused(engine: Any) -> None:
    tables = {name.replace("23", "aa"): t for name, t in SmallSnds().tables().items()}
    with pytest.raises(Invalid, match="`T_MCOaaB` is given without its years"):
        engine(Sources(tables=tables)).run(_stays())


@ENGINES
def test_years_without_both_tables_have_no_stays(engine: Any) -> None:
    tables = _two_years().tables()
    only = {name: t for name, t in tables.items() if name not in ("T_MCO23B", "T_MCO12C")}
    assert _counts(engine, Sources(tables=only), _stays()) == {"a": 0}


@ENGINES
def test_a_column_of_another_type_is_named(engine: Any) -> None:
    tables = _two_years().tables()
    floats = pa.array([1950.5])
    place = tables["IR_BEN_R"].column_names.index("BEN_NAI_ANN")
    tables["IR_BEN_R"] = tables["IR_BEN_R"].set_column(place, "BEN_NAI_ANN", floats)
    with pytest.raises(Invalid, match=r"`IR_BEN_R.BEN_NAI_ANN` holds values of type `double`"):
        engine(Sources(tables=tables)).run(_stays())


@ENGINES
def test_columns_may_be_encoded_by_dictionary_or_empty(engine: Any) -> None:
    tables = _two_years().tables()
    persons_table = tables["IR_BEN_R"]
    for name, values in (
        ("BEN_NIR_PSA", persons_table["BEN_NIR_PSA"].dictionary_encode()),
        ("BEN_SEX_COD", pa.chunked_array([pa.nulls(1)])),
    ):
        place = persons_table.column_names.index(name)
        persons_table = persons_table.set_column(place, name, values)
    model = Cohort(
        name="s",
        title="s",
        population=persons.birth_year.is_known() | persons.sex.is_known(),
        attributes={"stays": stays.count()},
    ).model
    sources = Sources(tables={**tables, "IR_BEN_R": persons_table})
    assert _counts(engine, sources, model) == {"a": 2}


@ENGINES
def test_files_may_differ_in_their_columns(engine: Any, tmp_path: Path) -> None:
    tables: dict[str, Source | pa.Table] = dict(_two_years().tables())
    table = SmallSnds()
    table.person("b", birth=1960, sex=1)
    whole = table.table("IR_BEN_R")
    data = _two_years().table("IR_BEN_R").drop_columns(["BEN_SEX_COD"])
    pq.write_table(data, tmp_path / "1.parquet")
    pq.write_table(whole, tmp_path / "2.parquet")
    urls = (str(tmp_path / "1.parquet"), str(tmp_path / "2.parquet"))
    tables["IR_BEN_R"] = Source(urls=urls)
    model = Cohort(
        name="s",
        title="s",
        population=persons.birth_year.is_known(),
        attributes={"sex": persons.sex},
    ).model
    rows = engine(Sources(tables=tables)).run(model).persons.to_pylist()
    assert rows == [{"person": "a", "sex": None}, {"person": "b", "sex": "male"}]


def test_two_filesystems_of_one_protocol_are_refused() -> None:
    disks = [MemoryFileSystem(skip_instance_cache=True) for _ in range(2)]
    tables: dict[str, Source | pa.Table] = {}
    for number, (name, table) in enumerate(SmallSnds().tables().items()):
        with disks[0].open(f"/two/{name}", "wb") as file:
            pq.write_table(table, file)
        tables[name] = Source(urls=(f"memory:///two/{name}",), filesystem=disks[number % 2])
    model = Cohort(name="s", title="s", population=dispensings.exists()).model
    with pytest.raises(Invalid, match="answer to `memory`"):
        DuckdbEngine(Sources(tables=tables, drugs=DRUGS)).run(model)


@ENGINES
def test_a_file_that_is_gone_or_broken_is_named(engine: Any, tmp_path: Path) -> None:
    tables: dict[str, Source | pa.Table] = dict(_two_years().tables())
    path = tmp_path / "x.parquet"
    tables["IR_BEN_R"] = Source(urls=(str(path),))
    with pytest.raises(Missing, match=r"x\.parquet"):
        engine(Sources(tables=tables)).run(_stays())
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(Unproven, match=r"x\.parquet"):
        engine(Sources(tables=tables)).run(_stays())
    path.unlink()
    path.mkdir()
    with pytest.raises(Unavailable, match=r"x\.parquet"):
        engine(Sources(tables=tables)).run(_stays())


def test_a_source_has_files_and_as_many_years() -> None:
    with pytest.raises(Invalid, match="at least one file"):
        Source(urls=())
    with pytest.raises(Invalid, match="one year for each"):
        Source(urls=("a", "b"), years=(2023,))
    with pytest.raises(ValueError, match="naming"):
        Sources(tables={}, naming="other")


def test_drugs_come_from_the_catalogue_when_none_are_given() -> None:
    data = SmallSnds()
    data.person("a")
    data.dispensing("a", "2024-01-01", 3400921604757)
    model = Cohort(
        name="s",
        title="s",
        population=dispensings.where(dispensings.atc == "A02BC05").exists(),
    ).model
    sources = Sources(tables=dict(data.tables()))
    assert DuckdbEngine(sources).run(model).persons["person"].to_pylist() == ["a"]


def test_a_column_is_full_where_all_files_say_so(tmp_path: Path) -> None:
    full, empty = pa.table({"n": ["a", "b"], "m": [1, 2]}), pa.table({"n": ["a", None]})
    content: dict[str, Any] = {"full": full, "empty": empty}
    for name, table in (("full", full), ("empty", empty)):
        pq.write_table(table, tmp_path / f"{name}.parquet", row_group_size=1)
    # A file that says nothing of its columns; one without rows.
    pq.write_table(full, tmp_path / "silent.parquet", write_statistics=False)
    pq.write_table(full.slice(0, 0), tmp_path / "none.parquet")
    for name, files in (
        ("one", ["full"]),
        ("two", ["full", "none"]),
        ("mixed", ["full", "empty"]),
        ("untold", ["full", "silent"]),
    ):
        content[name] = Source(urls=tuple(str(tmp_path / f"{file}.parquet") for file in files))
    found = {}
    for name, one in content.items():
        (piece,) = Sources(tables={"silver_register": one}).pieces("silver_register")
        found[name] = piece.is_full("n")
    assert {name for name, told in found.items() if told} == {"full", "one", "two"}
