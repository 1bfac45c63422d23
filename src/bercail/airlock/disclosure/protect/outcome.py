"""Protected tables: what may be published, what checkers see, and what holds both together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from attrs import field, frozen

from bercail.airlock.disclosure.audit import Audit, Wanted
from bercail.airlock.disclosure.audit.bounds import Bounds
from bercail.airlock.disclosure.audit.published import FORMAT
from bercail.airlock.disclosure.counts import Key
from bercail.airlock.disclosure.rules.cells import Flag
from bercail.airlock.disclosure.rules.source_policy import SourcePolicy
from bercail.airlock.disclosure.tables.typed import TypedTable

Status = Literal["shown", "primary", "protecting", "withheld", "rounded", "noised"]

CHANGED: tuple[Status, ...] = ("rounded", "noised")
"""Cells that are shown, not as they are."""


@frozen(kw_only=True)
class ProtectedCell:
    """One cell for checkers: the true value, what happened to it, what attackers are left with.

    The intervals are in the measure's unit; None where the cell is shown exactly.
    """

    table: int
    key: Key
    value: float | None = field(repr=False)
    status: Status
    rules: tuple[str, ...]
    plain: tuple[float, float | None] | None = None
    informed: tuple[float, float | None] | None = None
    insider: tuple[float, float | None] | None = None


@frozen(kw_only=True)
class ProtectedTables:
    """The outcome for the tables of one request. Only `document` and the certificate leave.

    `wanted`: the ranges that were asked of the audit, one for each primary cell.
    """

    policy: SourcePolicy
    tables: tuple[TypedTable, ...]
    document: Mapping[str, Any] = field(repr=False)
    cells: tuple[ProtectedCell, ...] = field(repr=False)
    flags: tuple[tuple[int, Flag], ...] = field(repr=False)
    audit: Audit = field(repr=False)
    wanted: tuple[Wanted, ...] = field(repr=False)
    cost: int = field(repr=False)
    optimal: bool

    @property
    def hidden(self) -> tuple[tuple[int, Key], ...]:
        """The cells that readers do not see, by number of table and key."""
        return tuple(
            (cell.table, cell.key) for cell in self.cells if cell.status not in ("shown", *CHANGED)
        )

    def certificate(self) -> dict[str, Any]:
        """The audit's certificate with the policy it was made under; stored with the release."""
        return {**self.audit.certificate(), "policy_sha256": self.policy.digest}


def published(
    tables: tuple[TypedTable, ...],
    values: Mapping[tuple[int, Key], float | None],
    policy: SourcePolicy,
    *,
    method: str,
    base: int = 0,
) -> dict[str, Any]:
    """The JSON form of tables as they may be published; `values` by table and key.

    Values are written in whole parts of the unit (`scale` of the measure), so that the
    document has one canonical form.
    """
    return {
        "format": FORMAT,
        "method": method,
        "base": base,
        "threshold": policy.threshold,
        "tables": [
            {
                "name": table.name,
                "population": table.population,
                "measure": table.measure.as_dict(),
                "dimensions": [dimension.as_dict() for dimension in table.dimensions],
                "cells": [
                    {"key": list(key), "value": _written(table, values[(number, key)])}
                    for key in table.cells
                ],
            }
            for number, table in enumerate(tables)
        ],
    }


def _written(table: TypedTable, value: float | None) -> int | None:
    return None if value is None else round(value * table.measure.scale)


def in_unit(bounds: Bounds | None, table: TypedTable) -> tuple[float, float | None] | None:
    """An interval of the audit in the unit of `table`'s measure."""
    scale = table.measure.scale
    if bounds is None or scale == 1:
        return bounds
    low, high = bounds
    return low / scale, None if high is None else high / scale
