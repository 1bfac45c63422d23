"""Tables and columns as values: what the catalogue says about each."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from functools import cached_property
from typing import Literal

import pyarrow as pa
from attrs import define, field, frozen, validators

from bercail.catalogue.conflict import FRACTIONAL, Conflict
from bercail.foundation import Missing

PhysicalType = Literal["char", "num", "float", "date", "timestamp"]
Language = Literal["en", "fr"]
PseudonymKind = Literal["person", "person_ranked", "withheld"]

# Amounts, rates and coefficients: four decimals hold every column the SNDS
# publishes, and a decimal adds up to the cent where a float does not.
_AMOUNT = pa.decimal128(18, 4)
_ARROW: dict[str, pa.DataType] = {
    "char": pa.string(),
    "date": pa.date32(),
    "float": pa.float64(),
    "timestamp": pa.timestamp("us"),
}


@frozen(kw_only=True)
class Column:
    """One column of a table family.

    `physical_type` is the Oracle type where the Oracle catalogue shows the
    column (`type_source` "oracle") or shows that name in other tables
    ("oracle_elsewhere"), else the declared one; "assumed" marks a month or a
    column known by name and years only, kept as text because text loses
    nothing, "imported" one that the operator's copy of the public schema
    adds. What another source says instead is in `conflicts`. `years` are the
    years in which the column was seen; empty when the sources give none.
    `label` and `label_fr` are this project's own words; `official_label` is
    the text of the imported schema.
    """

    name: str
    physical_type: PhysicalType = field(
        validator=validators.in_(("char", "num", "float", "date", "timestamp"))
    )
    length: int | None
    declared_type: str
    type_source: str
    is_key: bool
    references: str | None
    code_list: str | None
    sensitivity: str | None
    sensitivity_category: str | None
    years: tuple[int, ...]
    sensitivity_source: str | None = None
    label: str = ""
    label_fr: str = ""
    official_label: str = ""
    conflicts: tuple[Conflict, ...] = ()

    @property
    def first_year(self) -> int | None:
        """The first year in which the column was seen."""
        return self.years[0] if self.years else None

    @property
    def last_year(self) -> int | None:
        """The last year in which the column was seen."""
        return self.years[-1] if self.years else None

    @property
    def kind(self) -> str:
        """The physical type with its length: `char(6)`."""
        return f"{self.physical_type}({self.length})" if self.length else self.physical_type

    def told(self, language: Language = "en") -> str:
        """What the column means, in one language; the official text where we have no words."""
        own = self.label_fr if language == "fr" else self.label
        return own or self.official_label

    def line(self, language: Language = "en") -> str:
        """The column on one line of a terminal: name, type, years, what to know of it."""
        years = f"{self.first_year}-{self.last_year}" if self.years else ""
        notes = ("key" if self.is_key else "", self.references or "", self.code_list or "")
        told = ", ".join(note for note in (*notes, self.sensitivity or "") if note)
        meaning = self.told(language)
        shown = f"{self.name:<22}{self.kind:<10}{years:<11}"
        return (shown + " | ".join(part for part in (meaning, told) if part)).rstrip()

    def as_dict(self, language: Language = "en") -> dict[str, object]:
        """The column as commands and pages show it."""
        return {
            "column": self.name,
            "label": self.told(language) or None,
            "type": self.physical_type,
            "length": self.length,
            "declared": self.declared_type or None,
            "type_source": self.type_source,
            "key": self.is_key,
            "references": self.references,
            "code_list": self.code_list,
            "sensitivity": self.sensitivity,
            "sensitivity_category": self.sensitivity_category,
            "sensitivity_source": self.sensitivity_source,
            "first_year": self.first_year,
            "last_year": self.last_year,
            "conflicts": [conflict.as_dict() for conflict in self.conflicts],
        }


def arrow_type(column: Column) -> pa.DataType:
    """The Arrow type in which a column is kept.

    Text stays text: FINESS numbers, stay numbers, communes and return codes
    have leading zeros and letters. A number declared whole is an int64, unless
    a dispute says that it has decimals; any other number is a decimal, unless
    the model itself says float.
    """
    if column.physical_type in _ARROW:
        return _ARROW[column.physical_type]
    whole = column.declared_type in ("integer", "boolean")
    disputed = any(conflict.stands == FRACTIONAL for conflict in column.conflicts)
    return pa.int64() if whole and not disputed else _AMOUNT


@define(kw_only=True, frozen=True, slots=False)
class Table:
    """One table family: `T_MCOaaB` stands for T_MCO05B, T_MCO06B and so on."""

    name: str
    product: str
    label: str
    columns: tuple[Column, ...] = field(repr=False)
    label_fr: str = ""
    official_label: str = ""

    def told(self, language: Language = "en") -> str:
        """What the table holds, in one language; the official text where we have no words."""
        own = self.label_fr if language == "fr" else self.label
        return own or self.official_label

    @cached_property
    def _by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    @cached_property
    def years(self) -> tuple[int, ...]:
        """The years for which the columns of this table are known one by one."""
        return tuple(sorted({year for column in self.columns for year in column.years}))

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that together name one row; empty when the sources give none."""
        return tuple(column.name for column in self.columns if column.is_key)

    def joins_on(self, parent: Table) -> tuple[str, ...]:
        """The columns by which a line of this table leads to its line in `parent`, in key order.

        The key of `parent`, without the columns that a dispute between the sources takes out of
        this join (claims, `ER_DCT_F`, join on seven columns); empty when one is lacking here.
        """
        out = f"no part of the join with {parent.name}"
        left = [
            name
            for name in parent.key
            if not self.has_column(name)
            or all(told.stands != out for told in self.column(name).conflicts)
        ]
        return tuple(left) if all(self.has_column(name) for name in left) else ()

    def column(self, name: str) -> Column:
        """The column called `name`.

        Raises:
            Missing: no such column in this table, with near names.
        """
        try:
            return self._by_name[name]
        except KeyError:
            raise Missing(
                f"The table `{self.name}` has no column `{name}`.",
                remedy=near(name, list(self._by_name)),
            ) from None

    def has_column(self, name: str) -> bool:
        """Whether this family ever had the column."""
        return name in self._by_name

    def column_names(self, year: int | None = None) -> tuple[str, ...]:
        """The columns of one year, or of all years.

        Years after the last one known have the columns of that last year. A
        column without years belongs to every year of a table without years;
        in a table with years it is newer than they are, since the yearly
        lists do not show it.
        """
        if year is None or not self.years:
            return tuple(column.name for column in self.columns)
        last = self.years[-1]
        seen = min(year, last)
        return tuple(
            column.name
            for column in self.columns
            if seen in column.years or (not column.years and year > last)
        )

    def arrow_schema(self, names: Sequence[str] | None = None) -> pa.Schema:
        """The Arrow schema of these columns, in the order given.

        Raises:
            Missing: a name is no column of this table.
        """
        chosen = self.column_names() if names is None else names
        return pa.schema([(name, arrow_type(self.column(name))) for name in chosen])


def near(name: str, known: Sequence[str]) -> str:
    """A sentence that names what the user may have meant."""
    folded = {item.upper(): item for item in known}
    found = get_close_matches(name.upper(), list(folded), n=3, cutoff=0.6)
    if not found:
        return "`bercail catalogue tables` lists what exists."
    return "Near: " + ", ".join(f"`{folded[item]}`" for item in found) + "."
