"""Codes of French zones that a map may name (Insee, code officiel géographique, 2024)."""

from __future__ import annotations

from collections.abc import Mapping

_OVERSEAS = frozenset({"971", "972", "973", "974", "976"})
_MAINLAND = frozenset({f"{number:02d}" for number in range(1, 96)} - {"20"} | {"2A", "2B"})
_REGIONS = frozenset(
    {"01", "02", "03", "04", "06", "11", "24", "27", "28", "32", "44", "52", "53", "75", "76",
     "84", "93", "94"}
)  # fmt: skip

ZONINGS: Mapping[str, frozenset[str]] = {
    "departments": _MAINLAND | _OVERSEAS,
    "regions": _REGIONS,
}
"""The codes of each zoning that needs no list in the schema."""
