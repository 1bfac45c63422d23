"""Every trap of the SNDS has a test, and the page that says so is true."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from attrs import frozen

from bercail.ingest.synth import difficulties

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "traps.md"
TRAPS = tuple(range(1, 36))


@frozen(kw_only=True)
class Entry:
    """One trap of the page."""

    number: int
    difficulties: frozenset[str]
    places: tuple[str, ...]
    tests: tuple[str, ...]


def entries() -> dict[int, Entry]:
    """The page, trap by trap."""
    found = {}
    for part in re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.M)[1:]:
        number = int(part.split(".", 1)[0])
        named = re.findall(r"`([^`]+)`", part.split("\n", 1)[1])
        set_by = re.search(r"^- Set by: (.*)$", part, flags=re.M)
        found[number] = Entry(
            number=number,
            difficulties=frozenset(re.findall(r"`([^`]+)`", set_by[1]) if set_by else ()),
            places=tuple(name for name in named if name.startswith("src/")),
            tests=tuple(name for name in named if "::" in name),
        )
    return found


@cache
def collected_from(path: Path) -> frozenset[str]:
    """The tests that pytest collects from a file: functions called `test_...`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


def test_the_page_has_every_trap_once_and_in_order() -> None:
    headings = re.findall(r"^## ([0-9]+)\. ", PAGE.read_text(encoding="utf-8"), flags=re.M)
    assert [int(number) for number in headings] == list(TRAPS)


@pytest.mark.parametrize("number", TRAPS)
def test_a_trap_has_a_place_and_tests_that_exist(number: int) -> None:
    entry = entries()[number]
    assert entry.places
    assert [name for name in entry.places if not (ROOT / name).exists()] == []
    assert entry.tests
    for node in entry.tests:
        file, name = node.split("::")
        assert name in collected_from(ROOT / file), node


def test_the_page_and_the_table_of_difficulties_agree() -> None:
    told = {number: entry.difficulties for number, entry in entries().items()}
    table = {
        number: frozenset(name for name, one in difficulties().items() if number in one.traps)
        for number in TRAPS
    }
    assert told == table


def test_a_test_that_is_not_there_is_noticed() -> None:
    """The search itself can fail: it knows this file's tests, and no other."""
    assert "test_a_test_that_is_not_there_is_noticed" in collected_from(Path(__file__))
    assert "test_that_nobody_wrote" not in collected_from(Path(__file__))
