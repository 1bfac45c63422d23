"""The comparison as one HTML page: bars of what was measured, ticks of what is published."""

from __future__ import annotations

from html import escape
from pathlib import Path

import altair as alt
import pyarrow as pa
import vl_convert

from bercail.ingest.synth.check import Comparison, Measure
from bercail.ingest.synth.deliveries import on_disk

_BLUE, _RED, _INK = "#2b5fd9", "#c2334d", "#1d2433"


def write_page(comparison: Comparison, page: Path) -> None:
    """Write the plots to an HTML file that needs neither network nor script.

    Raises:
        Unavailable: the disk is full or cannot be written.
    """
    groups = (
        ("Persons and care", [m for m in comparison.measures if "chapter" not in m.name]),
        ("Stays by ICD-10 chapter", [m for m in comparison.measures if "chapter" in m.name]),
    )
    body = "".join(f"<h2>{escape(title)}</h2>{_svg(found)}" for title, found in groups)
    verdict = "within" if comparison.within else "out of"
    with on_disk(page):
        page.write_text(
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            "<title>Synthetic data against published aggregates</title></head>"
            f"<body><h1>Synthetic data against published aggregates</h1>"
            f"<p>All measures together: {verdict} tolerance. A bar is what was measured, "
            f"a tick what is published.</p>{body}</body></html>\n",
            encoding="utf-8",
        )


def _svg(measures: list[Measure]) -> str:
    rows = [
        {
            "name": measure.name,
            "measured": round(measure.measured, 5),
            "published": round(measure.published, 5),
            "state": "within" if measure.within else "out",
        }
        for measure in measures
    ]
    base = alt.Chart(pa.Table.from_pylist(rows)).encode(y=alt.Y("name:N", sort=None, title=None))
    scale = alt.Scale(domain=["within", "out"], range=[_BLUE, _RED])
    bars = base.mark_bar(height=12, opacity=0.75).encode(
        x=alt.X("measured:Q", title="share", axis=alt.Axis(format="%")),
        color=alt.Color("state:N", scale=scale, title=None),
    )
    ticks = base.mark_tick(color=_INK, thickness=3, size=18).encode(x="published:Q")
    chart = (bars + ticks).properties(width=560, height=26 * len(rows))
    drawn: str = vl_convert.vegalite_to_svg(chart.to_dict())
    return drawn[drawn.index("<svg") :]
