"""From a grid and its schema to a typed table; what does not fit says why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import evolve

from bercail.airlock.disclosure.counts import ALL, Key
from bercail.airlock.disclosure.tables.dimension import Dimension, flat
from bercail.airlock.disclosure.tables.grid import Grid, is_hidden, is_total, number
from bercail.airlock.disclosure.tables.schema import FACTS, TableSchema
from bercail.airlock.disclosure.tables.typed import TypedCell, TypedTable
from bercail.foundation import Invalid


def recover(grid: Grid, schema: TableSchema, name: str) -> TypedTable:
    """The typed table that `grid` holds under `schema`.

    Raises:
        Invalid: a column is missing, a number cannot be read, a cell stands twice; the message
            names columns and rows by their place, never a label or a value.
    """
    lines = list(_crossed(grid, schema) if schema.across else _listed(grid, schema))
    names = [*schema.dimensions, *([schema.across] if schema.across else [])]
    dimensions = tuple(
        _dimension(column, schema.dimensions.get(column), [key[place] for key, _ in lines])
        for place, column in enumerate(names)
    )
    cells: dict[Key, TypedCell] = {}
    for row, (labels, cell) in enumerate(lines, start=1):
        key = tuple(
            code_of(dimension, label) for dimension, label in zip(dimensions, labels, strict=True)
        )
        if key in cells:
            raise _wrong(
                f"its row {row} says the same cell again",
                f"sa ligne {row} redit la même case",
            )
        cells[key] = cell
    return TypedTable(
        name=name,
        dimensions=dimensions,
        measure=schema.measure,
        cells=cells,
        population=schema.population,
    )


def _listed(grid: Grid, schema: TableSchema) -> Iterator[tuple[tuple[str, ...], TypedCell]]:
    """Long form: one row for each cell."""
    at = {column: place for place, column in enumerate(grid.header)}
    wanted = [*schema.dimensions, schema.value, *schema.facts.values(), *schema.top]
    if missing := [column for column in wanted if column not in at]:
        raise _wrong(
            f"{len(missing)} columns of its schema are not in its header",
            f"{len(missing)} colonnes de son schéma manquent à son en-tête",
        )
    for row, texts in enumerate(grid.body, start=1):
        value = _number(texts[at[schema.value]], row)
        facts = {name: _whole(texts[at[schema.facts[name]]], row) for name in schema.facts}
        top = tuple(
            amount
            for column in schema.top
            if (amount := _number(texts[at[column]], row)) is not None
        )
        if schema.measure.kind == "persons" and value is not None:
            facts.setdefault("persons", _whole(texts[at[schema.value]], row))
        cell = TypedCell(
            value=value, top=top, withheld=value is None, **{n: facts.get(n) for n in FACTS}
        )
        yield tuple(texts[at[column]] for column in schema.dimensions), cell


def _crossed(grid: Grid, schema: TableSchema) -> Iterator[tuple[tuple[str, ...], TypedCell]]:
    """Cross table: the first columns are dimensions, every other column is a code of `across`."""
    many = len(schema.dimensions)
    for row, texts in enumerate(grid.body, start=1):
        for column in range(many, len(texts)):
            value = _number(texts[column], row)
            persons = None
            if schema.measure.kind == "persons" and value is not None:
                persons = _whole(texts[column], row)
            cell = TypedCell(value=value, persons=persons, withheld=value is None)
            yield (*texts[:many], grid.header[column]), cell


def _dimension(column: str, declared: Dimension | None, labels: Sequence[str]) -> Dimension:
    if declared is not None:
        return declared
    codes = tuple(dict.fromkeys(label for label in labels if not is_total(label)))
    if not codes:
        raise _wrong(
            "one of its dimensions has a total and nothing else",
            "une de ses dimensions n'a qu'un total",
        )
    total = any(is_total(label) for label in labels)
    return evolve(flat(column, codes), total=total)


def code_of(dimension: Dimension, label: str) -> str | None:
    """The code that a label of a file stands for, None for a total; raises `Invalid`."""
    if label in dimension.parents:
        return label
    if is_total(label):
        return ALL
    raise _wrong(
        "a label is no code of its dimension", "un libellé n'est pas un code de sa dimension"
    )


def _number(text: str, row: int) -> float | None:
    value = number(text)
    if value is None and not is_hidden(text):
        raise _wrong(
            f"a number in its row {row} cannot be read",
            f"un nombre de sa ligne {row} est illisible",
        )
    return value


def _whole(text: str, row: int) -> int | None:
    value = _number(text, row)
    if value is not None and not value.is_integer():
        raise _wrong(
            f"a count in its row {row} is not a whole number",
            f"un effectif de sa ligne {row} n'est pas entier",
        )
    return None if value is None else int(value)


def _wrong(why: str, why_fr: str) -> Invalid:
    return Invalid(
        f"The table is not understood: {why}. / Le tableau n'est pas compris : {why_fr}.",
        remedy="Declare its schema, or write it with one row for each cell. / "
        "Déclarez son schéma, ou écrivez-le avec une ligne par case.",
        rule="table-schema",
    )
