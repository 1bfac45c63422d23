"""The cohort model: a frozen value, its canonical JSON, and its SHA-256 as identity.

The format is written in docs/reference/formats/cohort-model.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from attrs import field, fields, frozen

from bercail.cohorts.arithmetic import IntervalEnd, IntervalStart
from bercail.cohorts.cleaning import find_rules
from bercail.cohorts.codec import decode_node, encode_node, exactly
from bercail.cohorts.expressions import Expression, Node
from bercail.cohorts.outputs import EventRows, Matching, Measure, one_line, per_person
from bercail.cohorts.rules import require_definite, require_reasonable, walk
from bercail.cohorts.views import PERSONS, Kind
from bercail.foundation import Invalid, canonical_json, sha256_hex

FORMAT = "bercail-cohort-model"
VERSION = 1
MAX_BYTES = 4 * 1024 * 1024
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_ATTRIBUTE = re.compile(r"[a-z][a-z0-9_]{0,62}")
_RESERVED = ("person", "step", "index_date")


@frozen(kw_only=True)
class Exclusion:
    """Persons for whom `condition` is true are taken out; false and unknown stay."""

    label: str = field(validator=one_line)
    condition: Expression

    def __attrs_post_init__(self) -> None:
        per_person(self.condition, f"exclusion `{self.label}`", Kind.BOOL)


@frozen(kw_only=True)
class Attribute:
    """A named value of each person of the cohort."""

    name: str
    value: Expression

    def __attrs_post_init__(self) -> None:
        if not _ATTRIBUTE.fullmatch(self.name) or self.name in _RESERVED:
            raise Invalid(
                f"`{self.name}` cannot name an attribute.",
                remedy="Use lower-case letters, digits and `_`; not person, step, index_date.",
            )
        kinds = (Kind.BOOL, Kind.INT, Kind.DATE, Kind.TEXT)
        per_person(self.value, f"attribute `{self.name}`", *kinds)


@frozen(kw_only=True)
class TableRequest:
    """A table of counts of persons by some attributes."""

    title: str = field(validator=one_line)
    by: tuple[str, ...]


@frozen(kw_only=True)
class Model:
    """Whom a study means, step by step, and what it counts.

    Steps: the person rules, the population, the exclusions, in that order. A model that
    exists is valid: types fit, names are known, the population is definite.
    """

    name: str
    title: str = field(validator=one_line)
    person_rules: tuple[str, ...] = ()
    population_label: str = field(validator=one_line)
    population: Expression
    exclusions: tuple[Exclusion, ...] = ()
    index_date: Expression | None = None
    attributes: tuple[Attribute, ...] = ()
    tables: tuple[TableRequest, ...] = ()
    event_rows: tuple[EventRows, ...] = ()
    measures: tuple[Measure, ...] = ()
    matching: Matching | None = None

    def __attrs_post_init__(self) -> None:
        self._require_parts()
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise Invalid(
                f"`{self.name}` cannot name a study.", remedy="Write it like `treated-diabetes`."
            )
        find_rules(PERSONS, self.person_rules)
        per_person(self.population, "population", Kind.BOOL)
        if self.index_date is not None:
            per_person(self.index_date, "index date", Kind.DATE)
        self._require_names()
        self._require_outputs()
        require_reasonable(tuple(self.nodes()))
        require_definite(self.population)

    def _require_parts(self) -> None:
        parts = {
            "person_rules": str,
            "exclusions": Exclusion,
            "attributes": Attribute,
            "tables": TableRequest,
            "event_rows": EventRows,
            "measures": Measure,
        }
        for name, kind in parts.items():
            given = getattr(self, name)
            if not isinstance(given, tuple) or not all(type(part) is kind for part in given):
                raise Invalid(f"`{name}` of a study is no list of {kind.__name__}.")
        if self.matching is not None and type(self.matching) is not Matching:
            raise Invalid("`matching` of a study is no Matching.")
        if not all(isinstance(table.by, tuple) for table in self.tables):
            raise Invalid("A table of a study counts by something that is no list of names.")

    def _require_names(self) -> None:
        names = [attribute.name for attribute in self.attributes]
        titles = [table.title for table in self.tables]
        for given, what in ((names, "attributes"), (titles, "tables")):
            if len(set(given)) != len(given):
                raise Invalid(f"Two {what} of the study `{self.name}` have the same name.")
        if len(set(self.person_rules)) != len(self.person_rules):
            raise Invalid(f"A person rule stands twice in the study `{self.name}`.")
        for table in self.tables:
            unknown = [name for name in table.by if name not in names]
            if unknown or not table.by or len(set(table.by)) != len(table.by):
                raise Invalid(
                    f"The table `{table.title}` counts by `{', '.join(map(str, table.by))}`.",
                    remedy=f"Count by attributes of the study, each once: {', '.join(names)}.",
                )

    def _require_outputs(self) -> None:
        names = {attribute.name for attribute in self.attributes}
        given = [(one.title, one.by) for one in self.measures]
        given += [("matching", self.matching.names)] if self.matching is not None else []
        for what, by in given:
            unknown = [name for name in by if name not in names]
            if unknown or len(set(by)) != len(by):
                raise Invalid(
                    f"`{what}` groups by `{', '.join(map(str, by))}`.",
                    remedy=f"Name attributes of the study, each once: {', '.join(sorted(names))}.",
                )
        self._require_propensity()
        for texts in ([one.title for one in self.measures], [one.name for one in self.event_rows]):
            if len(set(texts)) != len(texts):
                raise Invalid(f"Two outputs of the study `{self.name}` have the same name.")
        outside = [*self.expressions(), *(one.events for one in self.event_rows)]
        for top in outside:
            if any(isinstance(node, IntervalStart | IntervalEnd) for node in walk(top)):
                raise Invalid(
                    "`interval.start` and `interval.end` stand outside a measure.",
                    remedy="Use them in the numerator or denominator of a measure only.",
                )

    def _require_propensity(self) -> None:
        compared = self.matching.propensity if self.matching is not None else ()
        for attribute in self.attributes:
            if attribute.name in compared and attribute.value.kind is Kind.DATE:
                raise Invalid(
                    f"A propensity cannot be computed from the date `{attribute.name}`.",
                    remedy="Give a number made of it, such as the days until it, or its year.",
                )

    def nodes(self) -> Iterator[Node]:
        """Every expression and every set of events of the model, outputs included."""
        yield from self.expressions()
        yield from (rows.events for rows in self.event_rows)
        for measure in self.measures:
            yield measure.numerator
            yield measure.denominator

    def expressions(self) -> Iterator[Expression]:
        """Every expression of the model, in its order; those of measures are in `nodes`."""
        yield self.population
        yield from (exclusion.condition for exclusion in self.exclusions)
        if self.index_date is not None:
            yield self.index_date
        yield from (attribute.value for attribute in self.attributes)
        if self.matching is not None:
            yield self.matching.controls

    def as_dict(self) -> dict[str, Any]:
        """The model as the value of its JSON."""
        return {"format": FORMAT, "version": VERSION, **_encode(self)}

    def to_json(self) -> bytes:
        """Canonical JSON (RFC 8785), UTF-8."""
        return canonical_json(self.as_dict())

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, lower-case hexadecimal: the cohort's identity."""
        return sha256_hex(self.to_json())

    @classmethod
    def from_json(cls, data: bytes) -> Model:
        """Read a model back.

        Raises:
            Invalid: anything but the canonical JSON of a valid model of this version.
        """
        if len(data) > MAX_BYTES:
            raise Invalid(f"A cohort model of {len(data)} bytes is too long.")
        try:
            value = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise Invalid("The cohort model is not JSON.") from error
        if not isinstance(value, dict) or value.pop("format", None) != FORMAT:
            raise Invalid("This is no cohort model.", remedy="Expected format " + FORMAT + ".")
        if (version := value.pop("version", None)) != VERSION:
            raise Invalid(f"Version `{version}` of the cohort model is unknown.")
        model: Model = _decode(cls, {**{name: _UNUSED[name] for name in _UNUSED}, **value})
        if model.to_json() != data:
            raise Invalid(
                "The cohort model is not in canonical form.",
                remedy="Write it with `Model.to_json`; its digest is its identity.",
            )
        return model


