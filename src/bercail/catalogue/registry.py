"""The registry: every table, code list and drug the platform knows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Literal

import pyarrow as pa
from attrs import define, field, frozen

from bercail.catalogue.table import PseudonymKind, Table, near
from bercail.foundation import Missing

_FIRST_CENTURY_YEAR = 2000


@frozen(kw_only=True)
class Code:
    """One value of a code list, with a label written for this project."""

    code: str
    label: str


@frozen(kw_only=True)
class PseudonymColumn:
    """A column that holds the pseudonym of a person.

    "person" is the 17-character pseudonym alone; "person_ranked" is that
    pseudonym, or the pseudonym followed by the rank among twins.
    """

    name: str
    kind: Literal["person", "person_ranked"]


@frozen(kw_only=True)
class Category:
    """A kind of potential identifier, granted by name (SNDS: at most one at a time by default)."""

    name: str
    label: str
    label_fr: str


@define(kw_only=True, frozen=True, slots=False)
class Registry:
    """What exists. Built by `load`; the same for the life of the process.

    `archives` maps a table that keeps former lines to the family whose columns it has.
    """

    model: str
    tables: Mapping[str, Table] = field(repr=False)
    archives: Mapping[str, str] = field(factory=dict, repr=False)
    categories: Mapping[str, Category] = field(factory=dict, repr=False)
    code_sources: Mapping[str, str] = field(factory=dict, repr=False)
    _codes: Mapping[str, tuple[Code, ...]] = field(repr=False)
    _identities: Mapping[str, PseudonymKind] = field(repr=False)
    _drugs: pa.Table = field(eq=False, repr=False)
    _stays: pa.Table = field(eq=False, repr=False)
    _duplicates: pa.Table = field(eq=False, repr=False)

    @cached_property
    def _patterns(self) -> tuple[tuple[re.Pattern[str], str], ...]:
        return tuple((_dated_pattern(name), name) for name in self.tables)

    def _find(self, name: str) -> tuple[str, int | None] | None:
        if name in self.tables:
            return name, None
        if name in self.archives:
            return self.archives[name], None
        for pattern, family in self._patterns:
            match = pattern.fullmatch(name)
            if match is not None:
                digits = match.group("year")
                short = len(digits) == 2
                return family, int(digits) + (_FIRST_CENTURY_YEAR if short else 0)
        return None

    def table(self, name: str) -> Table:
        """The table called `name`: a family (`T_MCOaaB`), one year of it (`T_MCO22B`), an archive.

        Raises:
            Missing: no such table, with near names.
        """
        found = self._find(name)
        if found is None:
            family = re.sub(r"(?<=[A-Z])\d\d(?=[A-Z])", "aa", name)
            raise Missing(
                f"The catalogue has no table `{name}`.", remedy=near(family, list(self.tables))
            )
        return self.tables[found[0]]

    def tables_with(self, column: str) -> tuple[Table, ...]:
        """The tables that have a column of this name.

        Raises:
            Missing: no table has it, with near names.
        """
        found = tuple(table for table in self.tables.values() if table.has_column(column))
        if not found:
            names = sorted({item.name for table in self.tables.values() for item in table.columns})
            raise Missing(f"No table has a column `{column}`.", remedy=near(column, names))
        return found

    def year_of(self, name: str) -> int | None:
        """The year in a dated table name: 2022 for `T_MCO22B`, None for `ER_PRS_F`."""
        found = self._find(name)
        return found[1] if found else None

    def pseudonyms(self, table: str | Table) -> tuple[PseudonymColumn, ...]:
        """The columns of a table that hold a person's pseudonym (arrêté of 6 May 2024)."""
        known = self.table(table) if isinstance(table, str) else table
        kinds = ((column.name, self._identity(column.name)) for column in known.columns)
        return tuple(
            PseudonymColumn(name=name, kind=kind)
            for name, kind in kinds
            if kind in ("person", "person_ranked")
        )

    def withheld(self, table: str | Table) -> tuple[str, ...]:
        """Columns that point to a person in another form, and that no extract may carry."""
        known = self.table(table) if isinstance(table, str) else table
        return tuple(c.name for c in known.columns if self._identity(c.name) == "withheld")

    def _identity(self, column: str) -> PseudonymKind | None:
        # The disease map writes its names in lower case.
        return self._identities.get(column.upper())

    def codes(self, name: str) -> tuple[Code, ...]:
        """The values of a code list such as `IR_NIR_V`.

        Raises:
            Missing: the list is not in the catalogue, with near names.
        """
        if name not in self._codes:
            raise Missing(
                f"The catalogue has no code list `{name}`.", remedy=near(name, list(self._codes))
            )
        return self._codes[name]

    def code_lists(self) -> Mapping[str, tuple[Code, ...]]:
        """Every code list whose values the catalogue knows, by name."""
        return self._codes

    def drugs(self) -> pa.Table:
        """Drugs: `cip13` int64, `cip7` int64, `atc`, `name`, `units_per_pack` int64.

        `atc` is null for about one drug in twenty-five, as in the source;
        `units_per_pack` counts tablets, capsules or containers.
        """
        return self._drugs

    def stays_by_diagnosis(self) -> pa.Table:
        """Acute stays of one year in France by main diagnosis: `icd10`, `stays` int64."""
        return self._stays

    def duplicate_finess(self) -> pa.Table:
        """Geographic FINESS numbers that double a legal entity's stays until 2017.

        `eta_num`, then one boolean for each published list that names it. One
        code is printed with eight characters in its source, and is kept so.
        """
        return self._duplicates


def _dated_pattern(family: str) -> re.Pattern[str]:
    """The names of the single years of a family; `ER_PRS_F_2012` is an archive."""
    if "aa" in family:
        first, *rest = family.split("aa")
        tail = "(?P=year)".join(re.escape(part) for part in rest)
        return re.compile(rf"{re.escape(first)}(?P<year>\d\d){tail}")
    if "AAAA" in family:
        stem = re.escape(family).replace("AAAA", r"(?P<year>(?:19|20)\d\d)")
        return re.compile(stem.replace("GN", r"G\d+"))
    return re.compile(rf"{re.escape(family)}_(?P<year>(?:19|20)\d\d)")
