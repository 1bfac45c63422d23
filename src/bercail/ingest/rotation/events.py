"""What happened to the platform's pseudonyms: stream `rotation/level-2`; columns: `.../columns`."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class ColumnDeclared:
    """An access officer says that a column holds pseudonyms (`person` or `person_ranked`)."""

    table: str
    column: str
    kind: str


@frozen(kw_only=True)
class ColumnExcluded:
    """An access officer says that a column only looks as if it held pseudonyms, and why."""

    table: str
    column: str
    reason: str


@frozen(kw_only=True)
class RotationBegun:
    """A rotation began: the lake is shut until it is proven."""

    rotation: str
    from_epoch: int
    to_epoch: int
    reason: str
    plan_sha256: str
    tables: int


@frozen(kw_only=True)
class TableTurned:
    """The newest snapshot of a table is at the new epoch; `columns` were turned."""

    rotation: str
    table: str
    snapshot: str
    statement_sha256: str
    rows: int
    columns: tuple[str, ...]


@frozen(kw_only=True)
class ObjectionsCarried:
    """The registry of objections holds the new pseudonyms of the same persons."""

    rotation: str
    before: int
    after: int


@frozen(kw_only=True)
class ProjectTurned:
    """The tables of a project in the proof of a rotation: counts, and its report's digest."""

    project: str
    extracts: int
    tables: int
    rows: int
    columns: int
    persons: int
    report_sha256: str


@frozen(kw_only=True)
class ProjectsCarried:
    """Every project that somebody may open works under the new pseudonyms."""

    rotation: str
    projects: tuple[ProjectTurned, ...]


@frozen(kw_only=True)
class RotationProven:
    """Nothing was missed, as the signed report says; the lake is open at the new epoch."""

    rotation: str
    epoch: int
    report_sha256: str
    tables: int
    columns: int
    persons: int


@frozen(kw_only=True)
class SnapshotsExpired:
    """The parts of the snapshots before a rotation left the host."""

    rotation: str
    table: str
    snapshots: int
    files: int


@frozen(kw_only=True)
class ProjectTablesExpired:
    """The extracts of a project under former pseudonyms left the host."""

    rotation: str
    project: str
    extracts: int
    files: int


COLUMN_EVENTS = (ColumnDeclared, ColumnExcluded)
ROTATION_EVENTS = (
    RotationBegun,
    TableTurned,
    ObjectionsCarried,
    ProjectsCarried,
    RotationProven,
    SnapshotsExpired,
    ProjectTablesExpired,
)
