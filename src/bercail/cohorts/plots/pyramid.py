"""The age pyramid: one side for each of two sexes, ages upwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from bercail.cohorts.analysis.rates import in_order
from bercail.cohorts.plots.style import (
    HEIGHT,
    WIDTH,
    Chart,
    colours,
    counted,
    data,
    require_rows,
    words,
)
from bercail.foundation import Invalid


def pyramid(
    rows: Sequence[Mapping[str, Any]],
    *,
    age: str = "age_group",
    sex: str = "sex",
    count: str = "persons",
    language: str = "en",
    title: str = "",
) -> Chart:
    """Bars to the left for the first sex, to the right for the second.

    A row has age group, sex and persons; `unknown` sex is told in the subtitle, not drawn.

    Raises:
        Invalid: no row, or not two sexes at least.
    """
    require_rows(rows)
    told = words(language)
    sexes = sorted({str(row[sex]) for row in rows} - {"unknown"})
    if len(sexes) != 2:
        raise Invalid(f"A pyramid has two sides; the column `{sex}` has {len(sexes)} sexes.")
    aside = sum(int(row[count]) for row in rows if str(row[sex]) not in sexes)
    names = {one: told.get(one, one) for one in sexes}
    shown = [
        _bar(str(row[age]), names[str(row[sex])], int(row[count]), str(row[sex]) == sexes[0])
        for row in rows
        if str(row[sex]) in names
    ]
    order = sorted({row["age"] for row in shown}, key=in_order, reverse=True)
    persons = _both_sides(max(1, *(abs(row["side"]) for row in shown)), told["persons"], language)
    chart = alt.Chart(data(shown)).mark_bar(height={"band": 0.9})
    chart = chart.encode(
        y=alt.Y("age:N", sort=order, title=told["age"]),
        x=persons,
        color=alt.Color("sex:N", title=told["sex"], scale=colours(list(names.values()))),
        tooltip=["age:N", "sex:N", "persons:Q"],
    )
    under = f"{told['unknown']}: {aside}" if aside else ""
    heading = alt.Title(title or told["pyramid"], subtitle=under)
    return chart.properties(width=WIDTH, height=HEIGHT, title=heading)


def _both_sides(most: int, title: str, language: str) -> alt.X:
    """An axis that counts from the middle outwards."""
    return alt.X(
        "side:Q",
        title=title,
        scale=alt.Scale(domain=[-most, most]),
        axis=alt.Axis(labelExpr=counted("abs(datum.value)", language)),
    )


def _bar(age: str, sex: str, persons: int, left: bool) -> dict[str, Any]:
    return {"age": age, "sex": sex, "persons": persons, "side": -persons if left else persons}
