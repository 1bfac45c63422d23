"""A table of distinct persons, as it arrives at the airlock, parsed once and then trusted in form.

The categories of a dimension must partition the persons: each person stands in one
category of each dimension, so that the cells of a line add up to its margin.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import product
from math import prod
from typing import Any

from attrs import field, frozen

from bercail.foundation import Invalid

ALL = None
"""The coordinate of a margin: all categories of that dimension together."""

ALL_LABEL = "(all)"
"""How a margin is written in CSV and in messages; no category may bear this name."""

Key = tuple[str | None, ...]
"""One coordinate per dimension; `ALL` where the dimension is summed over."""

FORMAT = "bercail-count-table"
VERSION = 1

MAX_TEXT = 200
MAX_CELLS = 20_000
MAX_COUNT = 10**9
MAX_SNAPSHOTS = 200

DIGEST = re.compile(r"[0-9a-f]{64}")
"""The digest of a cohort model."""
# `Sources.snapshots` of the cohorts writes the table of the lake and the number of its snapshot.
SNAPSHOT = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}@[0-9]{1,20}")


@frozen(kw_only=True)
class Axis:
    """One dimension of a table: its name and its categories, in the order of publication."""

    name: str
    categories: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The axis as it is written in JSON."""
        return {"name": self.name, "categories": list(self.categories)}


@frozen(kw_only=True)
class Counts:
    """Distinct persons by one or more dimensions; inner cells only, margins are computed.

    `cells` holds one count per tuple of categories; an absent tuple counts no person.
    `provenance` says where the numbers come from (model digest, snapshots), in their strict forms.
    """

    title: str
    axes: tuple[Axis, ...]
    cells: Mapping[tuple[str, ...], int] = field(repr=False)
    provenance: Mapping[str, Any] = field(factory=dict, repr=False)

    @property
    def published_cells(self) -> int:
        """Number of cells of the table with all its margins."""
        return prod(len(axis.categories) + 1 for axis in self.axes)

    def inner_keys(self) -> tuple[tuple[str, ...], ...]:
        """Every tuple of categories, counted or not, in the order of publication."""
        return tuple(product(*(axis.categories for axis in self.axes)))


def parse_counts(data: bytes) -> Counts:
    """The table written in `data` (JSON of a count table, UTF-8).

    Raises:
        Invalid: the bytes are no count table; the message names the member at fault
            and never a label or a count.
    """
    try:
        value = json.loads(data.decode("utf-8"), parse_float=_no_float)
    except (UnicodeDecodeError, ValueError, RecursionError) as problem:
        raise _invalid(
            "it is not a JSON document in UTF-8 with whole numbers",
            "ce n'est pas un document JSON en UTF-8 avec des nombres entiers",
        ) from problem
    return counts_from_dict(value)


def counts_from_dict(value: Any) -> Counts:
    """The table of a decoded JSON document; see `parse_counts`."""
    if not isinstance(value, dict):
        raise _invalid("its top level is not an object", "son premier niveau n'est pas un objet")
    if value.get("format") != FORMAT or value.get("version") != VERSION:
        raise _invalid(
            f"it does not say `{FORMAT}` version {VERSION}",
            f"il ne dit pas `{FORMAT}` version {VERSION}",
        )
    title = value.get("title")
    if not isinstance(title, str) or not 0 < len(title) <= MAX_TEXT:
        raise _invalid(
            "its `title` is missing or longer than 200 characters",
            "son `title` manque ou dépasse 200 caractères",
        )
    axes = _axes(value.get("dimensions"))
    table = Counts(
        title=title,
        axes=axes,
        cells=_cells(value.get("cells"), axes),
        provenance=_provenance(value),
    )
    size = table.published_cells
    if size > MAX_CELLS:
        raise Invalid(
            f"The table has {size} cells with margins; the most is {MAX_CELLS}. / "
            f"Le tableau a {size} cases avec ses marges ; le maximum est {MAX_CELLS}.",
            remedy="Use fewer dimensions or wider categories. / "
            "Employez moins de dimensions ou des catégories plus larges.",
            rule="table-size",
        )
    return table


