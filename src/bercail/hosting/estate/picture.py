"""The dependency graph as SVG: one dot per sort of resource, in columns by stage.

Drawn on this machine by Vega (altair, vl-convert): no network, no script in the result.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import altair as alt
import vl_convert

from bercail.hosting.estate import graph, words
from bercail.hosting.estate.assessment import Assessment
from bercail.hosting.estate.mapping import Work
from bercail.hosting.estate.words import Language

_INK, _SOFT, _RED, _GREY = "#1d2433", "#9aa3b5", "#c2334d", "#8a93a6"
_COLOURS = {
    Work.MOVE: "#2b5fd9",
    Work.REBUILD: "#0f8b8d",
    Work.REPLACE: "#d98e04",
    Work.UNKNOWN: "#7b3fb5",
}
_COLUMN, _ROW, _LABEL = 190, 34, 30


def dependency_graph(assessment: Assessment, language: Language) -> str:
    """The graph as an SVG element; empty when there is nothing to draw."""
    boxes, arrows = _layout(assessment, language)
    if not boxes:
        return ""
    columns = 1 + max(box["x"] for box in boxes)
    rows = 1 + max(box["y"] for box in boxes)
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[-0.4, columns - 0.2]))
    y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[rows - 0.4, -0.6]))
    layers: list[Any] = []
    if arrows:
        lines = alt.Chart(alt.InlineData(values=arrows)).encode(x=x, y=y)
        layers.append(
            lines.mark_rule(color=_SOFT, opacity=0.45).encode(
                x2="x2:Q",
                y2="y2:Q",
                strokeWidth=alt.StrokeWidth("weight:Q", scale=None, legend=None),
            )
        )
    nodes = alt.Chart(alt.InlineData(values=boxes)).encode(x=x, y=y)
    layers.append(
        nodes.mark_point(filled=True, size=170, opacity=1, strokeWidth=2.5).encode(
            color=alt.Color("colour:N", scale=None, legend=None),
            stroke=alt.Stroke("border:N", scale=None, legend=None),
        )
    )
    layers.append(nodes.mark_text(dy=14, fontSize=9.5, color=_INK).encode(text="label:N"))
    chart = alt.layer(*layers).properties(width=_COLUMN * columns, height=_ROW * rows + 20)
    styled = chart.configure(font="Arial, Liberation Sans, sans-serif", background="transparent")
    drawn: str = vl_convert.vegalite_to_svg(styled.configure_view(stroke=None).to_dict())
    return drawn[drawn.index("<svg") :]


def _layout(
    assessment: Assessment, language: Language
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Boxes and arrows with their places; sorts that need one another share a column."""
    sort_of = {
        one.resource.id: one.entry.key if one.entry else f"? {one.resource.kind}"
        for one in assessment.judged
        if one.work is not Work.DROP
    }
    needs: dict[str, set[str]] = {sort: set() for sort in sort_of.values()}
    weight: dict[tuple[str, str], int] = defaultdict(int)
    left_out = set(assessment.needs) - set(sort_of)
    for own, others in graph.without(assessment.needs, left_out).items():
        for other in others:
            if sort_of[own] != sort_of[other]:
                needs[sort_of[own]].add(sort_of[other])
                weight[sort_of[own], sort_of[other]] += 1
    steps = graph.steps({sort: frozenset(others) for sort, others in needs.items()})
    place: dict[str, tuple[int, int]] = {}
    filled: dict[int, int] = defaultdict(int)
    for step in steps:
        for sort in step.members:
            place[sort] = (step.stage - 1, filled[step.stage])
            filled[step.stage] += 1
    boxes = [_box(sort, at, assessment, sort_of, language) for sort, at in sorted(place.items())]
    arrows = [
        {
            "x": place[own][0],
            "y": place[own][1],
            "x2": place[other][0],
            "y2": place[other][1],
            "weight": min(0.8 + count / 8, 5),
        }
        for (own, other), count in sorted(weight.items())
    ]
    return boxes, arrows


def _box(
    sort: str,
    at: tuple[int, int],
    assessment: Assessment,
    sort_of: dict[str, str],
    language: Language,
) -> dict[str, Any]:
    members = [one for one in assessment.judged if sort_of.get(one.resource.id) == sort]
    first = members[0]
    blocked = {one.judged.resource.id for one in assessment.obstacles if one.critical}
    stops = any(one.resource.id in blocked for one in members)
    name = first.entry.name[language.value] if first.entry else words.word("unknown", language)
    shown = name if len(name) <= _LABEL else name[: _LABEL - 1] + "…"
    return {
        "x": at[0],
        "y": at[1],
        "label": f"{shown} ×{len(members)}",
        "colour": _COLOURS.get(first.work, _GREY),
        "border": _RED if stops else "white",
    }
