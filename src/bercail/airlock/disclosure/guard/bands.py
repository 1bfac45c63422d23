"""Numeric bands by their names: which numbers `0-39`, `40+` and `<40` take in.

Bands of all tables are cut where any of them begins or ends. Each piece is called by its first
number, so that a single age is a piece of its own wherever some table names it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

_UNIT = r"(?:\s*(?:years?|y|ans?))?"
_FORMS = (
    re.compile(rf"(?P<low>\d{{1,9}})\s*(?:-|–|to|à)\s*(?P<high>\d{{1,9}}){_UNIT}"),
    re.compile(rf"(?P<low>\d{{1,9}})\s*\+{_UNIT}"),
    re.compile(rf"(?:>=|≥)\s*(?P<low>\d{{1,9}}){_UNIT}"),
    re.compile(rf">\s*(?P<above>\d{{1,9}}){_UNIT}"),
    re.compile(rf"(?:<=|≤)\s*(?P<high>\d{{1,9}}){_UNIT}"),
    re.compile(rf"<\s*(?P<below>\d{{1,9}}){_UNIT}"),
    re.compile(r"(?P<single>\d{1,9})"),
)
_NO_END = 10**10

Band = tuple[int, int]
"""The first number and the first number after the band."""


def band_of(code: str) -> Band | None:
    """The numbers of a code; None when it is no band or number."""
    for form in _FORMS:
        if found := form.fullmatch(code.strip().casefold()):
            parts = {name: int(value) for name, value in found.groupdict().items()}
            if "single" in parts:
                return parts["single"], parts["single"] + 1
            low = parts["above"] + 1 if "above" in parts else parts.get("low", 0)
            high = parts["below"] if "below" in parts else parts.get("high", _NO_END - 1) + 1
            return (low, high) if low < high else None
    return None


def normal_name(name: str) -> str:
    """A dimension's name without case, spaces and signs: `Age group` is `age_group`."""
    return "".join(letter for letter in name.casefold() if letter.isalnum()) or name


def with_bands(tables: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """`tables` under normal names, with the values that each numeric band covers."""
    named = [_normal(table) for table in tables]
    cuts: dict[str, set[int]] = {}
    for table in named:
        for dimension in table["dimensions"]:
            bands = _bands(dimension).values()
            cuts.setdefault(dimension["name"], set()).update(*bands)
    return [
        {**table, "dimensions": [_covering(one, cuts[one["name"]]) for one in table["dimensions"]]}
        for table in named
    ]


def _normal(table: Mapping[str, Any]) -> dict[str, Any]:
    names = [normal_name(dimension["name"]) for dimension in table["dimensions"]]
    if len(set(names)) < len(names):
        # Two dimensions of one table stay two.
        names = [dimension["name"] for dimension in table["dimensions"]]
    dimensions = [
        {**dimension, "name": name}
        for dimension, name in zip(table["dimensions"], names, strict=True)
    ]
    return {**table, "dimensions": dimensions}


def _bands(dimension: Mapping[str, Any]) -> dict[str, Band]:
    """The bands of a dimension by code; none when they overlap, so are no bands of numbers."""
    if not dimension["partition"]:
        return {}
    inner = {entry["parent"] for entry in dimension["codes"]}
    found: dict[str, Band] = {}
    named: set[Band] = set()
    for entry in dimension["codes"]:
        if entry["code"] in inner:
            continue
        if entry.get("covers"):
            named |= {band for one in entry["covers"] if (band := band_of(one))}
        elif band := band_of(entry["code"]):
            found[entry["code"]] = band
    ordered = sorted({*found.values(), *named})
    apart = all(one[1] <= other[0] for one, other in pairwise(ordered))
    if not apart or len(set(found.values())) < len(found):
        return {}
    # Values that a schema gives by number cut the bands of other tables.
    return found | {f"\x00{band[0]}": band for band in named}


def _covering(dimension: Mapping[str, Any], cuts: set[int]) -> dict[str, Any]:
    bands = _bands(dimension)
    codes = [
        {**entry, "covers": _pieces(bands[entry["code"]], cuts)}
        if entry["code"] in bands
        else dict(entry)
        for entry in dimension["codes"]
    ]
    return {**dimension, "codes": codes}


def _pieces(band: Band, cuts: set[int]) -> list[str]:
    return [str(cut) for cut in sorted(cuts) if band[0] <= cut < band[1]]
