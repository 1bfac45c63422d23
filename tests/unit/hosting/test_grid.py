"""Levels that a grid does not know are refused; its weights are whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from attrs import evolve

from bercail.foundation import Invalid
from bercail.hosting import load_grid, load_levels, score

LEVELS = {f"SOV-{n}": 2 for n in range(1, 9)}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"SOV-9": 1}, "SOV-9"),
        ({"SOV-1": 5}, "`5`"),
        ({"SOV-1": -1}, "`-1`"),
        ({"SOV-1": True}, "not a whole number"),
        ({"SOV-1": "3"}, "not a whole number"),
    ],
)
def test_a_wrong_level_is_invalid(change: dict, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        score(load_grid(), {**LEVELS, **change})


def test_an_objective_without_a_level_is_invalid() -> None:
    with pytest.raises(Invalid, match="SOV-8"):
        score(load_grid(), {k: v for k, v in LEVELS.items() if k != "SOV-8"})


def test_a_minimum_may_differ_by_objective() -> None:
    found = score(load_grid(), LEVELS, {"SOV-3": 3, "SOV-5": 2})
    assert found.below_minimum == ("SOV-3",)
    assert not found.accepted


def test_weights_that_do_not_sum_to_100_are_no_grid() -> None:
    grid = load_grid()
    with pytest.raises(ValueError, match="100"):
        evolve(grid, objectives=grid.objectives[1:])


def test_an_assessment_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "host.json"
    path.write_text(json.dumps(LEVELS))
    assert score(load_grid(), load_levels(path)).percent == "50.00"
    path.write_text("[1]")
    with pytest.raises(Invalid, match="one level for each objective"):
        load_levels(path)
    path.write_text("{")
    with pytest.raises(Invalid, match="not well formed"):
        load_levels(path)
