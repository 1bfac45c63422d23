"""Read a checkout of the public SNDS schema: Table Schema JSON and nomenclature CSV files.

`schemas/<product>/.../<TABLE>.json` and `nomenclatures/<product>/<NAME>.csv` (`;` between fields),
each list with an optional `<NAME>.json` that says which column is the code. Nothing is written
here, and the first file that is not understood stops the reading: a catalogue half imported would
be believed.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bercail.catalogue.imported import (
    ImportedCatalogue,
    ImportedColumn,
    ImportedList,
    ImportedTable,
)
from bercail.foundation import Invalid, Missing

SCHEMAS, LISTS = "schemas", "nomenclatures"
# Columns that serve the source's own database and are never the code.
_TECHNICAL = frozenset({"NOM_TABLE", "TEC_COL", "CPT_COP_NUM"})
_NO_VALUE = frozenset({"", "-"})
_MOST_CHARACTERS = 1_000_000


class _Read(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Field(_Read):
    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    type: str = Field(min_length=1)
    description: str | None = ""
    # Written as text, as a number, with a decimal comma, or left out.
    length: str | int | float | None = None
    nomenclature: str | None = None


class _Schema(_Read):
    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    title: str | None = ""
    produit: str | None = ""
    primary_key: list[str] | str = Field(default=[], alias="primaryKey")
    fields: list[_Field] = Field(min_length=1)


class _ListField(_Read):
    name: str
    role: str | None = None


class _ListSchema(_Read):
    fields: list[_ListField]


_Model = TypeVar("_Model", bound=BaseModel)


def read_checkout(folder: Path) -> ImportedCatalogue:
    """Everything that a checkout says of tables and code lists.

    Raises:
        Missing: no folder `schemas` there, or no schema in it.
        Invalid: a file is not what it should be; the message names the file and the place.
    """
    files = sorted((folder / SCHEMAS).rglob("*.json"))
    if not files:
        raise Missing(
            f"`{folder}` has no file `schemas/.../*.json`.",
            remedy="Name the folder of a checkout of schema-snds.",
        )
    lists = sorted((folder / LISTS).rglob("*.csv"))
    digest = hashlib.sha256()
    for file in (*files, *lists):
        _take(digest, file.relative_to(folder).as_posix(), _bytes(file))
    tables = tuple(_table(folder, file) for file in files)
    codes = tuple(_list(folder, file) for file in lists)
    _require_once([(one.name, one.file) for one in tables])
    _require_once([(one.name, one.file) for one in codes])
    return ImportedCatalogue(
        source=folder.resolve().name, digest=digest.hexdigest(), tables=tables, lists=codes
    )


def _take(digest: Any, name: str, content: bytes) -> None:
    # Lengths keep two files from being told apart as three others.
    for part in (name.encode(), content):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)


def _require_once(named: Sequence[tuple[str, str]]) -> None:
    seen: dict[str, str] = {}
    for name, file in named:
        if name in seen:
            raise Invalid(
                f"`{name}` is in `{seen[name]}` and in `{file}`.",
                remedy="Keep one of the two files in the checkout.",
            )
        seen[name] = file


def _table(folder: Path, file: Path) -> ImportedTable:
    place = file.relative_to(folder).as_posix()
    schema = _schema(_Schema, file, place)
    if schema.name != file.stem:
        raise _wrong(place, "name", f"is `{schema.name}` in the file of `{file.stem}`")
    names = [item.name for item in schema.fields]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise _wrong(place, f"fields.{number}.name", f"gives `{name}` a second time")
    key = schema.primary_key if isinstance(schema.primary_key, list) else [schema.primary_key]
    if stray := sorted(set(key) - set(names)):
        raise _wrong(place, "primaryKey", f"names `{stray[0]}`, which is no field")
    return ImportedTable(
        name=schema.name,
        product=schema.produit or file.parent.name,
        title=(schema.title or "").strip(),
        key=tuple(key),
        columns=tuple(_column(item, place, n) for n, item in enumerate(schema.fields)),
        file=place,
    )


def _schema(model: type[_Model], file: Path, place: str) -> _Model:
    try:
        return model.model_validate(json.loads(_text(file, place)))
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise _wrong(place, where, f"is not JSON: {error.msg.lower()}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise _wrong(place, where, f"is wrong: {first['msg'].lower()}") from error


def _column(item: _Field, place: str, number: int) -> ImportedColumn:
    written = "" if item.length is None else str(item.length).strip()
    whole = written.replace(",", ".").partition(".")[0]
    if whole and whole not in _NO_VALUE and not whole.isdecimal():
        raise _wrong(place, f"fields.{number}.length", "is not a length")
    listed = (item.nomenclature or "").partition(":")[0].strip()
    return ImportedColumn(
        name=item.name,
        label=" ".join((item.description or "").split()),
        type=item.type,
        length=int(whole) if whole.isdecimal() else None,
        code_list=None if listed in _NO_VALUE else listed,
    )


def _list(folder: Path, file: Path) -> ImportedList:
    place = file.relative_to(folder).as_posix()
    lines = _lines(file, place)
    _, header = next(lines, (1, []))
    code, label = _columns(file, folder, place, header)
    codes: dict[str, str] = {}
    for number, line in lines:
        if len(line) != len(header):
            told = f"has {len(line)} fields where the header has {len(header)}"
            raise _wrong(place, f"line {number}", told)
        # A list keeps former versions of a code below it: the first is the current one.
        codes.setdefault(line[code].strip(), " ".join(line[label].split()))
    return ImportedList(name=file.stem, codes=tuple(codes.items()), file=place)


def _lines(file: Path, place: str) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(_MOST_CHARACTERS)
    reader = csv.reader(io.StringIO(_text(file, place), newline=""), delimiter=";", strict=True)
    try:
        for line in reader:
            if line:
                yield reader.line_num, line
    except csv.Error as error:
        raise _wrong(place, f"line {reader.line_num}", f"is not CSV: {error}") from error


def _columns(file: Path, folder: Path, place: str, header: list[str]) -> tuple[int, int]:
    """Which columns hold the code and the label: as the list's own schema says, else by name."""
    names = [name.strip() for name in header]
    if len(set(names)) != len(names) or "" in names or len(names) < 2:
        raise _wrong(place, "line 1", "is no header of two different columns or more")
    own = [n for n, name in enumerate(names) if name.upper() not in _TECHNICAL] or [0]
    code = _declared_code(file, folder, names)
    code = own[0] if code is None else code
    others = [n for n in own if n != code] or [code]
    return code, next((n for n in others if "LIB" in names[n].upper()), others[0])


def _declared_code(file: Path, folder: Path, names: list[str]) -> int | None:
    beside = file.with_suffix(".json")
    if not beside.is_file():
        return None
    schema = _schema(_ListSchema, beside, beside.relative_to(folder).as_posix())
    marked = [item.name for item in schema.fields if item.role == "code"]
    return next((names.index(name) for name in marked if name in names), None)


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Invalid(
            f"`{file}` cannot be read: {error.strerror}.", remedy="Check its permissions."
        ) from error


def _text(file: Path, place: str) -> str:
    try:
        return _bytes(file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _wrong(place, f"byte {error.start}", "is not UTF-8") from error


def _wrong(file: str, where: str, told: str) -> Invalid:
    return Invalid(
        f"The schema file `{file}` at `{where}` {told}.",
        remedy="Correct the file or take a whole checkout; nothing was imported.",
    )
