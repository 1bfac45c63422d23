"""The assessment: each resource judged by the mapping, blockers first, the order of the work."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from attrs import asdict, define, frozen

from bercail.hosting.estate import graph, words
from bercail.hosting.estate.access import Access
from bercail.hosting.estate.inventory import Inventory, Resource
from bercail.hosting.estate.mapping import (
    BlockerKind,
    Entry,
    EstateMapping,
    Holds,
    Target,
    Work,
)
from bercail.hosting.estate.resource import Why
from bercail.hosting.estate.words import Language

ASSESSMENT_FORMAT = "bercail-estate-assessment/1"
# Families whose resources run programs: what they need is on the critical path.
_RUNNING = frozenset({"compute", "analytics", "integration"})
_HEAVIEST = 20


@frozen(kw_only=True)
class Judged:
    """One resource with its entry of the mapping; None when its type is unknown."""

    resource: Resource
    entry: Entry | None

    @property
    def target(self) -> Target:
        """Where it goes."""
        return self.entry.target if self.entry else Target.UNKNOWN

    @property
    def work(self) -> Work:
        """What has to be done."""
        return self.entry.work if self.entry else Work.UNKNOWN

    @property
    def holds(self) -> Holds:
        """What it keeps."""
        return self.entry.holds if self.entry else Holds.UNKNOWN


@frozen(kw_only=True)
class Obstacle:
    """A blocker; `critical` when it stands in the way, else it is to be checked."""

    judged: Judged
    kind: BlockerKind
    why: Mapping[str, str]
    critical: bool
    needed_by: tuple[str, ...]


@frozen(kw_only=True)
class Weight:
    """A resource that holds data, and how many others need it, near and far."""

    judged: Judged
    followers: int


@define(slots=False)
class Assessment:
    """What a set of exports says of an estate, judged by one mapping."""

    inventory: Inventory
    mapping: EstateMapping
    access: Access

    @cached_property
    def judged(self) -> tuple[Judged, ...]:
        """Every resource with its entry, in order of id."""
        return tuple(
            Judged(resource=one, entry=self.mapping.find(one.kind, one.terraform, one.facts))
            for one in self.inventory.resources
        )

    @cached_property
    def needs(self) -> dict[str, frozenset[str]]:
        """What each resource needs, of the resources of the inventory."""
        return {
            one.id: frozenset(need.to for need in one.needs) for one in self.inventory.resources
        }

    @cached_property
    def order(self) -> tuple[graph.Step, ...]:
        """The steps of the migration; what is left behind is not in it."""
        dropped = [one.resource.id for one in self.judged if one.work is Work.DROP]
        return graph.steps(graph.without(self.needs, dropped))

    @cached_property
    def obstacles(self) -> tuple[Obstacle, ...]:
        """Blockers first, then what is to be checked, each in order of id."""
        callers = self._callers()
        found = []
        for one in self.judged:
            if one.entry is None or one.entry.blocker is None:
                continue
            blocker = one.entry.blocker
            needed_by = callers.get(one.resource.id, ())
            critical = blocker.kind is not BlockerKind.PROPRIETARY_API or bool(needed_by)
            found.append(
                Obstacle(
                    judged=one,
                    kind=blocker.kind,
                    why=blocker.why,
                    critical=critical,
                    needed_by=needed_by,
                )
            )
        return tuple(sorted(found, key=lambda one: not one.critical))

    def _callers(self) -> dict[str, tuple[str, ...]]:
        """For each resource, the running resources that need it, also through what is dropped."""
        calls = {
            one.id: frozenset(need.to for need in one.needs if need.why is not Why.PARENT)
            for one in self.inventory.resources
        }
        dropped = [one.resource.id for one in self.judged if one.work is Work.DROP]
        users = graph.dependants(graph.without(calls, dropped))
        running = {
            one.resource.id for one in self.judged if one.entry and one.entry.family in _RUNNING
        }
        return {own: tuple(sorted(found & running)) for own, found in users.items()}

    @cached_property
    def gravity(self) -> tuple[Weight, ...]:
        """Resources that hold durable data, the heaviest first, then the most needed."""
        users = graph.dependants(self.needs)
        weights = [
            Weight(judged=one, followers=len(graph.reach([one.resource.id], users)))
            for one in self.judged
            if one.holds is Holds.DURABLE
        ]
        return tuple(
            sorted(
                weights,
                key=lambda w: (-(w.judged.resource.bytes or 0), -w.followers, w.judged.resource.id),
            )[:_HEAVIEST]
        )

    @cached_property
    def unknown(self) -> dict[str, list[str]]:
        """The types that the mapping does not know, with their resources."""
        found: dict[str, list[str]] = defaultdict(list)
        for one in self.judged:
            if one.entry is None:
                found[one.resource.kind].append(one.resource.id)
        return dict(sorted(found.items()))

    def summary(self) -> dict[str, Any]:
        """Counts and sums."""
        sizes: Counter[str] = Counter()
        for one in self.judged:
            if one.holds is Holds.DURABLE and one.resource.bytes is not None:
                sizes[one.resource.basis or "capacity"] += one.resource.bytes
        durable = [one for one in self.judged if one.holds is Holds.DURABLE]
        return {
            "resources": len(self.judged),
            "by_work": dict(sorted(Counter(one.work.value for one in self.judged).items())),
            "by_target": dict(sorted(Counter(one.target.value for one in self.judged).items())),
            "blockers": sum(one.critical for one in self.obstacles),
            "to_check": sum(not one.critical for one in self.obstacles),
            "unknown": sum(len(ids) for ids in self.unknown.values()),
            "durable": len(durable),
            "durable_of_unknown_size": sum(one.resource.bytes is None for one in durable),
            "bytes_used": sizes["used"],
            "bytes_capacity": sizes["capacity"],
            "stages": max((step.stage for step in self.order), default=0),
            "circles": sum(step.is_circle for step in self.order),
        }

    def as_dict(self, language: Language) -> dict[str, Any]:
        """The whole assessment as JSON; wording in `language`, codes in English always."""
        return {
            "format": ASSESSMENT_FORMAT,
            "language": language.value,
            "mapping": self.mapping.digest,
            "exports": [{"file": label, "kind": kind} for label, kind in self.inventory.sources],
            "summary": self.summary(),
            "blockers": [_obstacle(one, language) for one in self.obstacles if one.critical],
            "to_check": [_obstacle(one, language) for one in self.obstacles if not one.critical],
            "unknown": [{"type": kind, "resources": ids} for kind, ids in self.unknown.items()],
            "resources": [_judged(one, language) for one in self.judged],
            "order": [
                {"stage": step.stage, "together": step.is_circle, "resources": list(step.members)}
                for step in self.order
            ],
            "gravity": [
                {
                    "resource": one.judged.resource.id,
                    "bytes": one.judged.resource.bytes,
                    "basis": one.judged.resource.basis,
                    "followers": one.followers,
                }
                for one in self.gravity
            ],
            "access": asdict(self.access),
            "notices": [
                {
                    "rule": one.rule,
                    "place": one.place,
                    "text": words.notice(one.rule, one.values, language),
                }
                for one in self.inventory.notices
            ],
        }


def _obstacle(one: Obstacle, language: Language) -> dict[str, Any]:
    return {
        "resource": one.judged.resource.id,
        "name": one.judged.resource.name,
        "sort": one.judged.entry.name[language.value] if one.judged.entry else "",
        "kind": one.kind.value,
        "why": one.why[language.value],
        "needed_by": list(one.needed_by),
    }


def _judged(one: Judged, language: Language) -> dict[str, Any]:
    resource, entry = one.resource, one.entry
    return {
        "id": resource.id,
        "name": resource.name,
        "type": resource.kind,
        "terraform": resource.terraform,
        "location": resource.location,
        "standing": resource.standing.value,
        "sources": list(resource.sources),
        "entry": entry.key if entry else None,
        "sort": entry.name[language.value] if entry else None,
        "target": one.target.value,
        "work": one.work.value,
        "holds": one.holds.value,
        "bytes": resource.bytes,
        "basis": resource.basis,
        "facts": dict(resource.facts),
        "evidence": entry.evidence[language.value] if entry else None,
        "alternatives": [text[language.value] for text in entry.alternatives] if entry else [],
        "needs": [{"resource": need.to, "why": need.why.value} for need in resource.needs],
    }
