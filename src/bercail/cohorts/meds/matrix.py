"""One row per person and period: counts of events, ready for a model, with a dictionary."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from attrs import frozen
from meds.schema import train_split

from bercail.cohorts.analysis.columns import (
    Days,
    days,
    require_columns,
    require_known,
    require_rows,
    texts,
)
from bercail.cohorts.meds.splits import Splits
from bercail.foundation import Invalid, sha256_hex

FORMAT, VERSION = "bercail-feature-dictionary", 1
MOST_FEATURES = 2_000
LABEL = "label_next"


@frozen(kw_only=True)
class Column:
    """One column of the matrix, as its dictionary tells it."""

    name: str
    type: str
    unit: str
    meaning: str


@frozen(kw_only=True, eq=False)
class FeatureMatrix:
    """The matrix, its columns in order, and the splits of its persons where there are some."""

    table: pa.Table
    columns: tuple[Column, ...]
    period_days: int
    persons: int
    splits: Splits | None = None


def feature_matrix(
    persons: pa.Table,
    events: pa.Table,
    *,
    start: str,
    end: str,
    period_days: int,
    person: str = "person",
    day: str = "date",
    code: str = "code",
    features: Sequence[str] | None = None,
    label: str | None = None,
    static: Sequence[str] = (),
    splits: Splits | None = None,
) -> FeatureMatrix:
    """Counts of each feature in each period of each person's follow-up.

    Periods are `period_days` long from `start`; the last may be shorter. `features` are by default
    the codes of `persons`, with `splits` of those to train on: give them, so that two extracts have
    the same. `label_next` is unknown where the next period is cut short without `label`.

    Raises:
        Missing: a column is absent.
        Invalid: a person twice, follow-up that ends before it begins, or too many features.
    """
    require_columns(persons, [person, start, end, *static])
    periods = _periods(*_follow_up(persons, person, start, end), period_days)
    counted, wanted = _features(_seen(events, person, code, periods, splits), features, label)
    grid = _count(wanted, periods, events, (person, day, code))
    data = _of_periods(periods, persons, static, splits)
    data |= {f"n_{one}": pa.array(grid[:, n], pa.int32()) for n, one in enumerate(counted)}
    if label is not None:
        data[LABEL] = _next(grid[:, wanted.index(label)], periods)
    return FeatureMatrix(
        table=(table := pa.table(data)),
        columns=_told(table, static, counted, label),
        period_days=period_days,
        persons=persons.num_rows,
        splits=splits,
    )


@frozen(kw_only=True, eq=False)
class _Periods:
    """Whose each row is, its number, and where each person's rows begin."""

    people: list[str]
    first: Days
    last: Days
    owner: Days
    place: Days
    begins: Days
    length: int

    def opened(self) -> Days:
        """The first day of each row."""
        return self.first[self.owner] + self.place * self.length

    def lengths(self) -> Days:
        """The days for which each row is observed."""
        left: Days = self.last[self.owner] - self.opened() + 1
        return left.clip(max=self.length)


def _periods(people: list[str], first: Days, last: Days, length: int) -> _Periods:
    if length < 1:
        raise Invalid(f"`{length}` days make no period.")
    number = (last - first) // length + 1
    begins = np.concatenate([[0], np.cumsum(number)]).astype(np.int64)
    owner = np.repeat(np.arange(len(people)), number)
    return _Periods(
        people=people,
        first=first,
        last=last,
        owner=owner,
        place=np.arange(begins[-1]) - begins[owner],
        begins=begins,
        length=length,
    )


def _of_periods(
    periods: _Periods, persons: pa.Table, static: Sequence[str], splits: Splits | None
) -> dict[str, Any]:
    """The columns before the features."""
    owner = periods.owner
    opened, lengths = periods.opened(), periods.lengths()
    closed = opened + lengths - 1
    made: dict[str, Any] = {
        "person": pa.array([periods.people[one] for one in owner], pa.string()),
        "period": pa.array(periods.place, pa.int32()),
        "from": pa.array(opened.astype(np.int32), pa.int32()).cast(pa.date32()),
        "to": pa.array(closed.astype(np.int32), pa.int32()).cast(pa.date32()),
        "days": pa.array(lengths, pa.int32()),
    }
    if splits is not None:
        made["split"] = _split_of(periods.people, owner, splits)
    taken = pa.array(owner, pa.int64())
    return made | {name: persons.column(name).combine_chunks().take(taken) for name in static}


def _seen(
    events: pa.Table, person: str, code: str, periods: _Periods, splits: Splits | None
) -> list[str]:
    """The codes of the persons; with splits of those to train on, as others are to judge by."""
    own = {one for one in periods.people if splits is None or splits.of.get(one) == train_split}
    pairs = zip(texts(events, person), _codes(events, code), strict=True)
    return [one for who, one in pairs if who in own]


def _features(
    seen: Sequence[str], features: Sequence[str] | None, label: str | None
) -> tuple[list[str], list[str]]:
    """The codes that become columns, and those that are counted: the label too."""
    chosen = sorted(set(seen) - {label or ""}) if features is None else list(features)
    _require_few(chosen)
    return chosen, [*chosen, label] if label is not None and label not in chosen else chosen


