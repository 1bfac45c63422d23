"""The primary rules of single statistics: percentiles, ratios, models, survival curves, maps.

Each function answers with the ids of the rules broken, none when the statistic may be shown.
Persons are distinct persons throughout.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from attrs import field, frozen, validators

from bercail.airlock.disclosure.rules.source_policy import SourcePolicy


@frozen(kw_only=True)
class SurvivalStep:
    """One step of a Kaplan-Meier curve: the time, persons at risk before it, events in it."""

    time: float = field(repr=False)
    at_risk: int = field(validator=validators.ge(0), repr=False)
    events: int = field(validator=validators.ge(0), repr=False)
    censored: int = field(default=0, validator=validators.ge(0), repr=False)


def extreme(name: str) -> tuple[str, ...]:
    """Minima and maxima under any of their names (`min`, `maximum`, `age_max`, `p0`, `range`).

    `min` beside a word of time stands for minutes.
    """
    said = name.strip().lower()
    words = set(re.findall(r"[^\W\d_]+", said))
    compound = words & _EXTREME_WORDS and not (words & _TIMES and not words & _LONG_WORDS)
    return ("extreme",) if said in _EXTREMES or compound else ()


_LONG_WORDS = frozenset(
    {"max", "maximum", "minimum", "maxima", "minima", "maximal", "minimal", "maximale",
     "minimale"}
)  # fmt: skip
_EXTREME_WORDS = _LONG_WORDS | {"min"}
_TIMES = frozenset(
    {"time", "times", "duration", "delay", "temps", "durée", "duree", "délai", "delai", "h"}
)


_EXTREMES = frozenset(
    {"min", "minimum", "max", "maximum", "range", "p0", "p100", "q0", "q4", "smallest",
     "largest", "étendue", "plus petit", "plus grand"}
)  # fmt: skip


def percentile(persons: int, percent: float, policy: SourcePolicy) -> tuple[str, ...]:
    """A percentile of `persons` values, one for each person; both sides hold the threshold."""
    below = persons * percent / 100
    sides = (below, persons - below)
    return ("percentile-sides",) if min(sides) < policy.threshold else ()


def percentile_sides(below: int, above: int, policy: SourcePolicy) -> tuple[str, ...]:
    """A percentile with `below` persons under it and `above` over it, as counted."""
    return ("percentile-sides",) if min(below, above) < policy.threshold else ()


def ratio(numerator: int, denominator: int, policy: SourcePolicy) -> tuple[str, ...]:
    """A ratio shows as much as both counts; also as the count of those not in the numerator."""
    counts = (numerator, denominator, denominator - numerator)
    if any(count < 0 or policy.counts.is_small(count) for count in counts):
        return ("ratio-counts",)
    return ()


def mean(persons: int, policy: SourcePolicy) -> tuple[str, ...]:
    """A mean, variance or total over `persons`."""
    return ("persons-threshold",) if persons < policy.threshold else ()


def model(persons: int, parameters: int, policy: SourcePolicy) -> tuple[str, ...]:
    """A regression with `parameters` estimated from one row for each of `persons`."""
    broken = []
    if persons < policy.threshold:
        broken.append("persons-threshold")
    if persons - parameters < policy.residual_degrees:
        broken.append("degrees-of-freedom")
    return tuple(broken)


def survival(steps: Sequence[SurvivalStep], policy: SourcePolicy) -> tuple[str, ...]:
    """A Kaplan-Meier curve; see `failing_steps`."""
    return ("survival-step",) if failing_steps(steps, policy) else ()


def failing_steps(steps: Sequence[SurvivalStep], policy: SourcePolicy) -> tuple[int, ...]:
    """The places of the steps of a Kaplan-Meier curve that may not be shown, from 0.

    A drop is a count of events over persons at risk. One that shows fewer events than
    `survival_events` shows those persons' times. The persons who leave between two steps
    (events and censored) are a difference of two shown numbers at risk, hence a count, and so
    are the persons who stay after the last one: the earlier of the two steps is named.
    """
    failing = set()
    for place, step in enumerate(steps):
        if 0 < step.events < policy.survival_events or step.at_risk < policy.threshold:
            failing.add(place)
    for place, (before, after) in enumerate(pairwise(steps)):
        left = before.at_risk - after.at_risk
        if left < 0 or policy.counts.is_small(left):
            failing.add(place)
    if steps:
        last = steps[-1]
        if policy.counts.is_small(last.at_risk - last.events - last.censored):
            failing.add(len(steps) - 1)
    return tuple(sorted(failing))


def coarser_steps(steps: Sequence[SurvivalStep], policy: SourcePolicy) -> tuple[SurvivalStep, ...]:
    """The remedy for a curve: neighbouring steps put together until each may be shown.

    The end of the curve that cannot be shown is cut off; empty when nothing is left.
    """
    found: list[SurvivalStep] = []
    start, events, censored = 0, 0, 0
    for place, step in enumerate(steps):
        events += step.events
        censored += step.censored
        merged = SurvivalStep(
            time=step.time, at_risk=steps[start].at_risk, events=events, censored=censored
        )
        # Those before the last one hold already, each with the one after it.
        pair = (*found[-1:], merged)
        if events >= policy.survival_events and not survival(pair, policy):
            found.append(merged)
            start, events, censored = place + 1, 0, 0
    return tuple(found)


def zone_map(
    persons: Sequence[int], classes: Sequence[int], policy: SourcePolicy
) -> tuple[str, ...]:
    """A map: distinct persons in each zone, and the number of its colour (in the same order)."""
    broken = []
    if any(policy.counts.is_small(count) for count in persons):
        broken.append("map-zone")
    zones = {colour: list(classes).count(colour) for colour in classes}
    if any(many < policy.class_zones for many in zones.values()):
        broken.append("map-bounds")
    return tuple(broken)
