"""What names and labels of typed tables give away: identifiers, formulas, exact days."""

from __future__ import annotations

from collections.abc import Iterable

from bercail.airlock.disclosure.counts import Axis, Counts
from bercail.airlock.disclosure.findings import Finding, wording_findings
from bercail.airlock.disclosure.tables.typed import TypedTable


def label_findings(tables: Iterable[TypedTable]) -> tuple[Finding, ...]:
    """The findings of count tables on names and labels, for any typed tables."""
    found: list[Finding] = []
    for table in tables:
        axes = tuple(
            Axis(name=dimension.name, categories=tuple(dimension.parents))
            for dimension in table.dimensions
        )
        found += wording_findings(Counts(title=table.name, axes=axes, cells={}))
    return tuple(found)
