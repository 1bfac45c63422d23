"""What every chart shares: colours that colour-blind readers tell apart, words, and the drawing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert

from bercail.cohorts.plots.words import WORDS
from bercail.foundation import Invalid

INK, SOFT, GRID = "#1d2433", "#5d6679", "#e4e8f0"
# Okabe and Ito's set without its yellow, which is too pale on white (Color Universal Design).
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
ALARM, CALM = "#d55e00", "#0072b2"
# Line patterns repeat what colour says, for print in grey.
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [4, 4], [1, 3], [10, 4])
FACE = "Arial, Liberation Sans, sans-serif"
WIDTH, HEIGHT = 560, 320
PNG_SCALE = 2.0
KINDS = (".svg", ".png")

Chart = Any


def words(language: str) -> dict[str, str]:
    """The words of charts in `en` or `fr`; raises `Invalid` for another language."""
    if language not in WORDS:
        raise Invalid(f"There is no language `{language}`.", remedy="Choose en or fr.")
    return WORDS[language]


def draw(chart: Chart, path: Path) -> None:
    """Write a chart as SVG or PNG, by the ending of `path`.

    Raises:
        Invalid: another ending.
    """
    if path.suffix not in KINDS:
        raise Invalid(f"`{path}` is neither SVG nor PNG.", remedy="End it with .svg or .png.")
    if path.suffix == ".svg":
        path.write_text(svg(chart), encoding="utf-8")
    else:
        path.write_bytes(vl_convert.vegalite_to_png(_styled(chart), scale=PNG_SCALE))


def svg(chart: Chart) -> str:
    """The chart as SVG text, with no script and no address to fetch from."""
    return str(vl_convert.vegalite_to_svg(_styled(chart)))


def _styled(chart: Chart) -> dict[str, Any]:
    styled = (
        chart.configure(font=FACE, background="white")
        .configure_view(stroke=None)
        .configure_title(anchor="start", color=INK, fontSize=15, subtitleColor=SOFT)
        .configure_axis(labelColor=INK, titleColor=INK, gridColor=GRID, domainColor=SOFT)
        .configure_legend(labelColor=INK, titleColor=INK, labelLimit=260)
    )
    made: dict[str, Any] = styled.to_dict()
    return made


def colours(labels: Sequence[str]) -> alt.Scale:
    """A colour for each label, in order, starting again after seven."""
    return alt.Scale(
        domain=list(labels), range=[PALETTE[n % len(PALETTE)] for n in range(len(labels))]
    )


def patterns(labels: Sequence[str]) -> alt.Scale:
    """A line pattern for each label, in the order of `colours`."""
    return alt.Scale(
        domain=list(labels), range=[list(DASHES[n % len(DASHES)]) for n in range(len(labels))]
    )


def counted(value: str, language: str) -> str:
    """The Vega expression of a number with its thousands apart, as the language writes it."""
    text = f"format({value}, ',')"
    return f"replace({text}, regexp(',', 'g'), '\u202f')" if language == "fr" else text


def data(rows: Sequence[Any]) -> alt.InlineData:
    """Rows as the data of a chart."""
    return alt.InlineData(values=[dict(row) for row in rows])


def require_rows(rows: Sequence[Any]) -> None:
    """Raise `Invalid` where there is nothing to draw."""
    if not rows:
        raise Invalid("There is nothing to draw.")
