"""Where a code lives: the vocabularies of the SNDS, their shapes, the columns that hold them.

A code alone does not tell its vocabulary: `1234567` may be a pack, a device or a hospital
drug. So every vocabulary whose shape fits is told, and every code list that has the value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

import pyarrow as pa
import pyarrow.compute as pc
from attrs import field, frozen

from bercail.catalogue.registry import Registry
from bercail.foundation import Missing


@frozen(kw_only=True)
class Vocabulary:
    """One vocabulary: `shape` is a pattern of its codes, `tables` and `columns` are globs."""

    name: str
    label: str
    label_fr: str
    shape: str = field(repr=False)
    tables: str = "*"
    columns: tuple[str, ...]

    def fits(self, code: str) -> bool:
        """Whether a code, without dots and blanks and in capitals, has this shape."""
        return re.fullmatch(self.shape, code) is not None

    def holds(self, table: str, column: str) -> bool:
        """Whether a column is of this vocabulary."""
        return fnmatchcase(table, self.tables) and any(
            fnmatchcase(column, pattern) for pattern in self.columns
        )


@frozen(kw_only=True)
class CodePlace:
    """One vocabulary or code list that a code may belong to, and the columns that hold it.

    `known` tells what the catalogue says of that very code, `None` when it has only the shape.
    `columns` maps a column to its tables.
    """

    vocabulary: str
    label: str
    known: str | None
    columns: Mapping[str, tuple[str, ...]]

    def as_dict(self) -> dict[str, object]:
        """The same as JSON values."""
        return {
            "vocabulary": self.vocabulary,
            "label": self.label,
            "known": self.known,
            "columns": {name: list(tables) for name, tables in self.columns.items()},
        }

    def lines(self) -> list[str]:
        """The same for a terminal: the vocabulary, then one line a column."""
        told = f": {self.known}" if self.known else ""
        shown = [f"{self.vocabulary} ({self.label}){told}"]
        for name, tables in self.columns.items():
            more = f" and {len(tables) - 6} more" if len(tables) > 6 else ""
            shown.append(f"  {name:<16}{', '.join(tables[:6])}{more}")
        return shown


def where_is(registry: Registry, code: str, vocabularies: Iterable[Vocabulary]) -> list[CodePlace]:
    """Every vocabulary and code list that `code` may belong to.

    Raises:
        Missing: no vocabulary has this shape and no code list this value.
    """
    plain = re.sub(r"[.\s]", "", code).upper()
    found = [
        CodePlace(
            vocabulary=vocabulary.name,
            label=vocabulary.label,
            known=_known(registry, vocabulary.name, plain),
            columns=_columns(registry, vocabulary),
        )
        for vocabulary in vocabularies
        if vocabulary.fits(plain)
    ]
    found += _in_lists(registry, code.strip())
    if not found:
        raise Missing(
            f"No vocabulary of the catalogue has a code like `{code}`, and no code list has it.",
            remedy="Write it as the SNDS does: `E119`, `A10BA02`, `3400930000000`, `YYYY600`.",
        )
    return found


def _columns(registry: Registry, vocabulary: Vocabulary) -> dict[str, tuple[str, ...]]:
    held: dict[str, list[str]] = {}
    for table in registry.tables.values():
        for column in table.columns:
            if vocabulary.holds(table.name, column.name):
                held.setdefault(column.name, []).append(table.name)
    return {name: tuple(tables) for name, tables in held.items()}


def _columns_of_list(registry: Registry, name: str) -> dict[str, tuple[str, ...]]:
    held: dict[str, list[str]] = {}
    for table in registry.tables.values():
        for column in table.columns:
            if column.code_list == name:
                held.setdefault(column.name, []).append(table.name)
    return {column: tuple(tables) for column, tables in held.items()}


def _known(registry: Registry, vocabulary: str, code: str) -> str | None:
    """What the catalogue's own referentials say of a code; None when they have no such list."""
    if vocabulary == "CIM-10":
        stays = registry.stays_by_diagnosis()
        count = pc.sum(stays.filter(pc.starts_with(stays["icd10"], code))["stays"]).as_py()
        return f"main diagnosis of {count} acute stays of one year" if count else None
    drugs = registry.drugs()
    if vocabulary == "ATC":
        packs = drugs.filter(pc.starts_with(drugs["atc"], code)).num_rows
        return f"{packs} drug packs, found by their CIP13" if packs else None
    if vocabulary in ("CIP13", "CIP7"):
        names = drugs.filter(pc.equal(drugs[vocabulary.lower()], pa.scalar(int(code))))[
            "name"
        ].to_pylist()
        return names[0] if names else None
    return None


def _in_lists(registry: Registry, code: str) -> list[CodePlace]:
    places = []
    for name, codes in registry.code_lists().items():
        for known in codes:
            if known.code == code:
                columns = _columns_of_list(registry, name)
                places.append(
                    CodePlace(
                        vocabulary=name, label="code list", known=known.label, columns=columns
                    )
                )
    return places
