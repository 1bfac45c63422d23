"""A map of the départements in hexagons of one size, so that small ones are seen too."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import altair as alt
from attrs import frozen

from bercail.cohorts.plots.layout import OVERSEAS, Seat, Tile, neighbours
from bercail.cohorts.plots.style import INK, Chart, data, require_rows, words
from bercail.foundation import Invalid

_SIDE = 20.0
_EMPTY = "#d5d9e2"
# Where a value is dark, its code is written in white.
_DARK_FROM = 0.55
_Point = tuple[float, float]


@frozen(kw_only=True)
class Departement:
    """A département: code as the INSEE writes it (`01`, `2A`, `974`), name, seat, tile."""

    code: str
    name: str
    seat: Seat
    tile: Tile


@cache
def all_departements() -> Mapping[str, Departement]:
    """The 101 départements by code, from `data/departements.csv`."""
    text = (files("bercail.cohorts.plots") / "data" / "departements.csv").read_text("utf-8")
    return {
        row["code"]: Departement(
            code=row["code"],
            name=row["name"],
            seat=(float(row["latitude"]), float(row["longitude"])),
            tile=(int(row["column"]), int(row["row"])),
        )
        for row in csv.DictReader(text.splitlines())
    }


def departement_code(text: str) -> str:
    """The INSEE code of what data may write: `1`, `01`, `001` and `02A` are `01`, `01`, `01`, `2A`.

    Raises:
        Invalid: no département of today.
    """
    found = find_departement(text)
    if found is None:
        raise Invalid(
            f"`{text}` is no département.", remedy="Write its code: 01 to 95, 2A, 2B, 971 to 976."
        )
    return found


def find_departement(text: str) -> str | None:
    """The INSEE code, as `departement_code`, or None."""
    known = all_departements()
    plain = text.strip().upper()
    tried = (plain, plain.zfill(2), plain.lstrip("0").zfill(2))
    return next((code for code in tried if code in known), None)


def departements(
    values: Mapping[str, float], *, language: str = "en", title: str = "", legend: str = ""
) -> Chart:
    """A hexagon for each département, darker for more; grey where there is no value.

    `values` are by code. The mainland and Corsica are outlined; overseas stands below.

    Raises:
        Invalid: no value, or a code that is none or comes twice.
    """
    require_rows(list(values))
    told = words(language)
    known = _by_code(values)
    low, high = min(known.values()), max(known.values())
    middle = low + _DARK_FROM * (high - low)
    shapes = [
        _shape(one, known.get(one.code), known.get(one.code, low) > middle)
        for one in all_departements().values()
    ]
    filled, empty = (
        [one for one in shapes if (one["properties"]["code"] in known) is has] for has in _BOTH
    )
    scale = alt.Scale(scheme="blues", domain=[low, high])
    colour = alt.Color("properties.value:Q", title=legend or None, scale=scale)
    tips = ["properties.name:N", "properties.value:Q"]
    layers = [_tiles(filled).encode(color=colour, tooltip=tips)]
    heading = alt.Title(title or told["map"])
    if empty:
        layers.append(_tiles(empty, fill=_EMPTY).encode(tooltip=tips[:1]))
        heading = alt.Title(title or told["map"], subtitle=told["no_value_is_grey"])
    border = alt.Chart(data(_outlines())).mark_geoshape(filled=False, stroke=INK, strokeWidth=1.4)
    drawn = alt.layer(*layers, border, *_codes(shapes)).project(type="identity", reflectY=False)
    return drawn.properties(width=460, height=520, title=heading)


def _by_code(values: Mapping[str, float]) -> dict[str, float]:
    known: dict[str, float] = {}
    for text, value in values.items():
        code = departement_code(text)
        if code in known:
            raise Invalid(f"The département `{code}` has two values.")
        known[code] = value
    return known


_BOTH = (True, False)


def _tiles(shapes: list[dict[str, Any]], **look: Any) -> Chart:
    return alt.Chart(data(shapes)).mark_geoshape(stroke="white", strokeWidth=1.5, **look)


def centre(tile: Tile) -> _Point:
    """The middle of a tile in the plane of the drawing, y downwards."""
    column, row = tile
    return _SIDE * math.sqrt(3) * (column + (row % 2) / 2), _SIDE * 1.5 * row


def corners(tile: Tile) -> list[_Point]:
    """The six corners of a tile, from the upper right one on, anticlockwise as seen."""
    x, y = centre(tile)
    found = []
    for turn in range(6):
        angle = math.radians(-30 - 60 * turn)
        found.append((x + _SIDE * math.cos(angle), y + _SIDE * math.sin(angle)))
    return found


def _shape(one: Departement, value: float | None, dark: bool) -> dict[str, Any]:
    ring = [*corners(one.tile), corners(one.tile)[0]]
    properties = {"code": one.code, "name": f"{one.code} {one.name}", "value": value}
    x, y = centre(one.tile)
    return {
        "type": "Feature",
        "properties": {**properties, "dark": dark},
        "geometry": {"type": "Polygon", "coordinates": [[list(p) for p in ring]]},
        "middle": [x, y],
    }


def _outlines() -> list[dict[str, Any]]:
    """The border of the mainland, of Corsica, and of each tile overseas, as lines."""
    home = {one.tile for one in all_departements().values() if one.code not in OVERSEAS}
    lines = [
        [corners(tile)[side - 1], corners(tile)[side]]
        for tile in sorted(home)
        for side, other in enumerate(neighbours(tile))
        if other not in home
    ]
    joined = _chains(lines)
    return [
        {
            "type": "Feature",
            "properties": {},
            "geometry": {"type": "LineString", "coordinates": [list(p) for p in chain]},
        }
        for chain in joined
    ]


def _chains(lines: list[list[_Point]]) -> list[list[_Point]]:
    """Pieces of border joined end to end, each ring once."""
    following: dict[tuple[int, int], list[list[_Point]]] = defaultdict(list)
    for line in lines:
        following[_near(line[0])].append(line)
    chains = []
    while any(following.values()):
        start = next(key for key, found in sorted(following.items()) if found)
        chain = list(following[start].pop())
        while following[_near(chain[-1])]:
            chain.append(following[_near(chain[-1])].pop()[1])
        chains.append(chain)
    return chains


def _near(point: _Point) -> tuple[int, int]:
    return round(point[0] * 100), round(point[1] * 100)


def _codes(shapes: list[dict[str, Any]]) -> list[Chart]:
    """The codes on the tiles, white on dark ones."""
    layers = []
    for dark, ink in ((False, INK), (True, "white")):
        placed = [
            {"x": one["middle"][0], "y": one["middle"][1], "code": one["properties"]["code"]}
            for one in shapes
            if one["properties"]["dark"] is dark
        ]
        if placed:
            base = alt.Chart(data(placed)).mark_text(fontSize=9.5, color=ink)
            layers.append(base.encode(longitude="x:Q", latitude="y:Q", text="code:N"))
    return layers
