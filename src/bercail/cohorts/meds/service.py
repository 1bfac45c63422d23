"""The desk for machine learning: splits, event streams and matrices from files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from bercail.cohorts.analysis.columns import read_table, require_known, texts, write_table
from bercail.cohorts.meds.dataset import check_dataset, write_dataset
from bercail.cohorts.meds.matrix import feature_matrix, write_matrix
from bercail.cohorts.meds.splits import Splits, assign_splits
from bercail.cohorts.meds.stream import event_stream
from bercail.foundation import Invalid


def study_splits(
    persons: Path, *, seed: str, person: str = "person", family: str | None = None, out: Path
) -> dict[str, Any]:
    """Split a file of persons; write `person` and `split` to `out`; returns counts and digest.

    Raises:
        Missing: there is no such file or column.
        Invalid: a person twice, no seed, or `out` is no table.
    """
    splits = _splits(read_table(persons), seed, person, family)
    ordered = sorted(splits.of.items())
    table = pa.table(
        {"person": [one for one, _ in ordered], "split": [split for _, split in ordered]}
    )
    write_table(table, out)
    return _told(splits) | {"out": str(out)}


def study_meds(
    persons: Path,
    events: Path,
    *,
    out: Path,
    name: str,
    seed: str,
    person: str = "person",
    day: str = "date",
    code: str = "code",
    kind: str | None = None,
    value: str | None = None,
    birth: str | None = None,
    death: str | None = None,
    static: Sequence[str] = (),
    family: str | None = None,
) -> dict[str, Any]:
    """Write a MEDS data set of a cohort into the new folder `out`, and read it again.

    Raises:
        Missing: there is no such file or column.
        Invalid: as `event_stream`, `assign_splits`, or `out` has something in it.
        Unproven: what was written is no MEDS data set.
    """
    people = read_table(persons)
    splits = _splits(people, seed, person, family)
    stream = event_stream(
        people,
        read_table(events),
        person=person,
        day=day,
        code=code,
        kind=kind,
        value=value,
        birth=birth,
        death=death,
        static=static,
    )
    return write_dataset(stream, splits, out, name=name) | {"splits": _told(splits)}


def check_meds(folder: Path) -> dict[str, Any]:
    """Prove that a folder is a MEDS data set; raises `Missing` or `Unproven`."""
    return check_dataset(folder)


def study_matrix(
    persons: Path,
    events: Path,
    *,
    out: Path,
    start: str,
    end: str,
    period_days: int,
    seed: str | None = None,
    person: str = "person",
    day: str = "date",
    code: str = "code",
    features: Sequence[str] = (),
    label: str | None = None,
    static: Sequence[str] = (),
    family: str | None = None,
) -> dict[str, Any]:
    """Write a matrix of persons and periods with its dictionary into `out`; returns the latter.

    Raises:
        Missing: there is no such file or column.
        Invalid: as `feature_matrix` and `write_matrix`.
    """
    people = read_table(persons)
    made = feature_matrix(
        people,
        read_table(events),
        start=start,
        end=end,
        period_days=period_days,
        person=person,
        day=day,
        code=code,
        features=list(features) or None,
        label=label,
        static=static,
        splits=_splits(people, seed, person, family) if seed else None,
    )
    return write_matrix(made, out)


def _splits(table: pa.Table, seed: str, person: str, family: str | None) -> Splits:
    people = [one for one in texts(table, person) if one is not None]
    require_known(table.column(person), person)
    families = None
    if family is not None:
        shared = texts(table, family)
        # Who has no family stands alone.
        pairs = zip(people, shared, strict=True)
        families = {one: f"{family}\0{unit}" for one, unit in pairs if unit is not None}
    return assign_splits(people, seed=seed, families=families)


def _told(splits: Splits) -> dict[str, Any]:
    if not splits.of:
        raise Invalid("There is nobody to split.")
    return {"digest": splits.digest, "seed": splits.seed, "persons": splits.counts()}
