"""What names and labels of typed tables give away: identifiers, formulas, days, extremes."""

from __future__ import annotations

from collections.abc import Iterable

from bercail.airlock.disclosure.counts import Axis, Counts
from bercail.airlock.disclosure.findings import Finding, wording_findings
from bercail.airlock.disclosure.rules.catalogue import RULES
from bercail.airlock.disclosure.rules.statistics import extreme
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
        found += _extremes(table)
    return tuple(found)


def _extremes(table: TypedTable) -> list[Finding]:
    """A measure or a category that is a minimum or a maximum (`extreme`); it blocks."""
    names = [code for dimension in table.dimensions for code in dimension.parents]
    many = sum(bool(extreme(name)) for name in (table.measure.name, *names))
    return [extreme_finding(f"{many} names", f"{many} noms")] if many else []


def extreme_finding(where: str, where_fr: str) -> Finding:
    """The rule `extreme`, with its one step, in both languages."""
    words = RULES["extreme"]
    return Finding(
        rule="extreme",
        severity="blocking",
        message=f"{words.en} ({where}) / {words.fr} ({where_fr})",
        remedy="Take it out, or give a percentile with enough persons on each side. / "
        "Retirez-le, ou donnez un centile avec assez de personnes de chaque côté.",
    )
