"""A protected table as a picture: what is shown, what is hidden, and what hiding leaves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt

from bercail.airlock.disclosure.counts import ALL_LABEL

_STATUS = {
    "shown": "published / publiée",
    "small": "hidden: under the threshold / masquée : sous le seuil",
    "protecting": "hidden to protect another / masquée pour en protéger une autre",
}
_COLOURS = ["#dfe8ef", "#b3261e", "#e8a33d"]
_MARK = "\u2022\u2022\u2022"


def plot_protected_table(report: Mapping[str, Any]) -> alt.LayerChart | alt.FacetChart:
    """The heat map of a checkers' report (`DisclosureCheck.checker_report()`).

    One square per cell, margins last. A hidden square shows no count, also to the mouse:
    it shows the interval that an attacker is left with. A third dimension and further ones
    become small multiples. For the eyes of checkers, since it tells small cells from others.
    """
    axes = [axis["name"] for axis in report["dimensions"]]
    orders = [[*axis["categories"], ALL_LABEL] for axis in report["dimensions"]]
    rows = [_row(axes, cell) for cell in report["cells"]]
    across = axes[1] if len(axes) > 1 else None
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("d0:N", title=axes[0], sort=orders[0]),
        x=alt.X(
            "d1:N", title=across, sort=orders[1] if across else [], axis=alt.Axis(labelAngle=0)
        ),
    )
    squares = base.mark_rect(stroke="white", strokeWidth=2).encode(color=_colour(), tooltip=_tips())
    labels = base.mark_text(fontSize=12).encode(
        text="label:N",
        color=alt.condition(
            f"datum.status === '{_STATUS['shown']}'", alt.value("#1f2933"), alt.value("white")
        ),
    )
    size = {"width": 90 * (len(orders[1]) if across else 1), "height": 26 * len(orders[0])}
    chart = alt.layer(squares, labels).properties(**size)
    if len(axes) <= 2:
        return chart.properties(title=report["title"])
    facets = alt.Facet("panel:N", title=" / ".join(axes[2:]), sort=None)
    return chart.facet(facet=facets, columns=2).properties(title=report["title"])


def _colour() -> alt.Color:
    return alt.Color(
        "status:N",
        title=None,
        scale=alt.Scale(domain=list(_STATUS.values()), range=_COLOURS),
        legend=alt.Legend(orient="bottom", labelLimit=300),
    )


def _tips() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("cell:N", title="cell / case"),
        alt.Tooltip("status:N", title="status / état"),
        alt.Tooltip("label:N", title="persons / personnes"),
        alt.Tooltip("attacker:N", title="an attacker finds / un attaquant trouve"),
        alt.Tooltip(
            "informed:N", title="one who knows the rule finds / qui connaît la règle trouve"
        ),
    ]


def _row(axes: list[str], cell: Mapping[str, Any]) -> dict[str, Any]:
    labels: list[str] = cell["cell"]
    shown = cell["status"] == "shown"
    return {
        "d0": labels[0],
        "d1": labels[1] if len(axes) > 1 else "",
        "panel": " / ".join(labels[2:]),
        "cell": " / ".join(labels),
        "status": _STATUS[cell["status"]],
        "label": str(cell["persons"]) if shown else _MARK,
        "attacker": "" if shown else cell["attacker"],
        "informed": "" if shown else cell["informed_attacker"],
    }
