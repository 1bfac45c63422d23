"""The five studies in the cohort language, and whether SQL by hand finds what an engine finds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bercail.cohorts import (
    Cohort,
    CohortResult,
    Model,
    dispensings,
    interval,
    match,
    measure,
    persons,
    stays,
)

KNOWN = persons.birth_year.is_known() & persons.sex.is_known()
SEXES = {"male": 1, "female": 2}
Rows = list[tuple[Any, ...]]

_drugs = dispensings.cleaned().where(dispensings.atc.starts_with("C10"))
_strokes = stays.cleaned().where(stays.principal_diagnosis.starts_with("I63")).during(2024)
_fresh = _drugs.washout(365).during(2024)
_index = _strokes.first().entry


def models() -> dict[str, Model]:
    """Incident users, stays by diagnosis, prevalence by month, nested exposure, matching."""
    age = persons.age_on("2024-12-31").groups_of(10, up_to=90)
    given: dict[str, dict[str, Any]] = {
        "incident": {
            "population": _fresh.exists() & KNOWN,
            "index_date": _fresh.first().date,
            "attributes": {"sex": persons.sex},
            "tables": {"By sex": ["sex"]},
        },
        "stays": {
            "population": _strokes.exists() & KNOWN,
            "index_date": _index,
            "attributes": {"sex": persons.sex, "age": age},
            "tables": {"By sex and age": ["sex", "age"]},
        },
        "prevalence": {
            "population": KNOWN,
            "attributes": {"sex": persons.sex},
            "measures": [
                measure(
                    "Users of statins",
                    first="2024-01-01",
                    count=12,
                    numerator=_drugs.between(interval.start, interval.end).exists(),
                    denominator=persons.alive_on(interval.start),
                    by=["sex"],
                )
            ],
        },
        "nested": {
            "population": _strokes.exists() & KNOWN,
            "index_date": _index,
            "attributes": {
                "sex": persons.sex,
                "lines": _drugs.between(_index.plus(days=-90), _index).count(),
            },
        },
        "matched": {
            "population": _strokes.exists() & KNOWN,
            "index_date": _index,
            "attributes": {"birth": persons.birth_year, "sex": persons.sex},
            "matching": match(
                KNOWN & persons.alive_on("2023-12-31") & ~_strokes.exists(),
                on=["birth", "sex"],
                ratio=4,
            ),
        },
    }
    return {
        name: Cohort(name=name, title=name.capitalize(), **study).model
        for name, study in given.items()
    }


def require_same(side: str, shape: str, result: CohortResult, found: Mapping[str, Rows]) -> None:
    """Stop when SQL by hand does not find what an engine found."""
    if _plainly(result) != _told(shape, found):
        raise SystemExit(f"{shape}: the engine and the SQL over {side} do not find the same")


def _plainly(result: CohortResult) -> dict[str, Any]:
    """A result of an engine in the words of the queries by hand."""
    told: dict[str, Any] = {"everyone": result.flowchart[0].persons}
    told["cohort"] = [
        tuple(SEXES.get(value, value) for value in row.values())
        for row in result.persons.to_pylist()
    ]
    if result.matches is not None:
        told["pairs"] = [tuple(row.values()) for row in result.matches.to_pylist()]
    for table in result.measures:
        told["months"] = {(int(row[0][5:7]), SEXES[row[2]]): (row[3], row[4]) for row in table.rows}
    return told


def _told(shape: str, rows: Mapping[str, Rows]) -> dict[str, Any]:
    # Bronze has a sex as a number, silver as a word.
    found = {
        name: [tuple(SEXES.get(value, value) for value in row) for row in held]
        for name, held in rows.items()
    }
    told: dict[str, Any] = {name: found[name] for name in ("cohort", "pairs") if name in found}
    told["everyone"] = found["everyone"][0][0]
    if shape == "stays":
        told["cohort"] = [
            (name, day, sex, "90+" if age == 9 else f"{int(age) * 10}-{int(age) * 10 + 9}")
            for name, day, sex, age in found["cohort"]
        ]
    if shape == "prevalence":
        used = {(day.month, sex): number for day, sex, number in found["used"]}
        told["months"] = {
            (place, sex): (used.get((place, sex), 0), number)
            for sex, *months in found["alive"]
            for place, number in enumerate(months, start=1)
        }
    return told
