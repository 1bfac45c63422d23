"""Regression models as rows: the term, its estimate, the persons, the level and who is in it.

A coefficient of a model with enough residual degrees of freedom is safe. A model that fits each
cell of its categories is a table of means in disguise, and its intercept the mean of one cell:
such a model is refused, and the persons of each level are held to the threshold (Griffiths et
al., Handbook on SDC for Outputs, 2019, regressions).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from math import prod

from bercail.airlock.disclosure.results.rows import Judged, Row, grouped, told, unreadable
from bercail.airlock.disclosure.results.schema import ResultSchema
from bercail.airlock.disclosure.rules.source_policy import SourcePolicy
from bercail.airlock.disclosure.rules.statistics import model, ratio

_REFERENCE = frozenset({"ref", "ref.", "réf", "réf.", "reference", "référence"})
_INTERCEPT = frozenset({"intercept", "(intercept)", "const", "constant", "_cons", "constante"})
_CROSSING = re.compile(r"\s*[:*×]\s*|\s+x\s+", re.IGNORECASE)
_SPREAD = ("error", "low", "high", "p_value")
_FEW_DEGREES = (
    "Use fewer terms, or hand the means in as a table with the persons of each cell.",
    "Réduisez le nombre de termes, ou remettez les moyennes en tableau avec leurs effectifs.",
)


def judge_regression(rows: Sequence[Row], schema: ResultSchema, policy: SourcePolicy) -> Judged:
    """Each model of the file.

    1. What is no number, or does not add up, is for people.
    2. Persons less parameters (or the residual degrees given, if fewer) reach the policy's number,
       and no model fits each cell of its categories: `degrees-of-freedom`.
    3. Persons of the model and of each level, the reference too: `persons-threshold`; events and
       those without: `ratio-counts`.
    """
    people = _unreadable(rows, schema)
    free: list[int] = []
    few: list[int] = []
    counts: list[int] = []
    notes: list[str] = []
    for one in grouped(rows).values():
        if people or (people := _does_not_add_up(one)):
            break
        everyone = [row.number for row in one]
        rules = model(_persons(one), _parameters(one), policy)
        if "degrees-of-freedom" in rules or _fits_each_cell(one):
            free += everyone
        few += everyone if "persons-threshold" in rules else _small_levels(one, policy)
        if "events" in schema.columns:
            counts += everyone if ratio(_count(one[0], "events"), _persons(one), policy) else []
        notes += _silent(one, schema)
    if not people:
        notes += _nearly_the_same(rows, policy)
    found = {"degrees-of-freedom": free, "persons-threshold": few, "ratio-counts": counts}
    return Judged(
        broken={rule: tuple(sorted(set(at))) for rule, at in found.items() if at},
        people=tuple(people),
        notes=tuple(dict.fromkeys(notes)),
        remedies={"degrees-of-freedom": _FEW_DEGREES},
    )


def _unreadable(rows: Sequence[Row], schema: ResultSchema) -> list[str]:
    whole = [part for part in ("persons", "residual_degrees", "events") if part in schema.columns]
    fitted = [row for row in rows if not _is_reference(row)]
    spread = [part for part in ("estimate", *_SPREAD) if part in schema.columns]
    # A p-value is often written as a bound (`<0.001`); it shows no more than its number would.
    people = unreadable(rows, whole, ()) + unreadable(
        fitted, (), [part for part in spread if part != "p_value"]
    )
    if "level_persons" in schema.columns:
        people += unreadable([row for row in rows if _level(row)], ("level_persons",), ())
    return people


def _does_not_add_up(one: Sequence[Row]) -> list[str]:
    """For people: rows of one model that contradict each other."""
    fitted = [row for row in one if not _is_reference(row)]
    first = one[0]
    unlike = [
        row
        for row in one
        if any(
            row.texts[part] != first.texts[part]
            for part in ("persons", "residual_degrees", "events")
            if part in row.texts
        )
    ]
    names = [(row.texts["term"], _level(row)) for row in one]
    twice = [row for place, row in enumerate(one) if names[place] in names[:place]]
    many = _persons(one)
    outside = [row for row in fitted if _is_outside(row)]
    exact = [row for row in fitted if _has_no_error(row)]
    found = (unlike, twice, outside, exact, _too_many(one, many))
    said = [told(at, *words) for at, words in zip(found, _CONTRADICTIONS, strict=True) if at]
    given = first.persons("residual_degrees") if "residual_degrees" in first.texts else None
    if given is not None and given > many - len(fitted):
        said.append(told(one, *_MANY_DEGREES))
    return said


_CONTRADICTIONS = (
    (
        "The persons, degrees or events of one model differ in {0}.",
        "Les personnes, degrés ou événements d'un même modèle diffèrent ({0}).",
    ),
    ("A term of a model stands twice in {0}.", "Un terme d'un modèle figure deux fois ({0})."),
    (
        "An estimate lies outside its interval in {0}.",
        "Une estimation est hors de son intervalle ({0}).",
    ),
    ("A standard error is zero or less in {0}.", "Une erreur type est nulle ou négative ({0})."),
    (
        "A level holds more persons than the model in {0}.",
        "Une modalité compte plus de personnes que le modèle ({0}).",
    ),
)
_MANY_DEGREES = (
    "The residual degrees are more than persons less terms in {0}.",
    "Les degrés résiduels dépassent les personnes moins les termes ({0}).",
)


def _too_many(one: Sequence[Row], many: int) -> list[Row]:
    """Rows of levels that hold more persons, alone or with those of their term, than the model."""
    return [
        row
        for levels in _levels(one).values()
        if sum(_count(level, "level_persons") for level in levels) > many
        for row in levels
    ]


def _parameters(one: Sequence[Row]) -> int:
    """Terms that were estimated; those that the file leaves out count through the degrees given."""
    fitted = sum(not _is_reference(row) for row in one)
    if "residual_degrees" not in one[0].texts:
        return fitted
    return max(fitted, _persons(one) - _count(one[0], "residual_degrees"))


def _fits_each_cell(one: Sequence[Row]) -> bool:
    """Whether crossed categories alone explain the outcome, with a parameter for every cell."""
    terms = [row for row in one if not _is_intercept(row) and not _is_reference(row)]
    if not terms or not all(_level(row) for row in terms):
        return False
    crossed = [row for row in terms if _CROSSING.search(row.texts["term"])]
    sizes: dict[str, int] = {}
    for row in terms:
        if row not in crossed:
            sizes[row.texts["term"]] = sizes.get(row.texts["term"], 1) + 1
    return bool(crossed) and len(terms) + 1 >= prod(sizes.values())


def _small_levels(one: Sequence[Row], policy: SourcePolicy) -> list[int]:
    """Rows of levels with few persons; all of a term whose reference level has few."""
    found = []
    for levels in _levels(one).values():
        counts = [_count(row, "level_persons") for row in levels]
        found += [
            row.number
            for row, many in zip(levels, counts, strict=True)
            if policy.counts.is_small(many) or not many
        ]
        if policy.counts.is_small(_persons(one) - sum(counts)):
            found += [row.number for row in levels]
    return found


def _levels(one: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of the levels of each term whose persons are given."""
    found: dict[str, list[Row]] = {}
    for row in one:
        if _level(row) and "level_persons" in row.texts:
            found.setdefault(row.texts["term"], []).append(row)
    return found