def _split_of(people: Sequence[str], owner: Days, splits: Splits) -> pa.Array[Any]:
    lacking = sum(one not in splits.of for one in people)
    if lacking:
        raise Invalid(f"{lacking} persons have no split.", remedy="Split the same persons.")
    return pa.array([splits.of[people[one]] for one in owner], pa.string())


def _follow_up(
    persons: pa.Table, person: str, start: str, end: str
) -> tuple[list[str], Days, Days]:
    require_rows(persons)
    require_known(persons.column(person), person)
    people = [str(one) for one in persons.column(person).to_pylist()]
    if len(set(people)) != len(people):
        raise Invalid(f"{len(people) - len(set(people))} persons have two rows.")
    first, last = days(persons, start), days(persons, end)
    if (last < first).any():
        raise Invalid(f"{int((last < first).sum())} persons leave before they enter.")
    return people, first, last


def _codes(events: pa.Table, code: str) -> list[str]:
    require_columns(events, [code])
    require_known(events.column(code), code)
    return [str(one) for one in events.column(code).to_pylist()]


def _require_few(features: Sequence[str]) -> None:
    if len(set(features)) != len(features):
        raise Invalid("A feature is given twice.")
    if len(features) > MOST_FEATURES:
        raise Invalid(
            f"{len(features)} features are more than {MOST_FEATURES}.",
            remedy="Give the codes that are wanted, or shorten them to groups.",
        )


def _count(
    wanted: Sequence[str],
    periods: _Periods,
    events: pa.Table,
    columns: tuple[str, str, str],
) -> Any:
    """Rows by features: how many events fall into each; `columns` are person, day, code."""
    require_columns(events, columns)
    who, at, codes = texts(events, columns[0]), days(events, columns[1]), _codes(events, columns[2])
    place = {one: number for number, one in enumerate(periods.people)}
    column = {one: number for number, one in enumerate(wanted)}
    grid = np.zeros((int(periods.begins[-1]), len(wanted)), dtype=np.int32)
    owner = np.array([place.get(one or "", -1) for one in who], dtype=np.int64)
    feature = np.array([column.get(one, -1) for one in codes], dtype=np.int64)
    used = (owner >= 0) & (feature >= 0)
    owner, feature, at = owner[used], feature[used], at[used]
    inside = (at >= periods.first[owner]) & (at <= periods.last[owner])
    owner, feature, at = owner[inside], feature[inside], at[inside]
    rows = periods.begins[owner] + (at - periods.first[owner]) // periods.length
    np.add.at(grid, (rows, feature), 1)
    return grid


def _next(happened: Any, periods: _Periods) -> pa.Array[Any]:
    """Whether it happens in the row below; unknown where that is another person's, or cut short."""
    # A row cut short proves that it happens, but never that it does not.
    following, owner = happened[1:] > 0, periods.owner
    proven = following | (periods.lengths()[1:] == periods.length)
    known = np.append((owner[1:] == owner[:-1]) & proven, False)
    return pa.array(np.append(following, False), pa.bool_(), mask=~known)


def _told(
    table: pa.Table, static: Sequence[str], features: Sequence[str], label: str | None
) -> tuple[Column, ...]:
    meanings = {
        "person": ("", "the project's pseudonym; no feature"),
        "period": ("", "number of the period, from 0"),
        "from": ("", "first day of the period"),
        "to": ("", "last day of the period, included"),
        "days": ("days", "length of the period"),
        "split": ("", "the person's split; no feature"),
        **dict.fromkeys(static, ("", "a value of the person, the same in every period")),
        **{f"n_{one}": ("events", f"events with the code {one}") for one in features},
    }
    if label is not None:
        meanings[LABEL] = ("", f"whether {label} happens in the next period, if known; no feature")
    return tuple(
        Column(
            name=part.name,
            type=str(part.type),
            unit=meanings[part.name][0],
            meaning=meanings[part.name][1],
        )
        for part in table.schema
    )


def write_matrix(matrix: FeatureMatrix, folder: Path) -> dict[str, Any]:
    """Write `matrix.parquet` and its dictionary `matrix.json` into `folder`; returns the latter.

    Raises:
        Invalid: one of the two is there already.
    """
    data, told = folder / "matrix.parquet", folder / "matrix.json"
    if data.exists() or told.exists():
        raise Invalid(f"`{folder}` has a matrix already.", remedy="Give a new folder.")
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(matrix.table, data)
    dictionary: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "rows": matrix.table.num_rows,
        "persons": matrix.persons,
        "period_days": matrix.period_days,
        "sha256": sha256_hex(data.read_bytes()),
        "columns": [
            {"name": one.name, "type": one.type, "unit": one.unit, "meaning": one.meaning}
            for one in matrix.columns
        ],
    }
    if matrix.splits is not None:
        dictionary["splits"] = {
            "digest": matrix.splits.digest,
            "seed": matrix.splits.seed,
            "shares_per_mille": dict(matrix.splits.shares),
            "persons": matrix.splits.counts(),
        }
    text = json.dumps(dictionary, ensure_ascii=False, indent=2, sort_keys=True)
    told.write_text(text + "\n", encoding="utf-8")
    return dictionary
