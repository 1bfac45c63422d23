"""Killed at any point, a rotation goes on; in between nobody reads two epochs together."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.engine.default import DefaultDialect

from bercail.foundation import Refused, Role
from bercail.lake import Lake, pseudonym_chain
from bercail.lake.identities import PSEUDONYM_LENGTH, turn_values
from bercail.ledger import Ledger
from bercail.storage.memory import MemoryStore
from bercail.testing.fate import Fate
from bercail.testing.small_house import SmallHouse, person
from bercail.vault import Keyring

OPERATOR = person("odile", Role.OPERATOR)
CITIZEN = person("claire", Role.CITIZEN)
PERSONS = ["ABCDEFGHIJKLMNOPQ", "BCDEFGHIJKLMNOPQR", "CDEFGHIJKLMNOPQRS"]
MARK = "X" * 17
SCHEMA = pa.schema([("BEN_NIR_PSA", pa.string()), ("n", pa.int64())])
TABLES = ("ER_PRS_F", "IR_IMB_R")
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
        )
        yield made


@pytest.fixture
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kills")


class World:
    """A house whose lake is opened anew by every process."""

    def __init__(self, folder: Path, fate: Fate) -> None:
        self.folder = folder / f"house-{next(_houses)}"
        self.folder.mkdir()
        self.fate = fate
        self.house = SmallHouse.build(self.folder)
        for table in TABLES:
            self.load(table, "first", [*PERSONS, None, MARK, PERSONS[0]])
        self.house.objections().register(PERSONS[1] + "2", CITIZEN)

    def load(self, table: str, delivery: str, level_one: list[str | None]) -> None:
        """As ingest does: through the chain of the lake's epoch."""
        epoch = self.house.lake.rewriting.gate.require_open()
        turn = pseudonym_chain.entry(self.house.keys, epoch)
        turned = turn_values(pa.array(level_one, pa.string()), turn)
        arrays = [turned, pa.array(range(len(level_one)))]
        batch = pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)
        self.house.lake.append(table, [batch], SCHEMA, delivery=delivery, epoch=epoch)

    def run(self, act: str, die_at: int | None, *, after: bool = False) -> bool:
        """Whether `apply` or `expire` came to its end, in a process of its own."""
        house = self.house

        def process() -> None:
            house.lake.__exit__()
            url = f"sqlite:///{self.folder / 'lake.db'}"
            house.lake = Lake(
                house.host, house.keys, url, house.registry, house.randomness, house.clock
            )
            getattr(house.rotation(), act)(OPERATOR)

        return self.fate.lives(process, die_at, after=after)

    def expected(self, epoch: int) -> list[str | None]:
        turn = pseudonym_chain.entry(self.house.keys, epoch)
        values: list[str | None] = [*PERSONS, None, MARK, PERSONS[0]]
        return turn_values(pa.array(values, pa.string()), turn).to_pylist()

    def reads_one_epoch(self) -> int | None:
        """The epoch of what can be read now; None when the lake is shut."""
        gate = self.house.lake.rewriting.gate.state()
        if gate.rotation is not None:
            for table in TABLES:
                for act in (self.house.lake.snapshot, self.house.lake.parts, self.house.lake.read):
                    with pytest.raises(Refused) as refused:
                        act(table)
                    assert refused.value.rule == "rotation-under-way"
                with pytest.raises(Refused):
                    self.load(table, "second", [PERSONS[0]])
            with pytest.raises(Refused):
                self.house.objections().current()
            return None
        for table in TABLES:
            found = self.house.lake.read(table, ["BEN_NIR_PSA"]).read_all().column(0)
            assert found.to_pylist() == self.expected(gate.epoch)
        return gate.epoch

    def ends_well(self, epoch: int) -> None:
        assert self.reads_one_epoch() == epoch
        (objecting,) = self.house.objections().current()[1]
        assert objecting[PSEUDONYM_LENGTH:] == "2"
        assert objecting[:PSEUDONYM_LENGTH] == self.expected(epoch)[1]
        for table in TABLES:
            assert self.house.lake.verify(table).rows == 6
        kinds = [record.kind for record in self.house.ledger.history("rotation/", 500)]
        assert kinds.count("RotationProven") == epoch - 1


def test_any_point_of_a_rotation_then_of_its_expiry(fate: Fate, folders: Path) -> None:
    counted = World(folders, fate)
    assert counted.run("apply", None)
    steps = fate.steps
    assert counted.run("expire", None)
    to_expire = fate.steps
    assert steps > 30
    assert to_expire > 8
    chance = random.Random(7)
    points = [(n, chance.random() < 0.5) for n in range(1, steps + 1, 3)]
    for die_at, after in points:
        lived = World(folders, fate)
        assert not lived.run("apply", die_at, after=after)
        assert lived.reads_one_epoch() in (None, 1, 2)
        assert lived.run("apply", None)
        done = lived.house.lake.rewriting.gate.state().epoch
        # Died after the last step: the next command is a rotation of its own.
        assert done == 2 or die_at >= steps - 1
        lived.ends_well(done)
    for die_at in range(1, to_expire + 1, 3):
        lived = World(folders, fate)
        assert lived.run("apply", None)
        assert not lived.run("expire", die_at)
        assert lived.run("expire", None)
        lived.ends_well(2)


@settings(max_examples=6, deadline=None)
@given(deaths=st.lists(st.tuples(st.integers(1, 70), st.booleans()), max_size=4))
def test_any_history_of_deaths(
    fate: Fate, tmp_path_factory: pytest.TempPathFactory, deaths: list[tuple[int, bool]]
) -> None:
    lived = World(tmp_path_factory.mktemp("history"), fate)
    for die_at, after in deaths:
        lived.run("apply", die_at, after=after)
        lived.reads_one_epoch()
    assert lived.run("apply", None)
    epoch = lived.house.lake.rewriting.gate.state().epoch
    lived.ends_well(epoch)
    for table in TABLES:
        lived.load(table, "second", [PERSONS[2]])
        found = lived.house.lake.read(table, ["BEN_NIR_PSA"]).read_all().column(0).to_pylist()
        assert found[-1] == lived.expected(epoch)[2]
