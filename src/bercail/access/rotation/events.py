"""What happened to pseudonyms here; a project's changes stand in `project-tables/<project>`."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class ObjectionsTurned:
    """The registry holds the pseudonyms of a new epoch, of as many persons as before."""

    version: int
    registry_digest: str
    rotation: str
    persons: int


@frozen(kw_only=True)
class ProjectSecretRenewed:
    """A project's pseudonyms come from a new secret; its former secrets are destroyed."""

    project: str
    epoch: int
    reason: str


@frozen(kw_only=True)
class ProjectTurnBegun:
    """The tables of a project are being written under other pseudonyms, and are shut."""

    turn: str


@frozen(kw_only=True)
class ProjectTablesProven:
    """New tables stand beside the former ones, and nothing was missed, as the report says.

    `extracts` gives, by application, the name and the manifest's digest of its new extract;
    `own` the sealed names before and after of the tables that the project made itself, each new
    one with its digest.
    """

    turn: str
    extracts: dict[str, tuple[str, str]]
    own: dict[str, tuple[str, str]]
    tables: int
    rows: int
    columns: int
    persons: int
    report_sha256: str


@frozen(kw_only=True)
class ProjectTablesTurned:
    """The project works on its new tables. The former ones open by their name until they expire."""

    turn: str


ROTATED_OBJECTION_EVENTS = (ObjectionsTurned,)
PROJECT_SECRET_EVENTS = (ProjectSecretRenewed,)
PROJECT_TURN_EVENTS = (ProjectTurnBegun, ProjectTablesProven, ProjectTablesTurned)
