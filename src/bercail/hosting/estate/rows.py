"""Lists of rows: Azure Resource Graph answers, `az ... list` output, Microsoft Graph pages.

Each row is told by its own members, so a file may mix them. A row that nothing tells is
counted and named by its position, never guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from attrs import define, field

from bercail.foundation import Invalid
from bercail.hosting.estate import properties
from bercail.hosting.estate.arm_ids import ArmId, clean, parse_arm_id
from bercail.hosting.estate.mapping import EstateMapping
from bercail.hosting.estate.resource import (
    Assignment,
    Export,
    Kind,
    Notice,
    Principal,
    Seen,
)
from bercail.hosting.estate.streaming import Rows

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)
_DOMAIN = re.compile(r"[a-z0-9][a-z0-9.-]{1,120}\.[a-z]{2,20}", re.I)
_ROLE_NAME = re.compile(r"[\w ()/&.,:'-]{1,120}")
_SHOWN_PLACES = 5


@define
class _Rows:
    label: str
    mapping: EstateMapping
    resources: list[Seen] = field(factory=list)
    assignments: list[Assignment] = field(factory=list)
    principals: list[Principal] = field(factory=list)
    untold: list[int] = field(factory=list)

    def take(self, place: int, row: Any) -> None:
        """Read one row."""
        if not isinstance(row, Mapping):
            self.untold.append(place)
        elif "principalId" in _inside(row) and _is_assignment(row):
            self.assignments.append(_assignment(row))
        elif (parsed := parse_arm_id(str(row.get("id", "")))) is not None:
            self.resources.append(_resource(row, parsed, self.label, self.mapping))
        elif (principal := _principal(row)) is not None:
            self.principals.append(principal)
            if principal.kind == "application":
                self.resources.append(_application(row, self.label))
        else:
            self.untold.append(place)


def read_rows(
    rows: list[Any] | Rows, label: str, mapping: EstateMapping, page: tuple[int, int] | None
) -> Export:
    """The export in `rows`.

    Raises:
        Invalid: there are rows, and not one of them is of a known shape.
    """
    found = _Rows(label, mapping)
    for place, row in enumerate(rows):
        found.take(place, row)
    if rows and len(found.untold) == len(rows):
        raise Invalid(
            f"`{label}` is a list of {len(rows)} rows, and none is a resource, a role assignment, "
            "a user, a group or an application.",
            remedy="Keep the members `id` and `type` (or `principalId` and `scope`) in the query.",
        )
    notices = []
    if found.untold:
        places = ", ".join(str(place) for place in found.untold[:_SHOWN_PLACES])
        more = " ..." if len(found.untold) > _SHOWN_PLACES else ""
        values = (str(len(found.untold)), places + more)
        notices.append(Notice(rule="rows-not-read", place=label, values=values))
    if not rows:
        notices.append(Notice(rule="empty", place=label))
    return Export(
        label=label,
        kind=_kind(found),
        resources=tuple(found.resources),
        assignments=tuple(found.assignments),
        principals=tuple(found.principals),
        notices=tuple(notices),
        page=page,
    )


def _kind(found: _Rows) -> Kind:
    real = [seen for seen in found.resources if not seen.id.startswith("graph:")]
    present = [
        kind
        for kind, rows in (
            (Kind.RESOURCE_GRAPH, real),
            (Kind.ROLE_ASSIGNMENTS, found.assignments),
            (Kind.DIRECTORY, found.principals),
        )
        if rows
    ]
    return present[0] if len(present) == 1 else Kind.MIXED


def table_rows(data: Mapping[str, Any], label: str) -> list[Any]:
    """The rows of a Resource Graph answer in table form (`columns` and `rows`)."""
    try:
        names = [column["name"] for column in data["columns"]]
        return [dict(zip(names, row, strict=True)) for row in data["rows"]]
    except (KeyError, TypeError, ValueError):
        place = f"`{label}`, member `data`"
    raise Invalid(
        f"{place}: a table needs `columns` with names, and rows as long as the columns.",
        remedy="Ask Resource Graph for `resultFormat: objectArray`.",
    )


def _inside(row: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = row.get("properties")
    return {**row, **inner} if isinstance(inner, Mapping) else row


def _is_assignment(row: Mapping[str, Any]) -> bool:
    kind = str(row.get("type", "")).lower()
    if kind:
        return kind == "microsoft.authorization/roleassignments"
    return "scope" in _inside(row) and "roleDefinitionId" in _inside(row)


def _assignment(row: Mapping[str, Any]) -> Assignment:
    inner = _inside(row)
    name = inner.get("roleDefinitionName")
    role_id = str(inner.get("roleDefinitionId") or "").rstrip("/").rsplit("/", 1)[-1].lower()
    role = name if isinstance(name, str) and _ROLE_NAME.fullmatch(name) else role_id
    scope = str(inner.get("scope") or "/").lower().rstrip("/") or "/"
    parsed = scope == "/" or parse_arm_id(scope) is not None
    return Assignment(
        principal=guid(inner.get("principalId")) or "unknown",
        principal_kind=clean(str(inner.get("principalType") or "unknown")),
        role=role if role and _ROLE_NAME.fullmatch(role) else "unknown",
        scope=scope if parsed else "unknown",
    )


def _resource(row: Mapping[str, Any], own: ArmId, label: str, mapping: EstateMapping) -> Seen:
    held, basis = properties.size(row, mapping, own.kind, None)
    rest = {key: value for key, value in row.items() if key not in {"id", "name", "type"}}
    return Seen(
        id=own.canonical,
        kind=own.kind,
        name=own.name,
        location=properties.location(row),
        facts=properties.facts(row),
        bytes=held,
        basis=basis,
        references=properties.references(rest, mapping, own.kind, None, own.canonical),
        source=label,
    )


def guid(value: Any) -> str | None:
    """A directory id in lower case, or None."""
    return value.lower() if isinstance(value, str) and _GUID.fullmatch(value) else None


def _principal(row: Mapping[str, Any]) -> Principal | None:
    own = guid(row.get("id")) or guid(row.get("objectId"))
    kind = _principal_kind(row)
    if own is None or kind is None:
        return None
    name = str(row.get("userPrincipalName") or "")
    guest = str(row.get("userType", "")).lower() == "guest" or "#ext#" in name.lower()
    return Principal(
        id=own, kind=kind, guest=guest, domain=_home_domain(row, name) if guest else None
    )


def _principal_kind(row: Mapping[str, Any]) -> str | None:
    declared = str(row.get("@odata.type", "")).rsplit(".", 1)[-1].lower()
    if declared in {"user", "group", "application", "serviceprincipal"}:
        return declared
    if "userPrincipalName" in row:
        return "user"
    if "servicePrincipalType" in row:
        return "serviceprincipal"
    if "appId" in row:
        return "application"
    if {"securityEnabled", "groupTypes", "mailEnabled"} & set(row):
        return "group"
    return None


def _home_domain(row: Mapping[str, Any], name: str) -> str | None:
    """Where a guest comes from; the name of the person is not kept."""
    mail = str(row.get("mail") or "")
    if "@" in mail:
        domain = mail.rsplit("@", 1)[-1]
    elif "#ext#" in name.lower():
        # Azure writes `person_home.example#EXT#@tenant`.
        domain = name.lower().split("#ext#")[0].rsplit("_", 1)[-1]
    else:
        domain = ""
    return domain.lower() if _DOMAIN.fullmatch(domain) else None


def _application(row: Mapping[str, Any], label: str) -> Seen:
    own = guid(row.get("id")) or guid(row.get("objectId")) or ""
    shown = row.get("displayName")
    held = row.get("passwordCredentials")
    secrets = str(len(held)) if isinstance(held, list) else "0"
    return Seen(
        id=f"graph:{own}",
        kind="microsoft.graph/applications",
        name=clean(shown) if isinstance(shown, str) else own,
        facts={"client_secrets": secrets},
        source=label,
    )