_PARTS: dict[str, type[Any]] = {
    "exclusions": Exclusion,
    "attributes": Attribute,
    "tables": TableRequest,
    "event_rows": EventRows,
    "measures": Measure,
}
# Left out of the JSON where a study has none, so that older models keep their identity.
_UNUSED: dict[str, Any] = {"event_rows": [], "measures": [], "matching": None}
_UNUSED_MATCHING: dict[str, Any] = {"propensity": [], "caliper": ""}


def _encode(value: Any) -> Any:
    if isinstance(value, Node):
        return encode_node(value)
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    if isinstance(value, Model | Matching):
        content = {slot.name: _encode(getattr(value, slot.name)) for slot in fields(type(value))}
        unused = _UNUSED if isinstance(value, Model) else _UNUSED_MATCHING
        return {
            name: item
            for name, item in content.items()
            if name not in unused or item != unused[name]
        }
    if isinstance(value, Exclusion | Attribute | TableRequest | EventRows | Measure):
        return {slot.name: _encode(getattr(value, slot.name)) for slot in fields(type(value))}
    return value


def _decode(kind: type[Any], value: Any) -> Any:
    names = [slot.name for slot in fields(kind)]
    given = exactly(value, names, kind.__name__)
    content: dict[str, Any] = {}
    for name, item in given.items():
        if name in _PARTS:
            if not isinstance(item, list):
                raise Invalid(f"`{name}` of the cohort model is no list.")
            content[name] = tuple(_decode(_PARTS[name], part) for part in item)
        elif name == "matching" and item is not None:
            told = {**_UNUSED_MATCHING, **item} if isinstance(item, dict) else item
            content[name] = _decode(Matching, told)
        elif isinstance(item, dict):
            content[name] = decode_node(item)
        else:
            content[name] = _names(item) if isinstance(item, list) else item
    try:
        return kind(**content)
    except (TypeError, ValueError, AttributeError) as error:
        raise Invalid(f"The content of `{kind.__name__}` in the model does not fit.") from error


def _names(items: list[Any]) -> tuple[str, ...]:
    if not all(isinstance(item, str) for item in items):
        raise Invalid("A list of names in the cohort model holds something else.")
    return tuple(items)
