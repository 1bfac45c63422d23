"""Several exports, one inventory: the same resource twice is one resource, conflicts are noted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

from bercail.hosting.estate.arm_ids import UNKNOWN, ancestors, parse_arm_id
from bercail.hosting.estate.resource import (
    Assignment,
    Export,
    Notice,
    Principal,
    Reference,
    Seen,
    Standing,
    Why,
)

_COMPARED = ("kind", "sku", "hns", "version")
_STRENGTH = [Standing.EXISTS, Standing.LEAVING, Standing.DECLARED, Standing.PLANNED]


@frozen(kw_only=True)
class Resource:
    """One resource of the estate: what all exports together say of it."""

    id: str
    kind: str
    name: str
    terraform: str | None
    location: str | None
    facts: Mapping[str, str]
    bytes: int | None
    basis: str | None
    standing: Standing
    sources: tuple[str, ...]
    needs: tuple[Reference, ...]

    @property
    def subscription(self) -> str | None:
        """The subscription, when the identifier tells it."""
        parsed = parse_arm_id(self.id)
        return None if parsed is None or parsed.subscription == UNKNOWN else parsed.subscription

    @property
    def group(self) -> str | None:
        """The resource group, when the identifier tells it."""
        parsed = parse_arm_id(self.id)
        return None if parsed is None or parsed.group == UNKNOWN else parsed.group


@frozen(kw_only=True)
class Inventory:
    """Everything that the exports told."""

    resources: tuple[Resource, ...]
    assignments: tuple[Assignment, ...]
    principals: tuple[Principal, ...]
    notices: tuple[Notice, ...]
    sources: tuple[tuple[str, str], ...]


def merge(exports: Sequence[Export]) -> Inventory:
    """The inventory of `exports`, in an order that does not depend on theirs."""
    seen = [resource for export in exports for resource in export.resources]
    same = _same(seen)
    groups: dict[str, list[Seen]] = defaultdict(list)
    for one in seen:
        groups[same.get(one.id, one.id)].append(one)
    notices = [notice for export in exports for notice in export.notices]
    notices += _pages(exports)
    place = _Places(groups, same)
    resources = []
    for own, found in sorted(groups.items()):
        found.sort(key=lambda one: (_STRENGTH.index(one.standing), one.source))
        notices += _conflicts(found)
        resources.append(_resource(own, found, place))
    notices += place.notices()
    return Inventory(
        resources=tuple(resources),
        assignments=tuple(sorted(set(_assignments(exports)), key=_order)),
        principals=_principals(exports),
        notices=tuple(sorted(set(notices))),
        sources=tuple(sorted((export.label, export.kind.value) for export in exports)),
    )


def _same(seen: Iterable[Seen]) -> dict[str, str]:
    """For identifiers without subscription: the one full identifier of that type and name."""
    full: dict[tuple[str, tuple[str, ...]], set[str]] = defaultdict(set)
    partial: dict[str, tuple[str, tuple[str, ...]]] = {}
    for one in seen:
        parsed = parse_arm_id(one.id)
        if parsed is None:
            continue
        if UNKNOWN in (parsed.subscription, parsed.group):
            partial[one.id] = parsed.tail
        else:
            full[parsed.tail].add(one.id)
    return {
        own: next(iter(full[tail])) for own, tail in partial.items() if len(full.get(tail, ())) == 1
    }


class _Places:
    """Where a reference leads: a resource of the inventory, or outside it."""

    def __init__(self, groups: Mapping[str, Sequence[Seen]], same: Mapping[str, str]) -> None:
        self.groups, self._same = groups, same
        self._tails: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
        self._outside: dict[str, int] = defaultdict(int)
        for own in groups:
            parsed = parse_arm_id(own)
            if parsed is not None:
                self._tails[parsed.tail].append(own)

    def find(self, reference: Reference, own: str) -> str | None:
        """The resource that `reference` of `own` leads to; None is remembered as outside."""
        found = self._find(reference.to)
        if found is None and not reference.to.startswith("address:"):
            parsed = parse_arm_id(reference.to)
            if parsed is None or not parsed.kind.startswith("microsoft.resources/subscriptions"):
                self._outside[own] += 1
        return found

    def _find(self, to: str) -> str | None:
        if to.startswith("address:"):
            _, kind, name = to.split(":", 2)
            return self._only((kind, (name,)))
        to = self._same.get(to, to)
        for candidate in (to, *ancestors(to)):
            if candidate in self.groups and not _is_group(candidate):
                return candidate
            parsed = parse_arm_id(candidate)
            if parsed is not None and UNKNOWN in (parsed.subscription, parsed.group):
                only = self._only(parsed.tail)
                if only is not None:
                    return only
        return None

    def _only(self, tail: tuple[str, tuple[str, ...]]) -> str | None:
        found = self._tails.get(tail, [])
        return found[0] if len(found) == 1 else None

    def notices(self) -> list[Notice]:
        """One notice for each resource that needs something no export shows."""
        return [
            Notice(
                rule="reference-outside",
                place=own,
                values=(str(count),),
            )
            for own, count in self._outside.items()
        ]


def _is_group(identifier: str) -> bool:
    parsed = parse_arm_id(identifier)
    return parsed is not None and parsed.kind.startswith("microsoft.resources/subscriptions")


def _resource(own: str, found: Sequence[Seen], place: _Places) -> Resource:
    strongest: dict[str, Why] = {}
    order = list(Why)
    for one in found:
        for reference in one.references:
            to = place.find(reference, own)
            if to is not None and to != own and not to.startswith(own + "/"):
                known = strongest.get(to, Why.PARENT)
                strongest[to] = min(known, reference.why, key=order.index)
    for parent in ancestors(own):
        if parent in place.groups and not _is_group(parent):
            strongest.setdefault(parent, Why.PARENT)
            break
    sized = sorted(
        (one for one in found if one.bytes is not None),
        key=lambda one: (one.basis != "used", -(one.bytes or 0)),
    )
    first = found[0]
    return Resource(
        id=own,
        kind=first.kind,
        name=first.name,
        terraform=next((one.terraform for one in found if one.terraform), None),
        location=next((one.location for one in found if one.location), None),
        facts={name: value for one in reversed(found) for name, value in one.facts.items()},
        bytes=sized[0].bytes if sized else None,
        basis=sized[0].basis if sized else None,
        standing=first.standing,
        sources=tuple(sorted({one.source for one in found})),
        needs=tuple(Reference(to=to, why=why) for to, why in sorted(strongest.items())),
    )


def _conflicts(found: Sequence[Seen]) -> list[Notice]:
    """Where two exports do not say the same of one resource."""
    notices = []
    told: dict[str, dict[str, str]] = defaultdict(dict)
    for one in found:
        if one.location:
            told["location"].setdefault(one.location, one.source)
        for name in _COMPARED:
            if name in one.facts:
                told[name].setdefault(one.facts[name].lower(), one.source)
    for name, values in sorted(told.items()):
        if len(values) > 1 and len(set(values.values())) > 1:
            said = " / ".join(f"`{v}` ({source})" for v, source in sorted(values.items()))
            notices.append(Notice(rule="conflict", place=found[0].id, values=(name, said)))
    return notices


def _pages(exports: Sequence[Export]) -> list[Notice]:
    """Answers that were cut into pages and of which pages are missing."""
    here: dict[int, int] = defaultdict(int)
    labels: dict[int, list[str]] = defaultdict(list)
    for export in exports:
        if export.page is not None:
            here[export.page[1]] += export.page[0]
            labels[export.page[1]].append(export.label)
    return [
        Notice(
            rule="page-missing",
            place=", ".join(sorted(labels[total])),
            values=(str(count), str(total)),
        )
        for total, count in here.items()
        if count < total
    ]


def _assignments(exports: Sequence[Export]) -> Iterable[Assignment]:
    """All assignments; the same one told with and without its principal's kind is one."""
    known: dict[tuple[str, str, str], Assignment] = {}
    for export in exports:
        for one in export.assignments:
            key = (one.principal, one.role, one.scope)
            if key not in known or known[key].principal_kind == "unknown":
                known[key] = one
    return known.values()


def _principals(exports: Sequence[Export]) -> tuple[Principal, ...]:
    found: dict[str, Principal] = {}
    for export in exports:
        for one in export.principals:
            if one.id not in found or one.guest:
                found[one.id] = one
    return tuple(found[own] for own in sorted(found))


def _order(one: Assignment) -> tuple[str, str, str]:
    return one.scope, one.role, one.principal
