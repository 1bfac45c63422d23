"""The desk for pictures of a cohort: from the files that a run wrote, to SVG or PNG."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bercail.cohorts.analysis.columns import numbers, read_table, texts
from bercail.cohorts.plots.flow import flowchart
from bercail.cohorts.plots.map import departements, find_departement
from bercail.cohorts.plots.pyramid import pyramid
from bercail.cohorts.plots.style import draw
from bercail.foundation import Invalid, Missing


def draw_flowchart(
    result: Path, plot: Path, *, language: str = "en", title: str = ""
) -> dict[str, Any]:
    """Draw the flowchart of a `result.json`; returns its steps.

    Raises:
        Missing: there is no such file.
        Invalid: the file has no flowchart, or `plot` is no picture.
    """
    value = _json(result)
    steps = value.get("flowchart")
    if not isinstance(steps, list) or not steps:
        raise Invalid(f"`{result}` has no flowchart.", remedy="Give a result.json of a run.")
    pairs = [(str(step["label"]), int(step["persons"])) for step in steps]
    draw(flowchart(pairs, language, title), plot)
    return {"plot": str(plot), "steps": [{"label": a, "persons": n} for a, n in pairs]}


def draw_pyramid(
    table: Path,
    plot: Path,
    *,
    age: str = "age_group",
    sex: str = "sex",
    language: str = "en",
    title: str = "",
) -> dict[str, Any]:
    """Draw the pyramid of a `table-N.json` by age group and sex; returns its counts.

    Sides of the table beyond these two are added up.

    Raises:
        Missing: there is no such file, or no such side.
        Invalid: the file is no table of counts, or `plot` is no picture.
    """
    value = _json(table)
    try:
        sides = [side["name"] for side in value["dimensions"]]
        cells = [(tuple(cell["categories"]), int(cell["persons"])) for cell in value["cells"]]
    except (KeyError, TypeError) as error:
        raise Invalid(f"`{table}` is no table of counts.") from error
    for name in (age, sex):
        if name not in sides:
            raise Missing(f"The table has no side `{name}`.", remedy=f"It has: {', '.join(sides)}.")
    sums: dict[tuple[str, str], int] = {}
    for key, persons in cells:
        place = (key[sides.index(age)], key[sides.index(sex)])
        sums[place] = sums.get(place, 0) + persons
    rows = [{"age": a, "sex": s, "persons": n} for (a, s), n in sums.items()]
    draw(pyramid(rows, age="age", sex="sex", language=language, title=title), plot)
    return {"plot": str(plot), "rows": rows}


def draw_map(
    table: Path,
    plot: Path,
    *,
    departement: str = "departement",
    value: str = "rate",
    language: str = "en",
    title: str = "",
    legend: str = "",
) -> dict[str, Any]:
    """Draw a value by département, from a Parquet or CSV table; returns the values drawn.

    Raises:
        Missing: there is no such file or column.
        Invalid: a code that is no département, or one twice, or `plot` is no picture.
    """
    read = read_table(table)
    codes, values = texts(read, departement), numbers(read, value)
    found = [find_departement(code or "") for code in codes]
    known = [code for code in found if code is not None]
    if len(known) < len(found):
        raise Invalid(
            f"{len(found) - len(known)} rows of the column `{departement}` are no département.",
            remedy="Write codes: 01 to 95, 2A, 2B, 971 to 976.",
        )
    if len(set(known)) != len(known):
        raise Invalid(f"{len(known) - len(set(known))} départements have two values.")
    drawn = dict(zip(known, values.tolist(), strict=True))
    draw(departements(drawn, language=language, title=title, legend=legend or value), plot)
    return {"plot": str(plot), "values": drawn}


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise Missing(f"There is no `{path}`.", remedy="Check the path.")
    try:
        value = json.loads(path.read_bytes())
    except ValueError as error:
        raise Invalid(f"`{path}` is not JSON.") from error
    if not isinstance(value, dict):
        raise Invalid(f"`{path}` holds something else than a result.")
    return value
