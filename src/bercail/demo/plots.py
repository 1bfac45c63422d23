"""The plots of the report, drawn to SVG on this machine; no network, no script."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pyarrow as pa
import vl_convert

INK, SOFT, BLUE, TEAL, AMBER, RED = "#1d2433", "#8a93a6", "#2b5fd9", "#0f8b8d", "#d98e04", "#c2334d"
WIDTH = 720


def svg(chart: Any) -> str:
    """The chart as an SVG element, without the XML heading."""
    styled = (
        chart.configure(font="Arial, Liberation Sans, sans-serif", background="transparent")
        .configure_view(stroke=None)
        .configure_axis(labelColor=INK, titleColor=SOFT, gridColor="#eceff5", domainColor="#c9cfdb")
        .configure_legend(labelColor=INK, titleColor=SOFT)
    )
    drawn: str = vl_convert.vegalite_to_svg(styled.to_dict())
    return drawn[drawn.index("<svg") :]


def arrivals(seen: Sequence[Sequence[float]], total: int) -> str:
    """Megabytes arrived on the host over time; the moment of the kill is marked."""
    rows = [{"s": s, "MB": size / 1e6, "run": f"run {int(run)}"} for s, size, run in seen]
    base = alt.Chart(_table(rows)).encode(
        x=alt.X("s:Q", title="seconds since the copy began"),
        y=alt.Y("MB:Q", title="MB carried", stack=None, scale=alt.Scale(domain=[0, total / 1e6])),
        color=alt.Color(
            "run:N", scale=alt.Scale(domain=["run 1", "run 2"], range=[AMBER, BLUE]), title=None
        ),
    )
    area = base.mark_area(opacity=0.18, interpolate="step-after")
    line = base.mark_line(interpolate="step-after", strokeWidth=2.5)
    layers = area + line
    killed = [float(moment) for moment, _, run in seen if int(run) == 1]
    if len({row["run"] for row in rows}) > 1 and killed:
        mark = alt.Chart(_table([{"s": max(killed), "text": "kill -9"}]))
        rule = mark.mark_rule(color=RED, strokeDash=[4, 3]).encode(x="s:Q")
        text = mark.mark_text(color=RED, align="left", dx=6, y=12, fontWeight="bold").encode(
            x="s:Q", text="text:N"
        )
        layers = layers + rule + text
    return svg(layers.properties(width=WIDTH, height=200))


def delays(rows: Sequence[dict[str, Any]]) -> str:
    """Lines by month of care and months until they arrived; a logarithmic colour."""
    chart = (
        alt.Chart(_table([{**row, "lines": int(row["lines"])} for row in rows]))
        .mark_rect(cornerRadius=1)
        .encode(
            x=alt.X("care:O", title="month of care", axis=alt.Axis(labelAngle=-60)),
            y=alt.Y("delay:O", title="months until the flux", sort="ascending"),
            color=alt.Color(
                "lines:Q", title="lines", scale=alt.Scale(type="log", scheme="tealblues")
            ),
        )
    )
    return svg(chart.properties(width=WIDTH - 40, height=330))


def flowchart(steps: Sequence[dict[str, Any]]) -> str:
    """Persons left after each step of the cohort."""
    rows = [{**step, "order": place} for place, step in enumerate(steps)]
    base = alt.Chart(_table(rows)).encode(
        y=alt.Y("label:N", sort=alt.SortField("order"), title=None, axis=alt.Axis(labelLimit=420)),
        x=alt.X("persons:Q", title="persons"),
    )
    bars = base.mark_bar(color=BLUE, height=18, cornerRadiusEnd=3)
    numbers = base.mark_text(align="left", dx=5, color=INK).encode(
        text=alt.Text("persons:Q", format=",")
    )
    return svg((bars + numbers).properties(width=WIDTH - 330, height=38 * len(rows)))


def chapters(rows: Sequence[dict[str, Any]]) -> str:
    """How long each chapter took."""
    base = alt.Chart(_table(list(rows))).encode(
        y=alt.Y("title:N", sort=None, title=None, axis=alt.Axis(labelLimit=420)),
        x=alt.X("seconds:Q", title="seconds"),
    )
    bars = base.mark_bar(color=TEAL, height=14, cornerRadiusEnd=3)
    numbers = base.mark_text(align="left", dx=5, color=INK).encode(
        text=alt.Text("seconds:Q", format=".1f")
    )
    return svg((bars + numbers).properties(width=WIDTH - 330, height=26 * len(rows)))


def _table(rows: Sequence[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(list(rows))
