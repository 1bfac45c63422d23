"""The cases of the cohort language: small tables, an expression, and its value for each person.

A chapter is a TOML file: `title`, `text`, `[tables]` with rows under a line of names, and
`[[section]]` with `title`, `text` and `cases`, one a line: `expression => a 1, b unknown`.
Persons are named by one letter; `-` is an empty value. The same files are the language's tests
and its reference.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
from attrs import frozen

from bercail import cohorts
from bercail.cohorts import Cohort, CohortResult, Model, Sources, persons
from bercail.cohorts.views import VIEWS, Kind
from bercail.testing.small_snds import DRUGS, SmallSnds

Row = dict[str, Any]
_TYPES = {Kind.INT: pa.int64(), Kind.DATE: pa.date32(), Kind.TEXT: pa.string()}
_SEXES = {"male": 1, "female": 2, None: 9}
NAMES: dict[str, Any] = {
    **{name: getattr(cohorts, name) for name in cohorts.__all__ if name[0].islower()},
    "FollowUp": cohorts.FollowUp,
}
EVERYONE = persons.birth_year.is_known() | persons.sex.is_known()


@frozen(kw_only=True)
class CohortCase:
    """One expression with its expected value for each person, as text."""

    expression: str
    expected: str

    def build(self) -> Any:
        """The expression as the language holds it."""
        return eval(self.expression, dict(NAMES))  # noqa: S307  # a case is code of this project

    def values(self, answer: Mapping[str, Any]) -> str:
        """An answer as cases write it."""
        return ", ".join(f"{person} {_shown(value)}" for person, value in sorted(answer.items()))


@frozen(kw_only=True)
class Section:
    """Some cases about one thing."""

    title: str
    text: str
    cases: tuple[CohortCase, ...]


@frozen(kw_only=True)
class Chapter:
    """Tables, and cases about them."""

    name: str
    title: str
    text: str
    tables: Mapping[str, tuple[Row, ...]]
    shown: Mapping[str, str]
    sections: tuple[Section, ...]

    @property
    def cases(self) -> tuple[CohortCase, ...]:
        """All cases, in their order."""
        return tuple(case for section in self.sections for case in section.cases)

    def model(self) -> Model:
        """One study that asks every expression of everybody."""
        named = {f"v{place}": case.build() for place, case in enumerate(self.cases)}
        return Cohort(name="cases", title=self.title, population=EVERYONE, attributes=named).model

    def sources(self) -> Sources:
        """The tables, silver ones where a chapter has a view that only silver has."""
        data = SmallSnds()
        tables: dict[str, pa.Table] = {}
        for row in self.tables["persons"]:
            data.person(
                row["person"],
                birth=row.get("birth"),
                sex=_SEXES[row.get("sex")],
                BEN_DCD_DTE=_day(row.get("death")),
                BEN_RES_DPT=row.get("department"),
            )
        for name, rows in self.tables.items():
            if name in _BRONZE:
                for row in rows:
                    _BRONZE[name](data, dict(row))
            elif name != "persons":
                tables[f"silver_{name}"] = _silver(name, rows)
        if tables:
            people = [row["person"] for row in self.tables["persons"]]
            numbers = pa.array([ord(person) for person in people], pa.int32())
            tables["silver_numbers"] = pa.table({"person": numbers, "identity": people})
        return Sources(tables={**data.tables(), **tables}, drugs=DRUGS)

    def answers(self, result: CohortResult) -> list[str]:
        """What an engine found for each case, as cases write it."""
        rows = result.persons.to_pylist()
        found = []
        for place, case in enumerate(self.cases):
            found.append(case.values({row["person"]: row[f"v{place}"] for row in rows}))
        return found


def read_chapter(path: Path) -> Chapter:
    """Read one chapter."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    sections = tuple(
        Section(
            title=one["title"],
            text=one.get("text", ""),
            cases=tuple(_case(line) for line in one["cases"].strip().splitlines()),
        )
        for one in content["section"]
    )
    return Chapter(
        name=path.stem,
        title=content["title"],
        text=content["text"],
        tables={name: tuple(_rows(text)) for name, text in content["tables"].items()},
        shown={name: text.strip() for name, text in content["tables"].items()},
        sections=sections,
    )


def _case(line: str) -> CohortCase:
    expression, _, expected = line.partition(" => ")
    return CohortCase(expression=expression.strip(), expected=expected.strip())


def _rows(text: str) -> list[Row]:
    head, *lines = text.strip().splitlines()
    names = [name.strip() for name in head.split("|")]
    found = []
    for line in lines:
        cells = [cell.strip() for cell in line.split("|")]
        pairs = zip(names, cells, strict=True)
        found.append({name: None if cell == "-" else _number(name, cell) for name, cell in pairs})
    return found


def _number(name: str, cell: str) -> Any:
    return int(cell) if name in ("birth", "quantity", "thousandths", "units") else cell


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _shown(value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _dispensing(data: SmallSnds, row: Row) -> None:
    code = row.get("cip13")
    data.dispensing(
        row["person"],
        row["date"],
        None if code is None else int(code),
        PHA_ACT_QSN=row.get("quantity"),
        PHA_DEC_TOP=None if row.get("units") is None else "D",
        PHA_DEC_QSU=row.get("units"),
    )


def _stay(data: SmallSnds, row: Row) -> None:
    associated = row.get("associated") or ""
    data.stay(
        row["person"],
        row["entry"],
        row["discharge"],
        DGN_PAL=row.get("principal"),
        DGN_REL=row.get("related"),
        GRG_GHM=row.get("ghm"),
        SOR_MOD=row.get("exit"),
        associated=associated.split(),
    )


def _illness(data: SmallSnds, row: Row) -> None:
    data.illness(row["person"], row["start"], row["end"] or "1600-01-01", row["icd10"])


_BRONZE = {"dispensings": _dispensing, "stays": _stay, "long_term_illnesses": _illness}


def _silver(name: str, rows: tuple[Row, ...]) -> pa.Table:
    view = VIEWS[name]
    if view.silver is None:
        raise KeyError(name)
    columns: dict[str, pa.Array[Any]] = {
        "person": pa.array([ord(row["person"]) for row in rows], pa.int32())
    }
    for column, here in view.silver.columns.items():
        kind = view.columns[column].kind
        values = [row.get(column) for row in rows]
        if kind is Kind.DATE:
            values = [_day(value) for value in values]
        columns[here] = pa.array(values, _TYPES[kind])
    return pa.table(columns)