def _silent(one: Sequence[Row], schema: ResultSchema) -> list[str]:
    """What only people can see: categories of which nobody said how many persons they hold."""
    if "level" not in schema.columns or "level_persons" not in schema.columns:
        return [_NO_LEVELS]
    if any(_is_intercept(row) for row in one) and len(_levels(one)) == 1:
        fitted = [row for row in one if not _is_intercept(row) and not _is_reference(row)]
        if all(_level(row) for row in fitted):
            return [told(one, *_MEANS)]
    return []


_NO_LEVELS = (
    "Nobody said how many persons stand in each level of the terms of a model. / "
    "L'effectif de chaque modalité des termes d'un modèle n'est pas donné."
)
_MEANS = (
    "A model of one category shows the mean of each level in {0}.",
    "Un modèle d'une seule variable montre la moyenne de chaque modalité ({0}).",
)
_NEAR = (
    "Two models differ by few persons, from {0} on.",
    "Deux modèles diffèrent de peu de personnes, à partir de là ({0}).",
)


def _nearly_the_same(rows: Sequence[Row], policy: SourcePolicy) -> list[str]:
    """Models whose persons differ by a few: what they differ by could be worked out."""
    models = sorted(grouped(rows).values(), key=_persons)
    close = [
        two[0]
        for one, two in pairwise(models)
        if policy.counts.is_small(_persons(two) - _persons(one)) and _persons(two) != _persons(one)
    ]
    return [told(close, *_NEAR)] if close else []


def _is_outside(row: Row) -> bool:
    low, value, high = (
        row.value(part) if part in row.texts else None for part in ("low", "estimate", "high")
    )
    if value is None:
        return False
    return (low is not None and value < low) or (high is not None and value > high)


def _has_no_error(row: Row) -> bool:
    error = row.value("error") if "error" in row.texts else None
    return error is not None and error <= 0


def _is_reference(row: Row) -> bool:
    return row.texts["estimate"].strip().lower() in _REFERENCE


def _is_intercept(row: Row) -> bool:
    return row.texts["term"].strip().lower() in _INTERCEPT


def _level(row: Row) -> str:
    return row.texts.get("level", "").strip()


def _persons(one: Sequence[Row]) -> int:
    return _count(one[0], "persons")


def _count(row: Row, part: str) -> int:
    return row.persons(part) or 0
