"""Terraform: a state (version 4), or the JSON of `terraform show -json` for a state or a plan.

Sources: the state's own layout, and "JSON Output Format" of the Terraform documentation.
Attributes that Terraform marks as sensitive are not looked at; outputs never are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import define, evolve, field

from bercail.foundation import Invalid
from bercail.hosting.estate import properties
from bercail.hosting.estate.arm_ids import clean, parse_arm_id
from bercail.hosting.estate.mapping import EstateMapping
from bercail.hosting.estate.resource import (
    Assignment,
    Export,
    Kind,
    Notice,
    Reference,
    Seen,
    Standing,
    Why,
)
from bercail.hosting.estate.rows import guid

STATE_VERSION = 4
_AZURE = re.compile(r"(azurerm|azapi|azuread|azuredevops)_")
_INDEX = re.compile(r"\[(?:\d+|\"[^\"]*\")\]$")
_ROLE = re.compile(r"[\w ()/&.,:'-]{1,120}")


@define
class _Instance:
    """One instance as either format gives it."""

    address: str
    kind: str
    attributes: Mapping[str, Any]
    needs: tuple[str, ...]
    standing: Standing


@define
class _Reader:
    label: str
    mapping: EstateMapping
    seen: dict[str, Seen] = field(factory=dict)
    needs: dict[str, tuple[str, ...]] = field(factory=dict)
    ids: dict[str, list[str]] = field(factory=dict)
    links: list[_Instance] = field(factory=list)
    assignments: list[Assignment] = field(factory=list)
    elsewhere: set[str] = field(factory=set)

    def take(self, one: _Instance) -> None:
        """Read one instance."""
        if not _AZURE.match(one.kind):
            self.elsewhere.add(one.kind.split("_", 1)[0])
            return
        if one.kind == "azurerm_role_assignment":
            self.assignments.append(_assignment(one.attributes))
        if self.mapping.is_link(one.kind):
            self.links.append(one)
            return
        seen = self._seen(one)
        self.seen.setdefault(seen.id, seen)
        self.needs[seen.id] = one.needs
        for address in {one.address, _INDEX.sub("", one.address), _bare(one.address)}:
            self.ids.setdefault(address, []).append(seen.id)

    def _seen(self, one: _Instance) -> Seen:
        own, kind, name = self._identity(one)
        held, basis = properties.size(one.attributes, self.mapping, kind, one.kind)
        rest = {key: value for key, value in one.attributes.items() if key != "id"}
        return Seen(
            id=own,
            kind=kind,
            name=name,
            terraform=one.kind,
            location=properties.location(one.attributes),
            facts=properties.facts(one.attributes),
            bytes=held,
            basis=basis,
            references=properties.references(rest, self.mapping, kind, one.kind, own),
            standing=one.standing,
            source=self.label,
        )

    def _identity(self, one: _Instance) -> tuple[str, str, str]:
        """Id, type and name. An identifier counts only when it is of the type it should be."""
        expected = self.mapping.arm_types(one.kind)
        if one.kind.startswith("azapi_"):
            declared = str(one.attributes.get("type") or "").split("@")[0].lower()
            expected = frozenset({declared}) if declared else frozenset()
        for member in ("resource_manager_id", "resource_versionless_id", "id"):
            parsed = parse_arm_id(str(one.attributes.get(member) or ""))
            if parsed is not None and (parsed.kind in expected or not expected):
                return parsed.canonical, parsed.kind, parsed.name
        shown = one.attributes.get("name")
        name = clean(shown) if isinstance(shown, str) else clean(one.address)
        kind = next(iter(expected)) if one.kind.startswith("azapi_") and expected else one.kind
        return f"terraform:{self.label}#{clean(one.address)}", kind, name

    def export(self, kind: Kind, notices: tuple[Notice, ...] = ()) -> Export:
        """All that was read, with what Terraform itself says of dependencies."""
        extra: dict[str, set[Reference]] = {}
        for own, needs in self.needs.items():
            for address in needs:
                for target in self.ids.get(address, ()):
                    if target != own:
                        extra.setdefault(own, set()).add(Reference(to=target, why=Why.DECLARED))
        self._tie(extra)
        found = tuple(
            evolve(seen, references=seen.references | extra.get(seen.id, set()))
            for seen in self.seen.values()
        )
        if self.elsewhere:
            names = ", ".join(f"`{clean(name)}`" for name in sorted(self.elsewhere))
            notice = Notice(rule="other-providers", place=self.label, values=(names,))
            notices = (*notices, notice)
        return Export(
            label=self.label,
            kind=kind,
            resources=found,
            assignments=tuple(self.assignments),
            notices=notices,
        )

    def _tie(self, extra: dict[str, set[Reference]]) -> None:
        """A link resource makes the first resource it names need the others."""
        for link in self.links:
            named = [
                parsed.canonical
                for key, value in sorted(link.attributes.items(), key=_subject_first)
                if key != "id" and isinstance(value, str)
                if (parsed := parse_arm_id(value)) is not None
            ]
            for other in named[1:]:
                if other != named[0]:
                    extra.setdefault(named[0], set()).add(Reference(to=other, why=Why.DECLARED))


_SUBJECTS = ("subnet_id", "network_interface_id", "virtual_machine_id", "nat_gateway_id")


def _subject_first(item: tuple[str, Any]) -> tuple[int, str]:
    key = item[0]
    return (_SUBJECTS.index(key) if key in _SUBJECTS else len(_SUBJECTS), key)


def read_state(data: Mapping[str, Any], label: str, mapping: EstateMapping) -> Export:
    """A state file.

    Raises:
        Invalid: the state is of another version, or a resource has not its shape; named.
    """
    if data.get("version") != STATE_VERSION:
        raise Invalid(
            f"`{label}` is a Terraform state of version `{clean(str(data.get('version')))}`; "
            f"version {STATE_VERSION} is read.",
            remedy="Take it again with `terraform state pull` of Terraform 0.12 or later.",
        )
    reader = _Reader(label, mapping)
    for place, row in enumerate(data["resources"]):
        for one in _state_instances(row, f"resources[{place}]", label):
            reader.take(one)
    return reader.export(Kind.TERRAFORM_STATE)


def _state_instances(row: Any, place: str, label: str) -> Iterator[_Instance]:
    row = _object(row, place, label)
    if row.get("mode", "managed") != "managed":
        return
    kind, name = row.get("type"), row.get("name")
    if not isinstance(kind, str) or not isinstance(name, str):
        raise _shape(label, place, "a resource has a `type` and a `name`")
    module = f"{row['module']}." if row.get("module") else ""
    for number, given in enumerate(_list(row.get("instances"), f"{place}.instances", label)):
        where = f"{place}.instances[{number}]"
        instance = _object(given, where, label)
        index = instance.get("index_key")
        shown = "" if index is None else f'["{index}"]' if isinstance(index, str) else f"[{index}]"
        attributes = _object(instance.get("attributes") or {}, f"{where}.attributes", label)
        hidden = {
            step["value"]
            for path in instance.get("sensitive_attributes") or ()
            for step in (path if isinstance(path, list) else [path])[:1]
            if isinstance(step, Mapping) and isinstance(step.get("value"), str)
        }
        yield _Instance(
            address=f"{module}{kind}.{name}{shown}",
            kind=kind,
            attributes={key: value for key, value in attributes.items() if key not in hidden},
            needs=tuple(n for n in instance.get("dependencies") or () if isinstance(n, str)),
            standing=Standing.EXISTS,
        )


def read_shown(data: Mapping[str, Any], label: str, mapping: EstateMapping) -> Export:
    """The JSON of `terraform show -json`.

    Raises:
        Invalid: the format is of another major version, or a module has not its shape.
    """
    version = str(data.get("format_version"))
    if version.split(".")[0] not in {"0", "1"}:
        raise Invalid(
            f"`{label}` has the Terraform format version `{clean(version)}`; 0.x and 1.x are read.",
            remedy="Use `terraform show -json` of Terraform 0.12 to 1.x, or OpenTofu.",
        )
    reader = _Reader(label, mapping)
    needs = dict(_configured(_member(data, "configuration", "root_module"), ""))
    leaving = {
        str(change.get("address"))
        for change in data.get("resource_changes") or ()
        if isinstance(change, Mapping)
        and isinstance(change.get("change"), Mapping)
        and change["change"].get("actions") == ["delete"]
    }
    prior = _member(data, "prior_state", "values", "root_module")
    now = prior or _member(data, "values", "root_module")
    for one in _module(now, "root_module", label, Standing.EXISTS):
        one.needs += needs.get(_bare(one.address), ())
        one.standing = Standing.LEAVING if one.address in leaving else Standing.EXISTS
        reader.take(one)
    known = set(reader.ids)
    for one in _module(
        _member(data, "planned_values", "root_module"), "planned_values", label, Standing.PLANNED
    ):
        if one.address not in known:
            one.needs += needs.get(_bare(one.address), ())
            reader.take(one)
    return reader.export(Kind.TERRAFORM_PLAN if "planned_values" in data else Kind.TERRAFORM_STATE)


def _module(
    module: Mapping[str, Any], place: str, label: str, standing: Standing
) -> Iterator[_Instance]:
    for number, given in enumerate(_list(module.get("resources"), f"{place}.resources", label)):
        where = f"{place}.resources[{number}]"
        row = _object(given, where, label)
        if row.get("mode", "managed") != "managed":
            continue
        if not isinstance(row.get("type"), str) or not isinstance(row.get("address"), str):
            raise _shape(label, where, "a resource has a `type` and an `address`")
        values = _object(row.get("values") or {}, f"{where}.values", label)
        marked = row.get("sensitive_values")
        hidden = {k for k, v in marked.items() if v is True} if isinstance(marked, Mapping) else ()
        yield _Instance(
            address=row["address"],
            kind=row["type"],
            attributes={key: value for key, value in values.items() if key not in hidden},
            needs=tuple(n for n in row.get("depends_on") or () if isinstance(n, str)),
            standing=standing,
        )
    for number, child in enumerate(
        _list(module.get("child_modules"), f"{place}.child_modules", label)
    ):
        where = f"{place}.child_modules[{number}]"
        yield from _module(_object(child, where, label), where, label, standing)


def _configured(module: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """For each configured resource its address and the addresses that its expressions name."""
    for row in module.get("resources") or ():
        if isinstance(row, Mapping) and isinstance(row.get("address"), str):
            names = {
                f"{prefix}{'.'.join(text.split('.')[:2])}"
                for path, text in properties.walk(row.get("expressions") or {})
                if path.endswith("references") and _AZURE.match(text) and "." in text
            }
            names |= {f"{prefix}{name}" for name in row.get("depends_on") or ()}
            yield f"{prefix}{row['address']}", tuple(sorted(names))
    calls = module.get("module_calls")
    for name, call in (calls if isinstance(calls, Mapping) else {}).items():
        inner = call.get("module") if isinstance(call, Mapping) else None
        if isinstance(inner, Mapping):
            yield from _configured(inner, f"{prefix}module.{name}.")


def _assignment(attributes: Mapping[str, Any]) -> Assignment:
    role = attributes.get("role_definition_name")
    if not isinstance(role, str) or not role:
        role = str(attributes.get("role_definition_id") or "").rsplit("/", 1)[-1].lower()
    scope = str(attributes.get("scope") or "").lower().rstrip("/")
    return Assignment(
        principal=guid(attributes.get("principal_id")) or "unknown",
        principal_kind=clean(str(attributes.get("principal_type") or "unknown")),
        role=role if _ROLE.fullmatch(role) else "unknown",
        scope=scope if parse_arm_id(scope) else "unknown",
    )


def _bare(address: str) -> str:
    """An address without any index, as the configuration names it."""
    return re.sub(r"\[(?:\d+|\"[^\"]*\")\]", "", address)


def _member(data: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    value: Any = data
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _object(value: Any, place: str, label: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _shape(label, place, "an object is expected")
    return value


def _list(value: Any, place: str, label: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise _shape(label, place, "a list is expected")
    return value


def _shape(label: str, place: str, what: str) -> Invalid:
    return Invalid(
        f"`{label}` is not well formed at `{place}`: {what}.",
        remedy="Take the export again; do not edit it by hand.",
    )
