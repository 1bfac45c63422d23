"""Rates made comparable: direct standardisation, and observed over expected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from bercail.cohorts.analysis.columns import (
    Numbers,
    categories,
    counts,
    require_columns,
    require_rows,
)
from bercail.cohorts.analysis.intervals import byar_poisson, exact_poisson, gamma_interval
from bercail.cohorts.analysis.rates import groups
from bercail.cohorts.analysis.result import Analysis, Estimate
from bercail.cohorts.analysis.standards import AgeBand, StandardPopulation, find_age_band
from bercail.foundation import Invalid


def direct_rate(
    events: Numbers, person_years: Numbers, shares: Numbers, level: float = 0.95
) -> Estimate:
    """The rate that the standard would have with these strata's rates, per person-year.

    `shares` are the standard's shares of the strata, summing to 1; limits by Fay and Feuer 1997.

    Raises:
        Invalid: a stratum of the standard without person-years.
    """
    empty = int(((person_years <= 0) & (shares > 0)).sum())
    if empty:
        raise Invalid(
            f"{empty} strata of the standard have no person-years.",
            remedy="Join age groups until each has some.",
        )
    used = shares > 0
    return gamma_interval(events[used], shares[used] / person_years[used], level)


def standardise(
    table: pa.Table,
    *,
    age: str,
    events: str,
    person_years: str,
    standard: StandardPopulation,
    by: Sequence[str] = (),
    per: float = 100_000.0,
    level: float = 0.95,
) -> Analysis:
    """Directly standardised rates of each group, beside the crude ones.

    `age` holds age groups (`5-9`, `85+`); every group has those of the whole table.

    Raises:
        Missing: a column is absent.
        Invalid: an unknown age, bands that do not fit the standard, or an empty stratum.
    """
    require_rows(table)
    ages = categories(table, age)
    happened, time = counts(table, events), counts(table, person_years)
    bands = _bands(ages.tolist())
    labels, shares = list(bands), standard.shares(list(bands.values()))
    rows = []
    for named, chosen in groups(table, by):
        strata = [chosen & (ages == label) for label in labels]
        d = np.array([happened[one].sum() for one in strata])
        t = np.array([time[one].sum() for one in strata])
        adjusted = direct_rate(d, t, shares, level).times(per)
        counted = {"events": int(d.sum()), "person_years": float(t.sum()), "per": per}
        crude = {"crude": float(d.sum() / t.sum() * per)}
        rows.append({**named, **counted, **crude, **adjusted.as_dict("standardised")})
    return Analysis(
        method=f"Direct standardisation on {standard.name}, gamma limits",
        source=f"Fay and Feuer, Statistics in Medicine 1997;16:791-801; {standard.source}",
        rows=tuple(rows),
        events=int(happened.sum()),
        facts={"age_groups": labels, "person_years": float(time.sum())},
    )


def _bands(labels: Sequence[str]) -> dict[str, AgeBand]:
    """The age groups of a column in order; labels that are none are counted, not shown."""
    found = {label: find_age_band(label) for label in set(labels)}
    known = {label: band for label, band in found.items() if band is not None}
    if len(known) < len(found):
        raise Invalid(
            f"The column of ages has {len(found) - len(known)} labels that are no age group.",
            remedy="Write 5-9, or 85+ for the last.",
        )
    return dict(sorted(known.items(), key=lambda one: one[1].low))


def expected_events(
    person_years: Numbers, reference_events: Numbers, reference_person_years: Numbers
) -> Numbers:
    """Events that each stratum would have at the reference's rates; raises `Invalid`."""
    if (reference_person_years <= 0).any():
        raise Invalid("A stratum of the reference has no person-years.")
    expected: Numbers = person_years * reference_events / reference_person_years
    return expected


def ratio_to_expected(
    observed: float, expected: float, level: float = 0.95, method: str = "exact"
) -> Estimate:
    """The standardised mortality (or morbidity) ratio: observed over expected.

    `method` is `exact` (Garwood limits, as Ulm, American Journal of Epidemiology
    1990;131:373-375) or `byar` (Breslow and Day 1987, p. 69).

    Raises:
        Invalid: nothing expected, or another method.
    """
    if expected <= 0:
        raise Invalid("Nothing is expected, so there is no ratio.")
    if method not in {"exact", "byar"}:
        raise Invalid(f"There are no limits `{method}`.", remedy="Choose exact or byar.")
    limits = exact_poisson if method == "exact" else byar_poisson
    return limits(observed, level).times(1.0 / expected)


def indirect(
    table: pa.Table,
    reference: pa.Table,
    *,
    strata: Sequence[str],
    events: str,
    person_years: str,
    by: Sequence[str] = (),
    level: float = 0.95,
    method: str = "exact",
) -> Analysis:
    """Observed over expected events of each group, at the rates of `reference`.

    Both tables have the columns `strata`, `events` and `person_years`.

    Raises:
        Missing: a column is absent.
        Invalid: a stratum that the reference lacks, or one that it has twice.
    """
    require_rows(table)
    happened, time = counts(table, events), counts(table, person_years)
    rates = _reference_rates(reference, strata, events, person_years)
    keys = _keys(table, strata)
    lacking = sum(key not in rates for key in keys)
    if lacking:
        raise Invalid(f"The reference has no rate for {lacking} rows' strata.")
    expected = time * np.array([rates[key] for key in keys])
    rows: list[dict[str, Any]] = []
    for named, chosen in groups(table, by):
        observed, awaited = float(happened[chosen].sum()), float(expected[chosen].sum())
        ratio = ratio_to_expected(observed, awaited, level, method)
        counted = {"events": int(observed), "expected": awaited}
        rows.append({**named, **counted, **ratio.as_dict("ratio")})
    return Analysis(
        method=f"Indirect standardisation (SMR), {method} limits",
        source="Breslow and Day, volume II, IARC 1987, ch. 2; Ulm, Am J Epidemiol 1990;131:373",
        rows=tuple(rows),
        events=int(happened.sum()),
        facts={"person_years": float(time.sum())},
    )


def _reference_rates(
    reference: pa.Table, strata: Sequence[str], events: str, person_years: str
) -> dict[tuple[str, ...], float]:
    require_columns(reference, strata)
    keys = _keys(reference, strata)
    if len(set(keys)) != len(keys):
        raise Invalid("The reference has a stratum twice.", remedy="Add its rows up first.")
    time = counts(reference, person_years)
    rates = expected_events(np.ones_like(time), counts(reference, events), time)
    return dict(zip(keys, rates.tolist(), strict=True))


def _keys(table: pa.Table, strata: Sequence[str]) -> list[tuple[str, ...]]:
    columns = [categories(table, name).tolist() for name in strata]
    return list(zip(*columns, strict=True))
