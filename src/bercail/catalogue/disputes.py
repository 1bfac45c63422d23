"""Where two sources disagree about the columns of a registry. Pure."""

from __future__ import annotations

from collections import Counter

from attrs import frozen

from bercail.catalogue.conflict import KINDS, Conflict
from bercail.catalogue.registry import Registry


@frozen(kw_only=True)
class Dispute:
    """One disagreement with its place."""

    table: str
    column: str
    conflict: Conflict

    @property
    def line(self) -> str:
        """The same on one line of a terminal."""
        return f"{self.table:<18}{self.column:<22}{self.conflict.line}"

    def as_dict(self) -> dict[str, str]:
        """The same as JSON values."""
        return {"table": self.table, "column": self.column, **self.conflict.as_dict()}


def disputes(registry: Registry, table: str | None = None) -> list[Dispute]:
    """The disagreements about one table, or about all.

    Raises:
        Missing: no such table.
    """
    chosen = registry.tables.values() if table is None else (registry.table(table),)
    return [
        Dispute(table=one.name, column=column.name, conflict=conflict)
        for one in chosen
        for column in one.columns
        for conflict in column.conflicts
    ]


def counts(found: list[Dispute]) -> dict[str, int]:
    """How many disagreements of each kind, in a fixed order; a kind without any is left out."""
    kinds = Counter(dispute.conflict.kind for dispute in found)
    return {kind: kinds[kind] for kind in KINDS if kinds[kind]}
