"""What exports say: resources, references between them, who has access, and what was noticed."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from attrs import field, frozen


class Kind(StrEnum):
    """The kinds of export that are read."""

    RESOURCE_GRAPH = "resource-graph"
    ARM_TEMPLATE = "arm-template"
    TERRAFORM_STATE = "terraform-state"
    TERRAFORM_PLAN = "terraform-plan"
    ROLE_ASSIGNMENTS = "role-assignments"
    DIRECTORY = "directory"
    MIXED = "mixed"


class Why(StrEnum):
    """How an export shows that one resource needs another; the strongest first."""

    DECLARED = "declared"
    IDENTIFIER = "identifier"
    ADDRESS = "address"
    PARENT = "parent"


class Standing(StrEnum):
    """Whether a resource is there, is only planned, or is planned to go."""

    EXISTS = "exists"
    PLANNED = "planned"
    LEAVING = "leaving"
    DECLARED = "declared"


@frozen(kw_only=True, order=True)
class Reference:
    """`to` (the id of another resource) is needed, shown in this way."""

    to: str
    why: Why


@frozen(kw_only=True)
class Seen:
    """One resource as one export shows it. Nothing else of the export is kept.

    `id` is the ARM identifier in lower case, else `terraform:...` or `template:...`; `kind` its
    ARM type in lower case, or the Terraform type; `bytes` what it holds, as far as told.
    """

    id: str
    kind: str
    name: str
    terraform: str | None = None
    location: str | None = None
    facts: Mapping[str, str] = field(factory=dict)
    bytes: int | None = None
    basis: str | None = None
    references: frozenset[Reference] = frozenset()
    standing: Standing = Standing.EXISTS
    source: str


@frozen(kw_only=True)
class Assignment:
    """A principal has a role on a scope; ids only."""

    principal: str
    principal_kind: str
    role: str
    scope: str


@frozen(kw_only=True)
class Principal:
    """A person, group or program of the directory; `guest` with the domain it comes from."""

    id: str
    kind: str
    guest: bool = False
    domain: str | None = None


@frozen(kw_only=True, order=True)
class Notice:
    """Something that the reader of the assessment has to know.

    `rule` names the sort, `words` has its wording in each language, filled in with `values`.
    """

    rule: str
    place: str
    values: tuple[str, ...] = ()


@frozen(kw_only=True)
class Export:
    """What one file holds. `page` is (rows here, rows in all) for a page of a longer answer."""

    label: str
    kind: Kind
    resources: tuple[Seen, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    principals: tuple[Principal, ...] = ()
    notices: tuple[Notice, ...] = ()
    page: tuple[int, int] | None = None
