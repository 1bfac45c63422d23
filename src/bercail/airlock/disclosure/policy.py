"""The thresholds under which a table may leave, as one value with a version and a digest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from attrs import field, frozen, validators

from bercail.airlock.disclosure.faults import FaultError
from bercail.foundation import canonical_json, sha256_hex

Zeros = Literal["publish", "hide"]
Cost = Literal["persons", "cells"]


@frozen(kw_only=True)
class DisclosurePolicy:
    """When a count of distinct persons may be published.

    `threshold`: the smallest count that may be shown; 1 to threshold - 1 are hidden
    (11 for the SNDS and PMSI: CASD guide of 06/2022, section 5.23; ATIH ScanSanté).
    `zeros`: whether an empty cell may be shown.
    `low`, `high`: after publication an attacker must still hold both ends possible for
    every cell hidden by the threshold; `high` is never under the threshold, so nobody
    can tell that such a cell is small.
    `cost`: what hiding a cell costs: its persons plus one, or one.
    `exact_cells`, `exact_rounds`: up to this many cells (margins included) and integer
    programs the hidden set is optimal; beyond, a heuristic chooses under the same audit.
    `checkers`: distinct output checkers at least; a permit may ask for more.
    `alert_requests`, `alert_days`: more requests of one project in that many days alert.
    """

    name: str
    version: int = field(validator=validators.ge(1))
    threshold: int = field(default=11, validator=validators.ge(2))
    zeros: Zeros = field(default="publish", validator=validators.in_(("publish", "hide")))
    low: int = field(default=0, validator=validators.ge(0))
    high: int = field()
    cost: Cost = field(default="persons", validator=validators.in_(("persons", "cells")))
    exact_cells: int = field(default=400, validator=validators.ge(1))
    exact_rounds: int = field(default=100, validator=validators.ge(1))
    checkers: int = field(default=2, validator=validators.ge(2))
    alert_requests: int = field(default=20, validator=validators.ge(1))
    alert_days: int = field(default=7, validator=validators.ge(1))

    @high.default
    def _high(self) -> int:
        return self.threshold

    @high.validator
    def _not_small(self, _: object, value: int) -> None:
        if value < self.threshold:
            raise FaultError(
                "the upper end of the protected range is under the threshold",
                "le haut de l'intervalle protégé est sous le seuil",
            )

    @low.validator
    def _below(self, _: object, value: int) -> None:
        if value > 1:
            raise FaultError(
                "the lower end of the protected range is 0 or 1",
                "le bas de l'intervalle protégé est 0 ou 1",
            )

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical policy, in hexadecimal: what the checkers vote under."""
        return sha256_hex(canonical_json(self.as_dict()))

    def is_small(self, persons: int) -> bool:
        """Whether the threshold hides a count of `persons`."""
        return persons < self.threshold and (persons > 0 or self.zeros == "hide")

    def cost_of(self, persons: int) -> int:
        """What hiding a cell of `persons` costs."""
        return persons + 1 if self.cost == "persons" else 1

    def as_dict(self) -> dict[str, Any]:
        """Every setting, as it is written in a release."""
        return {
            "name": self.name,
            "version": self.version,
            "threshold": self.threshold,
            "zeros": self.zeros,
            "low": self.low,
            "high": self.high,
            "cost": self.cost,
            "exact_cells": self.exact_cells,
            "exact_rounds": self.exact_rounds,
            "checkers": self.checkers,
            "alert_requests": self.alert_requests,
            "alert_days": self.alert_days,
        }


SNDS = DisclosurePolicy(name="snds", version=1)
"""The default: SNDS and PMSI."""

SOURCE_POLICIES: tuple[DisclosurePolicy, ...] = (
    SNDS,
    DisclosurePolicy(name="pmsi", version=1),
    DisclosurePolicy(name="insee-enterprises", version=1, threshold=3),
    DisclosurePolicy(name="insee-households", version=1, threshold=5),
    DisclosurePolicy(name="survey", version=1, threshold=10),
    DisclosurePolicy(name="rare-diseases", version=1, threshold=15, zeros="hide"),
)
"""Policies by source; a linked table takes the strictest of its sources."""


def strictest(policies: Iterable[DisclosurePolicy]) -> DisclosurePolicy:
    """One policy at least as strict as each of `policies`; ValueError when there is none.

    A single policy is returned unchanged, so that its digest stays the one that was signed.
    """
    found = sorted(set(policies), key=lambda policy: policy.name)
    if not found:
        raise ValueError("no policy was given")
    if len(found) == 1:
        return found[0]
    return DisclosurePolicy(
        name="+".join(policy.name for policy in found),
        version=max(policy.version for policy in found),
        threshold=max(policy.threshold for policy in found),
        zeros="hide" if any(policy.zeros == "hide" for policy in found) else "publish",
        low=min(policy.low for policy in found),
        high=max(policy.high for policy in found),
        cost=found[0].cost,
        exact_cells=min(policy.exact_cells for policy in found),
        exact_rounds=min(policy.exact_rounds for policy in found),
        checkers=max(policy.checkers for policy in found),
        alert_requests=min(policy.alert_requests for policy in found),
        alert_days=max(policy.alert_days for policy in found),
    )
