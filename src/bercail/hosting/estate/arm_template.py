"""An ARM template (exported, or written by hand): what it declares, as far as it says.

A template does not know its subscription and its group; its resources are matched by type
and name with those of other exports (see `inventory`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import define, evolve, field

from bercail.foundation import Invalid
from bercail.hosting.estate import properties
from bercail.hosting.estate.arm_expressions import (
    Scope,
    UnresolvedError,
    is_expression,
    resolve,
)
from bercail.hosting.estate.arm_ids import UNKNOWN, clean, parse_arm_id
from bercail.hosting.estate.mapping import EstateMapping
from bercail.hosting.estate.resource import (
    Export,
    Kind,
    Notice,
    Reference,
    Seen,
    Standing,
    Why,
)

_HIDDEN = frozenset({"securestring", "secureobject"})
_CALL = re.compile(r"\b(?:resourceId|subscriptionResourceId|extensionResourceId)\(", re.I)
_DEPLOYMENT = "microsoft.resources/deployments"
_MOST_COPIES = 1000
_DEEPEST = 12


@define
class _Parent:
    """Type and name path of the resource that contains another."""

    kind: str = ""
    name: str | None = None


@define
class _Template:
    label: str
    mapping: EstateMapping
    seen: list[Seen] = field(factory=list)
    notices: list[Notice] = field(factory=list)
    named: dict[str, str] = field(factory=dict)

    def note(self, rule: str, place: str, missing: UnresolvedError | None = None) -> None:
        """Remember what could not be settled; `place` is the path in the template."""
        values = (missing.cause, missing.name) if missing else ()
        self.notices.append(Notice(rule=rule, place=f"{self.label}: {place}", values=values))

    def read(
        self, template: Mapping[str, Any], place: str, given: Mapping[str, Any], depth: int
    ) -> None:
        """Read one template, nested ones too."""
        if depth > _DEEPEST:
            raise _wrong(self.label, place, "templates are nested too deeply")
        scope = _scope(template, given)
        for name, where, row in _rows(template, f"{place}resources", self.label):
            self._declare(row, where, scope, _Parent(), depth, name)

    def _declare(
        self,
        row: Mapping[str, Any],
        place: str,
        scope: Scope,
        parent: _Parent,
        depth: int,
        symbol: str | None = None,
    ) -> None:
        """One entry of `resources`, as many times as its copy loop says."""
        for number, copied in enumerate(self._copies(row, place, scope)):
            where = place if copied is scope else f"{place} copy {number}"
            if not self._wanted(row, where, copied):
                continue
            own = self._one(row, where, copied, parent, symbol)
            if own.kind == _DEPLOYMENT:
                self._nested(row, where, copied, depth)
            for name, below, child in _rows(row, f"{place}.resources", self.label):
                self._declare(child, below, copied, own, depth, name)

    def _copies(self, row: Mapping[str, Any], place: str, scope: Scope) -> list[Scope]:
        copy = row.get("copy")
        if not isinstance(copy, Mapping):
            return [scope]
        try:
            count = resolve(copy.get("count"), scope)
        except UnresolvedError as missing:
            self.note("copies-unknown", place, missing)
            return [evolve(scope, index=0)]
        if not isinstance(count, int) or not 0 <= count <= _MOST_COPIES:
            raise _wrong(self.label, f"{place}.copy.count", f"0 to {_MOST_COPIES} is expected")
        return [evolve(scope, index=index) for index in range(count)]

    def _wanted(self, row: Mapping[str, Any], place: str, scope: Scope) -> bool:
        if "condition" not in row:
            return True
        try:
            return resolve(row["condition"], scope) not in (False, "False", "false")
        except UnresolvedError as missing:
            self.note("condition-unknown", place, missing)
            return True

    def _one(
        self, row: Mapping[str, Any], place: str, scope: Scope, parent: _Parent, symbol: str | None
    ) -> _Parent:
        kind, name = self._identity(row, place, scope, parent)
        own, shown = _identifier(kind, name), (name or f"? ({place})").rsplit("/", 1)[-1]
        parsed = parse_arm_id(own) if own else None
        canonical = parsed.canonical if parsed else f"template:{self.label}#{place}"
        settled = {
            key: self._settled(value, scope)
            for key, value in row.items()
            if key not in {"resources", "dependsOn", "copy", "name", "type"}
        }
        if kind == _DEPLOYMENT:
            settled.pop("properties", None)
        held, basis = properties.size(settled, self.mapping, kind, None)
        found = properties.references(settled, self.mapping, kind, None, canonical)
        self.seen.append(
            Seen(
                id=canonical,
                kind=kind,
                name=clean(shown),
                location=properties.location(settled),
                facts=properties.facts(settled),
                bytes=held,
                basis=basis,
                references=found | self._declared(row, place, scope, canonical),
                standing=Standing.DECLARED,
                source=self.label,
            )
        )
        for called in {symbol, name, (name or "").rsplit("/", 1)[-1]} - {None, ""}:
            self.named.setdefault(clean(str(called)).lower(), canonical)
        return _Parent(kind=kind, name=name)

    def _identity(
        self, row: Mapping[str, Any], place: str, scope: Scope, parent: _Parent
    ) -> tuple[str, str | None]:
        kind = row.get("type")
        if not isinstance(kind, str) or not kind:
            raise _wrong(self.label, place, "a resource has a `type`")
        # With extensibility a symbolic template writes `Microsoft.X/y@version`.
        kind = clean(kind.split("@")[0]).lower()
        try:
            name = resolve(row.get("name"), scope)
        except UnresolvedError as missing:
            self.note("name-unknown", place, missing)
            name = None
        if name is not None and not isinstance(name, str):
            raise _wrong(self.label, f"{place}.name", "a text is expected")
        if parent.kind and not kind.startswith(parent.kind + "/"):
            kind = f"{parent.kind}/{kind}"
            name = f"{parent.name}/{name}" if parent.name and name else None
        return kind, name

    def _settled(self, value: Any, scope: Scope) -> Any:
        """`value` with what resolves resolved; what does not keeps the identifiers inside it."""
        if isinstance(value, Mapping):
            return {key: self._settled(item, scope) for key, item in value.items()}
        if isinstance(value, list):
            return [self._settled(item, scope) for item in value]
        if not isinstance(value, str) or not is_expression(value):
            return value
        try:
            return resolve(value, scope)
        except UnresolvedError:
            return list(_inner_ids(value, scope))

    def _declared(
        self, row: Mapping[str, Any], place: str, scope: Scope, own: str
    ) -> frozenset[Reference]:
        """`dependsOn`: identifiers, or names of resources of the same template."""
        found = set()
        given = row.get("dependsOn") or ()
        for number, text in enumerate(given if isinstance(given, list) else [given]):
            try:
                target = resolve(text, scope)
            except UnresolvedError as missing:
                where = f"{place}.dependsOn[{number}]"
                self.note("dependency-unknown", where, missing)
                continue
            if not isinstance(target, str):
                continue
            parsed = parse_arm_id(target)
            to = parsed.canonical if parsed else f"named:{clean(target).lower()}"
            if to != own:
                found.add(Reference(to=to, why=Why.DECLARED))
        return frozenset(found)

    def _nested(self, row: Mapping[str, Any], place: str, scope: Scope, depth: int) -> None:
        inner = row.get("properties")
        template = inner.get("template") if isinstance(inner, Mapping) else None
        if not isinstance(inner, Mapping) or not isinstance(template, Mapping):
            self.note("template-elsewhere", place)
            return
        options = inner.get("expressionEvaluationOptions")
        own_scope = isinstance(options, Mapping) and str(options.get("scope")).lower() == "inner"
        if own_scope:
            handed = self._handed(inner.get("parameters"), scope)
            self.read(template, f"{place}.properties.template.", handed, depth + 1)
            return
        # Without an inner scope, expressions are those of the outer template.
        where = f"{place}.properties.template.resources"
        for name, below, child in _rows(template, where, self.label):
            self._declare(child, below, scope, _Parent(), depth + 1, name)

    def export(self) -> Export:
        """All that was read; what `dependsOn` calls by a name is looked up now."""
        found = []
        for seen in self.seen:
            named = {
                evolve(one, to=self.named.get(one.to[6:], one.to))
                if one.to.startswith("named:")
                else one
                for one in seen.references
            }
            found.append(evolve(seen, references=frozenset(named)))
        return Export(
            label=self.label,
            kind=Kind.ARM_TEMPLATE,
            resources=tuple(found),
            notices=tuple(self.notices),
        )

    def _handed(self, given: Any, scope: Scope) -> dict[str, Any]:
        handed = {}
        for name, value in (given if isinstance(given, Mapping) else {}).items():
            try:
                handed[name] = resolve(value["value"], scope)
            except (KeyError, TypeError, UnresolvedError):
                # Whoever uses it says that it has no value here.
                continue
        return handed


def read_template(data: Mapping[str, Any], label: str, mapping: EstateMapping) -> Export:
    """The export in a template.

    Raises:
        Invalid: the template is not well formed; the place is named.
    """
    reader = _Template(label, mapping)
    reader.read(data, "", {}, 0)
    return reader.export()


def _scope(template: Mapping[str, Any], given: Mapping[str, Any]) -> Scope:
    known = dict(given)
    handed = {name.lower() for name in given}
    declared = template.get("parameters")
    for name, row in (declared if isinstance(declared, Mapping) else {}).items():
        if not isinstance(row, Mapping) or name.lower() in handed:
            continue
        # The default of a secret parameter is a secret in clear: it is not even read.
        if str(row.get("type", "")).lower() not in _HIDDEN and "defaultValue" in row:
            known[name] = row["defaultValue"]
    variables = template.get("variables")
    return Scope(parameters=known, variables=variables if isinstance(variables, Mapping) else {})


def _rows(
    holder: Mapping[str, Any], place: str, label: str
) -> Iterator[tuple[str | None, str, Mapping[str, Any]]]:
    """The resources of a template or of a resource: a list, or an object with symbolic names."""
    given = holder.get("resources")
    if given is None:
        return
    if isinstance(given, Mapping):
        rows: list[tuple[str | None, str, Any]] = [
            (name, f"{place}.{clean(name)}", row) for name, row in given.items()
        ]
    elif isinstance(given, list):
        rows = [(None, f"{place}[{number}]", row) for number, row in enumerate(given)]
    else:
        raise _wrong(label, place, "a list is expected")
    for name, where, row in rows:
        if not isinstance(row, Mapping):
            raise _wrong(label, where, "an object is expected")
        if not row.get("existing"):
            yield name, where, row


def _identifier(kind: str, name: str | None) -> str | None:
    """The identifier of a type and a name path, its subscription and group not known."""
    if name is None:
        return None
    namespace, *types = kind.split("/")
    names = name.split("/")
    if len(types) != len(names) or not all(names):
        return None
    steps = "/".join(part for pair in zip(types, names, strict=True) for part in pair)
    return f"/subscriptions/{UNKNOWN}/resourceGroups/{UNKNOWN}/providers/{namespace}/{steps}"


def _inner_ids(expression: str, scope: Scope) -> Iterator[str]:
    """The identifiers that `resourceId(...)` calls inside an expression give."""
    for found in _CALL.finditer(expression):
        depth, end = 0, found.end() - 1
        for end in range(found.end() - 1, len(expression)):
            depth += {"(": 1, ")": -1}.get(expression[end], 0)
            if depth == 0:
                break
        try:
            value = resolve(f"[{expression[found.start() : end + 1]}]", scope)
        except UnresolvedError:
            continue
        if isinstance(value, str):
            yield value


def _wrong(label: str, place: str, what: str) -> Invalid:
    return Invalid(
        f"`{label}` is not a well-formed template at `{place}`: {what}.",
        remedy="Export it again with `az group export` or from the portal.",
    )
