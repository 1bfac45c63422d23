"""Evidence for the requirements on leaving a host: its contract read, its exit rehearsed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from attrs import evolve

from bercail.foundation import Missing, Refused
from bercail.hosting.exit import check_terms
from bercail.storage import Location, ObjectStore, make_home, open_store
from bercail.testing.leaving import rehearsal
from bercail.testing.moving import OPERATOR, MovingWorld
from bercail.testing.servers import RunningServer, start_seaweedfs


@pytest.fixture(scope="module")
def other_provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """An S3 server beside that of all tests, with keys of its own."""
    server = start_seaweedfs(tmp_path_factory.mktemp("other-provider"), access_key="elsewhere")
    yield server
    server.stop()


CONTENTS = {f"data/{n}": bytes([n]) * (10_000 * n) for n in range(10)}


def brought_home(world: MovingWorld, home: ObjectStore) -> MovingWorld:
    world.home = home
    world.fill(CONTENTS)
    service = world.service()
    for step in (service.survey, service.plan, service.copy, service.prove):
        step()
    service.cut_over()
    return world


@pytest.mark.requirement("EXIT-01")
def test_the_way_out_is_rehearsed_and_timed_from_s3_to_s3_to_a_folder_and_back(
    tmp_path: Path, s3_store: ObjectStore, s3_location: Location, other_provider: RunningServer
) -> None:
    """Two providers: servers of their own, neither of which knows the other's keys."""
    there = other_provider.location("other-bucket")
    make_home(there, other_provider.credentials)
    stranger = open_store(evolve(there, name=s3_location.name), other_provider.credentials)
    with pytest.raises(Missing):
        list(stranger.list())
    with pytest.raises(Refused):
        list(open_store(s3_location, other_provider.credentials).list())
    other = open_store(there, other_provider.credentials)
    folders = [Location.folder(tmp_path / name) for name in ("away", "home")]
    for folder in folders:
        make_home(folder)
    away, home = (open_store(folder) for folder in folders)
    leaving_s3 = brought_home(MovingWorld(tmp_path / "first"), s3_store)
    to_s3 = rehearsal(leaving_s3, away=other).rehearse(OPERATOR, sample=8)
    to_a_folder = rehearsal(leaving_s3, away=away).rehearse(OPERATOR, sample=8)
    leaving_a_folder = brought_home(MovingWorld(tmp_path / "second"), home)
    from_a_folder = rehearsal(leaving_a_folder, away=other).rehearse(OPERATOR, sample=8)
    kept = [
        *leaving_s3.journal.read("exit/moving"),
        *leaving_a_folder.journal.read("exit/moving"),
    ]
    ways = [("s3:", "s3:"), ("s3:", "file:"), ("file:", "s3:")]
    for done, recorded, (begin, end) in zip(
        (to_s3, to_a_folder, from_a_folder), kept, ways, strict=True
    ):
        assert done.event.opened >= 7
        assert done.event.within
        assert recorded.body["milliseconds"] == done.event.milliseconds > 0
        assert done.event.source.startswith(begin)
        assert done.event.target.startswith(end)
    assert to_s3.event.source != to_s3.event.target
    assert list(away.list()) == list(other.list()) == []


@pytest.mark.requirement("EXIT-01")
def test_a_contract_is_held_to_the_periods_of_the_data_act(tmp_path: Path) -> None:
    """Notice of two months, transition of 30 days or told and at most 7 months, retrieval."""
    periods = {
        "notice": "2 months",
        "transition": "30 days",
        "alternative_transition": "7 months",
        "alternative_told_within": "14 working days",
        "retrieval": "30 days",
    }
    shorter = {"retrieval": "29 days"}
    longer = {
        "notice": "3 months",
        "transition": "31 days",
        "alternative_transition": "8 months",
        "alternative_told_within": "15 working days",
    }
    for term, beyond in (longer | shorter).items():
        for said, expected in ((periods[term], "met"), (beyond, "not-met")):
            lines = [f'{key} = "{value}"' for key, value in (periods | {term: said}).items()]
            file = tmp_path / "terms.toml"
            file.write_text(
                "\n".join(['format = "bercail-exit-terms/1"', 'contract = "x"', "[terms]", *lines])
            )
            checked = check_terms(file, date(2026, 11, 21))
            found = {one.rule.term: one.answer.value for one in checked.findings}
            assert found[term] == expected
            assert not checked.met, "the other terms are not said"
