"""Sealing again and sweeping: by an operator, and told in the right order."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bercail.foundation import Actor, Refused, Role, Unavailable
from bercail.lake import Lake, Resealing
from bercail.lake.events import LakeSwept, ObjectsResealed, ResealingBegun
from bercail.lake.keeping import Keeping

OPERATOR = Actor(id="odile", roles={Role.OPERATOR})
AUDITOR = Actor(id="anne", roles={Role.AUDITOR})
DAY = timedelta(days=1)


class Told:
    """Keeps what was done and what was recorded, in their order."""

    def __init__(self) -> None:
        self.order: list[Any] = []

    def record(self, event: Any, actor: Actor) -> None:
        self.order.append((actor.id, event))

    def resealing(self, fails: bool = False) -> Resealing:
        def run(**_: Any) -> Any:
            self.order.append("run")
            if fails:
                raise Unavailable("The host is away.")
            return SimpleNamespace(
                kind="lake",
                scope="T",
                epoch=2,
                resealed=3,
                already=1,
                left=(),
                unlisted=0,
                destroyed=(SimpleNamespace(keys=(1, 2)),),
            )

        return cast("Resealing", SimpleNamespace(kind="lake", scope="T", run=run))

    def lake(self, *locations: str) -> Lake:
        found = tuple(SimpleNamespace(location=one) for one in locations)

        def remove(_: timedelta) -> Any:
            self.order.append("remove")
            return found

        return cast("Lake", SimpleNamespace(orphans=lambda _: found, remove_orphans=remove))


def test_a_resealing_is_told_before_and_after() -> None:
    told = Told()
    Keeping(record=told.record).reseal(told.resealing, OPERATOR, new_key=True)
    begun = ResealingBegun(kind="lake", scope="T", new_key=True)
    ended = ObjectsResealed(
        kind="lake", scope="T", epoch=2, resealed=3, already=1, left=0, unlisted=0, destroyed=2
    )
    assert told.order == [("odile", begun), "run", ("odile", ended)]


def test_a_resealing_that_stops_is_told_as_begun() -> None:
    told = Told()
    with pytest.raises(Unavailable):
        Keeping(record=told.record).reseal(lambda: told.resealing(fails=True), OPERATOR)
    assert told.order[1:] == ["run"]
    assert isinstance(told.order[0][1], ResealingBegun)


def test_a_sweep_is_told_before_anything_leaves_the_host() -> None:
    told = Told()
    lake = told.lake("sealed://A/x", "sealed://A/y", "sealed://B/z")
    assert len(Keeping(record=told.record).sweep(lake, DAY, OPERATOR)) == 3
    swept = LakeSwept(older_than_hours=24, files={"A": 2, "B": 1})
    assert told.order == [("odile", swept), "remove"]


def test_a_sweep_of_nothing_is_no_event() -> None:
    told = Told()
    assert Keeping(record=told.record).sweep(told.lake(), DAY, OPERATOR) == ()
    assert told.order == []


def test_nobody_else_seals_again_or_sweeps() -> None:
    told = Told()
    keeping = Keeping(record=told.record)
    with pytest.raises(Refused, match="`anne` may not seal") as caught:
        keeping.reseal(told.resealing, AUDITOR)
    assert caught.value.rule == "IAM-05"
    with pytest.raises(Refused, match="`anne` may not sweep"):
        keeping.sweep(told.lake("sealed://A/x"), DAY, AUDITOR)
    assert told.order == []
