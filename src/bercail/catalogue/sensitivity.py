"""Potential identifiers and medical columns of a table, and which categories a choice touches.

A potential identifier does not name a person but singles one out with little else: a month of
birth, a commune, an exact day. In the SNDS each is granted by name, and a project has one kind
at a time unless each of several is justified. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from bercail.catalogue.registry import Registry
from bercail.catalogue.table import Language, Table

POTENTIAL_IDENTIFIER, MEDICAL = "potential_identifier", "medical"


@frozen(kw_only=True)
class Mark:
    """One column that is marked; `marked_by` tells whose mark it is."""

    table: str
    column: str
    sensitivity: str
    category: str | None
    marked_by: str | None

    def as_dict(self) -> dict[str, object]:
        """The same as JSON values."""
        return {
            "table": self.table,
            "column": self.column,
            "sensitivity": self.sensitivity,
            "category": self.category,
            "marked_by": self.marked_by,
        }


def marks(tables: Iterable[Table]) -> list[Mark]:
    """Every marked column of these tables, in their order."""
    return [
        Mark(
            table=table.name,
            column=column.name,
            sensitivity=column.sensitivity,
            category=column.sensitivity_category,
            marked_by=column.sensitivity_source,
        )
        for table in tables
        for column in table.columns
        if column.sensitivity
    ]


def categories_of(registry: Registry, chosen: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The categories of potential identifiers among (table, column) pairs, in name order."""
    columns = (registry.table(table).column(column) for table, column in chosen)
    found = {
        column.sensitivity_category
        for column in columns
        if column.sensitivity == POTENTIAL_IDENTIFIER
    }
    return tuple(sorted(category for category in found if category))


def told(registry: Registry, category: str, language: Language = "en") -> str:
    """What a category is called."""
    known = registry.categories[category]
    return known.label_fr if language == "fr" else known.label
