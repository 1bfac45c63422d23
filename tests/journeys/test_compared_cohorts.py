"""Two studies of nearly the same persons: the platform itself notices, and names the pair."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.xdist_group("journeys")

STUDY = """
from bercail.cohorts import Cohort, persons

study = Cohort(
    name="born",
    title="Persons born early",
    population={population},
    label="Born early",
    attributes={{"sex": persons.sex}},
    tables={{"Persons by sex": ["sex"]}},
)
"""

WIDE = "persons.birth_year < 1980"
NARROW = '(persons.birth_year < 1979) | ((persons.birth_year < 1980) & (persons.sex == "female"))'


def test_a_cohort_that_differs_by_few_persons_is_refused(
    program: Any, quiet_story: Any, tmp_path: Path
) -> None:
    # A copy: other journeys count what happened in the story.
    house = tmp_path / "story"
    shutil.copytree(quiet_story.out, house)
    permit = quiet_story.told["permission"]["permit"]
    config = house / "platform" / "bercail.toml"

    def bercail(actor: str, *words: object) -> Any:
        given = ("--config", config, "--as", actor, *words, "--json")
        return program(*given, environ=quiet_story.secrets).answer()

    def studied(name: str, population: str) -> tuple[int, Path]:
        """Persons of the study, and its first table, with the model next to it."""
        study, out = tmp_path / f"{name}.py", tmp_path / name
        study.write_text(STUDY.format(population=population))
        ran = bercail("camille", "cohort", "run", study, "--permit", permit, "--out", out)
        return ran["persons"], out / "table-1.json"

    (many, wide), (fewer, narrow) = studied("wide", WIDE), studied("narrow", NARROW)
    assert 0 < many - fewer < 11
    first = bercail("camille", "airlock", "submit", wide, "--permit", permit)["request"]
    for checker in ("charles", "chloe"):
        bercail(checker, "airlock", "review", first, "--approve", "--reason", "Large groups.")
    bercail("charles", "airlock", "release", first, "--out", tmp_path / "released")
    second = bercail("camille", "airlock", "submit", narrow, "--permit", permit)
    assert second["state"] == "quarantined"
    assert "nearly-identical-cohorts" in second["rules"]
    shown = bercail("chloe", "airlock", "show", second["request"])
    breaches = shown["differencing"]["table"]["breaches"]
    near = [one for one in breaches if one["rule"] == "nearly-identical-cohorts"]
    assert {(one["earlier"], one["new"]) for one in near} == {
        (f"{first}/table", f"{second['request']}/table")
    }
