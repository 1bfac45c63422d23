"""A table as it may be published: every cell shown, or hidden without saying why."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection
from typing import Any

from attrs import field, frozen

from bercail.airlock.disclosure.counts import ALL_LABEL, Axis, Counts, Key
from bercail.airlock.disclosure.lattice import Lattice
from bercail.foundation import canonical_json

FORMAT = "bercail-protected-table/1"

HIDDEN_MARK = ""
"""A hidden cell in CSV: empty, whatever the reason; the `status` column says `hidden`."""


@frozen(kw_only=True)
class ProtectedTable:
    """The published cells, margins included; `None` where a count is hidden.

    The reason of hiding is not here: a reader who could tell small cells from the cells
    that protect them would know more than the table says.
    """

    title: str
    axes: tuple[Axis, ...]
    cells: tuple[tuple[Key, int | None], ...] = field(repr=False)
    provenance: dict[str, Any] = field(factory=dict, repr=False)

    @property
    def hidden(self) -> tuple[Key, ...]:
        """The hidden cells, in the order of publication."""
        return tuple(key for key, persons in self.cells if persons is None)

    def as_dict(self) -> dict[str, Any]:
        """The table as JSON writes it; a margin has null where it sums over a dimension."""
        return {
            "format": FORMAT,
            "title": self.title,
            "unit": "distinct persons",
            "dimensions": [axis.as_dict() for axis in self.axes],
            "cells": [{"key": list(key), "persons": persons} for key, persons in self.cells],
            "provenance": self.provenance,
        }

    def json_bytes(self) -> bytes:
        """The table as canonical JSON."""
        return canonical_json(self.as_dict()) + b"\n"

    def csv_bytes(self) -> bytes:
        """The table as CSV (RFC 4180, UTF-8): one line per cell, margins as `(all)`."""
        out = io.StringIO(newline="")
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow([*(axis.name for axis in self.axes), "persons", "status"])
        for key, persons in self.cells:
            labels = [ALL_LABEL if label is None else label for label in key]
            shown = HIDDEN_MARK if persons is None else str(persons)
            writer.writerow([*labels, shown, "hidden" if persons is None else "published"])
        return out.getvalue().encode("utf-8")


def protected_table(table: Counts, lattice: Lattice, hidden: Collection[int]) -> ProtectedTable:
    """`table` with its margins, the cells of `hidden` (indices of `lattice`) withheld."""
    return ProtectedTable(
        title=table.title,
        axes=table.axes,
        cells=tuple(
            (key, None if index in hidden else lattice.values[index])
            for index, key in enumerate(lattice.keys)
        ),
        provenance=dict(table.provenance),
    )
