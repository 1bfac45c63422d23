"""Who has access today: principals by role, owners of subscriptions, guests from elsewhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from enum import StrEnum

from attrs import frozen

from bercail.hosting.estate.arm_ids import parse_arm_id
from bercail.hosting.estate.inventory import Inventory
from bercail.hosting.estate.resource import Assignment, Principal

# Roles that can give themselves any other right.
_POWERS = frozenset(
    {"Owner", "User Access Administrator", "Role Based Access Control Administrator"}
)


class Level(StrEnum):
    """How much a scope covers; from the whole tenant down to one resource."""

    TENANT = "tenant"
    SUBSCRIPTION = "subscription"
    GROUP = "group"
    RESOURCE = "resource"
    UNKNOWN = "unknown"


@frozen(kw_only=True)
class RoleCount:
    """Distinct principals that hold `role` at `level`, by kind."""

    role: str
    level: Level
    principals: int
    users: int
    groups: int
    programs: int
    guests: int


@frozen(kw_only=True)
class Flag:
    """A principal to look at before leaving; `rule` says why. The id only, never a name."""

    rule: str
    principal: str
    principal_kind: str
    role: str
    scope: str
    domain: str | None = None


@frozen(kw_only=True)
class Access:
    """The whole picture; `guests` counts guests of the directory, with or without a role."""

    roles: tuple[RoleCount, ...]
    flags: tuple[Flag, ...]
    guests: int
    principals: int


def summarise(inventory: Inventory, role_names: Mapping[str, str]) -> Access:
    """Count and flag the assignments of `inventory`."""
    known = {one.id: one for one in inventory.principals}
    held: dict[tuple[str, Level], dict[str, Assignment]] = defaultdict(dict)
    flags = []
    for one in inventory.assignments:
        role = role_names.get(one.role, one.role)
        level = level_of(one.scope)
        held[role, level][one.principal] = one
        flags += _flags(one, role, level, known.get(one.principal))
    return Access(
        roles=tuple(
            _count(*key, list(found.values()), known) for key, found in sorted(held.items())
        ),
        flags=tuple(
            sorted(flags, key=lambda flag: (flag.rule, flag.scope, flag.role, flag.principal))
        ),
        guests=sum(one.guest for one in inventory.principals),
        principals=len(known),
    )


def level_of(scope: str) -> Level:
    """The level of a scope."""
    if scope == "/" or scope.startswith("/providers/microsoft.management/managementgroups/"):
        return Level.TENANT
    parsed = parse_arm_id(scope)
    if parsed is None:
        return Level.UNKNOWN
    if parsed.kind == "microsoft.resources/subscriptions":
        return Level.SUBSCRIPTION
    if parsed.kind == "microsoft.resources/subscriptions/resourcegroups":
        return Level.GROUP
    return Level.RESOURCE


def _flags(one: Assignment, role: str, level: Level, principal: Principal | None) -> list[Flag]:
    found = []
    if role in _POWERS and level in (Level.SUBSCRIPTION, Level.TENANT):
        found.append("owner-of-subscription")
    if principal is not None and principal.guest:
        found.append("guest-with-role")
    return [
        Flag(
            rule=rule,
            principal=one.principal,
            principal_kind=_kind(one, principal),
            role=role,
            scope=one.scope,
            domain=principal.domain if principal else None,
        )
        for rule in found
    ]


def _kind(one: Assignment, principal: Principal | None) -> str:
    kind = one.principal_kind.lower()
    return principal.kind if kind == "unknown" and principal else kind


def _count(
    role: str, level: Level, found: Sequence[Assignment], known: Mapping[str, Principal]
) -> RoleCount:
    kinds = [_kind(one, known.get(one.principal)) for one in found]
    guests = [known[one.principal].guest for one in found if one.principal in known]
    return RoleCount(
        role=role,
        level=level,
        principals=len(found),
        users=kinds.count("user"),
        groups=kinds.count("group"),
        programs=kinds.count("serviceprincipal") + kinds.count("application"),
        guests=sum(guests),
    )
