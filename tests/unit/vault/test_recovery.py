"""The custodian of a house made again from its shares, and the event that waits for the house."""

from __future__ import annotations

from pathlib import Path

import pytest

from bercail.foundation import (
    Actor,
    FixedClock,
    Invalid,
    Refused,
    Secret,
    SeededRandomness,
    to_iso,
)
from bercail.testing.fate import Killed
from bercail.vault import FileCustodian, TypedShare, recovery, split_root
from bercail.vault.events import RootRecovered
from bercail.vault.key_table import KeyTable
from bercail.vault.outbox import Outbox, Waiting
from bercail.vault.recovery import Recovery

OLGA = Actor(id="olga")
PASSPHRASE = Secret(b"five words from a dice")
OTHER = Secret(b"five other words of dice")


class Lost:
    """A house whose custodian file is lost, and two of its three shares."""

    def __init__(self, folder: Path, clock: FixedClock) -> None:
        self.path, self.table = folder / "root.json", folder / "keys.db"
        self.clock = clock
        held = FileCustodian.create(self.path, PASSPHRASE, SeededRandomness(3), cost=4)
        self.root = held.root
        cards = split_root(held, shares=3, needed=2, platform="house", now=clock.now())
        self.shares = [TypedShare(number=card.number, words=card.words) for card in cards[:2]]
        self.path.unlink()

    def recover(self, table: Path | None, path: Path, root: str | None = None) -> FileCustodian:
        recovering = Recovery(
            actor=OLGA, randomness=SeededRandomness(5), clock=self.clock, table=table
        )
        return recovering.recover(path, OTHER, self.shares, root)

    def waiting(self) -> tuple[Waiting, ...]:
        table = KeyTable(self.table)
        try:
            return Outbox(table, None).waiting()
        finally:
            table.close()


@pytest.fixture
def lost(tmp_path: Path, clock: FixedClock) -> Lost:
    return Lost(tmp_path, clock)


def test_the_custodian_is_back_and_its_event_waits(
    lost: Lost, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []

    class Noted(KeyTable):
        def close(self) -> None:
            closed.append("closed")
            super().close()

    monkeypatch.setattr(recovery, "KeyTable", Noted)
    made = lost.recover(lost.table, lost.path, lost.root)
    again = FileCustodian.open(lost.path, OTHER)
    assert (made.root, made.name) == (again.root, again.name) == (lost.root, "root")
    event = RootRecovered(custodian="root", root=lost.root, shares=2, at=to_iso(lost.clock.now()))
    assert lost.waiting() == (Waiting(number=1, event=event, actor="olga"),)
    assert closed == ["closed"]
    # Nothing else is left beside it.
    assert {path.name for path in lost.path.parent.glob("root*")} == {"root.json"}


def test_a_draft_that_a_killed_recovery_left_is_made_anew(lost: Lost) -> None:
    draft = lost.path.with_name("root.recovered")
    draft.write_text("half a custodian")
    assert lost.recover(lost.table, lost.path).root == lost.root
    assert not draft.exists()


def test_the_event_is_there_before_the_custodian(
    lost: Lost, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(self: Path, target: Path) -> None:
        assert self.name == "root.recovered"
        raise Killed(target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed)
        with pytest.raises(Killed):
            lost.recover(lost.table, lost.path)
    assert not lost.path.exists()
    assert len(lost.waiting()) == 1
    assert lost.recover(lost.table, lost.path).root == lost.root


def test_a_custodian_is_never_written_over_and_nothing_is_told(lost: Lost) -> None:
    lost.path.write_text("another custodian")
    with pytest.raises(Refused, match="already") as caught:
        lost.recover(lost.table, lost.path)
    assert caught.value.rule == "custodian-exists"
    assert lost.path.read_text() == "another custodian"
    assert [path.name for path in lost.path.parent.iterdir()] == ["root.json"]


@pytest.mark.parametrize("rehearsal", [False, True])
def test_shares_of_another_root_give_nothing(lost: Lost, rehearsal: bool) -> None:
    with pytest.raises(Invalid):
        lost.recover(None if rehearsal else lost.table, lost.path, "00" * 8)
    assert list(lost.path.parent.iterdir()) == []


def test_a_rehearsal_concerns_no_house(lost: Lost, tmp_path: Path) -> None:
    path, beside = tmp_path / "one" / "root.json", tmp_path / "two" / "root.json"
    for place in (path, beside):
        place.parent.mkdir()
    made = lost.recover(None, path)
    assert made.root == FileCustodian.open(path, OTHER).root == lost.root
    assert not lost.table.exists()
    # Random bytes come from what was given.
    lost.recover(None, beside)
    assert beside.read_bytes() == path.read_bytes()
