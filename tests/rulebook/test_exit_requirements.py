"""Evidence for the requirements on leaving a host: its contract read, its exit rehearsed."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from bercail.hosting import MigrationService
from bercail.hosting.exit import ExitRehearsal, check_terms
from bercail.lake import SealedStore
from bercail.storage import Location, ObjectStore, make_home, open_store
from bercail.testing.moving import OPERATOR, MovingWorld

CONTENTS = {f"data/{n}": bytes([n]) * (10_000 * n) for n in range(10)}


def rehearsed(world: MovingWorld, away: ObjectStore) -> ExitRehearsal:
    def engine(source: ObjectStore, scope: str) -> MigrationService:
        return MigrationService(
            name=scope,
            source=source,
            target=SealedStore(
                away, world.keys, kind="exit", scope=scope, randomness=world.randomness
            ),
            home=away,
            work=world.folder / "exit" / scope,
            ledger=world.ledger,
            keys=world.keys,
            clock=world.clock,
            actor=OPERATOR,
            admit=world.admit,
        )

    return ExitRehearsal(
        home=world.home,
        away=away,
        engine=engine,
        brought=world.service().ground,
        landing=world.target,
        ledger=world.ledger,
    )


def brought_home(world: MovingWorld, home: ObjectStore) -> MovingWorld:
    world.home = home
    world.fill(CONTENTS)
    service = world.service()
    for step in (service.survey, service.plan, service.copy, service.prove):
        step()
    service.cut_over()
    return world


@pytest.mark.requirement("EXIT-01")
def test_the_way_out_of_s3_and_the_way_out_of_a_folder_are_rehearsed_and_timed(
    tmp_path: Path, s3_store: ObjectStore
) -> None:
    folders = [Location.folder(tmp_path / name) for name in ("away", "home")]
    for folder in folders:
        make_home(folder)
    away, home = (open_store(folder) for folder in folders)
    leaving_s3 = brought_home(MovingWorld(tmp_path / "first"), s3_store)
    first = rehearsed(leaving_s3, away).rehearse(OPERATOR, sample=8)
    for info in list(s3_store.list()):
        s3_store.delete(info.name)
    leaving_a_folder = brought_home(MovingWorld(tmp_path / "second"), home)
    second = rehearsed(leaving_a_folder, s3_store).rehearse(OPERATOR, sample=8)
    for world, done in ((leaving_s3, first), (leaving_a_folder, second)):
        assert done.event.opened >= 7
        assert done.event.within
        (recorded,) = world.journal.read("exit/moving")
        assert recorded.body["milliseconds"] == done.event.milliseconds > 0
    assert first.event.source.startswith("s3:")
    assert second.event.target.startswith("s3:")
    assert list(away.list()) == list(s3_store.list()) == []


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
