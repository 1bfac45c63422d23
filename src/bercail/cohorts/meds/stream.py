"""Events of persons as the MEDS data schema has them: subject, time, code, value."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

import pyarrow as pa
from meds.schema import birth_code, death_code

from bercail.cohorts.analysis.columns import require_columns, require_known, require_rows
from bercail.foundation import Invalid

# Between the parts of a code, as MEDS data sets write it: `DISPENSING//C09AA04`.
PART = "//"
_LARGEST = 1 << 63
# Where an event has no time, the order looks at the column before this one.
_NO_TIME = datetime(1, 1, 1)  # noqa: DTZ001 - MEDS times have no zone

_FIELDS: list[pa.Field[Any]] = [
    pa.field("subject_id", pa.int64(), nullable=False),
    pa.field("time", pa.timestamp("us")),
    pa.field("code", pa.string(), nullable=False),
    pa.field("numeric_value", pa.float32()),
]
SCHEMA = pa.schema(_FIELDS)


def subject_numbers(persons: Iterable[str]) -> dict[str, int]:
    """A 63-bit number for each person, from the SHA-256 of the project's pseudonym.

    The same person has the same number in every table of the project; the numbers keep neither
    the pseudonym nor its order.

    Raises:
        Invalid: two persons with one number (never seen; then nothing is written).
    """
    numbers = {
        who: int.from_bytes(hashlib.sha256(who.encode()).digest()[:8], "big") % _LARGEST
        for who in persons
    }
    if len(set(numbers.values())) != len(numbers):
        raise Invalid("Two persons have one subject number.", remedy="Report this; write nothing.")
    return numbers


def event_stream(
    persons: pa.Table,
    events: pa.Table,
    *,
    person: str = "person",
    day: str = "date",
    code: str = "code",
    kind: str | None = None,
    value: str | None = None,
    birth: str | None = None,
    death: str | None = None,
    static: Sequence[str] = (),
) -> pa.Table:
    """The MEDS stream of a cohort, sorted by subject and time, what has no time first.

    `persons` has one row per person, such as a cohort's result; `birth` and `death` are columns
    of it with dates (or years of birth), `static` columns become events without time
    (`SEX//female`). `events` has one row per event; where `kind` is given its value stands
    before the code. Events of others than `persons` are left out.

    Raises:
        Missing: a column is absent.
        Invalid: a person twice, an unknown person, date or code, or a date of another type.
    """
    require_rows(persons)
    named = [one for one in (birth, death, *static) if one is not None]
    require_columns(persons, [person, *named])
    require_columns(events, [one for one in (person, day, code, kind, value) if one is not None])
    for column in (person, day, code):
        require_known(events.column(column), column)
    numbers = subject_numbers(_told_apart(persons, person))
    rows = _of_persons(persons, person, birth, death, static, numbers)
    rows += _of_events(events, (person, day, code, kind, value), numbers)
    ordered = sorted(rows, key=_order)
    columns = [list(column) for column in zip(*ordered, strict=True)] if ordered else [[]] * 4
    arrays = [pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def _told_apart(persons: pa.Table, person: str) -> list[str]:
    require_known(persons.column(person), person)
    people = [str(who) for who in persons.column(person).to_pylist()]
    if len(set(people)) != len(people):
        raise Invalid(f"{len(people) - len(set(people))} persons have two rows.")
    return people


_Row = tuple[int, datetime | None, str, float | None]


def _order(row: _Row) -> tuple[Any, ...]:
    number, moment, code, value = row
    # Birth comes first and death last on their days, whatever else falls on them.
    place = {birth_code: -1, death_code: 1}.get(code, 0)
    has_value = value is not None
    return number, moment is not None, moment or _NO_TIME, place, code, has_value, value or 0


def _of_persons(
    persons: pa.Table,
    person: str,
    birth: str | None,
    death: str | None,
    static: Sequence[str],
    numbers: Mapping[str, int],
) -> list[_Row]:
    rows: list[_Row] = []
    for row in persons.to_pylist():
        number = numbers[str(row[person])]
        rows += [
            (number, None, f"{column.upper()}{PART}{row[column]}", None)
            for column in static
            if row[column] is not None
        ]
        if birth is not None and row[birth] is not None:
            rows.append((number, _moment(row[birth], birth), birth_code, None))
        if death is not None and row[death] is not None:
            rows.append((number, _moment(row[death], death), death_code, None))
    return rows


def _of_events(
    events: pa.Table,
    columns: tuple[str, str, str, str | None, str | None],
    numbers: Mapping[str, int],
) -> list[_Row]:
    person, day, code, kind, value = columns
    rows: list[_Row] = []
    for row in events.to_pylist():
        number = numbers.get(str(row[person]))
        if number is None:
            continue
        before = f"{str(row[kind]).upper()}{PART}" if kind is not None else ""
        measured = row[value] if value is not None else None
        number_value = None if measured is None else float(measured)
        rows.append((number, _moment(row[day], day), f"{before}{row[code]}", number_value))
    return rows


def _moment(value: Any, column: str) -> datetime:
    """A date at midnight; a year of birth as its 1 January."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    if isinstance(value, date):
        return datetime.combine(value, time())
    if type(value) is int and 1800 <= value <= 2200:
        # A year as the data have it; there is no time zone to speak of.
        return datetime.combine(date(value, 1, 1), time())
    raise Invalid(f"The column `{column}` holds something else than dates.")
