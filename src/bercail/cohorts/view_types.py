"""What a view is made of: types of values, columns with their SNDS source, the silver table."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from attrs import field, frozen


class Kind(StrEnum):
    """The type of a value. `CODES` is a set of codes carried by one event."""

    BOOL = "bool"
    INT = "int"
    DATE = "date"
    TEXT = "text"
    CODES = "codes"


@frozen(kw_only=True)
class RawColumn:
    """A column of an SNDS table: what it holds, and since which year it exists.

    Before `since` (a year of a yearly PMSI table) the column reads as `before`.
    """

    kind: Kind
    since: int | None = None
    before: str | None = None


@frozen(kw_only=True)
class ViewColumn:
    """One column of a view: its type, its words, and the SNDS columns it is made from."""

    kind: Kind
    en: str
    fr: str
    inputs: tuple[tuple[str, str], ...]
    categories: tuple[str, ...] | None = None


@frozen(kw_only=True)
class SilverTable:
    """The silver table that holds the events of a view.

    `columns` gives the silver column from which each column of the view is read; `rules` are the
    cleaning rules that its rows went through; `raw` says which SNDS column a silver column is, so
    that a further rule can be applied to it. `codes` are the columns that are sets of codes, with
    the positions of the diagnoses in them; they stand in `silver_diagnoses`, by stay.
    """

    name: str
    columns: Mapping[str, str]
    rules: frozenset[str] = frozenset()
    raw: Mapping[tuple[str, str], str] = field(factory=dict)
    codes: Mapping[str, tuple[str, ...]] = field(factory=dict)


@frozen(kw_only=True)
class View:
    """Persons, or one kind of event.

    `date` is the column by which events are ordered and dated; `order` completes it
    into a total order; `inputs` are the SNDS columns that the view always reads. `silver` is the
    table of the lake that holds its events cleaned; `bronze` is false where only that one does.
    """

    name: str
    en: str
    fr: str
    columns: Mapping[str, ViewColumn]
    date: str = ""
    end: str = ""
    order: tuple[str, ...] = ()
    inputs: tuple[tuple[str, str], ...] = field(factory=tuple)
    silver: SilverTable | None = None
    bronze: bool = True