def _provenance(value: Mapping[str, Any]) -> dict[str, Any]:
    """Where the numbers come from. It leaves with the table, so no free text may stand in it."""
    found: dict[str, Any] = {}
    if digest := value.get("model_digest"):
        if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
            raise _invalid(
                "its `model_digest` is not 64 hexadecimal digits",
                "son `model_digest` n'est pas 64 chiffres hexadécimaux",
            )
        found["model_digest"] = digest
    if snapshots := value.get("snapshots"):
        if not isinstance(snapshots, list) or len(snapshots) > MAX_SNAPSHOTS:
            raise _invalid(
                f"its `snapshots` are not a list of at most {MAX_SNAPSHOTS}",
                f"ses `snapshots` ne sont pas une liste de {MAX_SNAPSHOTS} au plus",
            )
        if not all(isinstance(one, str) and SNAPSHOT.fullmatch(one) for one in snapshots):
            raise _invalid(
                "one of its `snapshots` is not `TABLE@number`",
                "un de ses `snapshots` n'est pas `TABLE@numéro`",
            )
        found["snapshots"] = snapshots
    return found


def _axes(value: Any) -> tuple[Axis, ...]:
    if not isinstance(value, list) or not value:
        raise _invalid(
            "its `dimensions` are not a list with one dimension or more",
            "ses `dimensions` ne sont pas une liste d'une dimension au moins",
        )
    axes = []
    for place, entry in enumerate(value, start=1):
        if not isinstance(entry, dict):
            raise _invalid(
                f"its dimension {place} is not an object",
                f"sa dimension {place} n'est pas un objet",
            )
        name, categories = entry.get("name"), entry.get("categories")
        if not isinstance(name, str) or not _is_label(name):
            raise _invalid(
                f"its dimension {place} has no name", f"sa dimension {place} n'a pas de nom"
            )
        if not isinstance(categories, list) or not categories:
            raise _invalid(
                f"its dimension {place} has no categories",
                f"sa dimension {place} n'a pas de catégories",
            )
        if not all(_is_label(category) and category != ALL_LABEL for category in categories):
            raise _invalid(
                f"a category of its dimension {place} is not a plain label",
                f"une catégorie de sa dimension {place} n'est pas un simple libellé",
            )
        if len(set(categories)) != len(categories):
            raise _invalid(
                f"a category of its dimension {place} stands twice",
                f"une catégorie de sa dimension {place} figure deux fois",
            )
        axes.append(Axis(name=name, categories=tuple(categories)))
    if len({axis.name for axis in axes}) != len(axes):
        raise _invalid(
            "two of its dimensions have the same name",
            "deux de ses dimensions ont le même nom",
        )
    return tuple(axes)


def _cells(value: Any, axes: tuple[Axis, ...]) -> dict[tuple[str, ...], int]:
    if not isinstance(value, list):
        raise _invalid("its `cells` are not a list", "ses `cells` ne sont pas une liste")
    known = [set(axis.categories) for axis in axes]
    cells: dict[tuple[str, ...], int] = {}
    for place, entry in enumerate(value, start=1):
        key, persons = _cell(entry, place)
        if len(key) != len(axes) or any(
            label not in labels for label, labels in zip(key, known, strict=True)
        ):
            raise _invalid(
                f"its cell {place} names no category of each dimension",
                f"sa case {place} ne nomme pas une catégorie de chaque dimension",
            )
        if key in cells:
            raise _invalid(f"its cell {place} stands twice", f"sa case {place} figure deux fois")
        cells[key] = persons
    return cells


def _cell(entry: Any, place: int) -> tuple[tuple[str, ...], int]:
    if not isinstance(entry, dict):
        raise _invalid(f"its cell {place} is not an object", f"sa case {place} n'est pas un objet")
    key, persons = entry.get("categories"), entry.get("persons")
    if not isinstance(key, list) or not all(isinstance(label, str) for label in key):
        raise _invalid(
            f"its cell {place} has no `categories`", f"sa case {place} n'a pas de `categories`"
        )
    if not isinstance(persons, int) or isinstance(persons, bool) or not 0 <= persons <= MAX_COUNT:
        raise _invalid(
            f"its cell {place} holds no whole number of persons",
            f"sa case {place} ne contient pas un nombre entier de personnes",
        )
    return tuple(key), persons


def _is_label(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_TEXT and value.isprintable()


def _no_float(_: str) -> int:
    raise ValueError("a count is a whole number")


def _invalid(why: str, why_fr: str) -> Invalid:
    return Invalid(
        f"The file is not a table of distinct persons: {why}. / "
        f"Le fichier n'est pas un tableau de personnes distinctes : {why_fr}.",
        remedy="Write it with `CountTable.to_file`, or hand in CSV with a schema. / "
        "Écrivez-le avec `CountTable.to_file`, ou remettez un CSV avec un schéma.",
        rule="output-type",
    )
