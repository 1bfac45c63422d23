"""A permit's scope held against the catalogue: what may be granted, and how it is delivered."""

from __future__ import annotations

from attrs import frozen

from bercail.access.permit import DataScope, TableScope
from bercail.catalogue import Registry
from bercail.foundation import Refused

# The insured person's pseudonym is never delivered to a project.
NEVER_DELIVERED = frozenset({"ASS_NIR_ANO"})


@frozen(kw_only=True)
class LakeTable:
    """One lake table that a scope reaches: its family, its year if it is dated."""

    name: str
    scope: TableScope
    year: int | None


def require_grantable(scope: DataScope, registry: Registry) -> None:
    """Raise unless every table and column may be granted as asked.

    Raises:
        Missing: a table or a column that the catalogue does not know.
        Refused: a potential identifier that is not asked for by name (WSP-02), or a column
            that no extract may carry (PSE-07).
    """
    for table_scope in scope.tables:
        table = registry.table(table_scope.table)
        withheld = NEVER_DELIVERED | set(registry.withheld(table))
        for name in table_scope.columns:
            column = table.column(name)
            if name in withheld:
                raise Refused(
                    f"`{table.name}.{name}` is never delivered to a project.",
                    remedy="Take the column out of the scope.",
                    rule="PSE-07",
                )
            asked = name in table_scope.potential_identifiers
            if column.sensitivity == "potential_identifier" and not asked:
                raise Refused(
                    f"`{table.name}.{name}` is a potential identifier and is granted by name only.",
                    remedy="Justify it and list it under potential_identifiers, or drop it.",
                    rule="WSP-02",
                )


def reached(
    scope: DataScope, lake_tables: tuple[str, ...], registry: Registry
) -> tuple[LakeTable, ...]:
    """The lake tables within the scope's tables and years, persons' table first."""
    by_family = {table.table: table for table in scope.tables}
    found = []
    for name in lake_tables:
        family = registry.table(name).name
        year = registry.year_of(name)
        if family not in by_family:
            continue
        if year is None or scope.first_year <= year <= scope.last_year:
            found.append(LakeTable(name=name, scope=by_family[family], year=year))
    return tuple(sorted(found, key=lambda table: (table.scope.table != "IR_BEN_R", table.name)))
