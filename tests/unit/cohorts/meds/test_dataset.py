"""MEDS data sets: valid by the schema's own package, without leaks, and usable by ACES."""

from __future__ import annotations

import json
import subprocess
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meds.schema import DataSchema, LabelSchema

from bercail.cohorts.meds import (
    assign_splits,
    check_dataset,
    event_stream,
    subject_numbers,
    write_dataset,
)
from bercail.foundation import Invalid, Missing, Unproven

ROOT = Path(__file__).resolve().parents[4]
ACES = ROOT / ".peers" / "bin" / "aces-cli"
NUMBER = 60


def persons() -> pa.Table:
    return pa.table(
        {
            "person": [f"p{n:03d}" for n in range(NUMBER)],
            "sex": ["female" if n % 2 else "male" for n in range(NUMBER)],
            "birth_year": [1930 + n for n in range(NUMBER)],
            "death": [date(2023, 12, 1) if n % 10 == 0 else None for n in range(NUMBER)],
            "household": [f"h{n // 2}" for n in range(NUMBER)],
        }
    )


def events() -> pa.Table:
    rows: list[dict[str, Any]] = []
    for n in range(NUMBER):
        who = f"p{n:03d}"
        rows.append({"person": who, "date": date(2022, 3, 1), "kind": "stay", "code": "I63"})
        if n % 3 == 0:
            rows.append({"person": who, "date": date(2022, 3, 20), "kind": "stay", "code": "I63"})
        rows.append(
            {"person": who, "date": date(2022, 1, 5), "kind": "dispensing", "code": "C10AA05"}
        )
    rows.append({"person": "stranger", "date": date(2022, 1, 1), "kind": "stay", "code": "X"})
    return pa.Table.from_pylist([{**row, "value": float(n)} for n, row in enumerate(rows)])


def stream(**more: Any) -> pa.Table:
    asked = {"kind": "kind", "birth": "birth_year", "death": "death", "static": ["sex"], **more}
    return event_stream(persons(), events(), **asked)


def made(folder: Path, **more: Any) -> dict[str, Any]:
    people = persons().column("person").to_pylist()
    return write_dataset(stream(), assign_splits(people, seed="s"), folder, name="t", **more)


def test_the_stream_is_sorted_and_of_the_persons_only() -> None:
    found = stream(value="value")
    DataSchema.validate(found)
    assert found.num_rows == NUMBER * 2 + NUMBER + NUMBER // 3 + NUMBER + NUMBER // 10
    number = subject_numbers(["p000"])["p000"]
    own = [row for row in found.to_pylist() if row["subject_id"] == number]
    assert [(row["time"], row["code"]) for row in own] == [
        (None, "SEX//male"),
        (datetime(1930, 1, 1), "MEDS_BIRTH"),  # noqa: DTZ001 - MEDS times have no zone
        (datetime(2022, 1, 5), "DISPENSING//C10AA05"),  # noqa: DTZ001
        (datetime(2022, 3, 1), "STAY//I63"),  # noqa: DTZ001
        (datetime(2022, 3, 20), "STAY//I63"),  # noqa: DTZ001
        (datetime(2023, 12, 1), "MEDS_DEATH"),  # noqa: DTZ001
    ]
    assert own[2]["numeric_value"] == 2.0
    assert "STAY//X" not in set(found.column("code").to_pylist())


def test_numbers_keep_neither_the_pseudonym_nor_its_order() -> None:
    numbers = subject_numbers([f"p{n}" for n in range(200)])
    ordered = [numbers[f"p{n}"] for n in range(200)]
    assert ordered != sorted(ordered)
    assert all(0 <= one < 2**63 for one in ordered)
    assert subject_numbers(["p7"])["p7"] == numbers["p7"]


def test_a_data_set_is_written_and_proven(tmp_path: Path) -> None:
    found = made(tmp_path / "meds", shard_size=5)
    assert sum(found["persons"].values()) == NUMBER
    assert found["events"] == stream().num_rows
    assert found["codes"] == 6
    files = sorted((tmp_path / "meds" / "data").rglob("*.parquet"))
    assert len(files) > 6
    for path in files:
        DataSchema.validate(pq.ParquetFile(path).read())
    with pytest.raises(Invalid, match="something in it"):
        made(tmp_path / "meds")
    with pytest.raises(Missing, match="no MEDS data set"):
        check_dataset(tmp_path)


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        made(tmp_path / name)
    one, two = (
        {p.relative_to(tmp_path / n): p.read_bytes() for p in (tmp_path / n).rglob("*.*")}
        for n in ("one", "two")
    )
    assert one == two


def spoil(path: Path, how: Any) -> None:
    table = pq.ParquetFile(path).read()
    pq.write_table(how(table), path)


def first_file(folder: Path) -> Path:
    return sorted((folder / "data" / "train").glob("*.parquet"))[0]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (lambda t: t.take(list(reversed(range(t.num_rows)))), "out of order"),
        (lambda t: pa.concat_tables([t.slice(3), t.slice(0, 3)]), "in two places"),
        (lambda t: t.drop_columns(["code"]), "breaks the schema"),
        (lambda t: t.set_column(2, "code", pa.array(["NEW"] * t.num_rows)), "do not list"),
    ],
)
def test_what_is_no_data_set_is_found(tmp_path: Path, how: Any, message: str) -> None:
    made(tmp_path / "meds")
    spoil(first_file(tmp_path / "meds"), how)
    with pytest.raises(Unproven, match=message):
        check_dataset(tmp_path / "meds")


