"""Killed at any point, a change of pseudonyms goes on; no project reads old and new together."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy.engine.default import DefaultDialect

from bercail.access.project_secrets import secret_epochs
from bercail.foundation import Refused
from bercail.ledger import Ledger
from bercail.storage.memory import MemoryStore
from bercail.testing.access_desk import (
    BEN,
    CAMILLE,
    ODILE,
    AccessDesk,
    rows_of,
    scope,
    stock_register,
)
from bercail.testing.fate import Fate
from bercail.testing.project_shelf import MemoryShelf
from bercail.vault import Keyring

_houses = itertools.count()


@pytest.fixture(scope="module")
def fate() -> Iterator[Fate]:
    made = Fate()
    with pytest.MonkeyPatch.context() as patch:
        made.watch(
            patch,
            (MemoryStore, "put"),
            (MemoryStore, "delete"),
            (DefaultDialect, "do_commit"),
            (Ledger, "append"),
            (Keyring, "next_epoch"),
            (Keyring, "destroy"),
        )
        yield made


class World:
    """A project with two extracts and a table of its own, in a house opened anew each time."""

    def __init__(self, folder: Path, fate: Fate) -> None:
        place = folder / f"house-{next(_houses)}"
        place.mkdir()
        self.fate = fate
        self.desk = stock_register(AccessDesk(place))
        self.permits = [self.desk.permit(scope=scope(BEN)) for _ in range(2)]
        for permit in self.permits:
            self.desk.access.extract(permit, ODILE)
        self.shelf = MemoryShelf(self.desk.house.sealed("project", "diabetes"))
        numbers = [row["NUM_ENQ"] for row in self.rows(self.permits[0])]
        self.shelf.put("MINE", pa.table({"BEN_NIR_TOT": [value + "1" for value in numbers]}))
        self.before = self.rows(self.permits[0])

    def rows(self, permit: str) -> list[dict[str, Any]]:
        return rows_of(self.desk.access.open_extract(permit, CAMILLE))["IR_BEN_R"]

    def own(self) -> set[str]:
        (table,) = self.shelf.tables("diabetes")
        store = self.desk.house.sealed("project", "diabetes")
        with store.open(table.name, table.version) as file:
            read = pq.read_table(pa.PythonFile(file, mode="r"))
        return {str(value)[:17] for value in read["BEN_NIR_TOT"].to_pylist()}

    def rotate(self) -> None:
        self.desk.house.rotation(self.shelf).apply(ODILE)

    def renew(self) -> None:
        self.desk.house.project_tables(self.shelf).renew("diabetes", ODILE, reason="schedule")

    def expire(self) -> None:
        self.desk.house.project_tables(self.shelf).expire(ODILE)

    def run(self, act: Callable[[], None], die_at: int | None, *, after: bool = False) -> bool:
        return self.fate.lives(act, die_at, after=after)

    def reads_one_state(self) -> None:
        """What opens of the two extracts is of one state: they join, row by row."""
        found = []
        for permit in self.permits:
            try:
                found.append(self.rows(permit))
            except Refused as refusal:
                if refusal.rule != "rotation-under-way":
                    raise
        assert all(rows == found[0] for rows in found)

    def ends_well(self) -> None:
        first, second = (self.rows(permit) for permit in self.permits)
        fresh = self.desk.extract(scope=scope(BEN))["IR_BEN_R"]
        assert first == second == fresh
        numbers = {row["NUM_ENQ"] for row in first}
        assert not numbers & {row["NUM_ENQ"] for row in self.before}
        assert self.own() == numbers
        assert len(secret_epochs(self.desk.house.keys, "project/diabetes")) == 1
        self.desk.close()


@pytest.mark.parametrize(("change", "stride"), [("rotate", 10), ("renew", 1)])
def test_any_point_of_a_change(
    fate: Fate, tmp_path_factory: pytest.TempPathFactory, change: str, stride: int
) -> None:
    """Each world dies at one point, and what takes it further dies once more, soon after."""
    folder = tmp_path_factory.mktemp("kills")
    counted = World(folder, fate)
    assert counted.run(getattr(counted, change), None)
    steps = fate.steps
    counted.ends_well()
    assert steps > 15
    for die_at in range(1, steps + 1, stride):
        lived = World(folder, fate)
        assert not lived.run(getattr(lived, change), die_at, after=bool(die_at % 2))
        lived.reads_one_state()
        lived.run(getattr(lived, change), 3 + die_at % 4)
        lived.reads_one_state()
        assert lived.run(getattr(lived, change), None)
        lived.ends_well()


def test_any_point_of_an_expiry(fate: Fate, tmp_path_factory: pytest.TempPathFactory) -> None:
    lived = World(tmp_path_factory.mktemp("expiry"), fate)
    die_at = 1
    lived.renew()
    while not lived.run(lived.expire, die_at, after=bool(die_at % 2)):
        die_at += 1
        lived.reads_one_state()
    for permit in lived.permits:
        shown = lived.desk.access.show(permit.replace("permit", "application"))
        assert shown["former"] == []
    lived.ends_well()
