"""The small examples in a study file: a person with events, and what the study must find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from attrs import field, frozen

from bercail.foundation import Invalid


@frozen(kw_only=True)
class Example:
    """One person with their events, and what is expected: `in_cohort` and attributes."""

    title: str
    person: Mapping[str, Any] = field(factory=dict)
    events: Mapping[str, Sequence[Mapping[str, Any]]] = field(factory=dict)
    expect: Mapping[str, Any] = field(factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """What crosses from the process of the study."""
        return {
            "title": self.title,
            "person": _plain(self.person),
            "events": {view: [_plain(row) for row in rows] for view, rows in self.events.items()},
            "expect": _plain(self.expect),
        }

    @classmethod
    def from_dict(cls, value: Any) -> Example:
        """Read an example back; raises `Invalid` for anything else."""
        keys = {"title": str, "person": dict, "events": dict, "expect": dict}
        if not isinstance(value, dict) or set(value) != set(keys):
            raise Invalid("An example of the study lacks a part.")
        if not all(isinstance(value[name], kind) for name, kind in keys.items()):
            raise Invalid("A part of an example is of another type.")
        if not all(isinstance(rows, list) for rows in value["events"].values()):
            raise Invalid("The events of an example are no lists.")
        if not all(isinstance(row, dict) for rows in value["events"].values() for row in rows):
            raise Invalid("An event of an example is no row.")
        return cls(**value)


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Dates as text, sets as lists: what JSON holds."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, date):
            found[name] = value.isoformat()
        elif isinstance(value, set | frozenset | tuple):
            found[name] = sorted(value)
        else:
            found[name] = value
    return found


def example(
    title: str,
    *,
    person: Mapping[str, Any] | None = None,
    expect: Mapping[str, Any],
    **events: Sequence[Mapping[str, Any]],
) -> Example:
    """An example in a study file: `example("...", dispensings=[{...}], expect={...})`."""
    return Example(title=title, person=person or {}, events=events, expect=expect)
