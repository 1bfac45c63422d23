"""Weekly counts against the bound of an alarm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import altair as alt

from bercail.cohorts.plots.style import (
    ALARM,
    CALM,
    HEIGHT,
    INK,
    WIDTH,
    Chart,
    data,
    require_rows,
    words,
)

MOST_MARKS = 12


def alarms(rows: Sequence[Mapping[str, Any]], *, language: str = "en", title: str = "") -> Chart:
    """Bars of counts, the bound as a step line, a triangle over each week above it.

    Rows are those of `farrington` and `serfling`. Colour says nothing that the triangle does
    not say too.

    Raises:
        Invalid: no row.
    """
    require_rows(rows)
    told = words(language)
    shown = [{**row, "kind": told["alarm" if row["alarm"] else "no_alarm"]} for row in rows]
    base = alt.Chart(data(shown)).encode(x=_weeks(shown, told["week"]))
    scale = alt.Scale(domain=[told["no_alarm"], told["alarm"]], range=[CALM, ALARM])
    # Bars share the width so that many weeks do not cover each other.
    bars = base.mark_bar(size=max(1.5, min(12.0, 0.75 * WIDTH / len(shown)))).encode(
        y=alt.Y("events:Q", title=told["events"]),
        color=alt.Color("kind:N", title=None, scale=scale),
    )
    bound = base.mark_line(color=INK, interpolate="step", strokeDash=[5, 3]).encode(y="bound:Q")
    expected = base.mark_line(color=INK, opacity=0.5, strokeWidth=1).encode(y="expected:Q")
    marks = (
        base.transform_filter("datum.alarm")
        .mark_point(shape="triangle-down", filled=True, size=90, color=ALARM, yOffset=-9)
        .encode(y="events:Q")
    )
    return (bars + expected + bound + marks).properties(
        width=WIDTH + 120,
        height=HEIGHT,
        title=alt.Title(title or told["alarms"], subtitle=told["lines"]),
    )


def _weeks(rows: Sequence[Mapping[str, Any]], title: str) -> alt.X:
    """The axis of weeks, with its marks under Mondays that the rows have."""
    mondays = [datetime.fromisoformat(f"{row['monday']!s:.10}T00:00:00+00:00") for row in rows]
    every = -(-len(mondays) // MOST_MARKS)
    marks = [1000.0 * monday.timestamp() for monday in mondays[::every]]
    axis = alt.Axis(format="%Y-%m-%d", labelAngle=-40, values=marks)
    return alt.X("monday:T", title=title, axis=axis, scale=alt.Scale(type="utc"))