def test_a_leak_between_splits_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "meds"
    made(folder)
    moved = first_file(folder)
    (folder / "data" / "held_out" / "9.parquet").write_bytes(moved.read_bytes())
    with pytest.raises(Unproven, match="of another split"):
        check_dataset(folder)
    (folder / "data" / "held_out" / "9.parquet").unlink()
    (moved.parent / "9.parquet").write_bytes(moved.read_bytes())
    with pytest.raises(Unproven, match="stand in two files"):
        check_dataset(folder)
    (moved.parent / "9.parquet").unlink()
    (folder / "metadata" / "codes.parquet").unlink()
    with pytest.raises(Unproven, match=r"lacks `codes\.parquet`"):
        check_dataset(folder)


def test_subjects_without_a_split_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=f"{NUMBER - 1} subjects have no split"):
        write_dataset(stream(), assign_splits(["p000"], seed="s"), tmp_path / "x", name="t")


def test_persons_must_be_told_apart() -> None:
    twice = pa.concat_tables([persons(), persons()])
    with pytest.raises(Invalid, match=f"{NUMBER} persons have two rows"):
        event_stream(twice, events())
    with pytest.raises(Invalid, match="something else than dates"):
        event_stream(persons(), events(), birth="sex")
    unknown = events().append_column("label", pa.array([None] * events().num_rows, pa.string()))
    with pytest.raises(Invalid, match="unknown values"):
        event_stream(persons(), unknown, code="label")


people = st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=60, unique=True)


@given(people, st.text(min_size=1, max_size=4))
@settings(max_examples=40)
def test_a_split_is_the_persons_own(names: list[str], seed: str) -> None:
    whole = assign_splits(names, seed=seed)
    part = assign_splits(names[: len(names) // 2 + 1], seed=seed)
    assert all(part.of[who] == whole.of[who] for who in part.of)
    assert sum(whole.counts().values()) == len(names)
    assert whole.digest == assign_splits(list(reversed(names)), seed=seed).digest


@given(st.integers(min_value=2, max_value=40))
@settings(max_examples=20)
def test_families_share_a_split(number: int) -> None:
    names = [f"p{n}" for n in range(number)]
    families = {who: f"h{n // 3}" for n, who in enumerate(names)}
    found = assign_splits(names, seed="x", families=families)
    for house in set(families.values()):
        assert len({found.of[who] for who in names if families[who] == house}) == 1


def test_shares_are_kept_and_the_seed_matters() -> None:
    names = [f"p{n}" for n in range(4000)]
    first, second = (assign_splits(names, seed=seed) for seed in ("a", "b"))
    assert first.digest != second.digest
    assert first.counts()["train"] == pytest.approx(3200, rel=0.03)
    assert first.counts()["held_out"] == pytest.approx(400, rel=0.15)
    all_held = assign_splits(names[:50], seed="a", shares={"train": 0, "held_out": 1000})
    assert all_held.counts() == {"train": 0, "held_out": 50}
    with pytest.raises(Invalid, match="do not sum to 1000"):
        assign_splits(names, seed="a", shares={"train": 800})
    with pytest.raises(Invalid, match="needs a seed"):
        assign_splits(names, seed="")
    with pytest.raises(Invalid, match="given twice"):
        assign_splits(["a", "a"], seed="s")


TASK = """
predicates:
  stroke:
    code: "STAY//I63"
trigger: stroke
windows:
  input:
    start: null
    end: trigger
    start_inclusive: true
    end_inclusive: true
    index_timestamp: end
  target:
    start: input.end
    end: start + 30d
    start_inclusive: false
    end_inclusive: true
    label: stroke
"""


def test_aces_runs_a_task_on_it(tmp_path: Path) -> None:
    """A second stroke within 30 days of one, in the language of ACES (Xu et al., ICLR 2025)."""
    people = persons().column("person").to_pylist()
    splits = assign_splits(people, seed="s", shares={"train": 1000})
    write_dataset(stream(), splits, tmp_path / "meds", name="t")
    task, out = tmp_path / "task", tmp_path / "labels.parquet"
    task.mkdir()
    (task / "again.yaml").write_text(TASK, encoding="utf-8")
    done = subprocess.run(
        [
            str(ACES),
            "cohort_name=again",
            f"cohort_dir={task}",
            "data.standard=meds",
            f"data.path={tmp_path / 'meds' / 'data' / 'train' / '0.parquet'}",
            f"output_filepath={out}",
            f"log_dir={tmp_path / 'logs'}",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    labels = pq.read_table(out)
    assert {"subject_id", "prediction_time", "boolean_value"} <= set(labels.column_names)
    assert set(labels.column_names) & set(LabelSchema.schema().names)
    # Each first stroke is asked about, and each second one; every third person has one in 19 days.
    again = {row["subject_id"] for row in labels.to_pylist() if row["boolean_value"]}
    assert again == set(subject_numbers(f"p{n:03d}" for n in range(0, NUMBER, 3)).values())
    assert labels.num_rows == NUMBER + NUMBER // 3


def test_the_metadata_say_what_it_is(tmp_path: Path) -> None:
    made(tmp_path / "meds", descriptions={"STAY//I63": "Cerebral infarction"})
    about = json.loads((tmp_path / "meds" / "metadata" / "dataset.json").read_text("utf-8"))
    assert about["dataset_name"] == "t"
    codes = pq.read_table(tmp_path / "meds" / "metadata" / "codes.parquet").to_pylist()
    told = {row["code"]: row["description"] for row in codes}
    assert told["STAY//I63"] == "Cerebral infarction"
    assert told["MEDS_BIRTH"] is None
