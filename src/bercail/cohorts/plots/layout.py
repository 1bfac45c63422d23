"""How the départements became hexagons: each seat of a prefecture takes a tile near it.

No drawn map goes in. Seats (public geography, to a hundredth of a degree) are put on a plane,
a grid of hexagons is laid over mainland France, and the tiles are given out so that the sum of
squared distances between seats and tiles is least. Corsica and overseas stand beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

Tile = tuple[int, int]
Seat = tuple[float, float]

KM_PER_DEGREE, MIDDLE_LATITUDE = 111.2, 46.5
# Wide enough that tiles leave no hole between them; shifts of the grid that are tried.
WIDTH_KM, SHIFTS = 90.0, 8
# What an edge between a tile and the outside costs, against km squared of displacement.
EDGE_COST = 50_000.0
ISLAND = ("2B", "2A")
OVERSEAS = ("971", "972", "973", "974", "976")


def lay_out(seats: Mapping[str, Seat]) -> dict[str, Tile]:
    """A (column, row) for each département, from its seat's (latitude, longitude).

    Odd rows stand half a tile to the right. The smallest column and row are 0.
    """
    mainland = sorted(code for code in seats if code not in {*ISLAND, *OVERSEAS})
    at = np.array([_plane(seats[code]) for code in mainland])
    best: tuple[float, list[Tile]] | None = None
    for across in range(SHIFTS):
        for down in range(SHIFTS):
            tiles, moved = _assign(at, across / SHIFTS, down / SHIFTS)
            cost = moved + EDGE_COST * _edges(tiles)
            if best is None or cost < best[0] - 1e-6:
                best = (cost, tiles)
    tiles = _from_zero(best[1]) if best else []
    return dict(zip(mainland, tiles, strict=True)) | _beside(tiles)


def neighbours(tile: Tile) -> tuple[Tile, ...]:
    """The six tiles around one: right, upper right, upper left, left, lower left, lower right."""
    column, row = tile
    right = column + row % 2
    return (
        (column + 1, row),
        (right, row - 1),
        (right - 1, row - 1),
        (column - 1, row),
        (right - 1, row + 1),
        (right, row + 1),
    )


def _plane(seat: Seat) -> tuple[float, float]:
    latitude, longitude = seat
    flat = math.cos(math.radians(MIDDLE_LATITUDE)) * KM_PER_DEGREE
    return longitude * flat, latitude * KM_PER_DEGREE


def _assign(at: npt.NDArray[np.float64], across: float, down: float) -> tuple[list[Tile], float]:
    height = WIDTH_KM * math.sqrt(3) / 2
    west, north = at[:, 0].min() - WIDTH_KM, at[:, 1].max() + 2 * height
    # Whole rows come in twos, so that a shift keeps which rows stand to the right.
    left, top = west + across * WIDTH_KM, north - down * 2 * height
    tiles = [(column, row) for row in range(16) for column in range(-1, 16)]
    middle = np.array([(left + WIDTH_KM * (c + (r % 2) / 2), top - height * r) for c, r in tiles])
    squared = ((at[:, None, :] - middle[None, :, :]) ** 2).sum(axis=2)
    rows, chosen = linear_sum_assignment(squared)
    return [tiles[place] for place in chosen], float(squared[rows, chosen].sum())


def _edges(tiles: list[Tile]) -> int:
    used = set(tiles)
    return sum(other not in used for tile in tiles for other in neighbours(tile))


def _from_zero(tiles: list[Tile]) -> list[Tile]:
    left = min(column for column, _ in tiles)
    # An odd first row would turn right-hand rows into left-hand ones.
    top = min(row for _, row in tiles) // 2 * 2
    return [(column - left, row - top) for column, row in tiles]


def _beside(tiles: list[Tile]) -> dict[str, Tile]:
    """Corsica to the south-east of the mainland, overseas in a row below it."""
    if not tiles:
        return {}
    right, bottom = max(c for c, _ in tiles), max(r for _, r in tiles)
    island = {code: (right, bottom - 1 + place) for place, code in enumerate(ISLAND)}
    return island | {code: (2 * place, bottom + 2) for place, code in enumerate(OVERSEAS)}
