"""The rows of a declared result: which part of the result stands in which cell, as numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from attrs import field, frozen

from bercail.airlock.disclosure.results.schema import ResultSchema
from bercail.airlock.disclosure.tables.grid import Grid, is_hidden, number
from bercail.airlock.disclosure.tables.typed import TypedTable
from bercail.foundation import Invalid

PLACES = 20
"""Rows named for one rule; the number of all is told."""

LARGEST = 10**12
"""No number of persons is as large; the arithmetic below stays exact."""


@frozen(kw_only=True)
class Row:
    """One row. `number` counts from the header, which is 1, without empty rows."""

    number: int
    by: tuple[str, ...] = field(repr=False)
    texts: Mapping[str, str] = field(repr=False)

    def persons(self, part: str) -> int | None:
        """A number of persons; None when the cell holds no whole number from 0."""
        found = self.value(part)
        return int(found) if found is not None and found >= 0 and found.is_integer() else None

    def value(self, part: str) -> float | None:
        """A number of any kind, None when the cell holds none."""
        found = number(self.texts[part])
        return found if found is not None and abs(found) < LARGEST else None

    def half_digit(self, part: str) -> float:
        """How far the number written may lie from the exact one: half of its last digit."""
        text = self.texts[part].strip().replace(",", ".")
        plain, _, power = text.lower().partition("e")
        decimals = len(plain.partition(".")[2]) - (int(power) if power else 0)
        # A zero may be written with any power of ten, and no number is worth more than a part.
        return 0.5 * 10.0 ** -max(decimals, 0) + 1e-9


@frozen(kw_only=True)
class Judged:
    """What the rules say of the rows of one result.

    `broken`: for each rule the numbers of the rows that break it. `people`: what does not add up.
    `notes`: what no rule forbids and checkers should weigh.
    `remedies`: English and French, by rule, where the usual ones can be said more exactly.
    `tables`: what the rows say as counts of persons, for the differencing guard.
    """

    broken: Mapping[str, tuple[int, ...]] = field(factory=dict)
    people: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    remedies: Mapping[str, tuple[str, str]] = field(factory=dict)
    tables: tuple[TypedTable, ...] = ()


def rows_of(grid: Grid, schema: ResultSchema) -> tuple[Row, ...]:
    """The rows of `grid` under `schema`.

    Raises:
        Invalid: the two do not suit each other (rule `table-schema`).
    """
    wanted = [*schema.columns.values(), *schema.by]
    if len(set(grid.header)) != len(grid.header):
        raise unsuited(
            "its header does not name each column once",
            "son en-tête ne nomme pas chaque colonne une seule fois",
        )
    if absent := sum(column not in grid.header for column in wanted):
        raise unsuited(
            f"{absent} columns of the schema are not in the file",
            f"{absent} colonnes du schéma ne sont pas dans le fichier",
        )
    if spare := len(grid.header) - len(wanted):
        raise unsuited(
            f"{spare} columns of the file are not in the schema",
            f"{spare} colonnes du fichier ne sont pas dans le schéma",
        )
    if not grid.body:
        raise unsuited("it has no rows", "il n'a pas de lignes")
    at = {column: grid.header.index(column) for column in wanted}
    return tuple(
        Row(
            number=place,
            by=tuple(cells[at[column]] for column in schema.by),
            texts={part: cells[at[column]] for part, column in schema.columns.items()},
        )
        for place, cells in enumerate(grid.body, start=2)
    )


def unsuited(why: str, why_fr: str) -> Invalid:
    """The error for a file that is not as its schema says."""
    return Invalid(
        f"The schema of the result does not suit the file: {why}. / "
        f"Le schéma du résultat ne convient pas au fichier : {why_fr}.",
        remedy="Hand in one table whose header names exactly the columns of the schema. / "
        "Remettez un seul tableau dont l'en-tête nomme exactement les colonnes du schéma.",
        rule="table-schema",
    )


def unreadable(rows: Sequence[Row], counts: Iterable[str], values: Iterable[str]) -> list[str]:
    """For people: the parts that hold no number of persons, or no number, in some row."""
    said = []
    for part, whole in [*((one, True) for one in counts), *((one, False) for one in values)]:
        wrong = [row for row in rows if (row.persons(part) if whole else row.value(part)) is None]
        withheld = [row for row in wrong if is_hidden(row.texts[part])]
        other = [row for row in wrong if not is_hidden(row.texts[part])]
        if withheld:
            en, fr = (
                f"The author withheld `{part}` in {{0}}.",
                f"L'auteur a masqué `{part}` ({{0}}).",
            )
            said.append(told(withheld, en, fr))
        if other:
            kind = "whole number of persons" if whole else "number"
            kind_fr = "nombre entier de personnes" if whole else "nombre"
            en, fr = f"`{part}` is no {kind} in {{0}}.", f"`{part}` n'est pas un {kind_fr} ({{0}})."
            said.append(told(other, en, fr))
    return said


def grouped(rows: Sequence[Row]) -> dict[tuple[str, ...], list[Row]]:
    """The rows by their labels, in the order of the file."""
    found: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(row.by, []).append(row)
    return found


def told(rows: Sequence[Row], en: str, fr: str) -> str:
    """What is said of `rows` in both languages; `{0}` in each text is where they stand."""
    numbers = [row.number for row in rows]
    where_fr = in_words(numbers, row="ligne", many="lignes")
    return f"{en.format(in_words(numbers))} / {fr.format(where_fr)}"


def in_words(numbers: Sequence[int], *, row: str = "row", many: str = "rows") -> str:
    """`row 3`, `rows 3, 4, 9`; after 20 of them, how many more."""
    shown = ", ".join(str(one) for one in numbers[:PLACES])
    more = f" (+{len(numbers) - PLACES})" if len(numbers) > PLACES else ""
    return f"{row if len(numbers) == 1 else many} {shown}{more}"
