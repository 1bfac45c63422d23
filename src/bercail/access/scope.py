"""A permit's scope held against the catalogue: what may be granted, which tables it reaches.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from bercail.access.permit import DataScope, TableScope
from bercail.access.route import Route, find_route
from bercail.catalogue import POTENTIAL_IDENTIFIER, Registry, Table, categories_of
from bercail.foundation import Invalid, Missing, Refused

# "No pseudo-NIR of the insured is delivered in project data" (CNAM).
NEVER_DELIVERED = frozenset({"ASS_NIR_ANO"})


@frozen(kw_only=True)
class LakeTable:
    """One lake table that a scope reaches: its family, its year if it is dated."""

    name: str
    family: str
    year: int | None
    columns: tuple[str, ...]
    route: Route

    @property
    def parent(self) -> str:
        """The lake table that the lines lead to: that of the same year, if they are dated."""
        if self.year is None:
            return self.route.parent
        return self.route.parent.replace("aa", f"{self.year % 100:02}", 1)


def require_grantable(scope: DataScope, registry: Registry) -> None:
    """Raise unless every table and column may be granted as asked.

    Raises:
        Missing: a table or a column that the catalogue does not know.
        Invalid: one year of a table, where the scope names families and its own years; a
            justification of what is no kind of potential identifier.
        Refused: a potential identifier that is not asked for by name, several kinds of them
            without a justification of each, or a table whose lines lead to no person (WSP-02);
            a column that no extract may carry (PSE-07).
    """
    for asked in scope.tables:
        table = registry.table(asked.table)
        if table.name != asked.table:
            raise Invalid(
                f"`{asked.table}` is one year of `{table.name}`.",
                remedy=f"Name `{table.name}`; the scope's first and last year choose the years.",
            )
        if find_route(table, registry) is None:
            raise Refused(
                f"The lines of `{table.name}` lead to no person, so it cannot be cut to a permit.",
                remedy="Take the table out of the scope.",
                rule="WSP-02",
            )
        _require_columns(table, asked, registry)
    _require_one_kind(scope, registry)


def _require_one_kind(scope: DataScope, registry: Registry) -> None:
    """One kind of potential identifier at a time is the default of the SNDS; more are justified.

    Two kinds together (a month of birth and a commune) single a person out where neither does.
    """
    reasons = {item.category: item.reason.strip() for item in scope.justifications}
    if unknown := sorted(set(reasons) - set(registry.categories)):
        raise Invalid(
            f"`{unknown[0]}` is no kind of potential identifier.",
            remedy=f"Known: {', '.join(sorted(registry.categories))}.",
        )
    kinds = categories_of(
        registry, [(asked.table, name) for asked in scope.tables for name in asked.columns]
    )
    unexplained = [kind for kind in kinds if not reasons.get(kind)]
    if len(kinds) > 1 and unexplained:
        told = " and ".join(f"`{kind}`" for kind in kinds)
        raise Refused(
            f"The scope crosses {told}: a project has one kind of potential identifier at a time.",
            remedy=f"Keep one, or justify each under justifications: {', '.join(unexplained)}.",
            rule="WSP-02",
        )


def _require_columns(table: Table, asked: TableScope, registry: Registry) -> None:
    withheld = NEVER_DELIVERED | set(registry.withheld(table))
    for name in asked.columns:
        column = table.column(name)
        if name in withheld:
            raise Refused(
                f"`{table.name}.{name}` is never delivered to a project.",
                remedy="Take the column out of the scope.",
                rule="PSE-07",
            )
        named = name in asked.potential_identifiers
        if column.sensitivity == POTENTIAL_IDENTIFIER and not named:
            raise Refused(
                f"`{table.name}.{name}` is a potential identifier and is granted by name only.",
                remedy="Justify it and list it under potential_identifiers, or drop it.",
                rule="WSP-02",
            )


def reached(
    scope: DataScope, lake_tables: Sequence[str], registry: Registry
) -> tuple[LakeTable, ...]:
    """The lake tables within the scope's tables and years, in name order.

    Raises:
        Missing: the lake holds nothing of a table of the scope: an extract is cut once, so
            it is not cut without it.
    """
    found: list[LakeTable] = []
    for asked in scope.tables:
        table = registry.table(asked.table)
        route = find_route(table, registry)
        if route is None:
            raise Refused(f"`{table.name}` cannot be cut to a permit.", rule="WSP-02")
        here = [
            LakeTable(name=name, family=table.name, year=year, columns=asked.columns, route=route)
            for name in lake_tables
            if registry.table(name) is table and _within(scope, year := registry.year_of(name))
        ]
        if not here:
            raise Missing(
                f"The lake holds nothing of `{table.name}` in the years of the permit.",
                remedy="Load the deliveries of its years first.",
            )
        found += here
    return tuple(sorted(found, key=lambda table: table.name))


def _within(scope: DataScope, year: int | None) -> bool:
    return year is None or scope.first_year <= year <= scope.last_year
