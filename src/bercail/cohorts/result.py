"""What a cohort run gives: the flowchart, the persons, and tables of counts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from attrs import field, frozen

from bercail.cohorts.model import Model
from bercail.cohorts.outcomes import ARROW_TYPES, UNKNOWN, MeasureTable, category
from bercail.cohorts.rules import categories_of
from bercail.foundation import Invalid, canonical_json

__all__ = [
    "ARROW_TYPES",
    "UNKNOWN",
    "CohortResult",
    "CountTable",
    "Dimension",
    "FlowStep",
    "MeasureTable",
    "category",
    "combinations",
    "count_table",
    "flowchart",
    "persons_schema",
    "step_labels",
]

TABLE_FORMAT = "bercail-count-table"
TABLE_VERSION = 1


@frozen(kw_only=True)
class FlowStep:
    """One box of the flowchart: the persons who are left after it."""

    label: str
    persons: int


@frozen(kw_only=True)
class Dimension:
    """One side of a table, with its categories in order."""

    name: str
    categories: tuple[str, ...]


@frozen(kw_only=True)
class CountTable:
    """Numbers of distinct persons by categories; one cell for every combination.

    The cells are disjoint and hold no totals.
    """

    title: str
    dimensions: tuple[Dimension, ...]
    cells: Mapping[tuple[str, ...], int]
    model_digest: str
    snapshots: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """Persons in the whole table."""
        return sum(self.cells.values())

    def as_dict(self) -> dict[str, Any]:
        """The table as the value of its JSON; cells in the order of the categories."""
        return {
            "format": TABLE_FORMAT,
            "version": TABLE_VERSION,
            "title": self.title,
            "dimensions": [
                {"name": side.name, "categories": list(side.categories)} for side in self.dimensions
            ],
            "cells": [
                {"categories": list(key), "persons": self.cells[key]}
                for key in combinations(self.dimensions)
            ],
            "model_digest": self.model_digest,
            "snapshots": list(self.snapshots),
        }

    def to_file(self, path: Path) -> None:
        """Write the table as canonical JSON."""
        path.write_bytes(canonical_json(self.as_dict()))

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> CountTable:
        """Read a table back.

        Raises:
            Invalid: another format, or cells that do not cover the categories once each.
        """
        if value.get("format") != TABLE_FORMAT or value.get("version") != TABLE_VERSION:
            raise Invalid("This is no table of counts of a known version.")
        try:
            sides = tuple(
                Dimension(name=side["name"], categories=tuple(side["categories"]))
                for side in value["dimensions"]
            )
            cells = {tuple(cell["categories"]): cell["persons"] for cell in value["cells"]}
            digest, snapshots = value["model_digest"], value["snapshots"]
            title = value["title"]
        except (KeyError, TypeError) as error:
            raise Invalid("A table of counts lacks a part.") from error
        whole = all(type(count) is int and count >= 0 for count in cells.values())
        if list(cells) != combinations(sides) or len(cells) != len(value["cells"]) or not whole:
            raise Invalid(f"The cells of the table `{title}` do not cover its categories.")
        return cls(
            title=title,
            dimensions=sides,
            cells=cells,
            model_digest=digest,
            snapshots=tuple(snapshots),
        )

    @classmethod
    def from_file(cls, path: Path) -> CountTable:
        """Read a table from a file; raises `Invalid` as `from_dict` does."""
        try:
            value = json.loads(path.read_bytes())
        except ValueError as error:
            raise Invalid(f"`{path}` is not JSON.") from error
        if not isinstance(value, dict):
            raise Invalid(f"`{path}` is no table of counts.")
        return cls.from_dict(value)


@frozen(kw_only=True)
class CohortResult:
    """The outcome of one run.

    `persons` has one row per person of the cohort, sorted by `person`, with
    `index_date` where the study has one and then its attributes. `events` has the rows of events
    that were asked for, by name; `matches` the matched controls, None where none were.
    """

    model_digest: str
    flowchart: tuple[FlowStep, ...]
    persons: pa.Table = field(eq=False)
    tables: tuple[CountTable, ...]
    snapshots: tuple[str, ...] = ()
    measures: tuple[MeasureTable, ...] = ()
    events: Mapping[str, pa.Table] = field(factory=dict, eq=False)
    matches: pa.Table | None = field(default=None, eq=False)

    def as_dict(self) -> dict[str, Any]:
        """Counts only: nothing about a single person."""
        further: dict[str, Any] = {}
        if self.measures:
            further["measures"] = [measure.as_dict() for measure in self.measures]
        if self.events:
            further["event_rows"] = {name: rows.num_rows for name, rows in self.events.items()}
        if self.matches is not None:
            further["matched_controls"] = self.matches.num_rows
        return {
            **further,
            "model_digest": self.model_digest,
            "snapshots": list(self.snapshots),
            "persons": self.persons.num_rows,
            "flowchart": [
                {"label": step.label, "persons": step.persons} for step in self.flowchart
            ],
            "tables": [table.as_dict() for table in self.tables],
        }


def combinations(sides: Sequence[Dimension]) -> list[tuple[str, ...]]:
    """Every combination of categories, the last side changing fastest."""
    keys: list[tuple[str, ...]] = [()]
    for side in sides:
        keys = [(*key, category) for key in keys for category in side.categories]
    return keys


def step_labels(model: Model) -> tuple[str, ...]:
    """The labels of the flowchart: all persons, then what each step leaves."""
    return (
        "Persons in the data",
        *(f"Rule {rule}" for rule in model.person_rules),
        model.population_label,
        *(f"Not excluded: {exclusion.label}" for exclusion in model.exclusions),
    )


def flowchart(model: Model, stopped: Mapping[int, int]) -> tuple[FlowStep, ...]:
    """The flowchart, from the number of persons who stopped at each step.

    `stopped[0]` are those who failed the first step; the last entry are those who passed all.
    """
    labels = step_labels(model)
    left = [
        sum(count for step, count in stopped.items() if step >= passed)
        for passed in range(len(labels))
    ]
    return tuple(FlowStep(label=lab, persons=n) for lab, n in zip(labels, left, strict=True))


def persons_schema(model: Model) -> pa.Schema:
    """Names and types of the persons table of a model."""
    named = [("index_date", model.index_date)] if model.index_date is not None else []
    named += [(attribute.name, attribute.value) for attribute in model.attributes]
    columns = [pa.field(name, ARROW_TYPES[value.kind]) for name, value in named]
    return pa.schema([pa.field("person", pa.string()), *columns])


def count_table(
    model: Model, position: int, counted: Mapping[tuple[Any, ...], int], snapshots: Sequence[str]
) -> CountTable:
    """The table at `position` in the model, from the number of persons of each combination.

    A side whose values are closed by the model shows all its categories, zero or not;
    `unknown` is shown where it occurs.
    """
    request = model.tables[position]
    values = {attribute.name: attribute.value for attribute in model.attributes}
    sides = []
    for place, name in enumerate(request.by):
        seen = {key[place] for key in counted}
        closed = categories_of(values[name])
        order = closed if closed is not None else _in_order(seen)
        unknown = (UNKNOWN,) if None in seen and UNKNOWN not in order else ()
        sides.append(Dimension(name=name, categories=(*order, *unknown)))
    cells = dict.fromkeys(combinations(sides), 0)
    for key, number in counted.items():
        cells[tuple(category(value) for value in key)] += number
    return CountTable(
        title=request.title,
        dimensions=tuple(sides),
        cells=cells,
        model_digest=model.digest,
        snapshots=tuple(snapshots),
    )


def _in_order(values: set[Any]) -> tuple[str, ...]:
    return tuple(
        category(value) for value in sorted(value for value in values if value is not None)
    )
