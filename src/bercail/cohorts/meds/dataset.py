"""A MEDS data set in a folder: written, and read again to prove that it is one.

Layout: `data/SPLIT/N.parquet`, `metadata/codes.parquet`, `metadata/dataset.json`,
`metadata/subject_splits.parquet`; schemas and names are those of the `meds` package.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from flexible_schema import (  # type: ignore[import-untyped]
    SchemaValidationError,
    TableValidationError,
)
from meds.schema import (
    CodeMetadataSchema,
    DataSchema,
    DatasetMetadataSchema,
    SubjectSplitSchema,
    code_metadata_filepath,
    data_subdirectory,
    dataset_metadata_filepath,
    subject_splits_filepath,
)

from bercail.cohorts.meds.splits import Splits
from bercail.cohorts.meds.stream import subject_numbers
from bercail.foundation import Invalid, Missing, Unproven

SUBJECTS_PER_SHARD = 50_000
_NO_TIME = -(1 << 62)  # before every time


def write_dataset(
    stream: pa.Table,
    splits: Splits,
    folder: Path,
    *,
    name: str,
    version: str = "1",
    descriptions: Mapping[str, str] | None = None,
    shard_size: int = SUBJECTS_PER_SHARD,
) -> dict[str, Any]:
    """Write the stream into a new folder, each split's subjects in shards of their own.

    Returns what `check_dataset` found, so what is handed over has been read again.

    Raises:
        Invalid: the folder has something in it, or a subject has no split.
        Unproven: what was written is no MEDS data set.
    """
    if folder.exists() and any(folder.iterdir()):
        raise Invalid(f"`{folder}` has something in it.", remedy="Give a new folder.")
    numbers = subject_numbers(splits.of)
    split_of = {numbers[who]: split for who, split in splits.of.items()}
    subjects = sorted(_known(stream, "subject_id"))
    lacking = sum(subject not in split_of for subject in subjects)
    if lacking:
        raise Invalid(f"{lacking} subjects have no split.", remedy="Split the same persons.")
    (folder / "metadata").mkdir(parents=True)
    for split in splits.shares:
        inside = [subject for subject in subjects if split_of[subject] == split]
        for shard, start in enumerate(range(0, len(inside), shard_size)):
            chosen = pa.array(inside[start : start + shard_size], pa.int64())
            part = stream.filter(pc.is_in(stream.column("subject_id"), value_set=chosen))
            path = folder / data_subdirectory / split / f"{shard}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(part, path)
    _write_metadata(stream, split_of, folder, name, version, descriptions or {})
    return check_dataset(folder)


def _write_metadata(
    stream: pa.Table,
    split_of: Mapping[int, str],
    folder: Path,
    name: str,
    version: str,
    descriptions: Mapping[str, str],
) -> None:
    ordered = sorted(split_of.items())
    table = {
        "subject_id": pa.array([one for one, _ in ordered], pa.int64()),
        "split": pa.array([split for _, split in ordered], pa.string()),
    }
    splits = SubjectSplitSchema.align(pa.table(table))
    pq.write_table(splits, folder / subject_splits_filepath)
    codes = sorted(_known(stream, "code"))
    listed = pa.table(
        {
            "code": pa.array(codes, pa.string()),
            "description": pa.array([descriptions.get(code) for code in codes], pa.string()),
            "parent_codes": pa.array([None] * len(codes), pa.list_(pa.string())),
        }
    )
    aligned = CodeMetadataSchema.align(listed)
    pq.write_table(aligned, folder / code_metadata_filepath)
    about = {
        "dataset_name": name,
        "dataset_version": version,
        "etl_name": "bercail study meds",
        "meds_version": version_of("meds"),
    }
    DatasetMetadataSchema.validate(about)
    path = folder / dataset_metadata_filepath
    path.write_text(json.dumps(about, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def check_dataset(folder: Path) -> dict[str, Any]:
    """Read a MEDS data set as a stranger would, and say how much is in it.

    1. every file has the schema of the `meds` package;
    2. a subject stands in one file only, in one run, sorted by time, what has no time first;
    3. the file's folder is the subject's split, and every subject has one;
    4. every code is listed.

    Raises:
        Missing: there is no data set in the folder.
        Unproven: one of the four does not hold.
    """
    if not (folder / dataset_metadata_filepath).is_file():
        raise Missing(f"There is no MEDS data set in `{folder}`.")
    about = json.loads((folder / dataset_metadata_filepath).read_text("utf-8"))
    with _proving("the metadata"):
        DatasetMetadataSchema.validate(about)
    splits = _validated(folder / subject_splits_filepath, SubjectSplitSchema)
    codes = _validated(folder / code_metadata_filepath, CodeMetadataSchema)
    rows = splits.to_pylist()
    split_of: dict[int, str] = {row["subject_id"]: row["split"] for row in rows}
    listed = _known(codes, "code")
    seen: set[int] = set()
    events, persons = 0, dict.fromkeys(sorted(set(split_of.values())), 0)
    for path, part in _parts(folder):
        subjects = _require_sorted(part, path)
        _require_split(subjects, split_of, path.parent.name, path)
        if seen & subjects:
            raise Unproven(f"{len(seen & subjects)} subjects stand in two files.")
        if _known(part, "code") - listed:
            raise Unproven(f"`{path.name}` has codes that the metadata do not list.")
        seen |= subjects
        events += part.num_rows
        persons[path.parent.name] += len(subjects)
    return {"events": events, "persons": persons, "codes": len(listed), "dataset": about}


def _parts(folder: Path) -> Iterator[tuple[Path, pa.Table]]:
    for path in sorted((folder / data_subdirectory).rglob("*.parquet")):
        yield path, _validated(path, DataSchema)


def _known(table: pa.Table, column: str) -> set[Any]:
    return set(pc.unique(table.column(column)).to_pylist())


class _proving:  # noqa: N801 - reads as a statement where it stands
    """Turns the schema package's refusal into `Unproven`, without its text: it may hold values."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if isinstance(error, SchemaValidationError | TableValidationError):
            raise Unproven(f"{self.what} breaks the schema of MEDS.") from error


def _validated(path: Path, schema: Any) -> pa.Table:
    if not path.is_file():
        raise Unproven(f"The data set lacks `{path.name}`.")
    # The folder's name is no column.
    table = pq.ParquetFile(path).read()
    with _proving(f"`{path.name}`"):
        schema.validate(table)
    return table


def _require_sorted(part: pa.Table, path: Path) -> set[int]:
    subjects = np.asarray(part.column("subject_id").to_numpy())
    starts = np.flatnonzero(np.diff(subjects)) + 1
    runs = 1 + len(starts) if len(subjects) else 0
    known = set(subjects.tolist())
    if runs != len(known):
        raise Unproven(f"`{path.name}` has a subject in two places.")
    times = part.column("time").cast(pa.int64()).to_pylist()
    moments = np.array([_NO_TIME if one is None else one for one in times], dtype=np.int64)
    back = np.diff(moments) < 0
    back[starts - 1] = False
    if back.any():
        raise Unproven(f"`{path.name}` has events out of order.")
    return known


def _require_split(subjects: set[int], split_of: Mapping[int, str], split: str, path: Path) -> None:
    wrong = sum(split_of.get(subject) != split for subject in subjects)
    if wrong:
        raise Unproven(f"{wrong} subjects of `{split}/{path.name}` are of another split, or none.")
