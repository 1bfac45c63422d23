"""By command: the house rotates, a project keeps its extract and joins it with a later one."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

import bercail.cli.access as access_commands
import bercail.cli.ingest as ingest_commands
import bercail.cli.vault as vault_commands
from bercail.foundation import Actor
from bercail.testing.access_desk import (
    BEN,
    CAMILLE,
    ODILE,
    PRS,
    AccessDesk,
    rows_of,
    scope,
    stock,
)

RUN = CliRunner()
GROUPS = {"access": access_commands, "ingest": ingest_commands, "vault": vault_commands}


@pytest.fixture
def desk(tmp_path, monkeypatch):
    built = AccessDesk(tmp_path)
    stock(built)
    for module in GROUPS.values():

        def house() -> Any:
            return SimpleNamespace(
                access=built.access,
                rotation=built.house.rotation(),
                project_tables=built.house.project_tables(),
            )

        monkeypatch.setattr(module, "house", house)
    yield built
    built.close()


@pytest.fixture
def give(desk, monkeypatch):
    """Gives a command as somebody and returns its JSON; raises what the desk raises."""

    def command(actor: Actor, group: str, *words: str) -> Any:
        monkeypatch.setattr(GROUPS[group], "actor", lambda: actor)
        result = RUN.invoke(GROUPS[group].app, [*words, "--json"], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return command


def lines(desk, permit, extract=""):
    """The person of each line of care, by the line's number."""
    found = rows_of(desk.access.open_extract(permit, CAMILLE, extract))
    return {row["DCT_ORD_NUM"]: row["NUM_ENQ"] for row in found["ER_PRS_F"]}


@pytest.mark.requirement("PSE-05")
def test_a_project_gets_later_data_that_it_can_join(desk, give):
    first = desk.permit(scope=scope(BEN, PRS, first_year=2023, last_year=2023))
    give(ODILE, "access", "extract", first)
    early = lines(desk, first)
    assert len(early) == 3

    plan = give(ODILE, "ingest", "rotate")
    assert [(one["project"], one["columns"]) for one in plan["projects"]] == [
        ("diabetes", {"NUM_ENQ": "catalogue"}),
        ("diabetes", {"NUM_ENQ": "catalogue", "NUM_ENQ_IDT": "catalogue"}),
    ]
    proven = give(ODILE, "ingest", "rotate", "--apply")
    (project,) = proven["projects"]
    assert (project["project"], project["extracts"], project["tables"]) == ("diabetes", 1, 2)

    later = desk.permit(scope=scope(BEN, PRS, first_year=2023, last_year=2024))
    give(ODILE, "access", "extract", later)
    now, both = lines(desk, first), lines(desk, later)
    assert len(both) == 9
    assert {number: both[number] for number in now} == now
    assert set(now) == set(early)
    assert not set(now.values()) & set(early.values())

    renewed = give(ODILE, "vault", "renew-project", "diabetes", "--reason", "suspicion")
    assert (renewed["project"], renewed["extracts"], renewed["tables"]) == ("diabetes", 2, 4)
    last, whole = lines(desk, first), lines(desk, later)
    assert {number: whole[number] for number in last} == last
    assert not set(last.values()) & set(now.values())

    application = first.replace("permit", "application")
    former = give(CAMILLE, "access", "show", application)["former"]
    assert [lines(desk, first, name) for name in former] == [early, now]
    assert lines(desk, first) == last
    gone = give(ODILE, "vault", "renew-project", "diabetes", "--expire")
    assert [(one["extracts"], one["files"]) for one in gone] == [(3, 9)]
    assert give(CAMILLE, "access", "show", application)["former"] == []
    assert lines(desk, first) == last
    expired = give(ODILE, "ingest", "rotate", "--expire")
    assert {one["table"] for one in expired} >= {"ER_PRS_F", "IR_BEN_R"}
