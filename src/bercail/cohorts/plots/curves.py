"""Curves with their bands, and estimates with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from bercail.cohorts.analysis.rates import in_order
from bercail.cohorts.plots.style import (
    HEIGHT,
    INK,
    PALETTE,
    SOFT,
    WIDTH,
    Chart,
    colours,
    counted,
    data,
    patterns,
    require_rows,
    words,
)
from bercail.foundation import Invalid

RATIOS = ("ratio", "hazard_ratio", "rate_ratio", "relative_incidence")
VALUES = (*RATIOS, "standardised", "rate", "prevalence", "estimate")


def curves(
    rows: Sequence[Mapping[str, Any]],
    *,
    value: str = "survival",
    by: Sequence[str] = (),
    language: str = "en",
    title: str = "",
) -> Chart:
    """Step curves with bands: rows of `survival` (`value="survival"`) or of `competing`
    (`value="incidence"`, one curve for each cause too).

    Raises:
        Invalid: no row.
    """
    require_rows(rows)
    told = words(language)
    shown, labels = _steps(rows, value, by, told)
    axis = alt.Y(
        "value:Q",
        title=told["share_without" if value == "survival" else "share_with"],
        scale=alt.Scale(domain=[0, 1]) if value == "survival" else alt.Scale(zero=True),
        axis=alt.Axis(format="%"),
    )
    base = alt.Chart(data(shown)).encode(x=_time(told, language))
    legend = (
        alt.Legend(title=told["group"], symbolType="stroke", symbolOpacity=1)
        if len(labels) > 1
        else None
    )
    colour = alt.Color("group:N", scale=colours(labels), legend=legend)
    dashes = alt.StrokeDash("group:N", scale=patterns(labels), legend=legend)
    band = base.mark_area(opacity=0.16, interpolate="step-after")
    line = base.mark_line(interpolate="step-after", strokeWidth=2.2)
    layers = alt.layer(
        band.encode(y="low:Q", y2="high:Q", color=colour),
        line.encode(y=axis, color=colour, strokeDash=dashes),
    )
    return layers.properties(width=WIDTH, height=HEIGHT, title=title or told[value])


def _time(told: Mapping[str, str], language: str) -> alt.X:
    axis = alt.Axis(labelExpr=counted("datum.value", language))
    return alt.X("time:Q", title=told["time"], axis=axis)


def _steps(
    rows: Sequence[Mapping[str, Any]], value: str, by: Sequence[str], told: Mapping[str, str]
) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows of each curve, beginning at time 0, and the names of the curves in order."""
    start = 1.0 if value == "survival" else 0.0
    sides = [*by, *(["cause"] if value == "incidence" else [])]
    limits = ("time", "low", "high")
    shown = [
        {"group": _joined(row, sides, told), "value": row[value], **{n: row[n] for n in limits}}
        for row in rows
    ]
    labels = sorted({row["group"] for row in shown}, key=in_order)
    begun = {"time": 0.0, "value": start, "low": start, "high": start}
    return [*({"group": label, **begun} for label in labels), *shown], labels


def _joined(row: Mapping[str, Any], sides: Sequence[str], told: Mapping[str, str]) -> str:
    parts = [
        f"{told['cause']} {row[side]}" if side == "cause" else str(row[side]) for side in sides
    ]
    return ", ".join(parts) or " "


def intervals(rows: Sequence[Mapping[str, Any]], *, language: str = "en", title: str = "") -> Chart:
    """A point and an interval for each row: rates, ratios, terms of a model.

    The value is the first of `VALUES` that rows have; ratios stand on a logarithmic scale with a
    line at 1, without the constant. Rows without limits are left out.

    Raises:
        Invalid: rows without such a value, or nothing left to draw.
    """
    require_rows(rows)
    told = words(language)
    value = next((name for name in VALUES if name in rows[0]), None)
    if value is None:
        raise Invalid("These rows have no estimate with an interval.")
    logged = value in RATIOS
    shown = _bars(rows, value, logged)
    require_rows(shown)
    scale = _scale([row["low"] for row in shown], [row["high"] for row in shown], logged)
    order = [row["label"] for row in shown]
    base = alt.Chart(data(shown)).encode(
        y=alt.Y("label:N", sort=order, title=None, axis=alt.Axis(labelLimit=280))
    )
    lines = base.mark_rule(color=SOFT, strokeWidth=2).encode(
        x=alt.X("low:Q", title=told[value], scale=scale), x2="high:Q"
    )
    points = base.mark_point(filled=True, size=70, color=PALETTE[0], opacity=1).encode(x="value:Q")
    layers = [lines, points]
    if logged:
        one = alt.Chart(data([{"one": 1.0}])).mark_rule(color=INK, strokeDash=[3, 3])
        layers.insert(0, one.encode(x=alt.X("one:Q", scale=scale)))
    return alt.layer(*layers).properties(
        width=WIDTH - 160, height=26 * len(shown), title=title or told["estimates"]
    )


def _bars(rows: Sequence[Mapping[str, Any]], value: str, logged: bool) -> list[dict[str, Any]]:
    """A label, a value and limits for each row that has them; the constant is left out."""
    sides = [name for name in rows[0] if name not in {*_FIGURES, value}]
    return [
        {
            "label": ", ".join(str(row[side]) for side in sides) or " ",
            "value": row[value],
            "low": row["low"],
            "high": row["high"],
        }
        for row in rows
        if row.get("term") != "constant" and _fits(row, value, logged)
    ]


def _scale(low: list[float], high: list[float], logged: bool) -> alt.Scale:
    if not logged:
        return alt.Scale(zero=False)
    # The line at 1 is always inside.
    return alt.Scale(type="log", nice=False, domain=[min(0.9, *low) * 0.95, max(1.1, *high) * 1.05])


# Columns of a row that are figures and no part of its name.
_FIGURES = {
    *("low", "high", "coefficient", "p_value", "rows", "events", "persons", "person_years"),
    *("per", "crude", "expected", "error"),
}


def _fits(row: Mapping[str, Any], value: str, logged: bool) -> bool:
    numbers = (row[value], row["low"], row["high"])
    return all(one is not None and (one > 0 or not logged) for one in numbers)


def reproduction(
    rows: Sequence[Mapping[str, Any]], *, language: str = "en", title: str = ""
) -> Chart:
    """R at the end of each window, its credible band, and the line at 1.

    Raises:
        Invalid: no row.
    """
    require_rows(rows)
    told = words(language)
    base = alt.Chart(data(rows)).encode(
        x=alt.X("to:T", title=told["to"], axis=alt.Axis(format="%Y-%m-%d", labelAngle=-40))
    )
    band = base.mark_area(opacity=0.2, color=PALETTE[0]).encode(y="low:Q", y2="high:Q")
    line = base.mark_line(color=PALETTE[0], strokeWidth=2.2).encode(
        y=alt.Y("reproduction:Q", title="R", scale=alt.Scale(zero=True))
    )
    one = alt.Chart(data([{"one": 1.0}])).mark_rule(color=INK, strokeDash=[4, 3])
    layers = band + line + one.encode(y="one:Q")
    return layers.properties(width=WIDTH, height=HEIGHT, title=title or told["reproduction"])
