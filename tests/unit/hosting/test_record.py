"""An event is recorded once, whatever the instant at which the process dies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bercail.foundation import Actor, Invalid, Refused, Unproven
from bercail.hosting.migration.worktable import WorkTable
from bercail.ledger import Ledger
from bercail.testing.moving import Killed, MovingWorld

STEPS = ("survey", "plan", "copy", "prove")
KINDS = ["SurveyTaken", "PlanMade", "CopyFinished", "ProofMade"]


@pytest.fixture
def world(tmp_path: Path) -> MovingWorld:
    made = MovingWorld(tmp_path)
    made.fill({"a": b"a", "b": b"b"})
    return made


@pytest.mark.parametrize("died", STEPS)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_around_the_journal_every_event_stands_there_once(
    world: MovingWorld, monkeypatch: pytest.MonkeyPatch, died: str, after: bool
) -> None:
    for step in STEPS:
        if step == died:
            with monkeypatch.context() as patch:
                _die_at_append(patch, after=after)
                with pytest.raises(Killed):
                    getattr(world.service(), step)()
            # The next process finds the event in the outbox before it does anything else.
        if step != died or step == "survey":
            getattr(world.service(), step)()
    world.service().cut_over()
    kinds = world.kinds()
    assert [k for k in kinds if k not in ("SourceFrozen", "CutOver")] == (
        ["SurveyTaken", *KINDS] if died == "survey" else KINDS
    )
    assert kinds[-1] == "CutOver"


def _die_at_append(patch: pytest.MonkeyPatch, *, after: bool) -> None:
    real = Ledger.append

    def append(self: Ledger, stream: str, expected: int, events: Any, actor: Actor) -> int:
        if after:
            real(self, stream, expected, events, actor)
        raise Killed

    patch.setattr(Ledger, "append", append)


def test_an_outbox_that_holds_something_unknown_is_unproven(world: MovingWorld) -> None:
    world.service().survey()
    table = WorkTable(world.folder / "work" / "state.sqlite")
    with table:
        table.outbox.post("Nonsense", {})
    table.close()
    with pytest.raises(Unproven, match="Nonsense"):
        world.service().plan()


def test_a_switch_that_another_process_made_first_is_refused(
    world: MovingWorld,
) -> None:
    for step in STEPS:
        getattr(world.service(), step)()
    late = world.service()
    world.service().cut_over()
    with pytest.raises(Refused) as caught:
        late.cut_over()
    assert caught.value.rule == "migration-order"
    assert world.kinds().count("CutOver") == 1


def test_the_work_table_of_a_later_version_is_invalid(tmp_path: Path) -> None:
    table = WorkTable(tmp_path / "state.sqlite")
    table._db.execute("PRAGMA user_version = 99")
    table.close()
    with pytest.raises(Invalid, match="`99`"):
        WorkTable(tmp_path / "state.sqlite")
