"""What an inspection says: rules, places, numbers; never a value of the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from bercail.airlock.inspection.places import in_french
from bercail.airlock.inspection.words import RULES, Severity

PLACES = 20
"""Places shown for one rule; the number of all is told."""


@frozen(kw_only=True)
class Remark:
    """One rule that a file meets: how often, and at which places (lines, cells, members)."""

    rule: str
    many: int
    places: tuple[str, ...] = ()

    @property
    def severity(self) -> Severity:
        """`note`: people judge; `fix`: one step by the author; `blocking`: it may not leave."""
        return RULES[self.rule].severity

    def as_dict(self) -> dict[str, Any]:
        """The remark with its words in both languages."""
        words = RULES[self.rule]
        return {
            "rule": self.rule,
            "severity": words.severity,
            "many": self.many,
            "places": list(self.places),
            "message": words.says,
            "remedy": words.remedy,
            "message_fr": words.says_fr,
            "remedy_fr": words.remedy_fr,
        }


def told(remark: Mapping[str, Any]) -> str:
    """What a remark (`Remark.as_dict`) says and where, in both languages, on one line."""
    places = list(remark.get("places") or ())[:3]
    said = []
    for text, where in (
        (remark["message"], "; ".join(places)),
        (remark.get("message_fr", ""), " ; ".join(map(in_french, places))),
    ):
        if text:
            said.append(f"{text} ({where})" if where else text)
    return " / ".join(said)


class Notes:
    """Collects remarks while a file is read; bounded, whatever the file holds."""

    def __init__(self) -> None:
        self._many: dict[str, int] = {}
        self._places: dict[str, list[str]] = {}
        self._inside: tuple[str, ...] = ()

    def add(self, rule: str, place: str = "", many: int = 1) -> None:
        """Note `rule` at `place`."""
        if rule not in RULES:
            raise KeyError(rule)
        self._many[rule] = self._many.get(rule, 0) + many
        shown = self._places.setdefault(rule, [])
        where = ", ".join(part for part in (*self._inside, place) if part)
        if where and len(shown) < PLACES and where not in shown:
            shown.append(where)

    def inside(self, container: str) -> Inside:
        """While it is entered, places are told as inside `container`."""
        return Inside(self, container)

    def has(self, rule: str) -> bool:
        """Whether `rule` was noted."""
        return rule in self._many

    def remarks(self) -> tuple[Remark, ...]:
        """All of them: blocking ones first, then what to fix, then notes."""
        order = ("blocking", "fix", "note")
        found = [
            Remark(rule=rule, many=many, places=tuple(self._places[rule]))
            for rule, many in self._many.items()
        ]
        return tuple(sorted(found, key=lambda one: (order.index(one.severity), one.rule)))


class Inside:
    """A stretch of an inspection that happens inside a container."""

    def __init__(self, notes: Notes, container: str) -> None:
        self._notes = notes
        self._container = container

    def __enter__(self) -> None:
        self._notes._inside = (*self._notes._inside, self._container)  # noqa: SLF001 - its own half

    def __exit__(self, *_: object) -> None:
        self._notes._inside = self._notes._inside[:-1]  # noqa: SLF001 - its own half
