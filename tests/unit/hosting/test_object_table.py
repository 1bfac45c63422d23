"""The work table: read by pages without sorting, written only where something changed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve

from bercail.hosting.migration.entry import Entry, ObjectState, SourceFacts
from bercail.hosting.migration.object_table import PAGE
from bercail.hosting.migration.sighting import Prints, Sighting
from bercail.hosting.migration.worktable import WorkTable

COUNT = 1_300  # more than two pages
CAUTION = "its tier `Cool` stays behind"


def sighting(number: int) -> Sighting:
    facts = SourceFacts(etag=f'"{number}"', tier="Cool" if number % 5 == 0 else None)
    return Sighting(
        entry=Entry(name=f"c/{number:05}", size=number % 7, facts=facts),
        obstacle="it is a link" if number % 100 == 3 else None,
        remarks={"cautions": [CAUTION]} if number % 5 == 0 else {},
        prints=Prints(tier=facts.tier or ""),
    )


@pytest.fixture
def table(tmp_path: Path) -> Iterator[WorkTable]:
    made = WorkTable(tmp_path / "state.sqlite")
    with made.stage() as stage:
        stage.take((sighting(n), f"o-{n}") for n in range(COUNT))
        with made:
            stage.settle(1)
    yield made
    made.close()


@pytest.mark.parametrize("columns", ["name, size", "name, facts, remarks"])
def test_no_page_sorts_the_objects(table: WorkTable, tmp_path: Path, columns: str) -> None:
    with sqlite3.connect(tmp_path / "state.sqlite") as db:
        states = json.dumps([state.value for state in ObjectState])
        told = db.execute(f"EXPLAIN QUERY PLAN {PAGE.format(columns)}", (states, "", 500))
        plan = " ".join(line[3] for line in told)
    assert "SEARCH objects USING PRIMARY KEY (name>?)" in plan
    assert "TEMP B-TREE" not in plan


def test_pages_give_every_object_once_in_order_while_rows_change(table: WorkTable) -> None:
    with table:
        seen = []
        for row in table.objects.rows(ObjectState.PENDING, ObjectState.NOT_CARRIED):
            seen.append(row.entry.name)
            table.objects.mark(row.entry.name, ObjectState.FAILED, "no")
    assert seen == [f"c/{n:05}" for n in range(COUNT)]
    assert list(table.objects.rows(ObjectState.PENDING)) == []


def test_few_objects_of_many_are_found_by_their_state(table: WorkTable) -> None:
    asked: list[str] = []
    table.objects._db.set_trace_callback(asked.append)
    found = [row.entry.name for row in table.objects.rows(ObjectState.NOT_CARRIED)]
    table.objects._db.set_trace_callback(None)
    assert found == [f"c/{n:05}" for n in range(3, COUNT, 100)]
    assert not [one for one in asked if "+state" in one]


def test_an_outlook_says_what_the_row_says(table: WorkTable) -> None:
    states = (ObjectState.PENDING, ObjectState.NOT_CARRIED)
    pairs = zip(table.objects.rows(*states), table.objects.outlooks(*states), strict=True)
    for row, outlook in pairs:
        assert outlook.name == row.entry.name
        assert outlook.size == row.entry.size
        assert outlook.version == row.entry.binding_version
        assert outlook.tier == row.entry.facts.tier
        assert outlook.cautions == tuple(row.remarks.get("cautions", ()))
        assert (outlook.state, outlook.reason) == (row.state, row.reason)


def test_what_the_target_shows_already_is_not_written_again(
    table: WorkTable, tmp_path: Path
) -> None:
    shown = [(f"o-{n}", 19) for n in range(0, COUNT, 2)]

    def written() -> int:
        before = table.objects._db.total_changes
        with table:
            table.objects.look_at_target(shown)
        return table.objects._db.total_changes - before

    assert written() - written() == len(shown)
    there = [row.there for row in table.objects.rows(*ObjectState)]
    assert there == [n % 2 == 0 for n in range(COUNT)]


def test_facts_read_and_written_again_are_the_same_text_until_they_change() -> None:
    facts = SourceFacts(etag='"1"', metadata={"b": "2", "a": "1"}, tier="Hot")
    again = SourceFacts.from_text(facts.text)
    assert again == facts
    assert again.text == facts.text
    assert '"tier":"Cool"' in evolve(again, tier="Cool").text
