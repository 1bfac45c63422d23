"""Crude rates and shares by group, from one row per person or from counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from bercail.cohorts.analysis.columns import Flags, categories, counts, flags, require_rows
from bercail.cohorts.analysis.intervals import exact_poisson, share
from bercail.cohorts.analysis.result import Analysis
from bercail.foundation import Invalid


def incidence(
    table: pa.Table,
    *,
    events: str,
    person_years: str,
    by: Sequence[str] = (),
    per: float = 100_000.0,
    level: float = 0.95,
) -> Analysis:
    """Events over person-years in each group, with exact Poisson limits (Garwood 1936).

    `events` and `person_years` are columns; a row is a person or a stratum.

    Raises:
        Missing: a column is absent.
        Invalid: negative numbers, or a group with events and no person-years.
    """
    require_rows(table)
    happened, time = counts(table, events), counts(table, person_years)
    rows = []
    for labels, chosen in groups(table, by):
        number, years = float(happened[chosen].sum()), float(time[chosen].sum())
        if years <= 0:
            raise Invalid("A group has no person-years.", remedy="Take the group out.")
        rate = exact_poisson(number, level).times(per / years)
        counted = {"rows": int(chosen.sum()), "events": int(number), "person_years": years}
        rows.append({**labels, **counted, **rate.as_dict("rate"), "per": per})
    return Analysis(
        method="Crude incidence rate, exact Poisson limits",
        source="Garwood, Biometrika 1936;28:437-442; Breslow and Day, volume II, 1987, ch. 2",
        rows=tuple(rows),
        events=int(happened.sum()),
        facts={"rows": table.num_rows, "person_years": float(time.sum())},
    )


def prevalence(
    table: pa.Table,
    *,
    case: str,
    by: Sequence[str] = (),
    per: float = 100.0,
    level: float = 0.95,
    method: str = "wilson",
) -> Analysis:
    """Cases among persons in each group; the table has one row per person.

    Raises:
        Missing: a column is absent.
        Invalid: `case` is not yes or no, or another method than `wilson` and `exact`.
    """
    require_rows(table)
    has = flags(table, case)
    rows = []
    for labels, chosen in groups(table, by):
        cases, persons = int(has[chosen].sum()), int(chosen.sum())
        found = share(cases, persons, level, method).times(per)
        counted = {"persons": persons, "events": cases}
        rows.append({**labels, **counted, **found.as_dict("prevalence"), "per": per})
    return Analysis(
        method=f"Prevalence, {method} limits",
        source="Newcombe, Statistics in Medicine 1998;17:857-872",
        rows=tuple(rows),
        persons=table.num_rows,
        events=int(has.sum()),
    )


def groups(table: pa.Table, by: Sequence[str]) -> Iterator[tuple[dict[str, Any], Flags]]:
    """Each combination of labels that occurs, in order, with its rows; one group without `by`."""
    if not by:
        yield {}, np.ones(table.num_rows, dtype=np.bool_)
        return
    sides = [np.unique(categories(table, name), return_inverse=True) for name in by]
    found, place = np.unique(np.column_stack([s[1] for s in sides]), axis=0, return_inverse=True)
    keys = [
        tuple(str(labels[code]) for (labels, _), code in zip(sides, row, strict=True))
        for row in found
    ]
    for number in sorted(range(len(keys)), key=lambda n: tuple(map(in_order, keys[n]))):
        yield dict(zip(by, keys[number], strict=True)), place.ravel() == number


def in_order(label: str) -> tuple[int, float, str]:
    """A key that puts `5-9` before `10-14`, and words after numbers."""
    lead = label.split("-")[0].rstrip("+")
    try:
        return 0, float(lead), label
    except ValueError:
        return 1, 0.0, label
