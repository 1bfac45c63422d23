"""Every case of the cohort language, on every engine; the reference is made of the same cases."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bercail.cohorts import Model, Sources
from bercail.cohorts.codec import NODES
from bercail.cohorts.rules import walk
from bercail.cohorts.views import VIEWS
from bercail.testing.cohort_cases import Chapter, CohortCase, read_chapter

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = {
    path.stem: read_chapter(path)
    for path in sorted(Path(__file__).with_name("cohort_language").glob("*.toml"))
}
CASES = [
    pytest.param(chapter, place, id=f"{name}-{place}")
    for name, chapter in CHAPTERS.items()
    for place in range(len(chapter.cases))
]
ANSWERS: dict[tuple[str, str], list[str]] = {}


@pytest.mark.parametrize(("chapter", "place"), CASES)
def test_a_case_has_its_value(
    engine_name: str, run_on: Callable[[Sources, Model], Any], chapter: Chapter, place: int
) -> None:
    key = (engine_name, chapter.name)
    if key not in ANSWERS:
        ANSWERS[key] = chapter.answers(run_on(chapter.sources(), chapter.model()))
    case: CohortCase = chapter.cases[place]
    assert ANSWERS[key][place] == case.expected, case.expression


def test_there_are_enough_cases_and_each_stands_once() -> None:
    for chapter in CHAPTERS.values():
        expressions = [case.expression for case in chapter.cases]
        assert len(set(expressions)) == len(expressions)
    assert sum(len(chapter.cases) for chapter in CHAPTERS.values()) >= 250


def test_every_node_and_every_view_is_asked() -> None:
    """Placeholders of measures stand in no expression of a person."""
    tags = set()
    views = set()
    for chapter in CHAPTERS.values():
        for top in chapter.model().expressions():
            for node in walk(top):
                tags.add(node.tag)
                views.add(getattr(node, "of", None))
    assert set(NODES) - tags == {"interval_start", "interval_end"}
    assert set(VIEWS) <= views


def test_the_reference_is_current() -> None:
    path = ROOT / "scripts" / "make_cohort_language.py"
    spec = importlib.util.spec_from_file_location("make_cohort_language", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text(encoding="utf-8") == module.page()
