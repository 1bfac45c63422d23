"""Read the catalogue's data files into a `Registry`."""

from __future__ import annotations

import csv
import gzip
import io
from collections import defaultdict
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import cast

import pyarrow as pa
from pyarrow import csv as arrow_csv

from bercail.catalogue.registry import Code, Registry
from bercail.catalogue.table import Column, PhysicalType, PseudonymKind, Table
from bercail.catalogue.vocabularies import Vocabulary
from bercail.foundation import Missing

MODELS = ("snds",)


@cache
def load(model: str = "snds") -> Registry:
    """The registry of a data model; "snds" is the only one so far.

    Raises:
        Missing: no such model.
    """
    if model not in MODELS:
        raise Missing(
            f"The catalogue has no data model `{model}`.", remedy=f"Known: {', '.join(MODELS)}."
        )
    data = files("bercail.catalogue") / "data"
    return Registry(
        model=model,
        tables=_tables(data),
        codes=_codes(data),
        identities=_identities(data),
        drugs=_drugs(data),
        stays=_arrow(data / "icd10_stays.csv", {"icd10": pa.string(), "stays": pa.int64()}),
        duplicates=_duplicates(data),
    )


@cache
def vocabularies() -> tuple[Vocabulary, ...]:
    """The vocabularies whose codes the tables of the SNDS hold."""
    return tuple(
        Vocabulary(
            name=row["vocabulary"],
            label=row["label"],
            label_fr=row["label_fr"],
            shape=row["shape"],
            tables=row["tables"],
            columns=tuple(row["columns"].split()),
        )
        for row in _rows(files("bercail.catalogue") / "data" / "vocabularies.csv")
    )


def _rows(file: Traversable) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.read_text("utf-8"))))


def _tables(data: Traversable) -> dict[str, Table]:
    labels = {row["table"]: row["label"] for row in _rows(data / "table_labels.csv")}
    columns: dict[str, list[Column]] = defaultdict(list)
    products: dict[str, str] = {}
    for row in _rows(data / "columns.csv"):
        products[row["table"]] = row["product"]
        columns[row["table"]].append(_column(row))
    return {
        name: Table(
            name=name,
            product=products[name],
            label=labels.get(name, ""),
            columns=tuple(items),
        )
        for name, items in columns.items()
    }


def _column(row: dict[str, str]) -> Column:
    return Column(
        name=row["column"],
        physical_type=cast("PhysicalType", row["physical_type"]),
        length=int(row["length"]) if row["length"] else None,
        declared_type=row["declared_type"],
        type_source=row["type_source"],
        is_key=row["key"] == "pk",
        references=row["references"] or None,
        code_list=row["code_list"] or None,
        sensitivity=row["sensitivity"] or None,
        sensitivity_category=row["sensitivity_category"] or None,
        years=_years(row["years"]),
    )


def _years(ranges: str) -> tuple[int, ...]:
    years: list[int] = []
    for item in ranges.split():
        first, _, last = item.partition("-")
        years.extend(range(int(first), int(last or first) + 1))
    return tuple(years)


def _codes(data: Traversable) -> dict[str, tuple[Code, ...]]:
    lists: dict[str, list[Code]] = defaultdict(list)
    for row in _rows(data / "code_labels.csv"):
        lists[row["list"]].append(Code(code=row["code"], label=row["label"]))
    return {name: tuple(items) for name, items in lists.items()}


def _identities(data: Traversable) -> dict[str, PseudonymKind]:
    rows = _rows(data / "pseudonyms.csv")
    return {row["column"]: cast("PseudonymKind", row["kind"]) for row in rows}


def _drugs(data: Traversable) -> pa.Table:
    types: dict[str, pa.DataType] = {
        "cip13": pa.int64(),
        "cip7": pa.int64(),
        "atc": pa.string(),
        "name": pa.string(),
        "units_per_pack": pa.int64(),
    }
    content = gzip.decompress((data / "drugs.csv.gz").read_bytes())
    return _arrow_bytes(content, types)


def _duplicates(data: Traversable) -> pa.Table:
    lists = ("cnam_2020", "drees", "scalpel", "sndstools_2026")
    types: dict[str, pa.DataType] = {"eta_num": pa.string()}
    types |= {name: pa.bool_() for name in lists}
    return _arrow(data / "duplicate_finess.csv", types)


def _arrow(file: Traversable, types: dict[str, pa.DataType]) -> pa.Table:
    return _arrow_bytes(file.read_bytes(), types)


def _arrow_bytes(content: bytes, types: dict[str, pa.DataType]) -> pa.Table:
    options = arrow_csv.ConvertOptions(
        column_types=types,
        include_columns=list(types),
        null_values=[""],
        strings_can_be_null=True,
    )
    return arrow_csv.read_csv(io.BytesIO(content), convert_options=options)
