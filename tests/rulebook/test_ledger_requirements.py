"""What the ledger shows for the requirements on traces."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bercail.foundation import Actor
from bercail.ledger import Journal, Ledger, MemoryJournal, RecordedEvent, SqlJournal
from bercail.testing.ledger_desk import Desk, NoteTaken


def test_every_event_names_the_person_who_acted(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for number, person in enumerate(("ada.l", "olympe.g", "system:ingest")):
        desk.ledger.append("notes", number, [NoteTaken(number=number)], Actor(id=person))
    recorded = desk.ledger.history()
    assert [event.actor for event in recorded] == ["ada.l", "olympe.g", "system:ingest"]
    with pytest.raises(ValueError):
        Actor(id="")


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
