"""Membership inference on submitted confidences: can an attacker tell who was learnt from?

The attack guesses that a person was a member when the model is surer of their true class (Yeom et
al., 2018, "Privacy risk in machine learning"). Its measure is the AUC: the chance that a member
looks more like a member than a stranger does; 0.5 is guessing. The error is that of Hanley and
McNeil (1982).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from bercail.airlock.inspection.remarks import Notes

_GROUPS = ("members", "strangers")
LEAST = 30
"""Members, and strangers, needed for a measure."""

TELLS = 0.6
"""An AUC above this tells members: surely when the whole 95 % interval is above, else maybe."""


@frozen(kw_only=True)
class Measure:
    """The outcome of the attack; `low` and `high` bound the AUC with 95 % confidence."""

    members: int
    strangers: int
    auc: float
    low: float
    high: float

    def as_dict(self) -> dict[str, str]:
        """The measure as text with three decimals, for reports and events without floats."""
        return {
            "members": str(self.members),
            "strangers": str(self.strangers),
            "auc": f"{self.auc:.3f}",
            "interval": f"{self.low:.3f}..{self.high:.3f}",
        }


def attack(members: Sequence[float], strangers: Sequence[float]) -> Measure:
    """The AUC of the threshold attack on true-class confidences; both must not be empty."""
    ranks = _ranks([*members, *strangers])
    m, s = len(members), len(strangers)
    auc = (sum(ranks[:m]) - m * (m + 1) / 2) / (m * s)
    q1, q2 = auc / (2 - auc), 2 * auc * auc / (1 + auc)
    variance = auc * (1 - auc) + (m - 1) * (q1 - auc * auc) + (s - 1) * (q2 - auc * auc)
    error = 1.96 * math.sqrt(max(variance, 0.0) / (m * s))
    return Measure(
        members=m, strangers=s, auc=auc, low=max(0.0, auc - error), high=min(1.0, auc + error)
    )


def _ranks(values: Sequence[float]) -> list[float]:
    """The ranks of `values` from 1, equal ones sharing the middle of theirs."""
    order = sorted(range(len(values)), key=lambda n: values[n])
    ranks = [0.0] * len(values)
    first = 0
    while first < len(order):
        last = first
        while last + 1 < len(order) and values[order[last + 1]] == values[order[first]]:
            last += 1
        for place in range(first, last + 1):
            ranks[order[place]] = (first + last) / 2 + 1
        first = last + 1
    return ranks


def measure_confidences(value: Any) -> Measure | None:
    """The measure of a document `bercail-confidences`; None when it is too small or ill-formed."""
    members, strangers = (_confidences(value.get(name)) for name in _GROUPS)
    if members is None or strangers is None or min(len(members), len(strangers)) < LEAST:
        return None
    return attack(members, strangers)


def _confidences(rows: Any) -> list[float] | None:
    if not isinstance(rows, list):
        return None
    found = []
    for row in rows:
        one = row.get("true_class") if isinstance(row, Mapping) else row
        if isinstance(one, bool) or not isinstance(one, int | float) or not 0 <= one <= 1:
            return None
        found.append(float(one))
    return found


def _listed(rows: Any) -> list[Any]:
    return rows if isinstance(rows, list) else [rows]


def _is_bare(row: Any) -> bool:
    """Whether a row is a number, alone or as `true_class`, and nothing beside it."""
    one = row["true_class"] if isinstance(row, Mapping) and set(row) == {"true_class"} else row
    return isinstance(one, int | float) and not isinstance(one, bool)


def look_at_confidences(value: Any, notes: Notes, *, supporting: bool) -> None:
    """Confidences of a model: evidence for people, never an output."""
    if not supporting:
        notes.add("confidences")
        if any(not _is_bare(row) for name in _GROUPS for row in _listed(value.get(name))):
            notes.add("embedded-data", "rows other than numbers")
    measured = measure_confidences(value)
    if measured is None:
        notes.add("not-understood")
        return
    # Whichever way the attack errs, an AUC far from a half tells members from strangers.
    shown = f"AUC {measured.auc:.3f} ({measured.low:.3f}..{measured.high:.3f})"
    if max(measured.low, 1 - measured.high) > TELLS:
        notes.add("membership", shown)
    elif max(measured.high, 1 - measured.low) > TELLS:
        notes.add("membership-unclear", shown)
