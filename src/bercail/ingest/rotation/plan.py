"""What a rotation would do, as a value: shown first, applied afterwards."""

from __future__ import annotations

from typing import Any

from attrs import asdict, frozen

from bercail.foundation import canonical_json, sha256_hex
from bercail.lake.pseudonym_search import Kind


@frozen(kw_only=True)
class TakenColumn:
    """A column that holds pseudonyms, and how it was found: catalogue, lineage or declared."""

    name: str
    kind: Kind
    found_by: str


@frozen(kw_only=True)
class TablePlan:
    """One table: its newest snapshot, how much there is to rewrite (bytes of plaintext)."""

    table: str
    snapshot: str
    rows: int
    parts: int
    size: int
    columns: tuple[TakenColumn, ...]


@frozen(kw_only=True)
class DoubtfulColumn:
    """A column that nobody declared: `values` look like pseudonyms, `inside` hold one inside.

    `known` counts the values of an excluded column that are pseudonyms of the platform.
    """

    table: str
    column: str
    values: int
    inside: int
    known: int = 0


@frozen(kw_only=True)
class ProjectTablePlan:
    """One table of a project.

    `table` is `EXTRACT/TABLE`, `columns` tells how each was found, `doubtful` counts values in
    doubt by column.
    """

    project: str
    table: str
    rows: int
    columns: dict[str, str]
    doubtful: dict[str, int]


@frozen(kw_only=True)
class RotationPlan:
    """A rotation from one epoch to the next; it cannot begin while a column is in doubt."""

    rotation: str
    from_epoch: int
    to_epoch: int
    tables: tuple[TablePlan, ...]
    excluded: tuple[str, ...]
    doubtful: tuple[DoubtfulColumn, ...]
    projects: tuple[ProjectTablePlan, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For `--json`, and for the digest."""
        return asdict(self)

    def digest(self) -> str:
        """SHA-256 of the canonical JSON."""
        return sha256_hex(canonical_json(self.as_dict()))


def lines(plan: RotationPlan) -> list[dict[str, Any]]:
    """The plan for people: tables of the lake and of projects, then each column in doubt."""
    shown: list[dict[str, Any]] = [
        {
            "table": one.table,
            "rows": one.rows,
            "parts": one.parts,
            "columns": ", ".join(f"{c.name} ({c.found_by})" for c in one.columns) or "none",
        }
        for one in plan.tables
    ]
    for project in plan.projects:
        columns = ", ".join(f"{name} ({found})" for name, found in project.columns.items())
        place = f"{project.project}: {project.table}"
        shown.append(
            {"table": place, "rows": project.rows, "parts": 1, "columns": columns or "none"}
        )
        for name, many in project.doubtful.items():
            counted = f"{name}: {many} values in doubt"
            shown.append({"table": place, "rows": "", "parts": "", "columns": counted})
    for doubt in plan.doubtful:
        counted = f"{doubt.column}: {doubt.values + doubt.inside + doubt.known} values in doubt"
        shown.append({"table": doubt.table, "rows": "", "parts": "", "columns": counted})
    return shown
