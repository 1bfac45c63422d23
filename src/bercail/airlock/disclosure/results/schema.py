"""What the rows of a declared result mean: its kind and the column of each part."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, get_args

from attrs import field, frozen

from bercail.airlock.disclosure.counts import DIGEST, MAX_SNAPSHOTS, MAX_TEXT, SNAPSHOT
from bercail.airlock.disclosure.faults import FaultError, unreadable_schema
from bercail.airlock.disclosure.results.zones import ZONINGS
from bercail.airlock.disclosure.tables.schema import FORMAT

ResultKind = Literal["survival", "percentiles", "ratios", "map", "regression"]

REQUIRED: Mapping[ResultKind, tuple[str, ...]] = {
    "survival": ("time", "at_risk", "events", "survival"),
    "percentiles": ("percentile", "value", "persons_below", "persons_above"),
    "ratios": ("ratio", "numerator", "denominator"),
    "map": ("zone", "persons"),
    "regression": ("term", "estimate", "persons"),
}
"""The parts of a result that its schema gives a column for."""

OPTIONAL: Mapping[ResultKind, tuple[str, ...]] = {
    "survival": ("censored",),
    "percentiles": ("persons",),
    "ratios": (),
    "map": ("class",),
    "regression": (
        "level",
        "level_persons",
        "residual_degrees",
        "events",
        "error",
        "low",
        "high",
        "p_value",
    ),
}
"""The parts that it may give a column for."""

SCALES = (1, 100, 1000, 10_000, 100_000)
"""A ratio may be written for one, per cent, or per so many persons."""

MOST_ZONES = 40_000


@frozen(kw_only=True)
class ResultSchema:
    """The meaning of the rows of one result.

    `columns`: the column of each part. `by`: columns of labels; each combination is a curve, a
    set of percentiles, a map or a model of its own. `scale`: what a ratio is multiplied by.
    `zones`: the codes that a map may name. `population` and `snapshots` as for tables.
    """

    kind: ResultKind
    columns: Mapping[str, str]
    by: tuple[str, ...] = ()
    scale: int = 1
    zones: frozenset[str] = field(default=frozenset(), repr=False)
    population: str = ""
    snapshots: tuple[str, ...] = ()


def declares_result(schema: bytes) -> bool:
    """Whether a schema speaks of a result and not of tables; false for bytes that are no JSON."""
    try:
        value = json.loads(schema)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and "result" in value


def read_result_schema(data: bytes) -> ResultSchema:
    """The schema of a result.

    Raises:
        Invalid: the bytes are no schema of a result; the message names what is at fault.
    """
    try:
        value = json.loads(data)
        if value["format"] != FORMAT:
            raise FaultError(f"it does not say `{FORMAT}`", f"il ne dit pas `{FORMAT}`")
        kind = value["result"]
        if kind not in get_args(ResultKind):
            known = ", ".join(get_args(ResultKind))
            raise FaultError(
                f"its `result` is none of {known}", f"son `result` n'est aucun de {known}"
            )
        by = tuple(_text(one) for one in _list(value.get("by", []), "by"))
        return ResultSchema(
            kind=kind,
            columns=_columns(kind, value["columns"], by),
            by=by,
            scale=_scale(value.get("scale", 1)),
            zones=_zones(value) if kind == "map" else frozenset(),
            population=_population(value.get("population", "")),
            snapshots=_snapshots(value.get("snapshots", [])),
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as problem:
        raise unreadable_schema(problem) from problem


def _columns(kind: ResultKind, value: Mapping[str, Any], by: tuple[str, ...]) -> dict[str, str]:
    known = (*REQUIRED[kind], *OPTIONAL[kind])
    if missing := [part for part in REQUIRED[kind] if part not in value]:
        raise FaultError(
            f"it names no column for `{missing[0]}`",
            f"il ne nomme aucune colonne pour `{missing[0]}`",
        )
    if len(unknown := set(value) - set(known)):
        raise FaultError(
            f"{len(unknown)} of its `columns` are no parts of this result",
            f"{len(unknown)} de ses `columns` ne sont pas des parties de ce résultat",
        )
    columns = {part: _text(value[part]) for part in known if part in value}
    if len({*columns.values(), *by}) != len(columns) + len(by):
        raise FaultError("it uses one column twice", "il emploie deux fois une colonne")
    return columns


def _scale(value: Any) -> int:
    if value not in SCALES or isinstance(value, bool):
        known = ", ".join(map(str, SCALES))
        raise FaultError(f"its `scale` is none of {known}", f"sa `scale` n'est aucune de {known}")
    return int(value)


def _zones(value: Mapping[str, Any]) -> frozenset[str]:
    zoning, codes = value.get("zoning", ""), _list(value.get("zones", []), "zones")
    if (zoning == "") == (not codes):
        raise FaultError(
            "a map names either its `zoning` or the list of its `zones`",
            "une carte nomme soit son `zoning`, soit la liste de ses `zones`",
        )
    if zoning and zoning not in ZONINGS:
        known = ", ".join(ZONINGS)
        raise FaultError(f"its `zoning` is none of {known}", f"son `zoning` n'est aucun de {known}")
    if len(codes) > MOST_ZONES:
        raise FaultError(
            f"it lists more than {MOST_ZONES} zones", f"il liste plus de {MOST_ZONES} zones"
        )
    return ZONINGS[zoning] if zoning else frozenset(_text(one) for one in codes)


def _population(value: Any) -> str:
    population = str(_text(value))
    if population and not DIGEST.fullmatch(population):
        raise FaultError(
            "its `population` is not the 64 hexadecimal digits of a cohort model",
            "sa `population` n'est pas les 64 chiffres hexadécimaux d'un modèle de cohorte",
        )
    return population


def _snapshots(value: Any) -> tuple[str, ...]:
    found = _list(value, "snapshots")
    if len(found) > MAX_SNAPSHOTS or not all(SNAPSHOT.fullmatch(_text(one)) for one in found):
        raise FaultError(
            "one of its `snapshots` is not `TABLE@number`, or there are too many",
            "un de ses `snapshots` n'est pas `TABLE@numéro`, ou il y en a trop",
        )
    return tuple(found)


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise FaultError(f"`{name}` is no list", f"`{name}` n'est pas une liste")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not len(value) <= MAX_TEXT:
        raise FaultError(
            f"a name is no text of at most {MAX_TEXT} characters",
            f"un nom n'est pas un texte de {MAX_TEXT} caractères au plus",
        )
    return value
