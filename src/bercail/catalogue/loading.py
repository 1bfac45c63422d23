"""Read the catalogue's data files into a `Registry`."""

from __future__ import annotations

import gzip
import io
from collections import defaultdict
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import cast

import pyarrow as pa
from pyarrow import csv as arrow_csv

from bercail.catalogue.imported import overlay, read_imported
from bercail.catalogue.registry import Code, Registry
from bercail.catalogue.table import PseudonymKind
from bercail.catalogue.table_files import completer, read_categories, read_tables, rows
from bercail.catalogue.vocabularies import Vocabulary
from bercail.foundation import Missing

_OWN_LABELS = "bercail"
_DRUGS: dict[str, pa.DataType] = {
    "cip13": pa.int64(),
    "cip7": pa.int64(),
    "atc": pa.string(),
    "name": pa.string(),
    "units_per_pack": pa.int64(),
}
_STAYS: dict[str, pa.DataType] = {"icd10": pa.string(), "stays": pa.int64()}
_DUPLICATES: dict[str, pa.DataType] = {"eta_num": pa.string()} | {
    name: pa.bool_() for name in ("cnam_2020", "drees", "scalpel", "sndstools_2026")
}


def models() -> dict[str, str]:
    """The data models that the catalogue has, and what each is."""
    return {row["model"]: row["label"] for row in rows(_data() / "models.csv")}


def load(model: str = "snds", imported: Path | None = None) -> Registry:
    """The registry of a data model, "snds" or "omop"; `imported` is a file of `import-schema`.

    Raises:
        Missing: no such model, or no file there.
        Invalid: the file is not an imported catalogue, or not of this model.
    """
    known = models()
    if model not in known:
        raise Missing(
            f"The catalogue has no data model `{model}`.", remedy=f"Known: {', '.join(known)}."
        )
    built_in = _built_in(model)
    if imported is None:
        return built_in
    return overlay(built_in, read_imported(imported), completer(_data() / model))


@cache
def _built_in(model: str) -> Registry:
    data = _data() / model
    codes = _codes(data)
    return Registry(
        model=model,
        tables=read_tables(data),
        archives={row["archive"]: row["table"] for row in rows(data / "archives.csv")},
        categories=read_categories(data),
        code_sources=dict.fromkeys(codes, _OWN_LABELS),
        codes=codes,
        identities=_identities(data),
        drugs=_drugs(data),
        stays=_arrow(data / "icd10_stays.csv", _STAYS),
        duplicates=_arrow(data / "duplicate_finess.csv", _DUPLICATES),
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
        for row in rows(_data() / "snds" / "vocabularies.csv")
    )


def _data() -> Traversable:
    return files("bercail.catalogue") / "data"


def _codes(data: Traversable) -> dict[str, tuple[Code, ...]]:
    lists: dict[str, list[Code]] = defaultdict(list)
    for row in rows(data / "code_labels.csv"):
        lists[row["list"]].append(Code(code=row["code"], label=row["label"]))
    return {name: tuple(items) for name, items in lists.items()}


def _identities(data: Traversable) -> dict[str, PseudonymKind]:
    found = rows(data / "pseudonyms.csv")
    return {row["column"]: cast("PseudonymKind", row["kind"]) for row in found}


def _drugs(data: Traversable) -> pa.Table:
    file = data / "drugs.csv.gz"
    if not file.is_file():
        return pa.schema(_DRUGS.items()).empty_table()
    return _arrow_bytes(gzip.decompress(file.read_bytes()), _DRUGS)


def _arrow(file: Traversable, types: dict[str, pa.DataType]) -> pa.Table:
    if not file.is_file():
        return pa.schema(types.items()).empty_table()
    return _arrow_bytes(file.read_bytes(), types)


def _arrow_bytes(content: bytes, types: dict[str, pa.DataType]) -> pa.Table:
    options = arrow_csv.ConvertOptions(
        column_types=types,
        include_columns=list(types),
        null_values=[""],
        strings_can_be_null=True,
    )
    return arrow_csv.read_csv(io.BytesIO(content), convert_options=options)
