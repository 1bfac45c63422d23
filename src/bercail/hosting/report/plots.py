"""The plots of the report, drawn to SVG on this machine; no network, no script."""

from __future__ import annotations

from typing import Any

from bercail.hosting.report.facts import Facts
from bercail.hosting.report.wording import HEADINGS, unit

INK, SOFT, BLUE, TEAL = "#1d2433", "#5d6679", "#2b5fd9", "#0f8b8d"
WIDTH, HEIGHT = 640, 180
SCREEN_FACE = "Liberation Sans, Arial, sans-serif"


def throughput(facts: Facts, language: str, face: str = SCREEN_FACE) -> str | None:
    """Bars of MB per second, one a run, lettered in `face`; None when no run has a duration."""
    rows = [
        {"run": str(run.number), "speed": round(run.megabytes_per_second, 3)}
        for run in facts.runs
        if run.megabytes_per_second is not None
    ]
    if not rows:
        return None
    words = HEADINGS[language]
    import altair as alt
    import pyarrow as pa

    bars = (
        alt.Chart(pa.Table.from_pylist(rows))
        .mark_bar(color=BLUE, width={"band": 0.6})
        .encode(
            x=alt.X("run:O", sort=None, title=words["run_axis"], axis=alt.Axis(labelAngle=0)),
            y=alt.Y("speed:Q", title=words["throughput_axis"]),
        )
    )
    return _svg(bars, face)


def growth(facts: Facts, language: str, face: str = SCREEN_FACE) -> str | None:
    """Bytes carried over time, a step at the end of each run; None before the first."""
    ends = facts.every("CopyFinished")
    if not ends:
        return None
    name, worth = unit(language, max(end.body["carried_bytes"] for end in ends))
    rows = [{"at": facts.moments[0].at, "carried": 0.0}]
    rows += [{"at": end.at, "carried": end.body["carried_bytes"] / worth} for end in ends]
    words = HEADINGS[language]
    import altair as alt
    import pyarrow as pa

    line = (
        alt.Chart(pa.Table.from_pylist(rows))
        .mark_line(color=TEAL, interpolate="step-after", point=True)
        .encode(
            x=alt.X(
                "at:T",
                scale=alt.Scale(type="utc"),
                title=words["time_axis"],
                axis=alt.Axis(format=_stamp(facts), labelFlush=False, tickCount=6),
            ),
            y=alt.Y("carried:Q", title=words["growth_axis"].format(unit=name)),
        )
    )
    return _svg(line, face)


def _stamp(facts: Facts) -> str:
    """How moments are written under the axis: with the day where there are several."""
    return "%H:%M" if facts.moments[0].at[:10] == facts.moments[-1].at[:10] else "%m-%d %H:%M"


def _svg(chart: Any, face: str) -> str:
    import vl_convert

    styled = (
        chart.properties(width=WIDTH, height=HEIGHT)
        .configure(font=face, background="transparent")
        .configure_view(stroke=None)
        .configure_axis(labelColor=INK, titleColor=SOFT, gridColor="#eceff5")
    )
    drawn: str = vl_convert.vegalite_to_svg(styled.to_dict())
    return drawn[drawn.index("<svg") :]
