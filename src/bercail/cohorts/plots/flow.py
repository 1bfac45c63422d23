"""The flowchart of a cohort: a box for each step, and who is left out between them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import altair as alt

from bercail.cohorts.plots.style import INK, PALETTE, SOFT, Chart, data, require_rows, words
from bercail.cohorts.plots.words import WORDS

_LINE_HIGH, _MARGIN, _GAP, _WIDE, _LINE = 15.0, 16.0, 34.0, 330.0, 44

# What a run says of its own steps; see `step_labels`.
_STEPS = ("all_persons", "rule", "not_excluded")


def flowchart(steps: Sequence[tuple[str, int]], language: str = "en", title: str = "") -> Chart:
    """Boxes from top to bottom with label and persons; beside each arrow, those left out.

    `steps` are (label, persons who are left), as `CohortResult.flowchart` has them.

    Raises:
        Invalid: no step, or another language.
    """
    require_rows(steps)
    told = words(language)
    boxes: list[dict[str, Any]] = []
    arrows: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    top = height = 0.0
    for place, (label, persons) in enumerate(steps):
        # A label is never cut: its box grows with it.
        lines = textwrap.wrap(_told(label, language), _LINE) or [""]
        box = _MARGIN + _LINE_HIGH * (len(lines) + 1)
        boxes.append({"x": 0, "x2": _WIDE, "y": top, "y2": top + box, "middle": _WIDE / 2})
        for line, text in enumerate([*lines, f"{number(persons, language)} {told['persons']}"]):
            last = line == len(lines)
            high = top + box * (line + 1) / (len(lines) + 2)
            notes.append({"x": _WIDE / 2, "y": high, "text": text, "bold": last})
        if place:
            above = top - _GAP
            arrows.append({"x": _WIDE / 2, "y": above, "y2": top - 4, "tip": top - 4})
            gone = steps[place - 1][1] - persons
            text = f"{number(gone, language)} {told['left_out']}"
            arrows[-1] |= {"side": _WIDE / 2 + 14, "half": above + _GAP / 2, "gone": text}
        height = top + box
        top = height + _GAP
    layers = [_boxes(boxes), _texts(notes, height)]
    if arrows:
        layers += _arrows(arrows)
    return alt.layer(*layers).properties(
        width=_WIDE + 20, height=height, title=title or told["flowchart"]
    )


def _told(label: str, language: str) -> str:
    """A label in the reader's language, where the run wrote it and not the study's author."""
    for name, ours in WORDS["en"].items():
        if name in _STEPS and (label == ours or label.startswith(f"{ours} ")):
            return WORDS[language][name] + label.removeprefix(ours)
    return label


def number(count: int, language: str) -> str:
    """A count with its thousands apart, as the language writes it."""
    mark = "\u202f" if language == "fr" else ","
    return f"{count:,}".replace(",", mark)


def _x(name: str) -> alt.X:
    scale = alt.Scale(domain=[-10, _WIDE + 10], nice=False)
    return alt.X(f"{name}:Q", axis=None, scale=scale)


def _y(name: str) -> alt.Y:
    return alt.Y(f"{name}:Q", axis=None, scale=alt.Scale(reverse=True, nice=False, zero=False))


def _boxes(rows: list[dict[str, Any]]) -> Chart:
    base = alt.Chart(data(rows)).mark_rect(
        fill="#f3f6fb", stroke=PALETTE[0], strokeWidth=1.3, cornerRadius=3
    )
    return base.encode(x=_x("x"), x2="x2:Q", y=_y("y"), y2="y2:Q")


def _texts(rows: list[dict[str, Any]], height: float) -> Chart:
    base = alt.Chart(data(rows)).mark_text(color=INK, fontSize=11.5, baseline="middle")
    scale = alt.Scale(domain=[0, height], reverse=True, nice=False)
    return base.encode(
        x=_x("x"),
        y=alt.Y("y:Q", axis=None, scale=scale),
        text="text:N",
        size=alt.value(11.5),
    )


def _arrows(rows: list[dict[str, Any]]) -> list[Chart]:
    base = alt.Chart(data(rows))
    lines = base.mark_rule(color=SOFT).encode(x=_x("x"), y=_y("y"), y2="y2:Q")
    tips = base.mark_point(shape="triangle-down", filled=True, color=SOFT, size=55).encode(
        x=_x("x"), y=_y("tip")
    )
    gone = base.mark_text(color=SOFT, fontSize=11, align="left").encode(
        x=_x("side"), y=_y("half"), text="gone:N"
    )
    return [lines, tips, gone]
