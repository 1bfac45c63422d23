"""The generator knows who is treated; the study must find exactly them in the files."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from bercail.catalogue import arrow_type, load
from bercail.cohorts import Cohort, DuckdbEngine, MemoryEngine, Sources, dispensings, persons
from bercail.ingest.synth import SynthProfile, make

YEAR = 2023
FAMILIES = ("ER_PRS_F", "ER_PHA_F", "IR_BEN_R")


@pytest.fixture(scope="module")
def deliveries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("deliveries")
    profile = SynthProfile(persons=500, seed=11, first_year=YEAR, years=1, as_of=date(2026, 11, 1))
    make(profile, out)
    return out


def _table(name: str, rows: list[dict[str, str]]) -> pa.Table:
    registry = load().table(name)
    columns: dict[str, Any] = {}
    for column in rows[0]:
        kind = arrow_type(registry.column(column))
        if pa.types.is_decimal(kind):
            continue
        texts = [row[column] or None for row in rows]
        if pa.types.is_date32(kind):
            values: list[Any] = [
                None if t is None else datetime.strptime(t, "%d/%m/%Y").date()  # noqa: DTZ007
                for t in texts
            ]
        elif pa.types.is_integer(kind):
            values = [None if t is None else int(t) for t in texts]
        else:
            values = list(texts)
        columns[column] = pa.array(values, kind)
    return pa.table(columns)


def _sources(folder: Path) -> Sources:
    rows: dict[str, list[dict[str, str]]] = defaultdict(list)
    for path in sorted(folder.glob("*/*.csv")):
        if path.stem in FAMILIES:
            with path.open(encoding="utf-8", newline="") as file:
                rows[path.stem] += csv.DictReader(file, delimiter=";")
    for row in rows["IR_BEN_R"]:
        # The holder derives it before sending: the person's own number, else the insured's.
        row["BEN_IDT_ANO"] = row["BEN_NIR_ANO"] or row["BEN_NIR_PSA"] + row["BEN_RNG_GEM"]
    return Sources(tables={name: _table(name, found) for name, found in rows.items()})


def test_treated_diabetics_by_age_and_sex(deliveries: Path) -> None:
    last_day = f"{YEAR}-12-31"
    drugs = (
        dispensings.clean("dcir-base-acts", "dcir-not-for-information", "dcir-net-lines")
        .where(dispensings.atc.starts_with("A10"))
        .during(YEAR)
    )
    large = drugs.where(dispensings.large_pack).exists()
    model = Cohort(
        name="truth",
        title="truth",
        population=(drugs.count_dates() >= 3) | ((drugs.count_dates() >= 2) & large),
        attributes={
            "age": persons.age_on(last_day).groups_of(10, up_to=90),
            "sex": persons.sex,
        },
        tables={"t": ["age", "sex"]},
    ).model
    truth = json.loads((deliveries / "truth.json").read_text(encoding="utf-8"))
    expected = {
        (label.lstrip("0").replace("-0", "-") if label != "00-09" else "0-9", sex): number
        for label, by_sex in truth["treated_diabetics_by_age_sex"][str(YEAR)].items()
        for sex, number in zip(("male", "female"), (by_sex["1"], by_sex["2"]), strict=True)
    }
    sources = _sources(deliveries)
    duck, plain = DuckdbEngine(sources).run(model), MemoryEngine(sources).run(model)
    assert duck.persons.equals(plain.persons)
    assert dict(duck.tables[0].cells) == expected
    assert duck.persons.num_rows == truth["treated_diabetics"][str(YEAR)] > 0
