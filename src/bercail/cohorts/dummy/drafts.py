"""One synthetic person: what is known of them, and their events as the views show them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from attrs import define, field

from bercail.cohorts.events import Events
from bercail.cohorts.memory.silver import CIP13_START, cip7
from bercail.cohorts.views import DISPENSINGS, EVENT_VIEWS, PERSONS, STAYS, VIEWS, Kind
from bercail.foundation import Invalid

Row = dict[str, Any]
LARGE, SMALL = 84, 30
# Codes of drugs that do not exist are made in this range of the seven digits.
FIRST_CIP7 = 9_000_000


@define
class Drugs:
    """The drugs of a set of drafts: code, ATC class, units in a pack."""

    known: dict[str, tuple[str | None, int | None]] = field(factory=dict)

    def code(self, row: Mapping[str, Any]) -> str:
        """The CIP13 of a dispensing that names a class, a size, or a code."""
        large = row.get("large_pack")
        content = (row.get("atc"), None if large is None else LARGE if large else SMALL)
        code = row.get("cip13")
        if code is None and row.get("cip7") is not None:
            code = f"{CIP13_START}{row['cip7']}0"
        if code is None:
            same = (one for one, about in self.known.items() if about == content)
            code = next(same, f"{CIP13_START}{FIRST_CIP7 + len(self.known):07}0")
        self.known.setdefault(str(code), content)
        return str(code)


@define
class Draft:
    """A synthetic person under construction; `drugs` is shared by all of one data set."""

    name: str
    drugs: Drugs = field(factory=Drugs)
    person: Row = field(factory=dict)
    rows: dict[str, list[Row]] = field(factory=dict)

    def add(self, view: str, given: Mapping[str, Any]) -> Row:
        """Add an event; what is not given is unknown, or an ordinary value.

        Raises:
            Invalid: a view or a column that is not there, or a value of another type.
        """
        if view not in EVENT_VIEWS:
            raise Invalid(
                f"There is no event view `{view}`.", remedy=f"Known: {', '.join(EVENT_VIEWS)}."
            )
        row: Row = dict.fromkeys(VIEWS[view].columns)
        row.update({name: read(view, name, value) for name, value in given.items()})
        if view == DISPENSINGS:
            self._complete_drug(row, given)
        if view == STAYS:
            _complete_stay(row, given)
        if "quantity" in row and "quantity" not in given:
            row["quantity"] = 1
        self.rows.setdefault(view, []).append(row)
        return row

    def _complete_drug(self, row: Row, given: Mapping[str, Any]) -> None:
        named = {"cip13", "cip7", "atc", "large_pack"} & {
            n for n, v in given.items() if v is not None
        }
        if not named:
            return
        row["cip13"] = self.drugs.code(row)
        atc, units = self.drugs.known[row["cip13"]]
        row["cip7"] = cip7(row["cip13"])
        row["atc"] = atc
        row["large_pack"] = None if units is None else units >= LARGE

    # What a study is worked out on, as `OnePerson` asks for it.
    @property
    def persons(self) -> Mapping[str, Row]:
        """The columns of the person."""
        known = dict.fromkeys(VIEWS[PERSONS].columns)
        return {self.name: {**known, "real_identifier": True, **self.person}}

    def events(self, base: Events) -> Mapping[str, list[Row]]:
        """The events of a view; a synthetic event passes every cleaning rule."""
        return {self.name: self.rows.get(base.of, [])}


def _complete_stay(row: Row, given: Mapping[str, Any]) -> None:
    if row["discharge"] is None and "discharge" not in given and row["entry"] is not None:
        row["discharge"] = row["entry"] + timedelta(days=2)
    if row["ghm"] is None:
        row["ghm"] = "05M091"
    associated = set(row["associated_diagnoses"] or ())
    own = {code for code in (row["principal_diagnosis"], row["related_diagnosis"]) if code}
    associated |= set(row["diagnoses"] or ()) - own
    row["associated_diagnoses"] = frozenset(associated)
    row["diagnoses"] = frozenset(associated | own)


def read(view: str, name: str, value: Any) -> Any:
    """A value of a column, given as Python or JSON holds it; raises `Invalid`."""
    column = VIEWS[view].columns.get(name)
    if column is None:
        known = ", ".join(VIEWS[view].columns)
        raise Invalid(f"There is no `{view}.{name}`.", remedy=f"Known here: {known}.")
    if value is None:
        return None
    if column.kind is Kind.DATE and isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            raise Invalid(f"`{value}` is no date.", remedy="Write `2024-12-31`.") from error
    if column.kind is Kind.CODES and isinstance(value, list | tuple | set | frozenset):
        return frozenset(map(str, value))
    fits = {Kind.BOOL: bool, Kind.INT: int, Kind.DATE: date, Kind.TEXT: str}.get(column.kind)
    if fits is None or type(value) is not fits:
        raise Invalid(f"`{value}` is no value of `{view}.{name}`, which is {column.kind}.")
    return value
