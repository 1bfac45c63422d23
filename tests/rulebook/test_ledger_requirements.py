"""What the ledger shows for the requirements on traces."""

from __future__ import annotations

import ast
import re
import sqlite3
from pathlib import Path

import pytest

import bercail
from bercail.foundation import Actor
from bercail.ledger import (
    Journal,
    Ledger,
    MemoryJournal,
    NewEvent,
    RecordedEvent,
    SqlJournal,
)
from bercail.testing.ledger_desk import Desk, NoteTaken


def doors_that_record() -> list[tuple[str, ast.Call]]:
    """Every call in the program that appends to the ledger or to a recorder of a stream."""
    found = []
    for path in sorted(Path(bercail.__file__).parent.rglob("*.py")):
        if "testing" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = ast.unparse(node.func.value)
                if node.func.attr == "append" and owner.endswith("ledger"):
                    found.append((f"{path.name}:{node.lineno}", node))
    return found


@pytest.mark.requirement("LOG-01")
def test_no_room_records_without_naming_who_acts() -> None:
    doors = doors_that_record()
    assert len(doors) >= 8
    for place, call in doors:
        names = [ast.unparse(argument) for argument in call.args]
        names += [f"{word.arg}={ast.unparse(word.value)}" for word in call.keywords]
        assert len(names) == 4, place
        assert re.search("actor|by|who|person|holder", names[3].lower()), (place, names)


@pytest.mark.requirement("LOG-01")
def test_no_journal_takes_an_event_without_its_actor(tmp_path: Path) -> None:
    for actor in ("", " ", "two words", "a" * 101):
        with pytest.raises(ValueError):
            NewEvent(
                kind="K", body={}, actor=actor, at="2026-11-21T22:46:15.000000Z", salt=bytes(16)
            )
    journal = SqlJournal(f"sqlite:///{tmp_path}/journal.db")
    assert journal.last() == 0
    journal.close()
    connection = sqlite3.connect(tmp_path / "journal.db")
    row = (1, "s", 1, "K", "{}", None, "2026-11-21T22:46:15.000000Z", bytes(16))
    with pytest.raises(sqlite3.IntegrityError, match="actor"):
        connection.execute("INSERT INTO bercail_journal VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    connection.close()


@pytest.mark.requirement("LOG-01")
def test_every_event_names_the_person_who_acted(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for number, person in enumerate(("ada.l", "olympe.g", "system:ingest")):
        desk.ledger.append("notes", number, [NoteTaken(number=number)], Actor(id=person))
    recorded = desk.ledger.history()
    assert [event.actor for event in recorded] == ["ada.l", "olympe.g", "system:ingest"]
    with pytest.raises(ValueError):
        Actor(id="")


# What the referential asks to attribute, and the events that do it. A study run on the platform
# opens an extract under its permit, so that every query has its event.
ATTRIBUTED = {
    "access": ("PermitGranted", "PermitRevoked", "ExtractMade"),
    "outputs": ("RequestSubmitted", "OutputSeen", "VoteCast"),
    "exports": ("RequestReleased", "RequestRevoked"),
    "imports": ("BringingDeclared", "BringingHandedOver"),
    "linkages": ("PersonsBuilt", "ProjectSecretRenewed"),
    "administration": ("KeyCreated", "SecretOpened", "ProjectHalted", "AlarmAcknowledged"),
    "queries": ("ExtractOpened",),
    "denials": ("ActRefused", "OutputRefused"),
}


@pytest.mark.requirement("LOG-01")
@pytest.mark.parametrize("what", sorted(ATTRIBUTED))
def test_what_must_be_attributed_has_events_that_a_room_records(what: str) -> None:
    folder = Path(bercail.__file__).parent
    made = set()
    for path in folder.rglob("*.py"):
        if path.name == "events.py" or "testing" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                made.add(node.func.id)
    assert set(ATTRIBUTED[what]) <= made


@pytest.mark.requirement("LOG-01")
def test_a_study_on_the_platform_opens_its_extract_as_the_person_who_runs_it() -> None:
    source = (Path(bercail.__file__).parent / "cli" / "cohort.py").read_text("utf-8")
    assert "house().access.open_extract(permit, actor())" in source


@pytest.mark.requirement("LOG-03")
def test_the_port_of_the_journal_has_no_way_to_change_or_remove() -> None:
    words = re.compile("delete|remove|update|edit|purge|clear|drop|truncate|replace|rewrite")
    for kind in (Journal, Ledger, MemoryJournal, SqlJournal):
        public = [name for name in dir(kind) if not name.startswith("_")]
        assert public
        assert [name for name in public if words.search(name)] == []


@pytest.mark.requirement("LOG-04")
def test_every_moment_is_utc_in_iso_8601(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.record(3)
    form = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
    assert all(form.fullmatch(event.at) for event in desk.ledger.history())


@pytest.mark.requirement("LOG-06")
def test_everything_that_concerns_a_stream_can_be_handed_over_with_proof(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.record(2, "permit/a")
    desk.record(1, "permit/b")
    desk.record(1, "permit/a")
    desk.publish()
    concerned: tuple[RecordedEvent, ...] = desk.ledger.history("permit/a", limit=1_000)
    assert [event.position for event in concerned] == [1, 2, 4]
    proofs = [desk.ledger.prove(event.position) for event in concerned]
    assert all(proof.startswith("c2sp.org/tlog-proof@v1") for proof in proofs)
    assert desk.ledger.export(tmp_path / "all.jsonl") == 4
