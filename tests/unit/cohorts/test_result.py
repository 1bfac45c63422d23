"""Tables of counts as files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bercail.cohorts import CountTable, Dimension
from bercail.foundation import Invalid


def _table() -> CountTable:
    return CountTable(
        title="By age and sex",
        dimensions=(
            Dimension(name="age", categories=("0-9", "10+")),
            Dimension(name="sex", categories=("female", "male", "unknown")),
        ),
        cells={
            (age, sex): number
            for number, (age, sex) in enumerate(
                (age, sex) for age in ("0-9", "10+") for sex in ("female", "male", "unknown")
            )
        },
        model_digest="ab" * 32,
        snapshots=("ER_PHA_F@1",),
    )


def test_a_table_is_read_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    _table().to_file(path)
    assert CountTable.from_file(path) == _table()
    assert CountTable.from_file(path).total == 15


CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "other format": lambda table: table.update(format="x"),
    "other version": lambda table: table.update(version=2),
    "cell missing": lambda table: table["cells"].pop(),
    "cell twice": lambda table: table["cells"].append(table["cells"][0]),
    "cells out of order": lambda table: table["cells"].reverse(),
    "negative": lambda table: table["cells"][0].update(persons=-1),
    "boolean": lambda table: table["cells"][0].update(persons=True),
    "no dimensions": lambda table: table.pop("dimensions"),
    "no title": lambda table: table.pop("title"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_table_that_does_not_hold_together_is_refused(name: str) -> None:
    value = json.loads(json.dumps(_table().as_dict()))
    CHANGES[name](value)
    with pytest.raises(Invalid, match="table"):
        CountTable.from_dict(value)


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_file_that_is_no_table_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "table.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Invalid, match=r"table\.json"):
        CountTable.from_file(path)
