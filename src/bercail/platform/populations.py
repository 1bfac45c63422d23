"""How two cohorts overlap, counted by the cohort engine on the persons of the lake.

The answer of the platform to the airlock's question. Each cohort is run on the very snapshots it
was run on, under the limits of the permit its tables were handed in under, and without the persons
who object now. Persons and numbers stay in memory; what is kept, sealed, is the answer against
the threshold.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
from attrs import field, frozen

from bercail.airlock.disclosure.guard.populations import (
    Population,
    Relation,
    Share,
    relation_of,
)
from bercail.foundation import (
    Invalid,
    Missing,
    Refused,
    Unavailable,
    canonical_json,
    sha256_hex,
)

if TYPE_CHECKING:
    from bercail.access.permit import DataPermit
    from bercail.cohorts import Model, Scope, Sources
    from bercail.lake import Lake, SealedStore

KIND = "cohort-models"
"""The kind of the sealed objects: models by digest, the permits of each, answers."""


class ListsObjections(Protocol):
    """The registry of objections."""

    def current(self) -> tuple[int, Sequence[str]]:
        """Its version, and who objects under the pseudonyms of the lake of now."""
        ...


@frozen(kw_only=True)
class CohortCounter:
    """Runs cohorts over the lake and says how they overlap; see `ComparesPopulations`.

    `permits` gives a permit by its id.
    """

    lake: Lake
    sealed: SealedStore
    permits: Callable[[str], DataPermit]
    objections: ListsObjections = field(repr=False)

    def learn(self, digest: str, model: bytes, permit: str) -> None:
        """Keep `model`; raises Invalid when it is no cohort model of that digest."""
        from bercail.cohorts import Model

        if Model.from_json(model).digest != digest:
            raise Invalid(
                "The cohort model is not written as its digest was taken.",
                remedy="Hand in the `model.json` that the study wrote.",
            )
        self.sealed.put(f"model/{digest}", model)
        known = self._permits_of(digest)
        if permit not in known:
            written = canonical_json(sorted([*known, permit]))
            self.sealed.put(f"permits/{digest}", written)

    def relation(self, first: Population, second: Population, threshold: int) -> Relation | None:
        """How both overlap.

        1. What was answered before, for the same permits and objections, is answered again.
        2. Under every pair of permits the persons of both are counted. Where the pairs disagree,
           a small difference is the answer, otherwise nobody can say.
        """
        swapped = second < first
        pair = (second, first) if swapped else (first, second)
        version, objecting = self.objections.current()
        # 1.
        permits = [self._permits_of(one.cohort) for one in pair]
        if not all(permits):
            return None
        name = _name(pair, permits, version, threshold)
        found: Relation | None
        if self.sealed.exists(name):
            found = _read(self.sealed.read(name))
        else:
            # 2.
            found = self._counted(pair, permits, frozenset(objecting), threshold)
            if found is not None:
                self.sealed.put(name, canonical_json(found.as_dict()))
        return _turned(found) if swapped and found is not None else found

    def _counted(
        self,
        pair: tuple[Population, Population],
        permits: Sequence[Sequence[str]],
        objecting: frozenset[str],
        threshold: int,
    ) -> Relation | None:
        try:
            ours, theirs = (
                [self._persons(one, permit, objecting) for permit in under]
                for one, under in zip(pair, permits, strict=True)
            )
            self._require_same_names(pair)
        except (Invalid, Missing, Refused, Unavailable):
            # A model, a snapshot or a permit that is gone, or an engine that gave up: nobody can
            # say, and the airlock asks people.
            return None
        found = {_relation(one, other, threshold) for one in ours for other in theirs}
        if len(found) == 1:
            return found.pop()
        near = [relation for relation in found if relation.difference is Share.FEW]
        return near[0] if near else None

    def _persons(self, one: Population, permit: str, objecting: frozenset[str]) -> pa.Array[Any]:
        from bercail.cohorts import DuckdbEngine

        model = self._model(one.cohort)
        scope = _scope(self.permits(permit), objecting)
        found = DuckdbEngine(self._sources(one, scope)).run(model).persons.column("person")
        return found.combine_chunks()

    def _model(self, digest: str) -> Model:
        """The model without what it counts: who is meant is all that is asked."""
        from attrs import evolve

        from bercail.cohorts import Model

        model = Model.from_json(self.sealed.read(f"model/{digest}"))
        return evolve(model, event_rows=(), measures=(), matching=None)

    def _sources(self, one: Population, scope: Scope) -> Sources:
        """The tables of the lake in the snapshots of `one`."""
        from bercail.cohorts import Source, Sources

        filesystem = self.lake.filesystem()
        tables = {
            table: Source(
                urls=tuple(part.url for part in self.lake.parts(table, snapshot)),
                filesystem=filesystem,
                snapshot=snapshot,
            )
            for table, snapshot in _pins(one).items()
        }
        return Sources(tables=tables, permit=scope.permit, scope=scope)

    def _require_same_names(self, pair: Sequence[Population]) -> None:
        """Raise `Refused` when the pseudonyms of the lake changed between both."""
        epochs = {self.lake.rewriting.require_one_epoch(_pins(one)) for one in pair}
        if len(epochs) > 1:
            raise Refused("The pseudonyms of both cohorts differ.", rule="pseudonym-epoch")

    def _permits_of(self, digest: str) -> list[str]:
        name = f"permits/{digest}"
        return json.loads(self.sealed.read(name)) if self.sealed.exists(name) else []


def _pins(one: Population) -> dict[str, str]:
    """The snapshots by table; raises Invalid when the tables do not say which they are."""
    pins = dict(part.split("@", 1) for part in one.snapshot.split("+") if "@" in part)
    if not pins:
        raise Invalid("The tables of a release do not say which state of the lake they show.")
    return pins


def _scope(permit: DataPermit, objecting: frozenset[str]) -> Scope:
    """The permit's years and population, and nobody who objects."""
    from bercail.cohorts import Scope
    from bercail.cohorts.arithmetic import Registered

    asked = permit.scope.population
    homes, born = asked.departments, (asked.born_from, asked.born_until)
    registered = None
    if homes or born != (None, None):
        registered = Registered(born_from=born[0], born_until=born[1], departments=homes)
    return Scope(
        permit=permit.id,
        first_year=permit.scope.first_year,
        last_year=permit.scope.last_year,
        registered=registered,
        objections=objecting,
    )


def _relation(one: pa.Array[Any], other: pa.Array[Any], threshold: int) -> Relation:
    both = len(one.filter(pc.is_in(one, value_set=other)))
    return relation_of(len(one) - both, len(other) - both, both, threshold)


def _turned(found: Relation) -> Relation:
    return Relation(
        only_first=found.only_second,
        only_second=found.only_first,
        both=found.both,
        difference=found.difference,
    )


def _name(
    pair: Sequence[Population], permits: Sequence[Sequence[str]], version: int, threshold: int
) -> str:
    asked = {
        "pair": [[one.cohort, one.snapshot] for one in pair],
        "permits": [list(under) for under in permits],
        "objections": version,
        "threshold": threshold,
    }
    return f"relation/{sha256_hex(canonical_json(asked))}"


def _read(data: bytes) -> Relation:
    value: Mapping[str, str] = json.loads(data)
    return Relation(**{name: Share(share) for name, share in value.items()})
