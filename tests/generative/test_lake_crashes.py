"""Killed at any point, the lake keeps its last snapshot whole, and nothing enters twice."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.engine.default import DefaultDialect

from bercail.foundation import FixedClock, SeededRandomness, SystemClock, SystemRandomness
from bercail.lake import DeliveryRows, Lake, PersonRows
from bercail.lake.cuts import Cut
from bercail.storage.folder import FolderStore
from bercail.storage.location import Location
from bercail.storage.memory import MemoryStore
from bercail.testing.fate import Fate
from bercail.vault import Keyring, MemoryCustodian

# One process runs the tests on PostgreSQL, and one server starts.
pytestmark = pytest.mark.xdist_group("postgresql")

Act = Callable[[Lake], object]
ROWS = 5
TABLE = "ER_PRS_F"


class Host(MemoryStore):
    """A host that dies with the process."""

    fate: Fate

    def put(self, name: str, data: Any, **options: Any) -> Any:
        with self.fate.step():
            return super().put(name, data, **options)

    def delete(self, name: str) -> None:
        with self.fate.step():
            super().delete(name)


_numbers = itertools.count()


class World:
    """What outlives a process: the host, the keys and the trust side."""

    def __init__(self, folder: Path, url: str | None = None, seed: int = 5) -> None:
        self.folder = folder
        self.fate = Fate()
        self.clock = FixedClock(datetime(2026, 11, 21, tzinfo=UTC))
        self.randomness = SeededRandomness(seed)
        custodian = MemoryCustodian(SeededRandomness(5))
        self.keys = Keyring(folder / "keys", custodian, self.randomness, self.clock)
        self.host = Host(Location.parse(f"memory:crash-{next(_numbers)}"))
        self.host.fate = self.fate
        self.url = url or f"sqlite:///{folder}/lake.sqlite"

    def twin(self, folder: Path, seed: int) -> World:
        """Another world that begins as this one stands."""
        self.keys.close()
        shutil.copytree(self.folder, folder)
        made = World(folder, seed=seed)
        made.clock.advance(self.clock.now() - made.clock.now())
        for info in self.host.list():
            made.host.put(info.name, self.host.get(info.name))
        _current.append(made.fate)
        return made

    @contextmanager
    def process(self) -> Iterator[Lake]:
        with Lake(self.host, self.keys, self.url, None, self.randomness, self.clock) as lake:
            yield lake

    def append(self, delivery: int, die_at: int | None, *, after: bool = False) -> bool:
        """Whether the append came to its end."""
        return self.act(
            lambda lake: lake.append(
                TABLE, batches(delivery), schema(delivery), delivery=f"D{delivery}"
            ),
            die_at,
            after=after,
        )

    def act(self, act: Act, die_at: int | None, *, after: bool = False) -> bool:
        """Whether a process that does `act` came to its end."""

        def process() -> None:
            with self.process() as lake:
                act(lake)

        return self.fate.lives(process, die_at, after=after)

    def deliveries(self) -> Counter[int]:
        """Rows by delivery in the newest snapshot, which is proven first."""
        with self.process() as lake:
            if TABLE not in lake.tables() or not lake.snapshots(TABLE):
                return Counter()
            proof = lake.verify(TABLE)
            read = lake.read(TABLE, ["delivery"]).read_all().column(0).to_pylist()
            assert proof.rows == len(read)
            return Counter(read)


@pytest.fixture(autouse=True)
def _commits_are_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    real = DefaultDialect.do_commit
    monkeypatch.setattr(
        DefaultDialect,
        "do_commit",
        lambda self, connection: _commit(real, self, connection),
    )


_current: list[Fate] = []


def _commit(real: Any, dialect: DefaultDialect, connection: Any) -> None:
    with _current[-1].step() if _current else nullcontext():
        real(dialect, connection)


def world(folder: Path, url: str | None = None) -> World:
    made = World(folder, url)
    _current.append(made.fate)
    return made


def schema(delivery: int) -> pa.Schema:
    fields = [pa.field("delivery", pa.int64()), pa.field("n", pa.int64())]
    # Every third delivery brings a column of its own, so the schema commit is crossed too.
    return pa.schema(fields + ([pa.field(f"c{delivery}", pa.string())] * (delivery % 3 == 2)))


def batches(delivery: int) -> list[pa.RecordBatch]:
    rows = [{"delivery": delivery, "n": n, f"c{delivery}": "x"} for n in range(ROWS)]
    return [pa.RecordBatch.from_pylist(rows, schema=schema(delivery))]


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Callable[[], str | None]:
    """Gives the address of a new catalogue; None for a SQLite file of the world's own."""
    if request.param == "sqlite":
        return lambda: None
    places: Callable[[], str | None] = request.getfixturevalue("postgresql_place")
    return places


def steps_of(delivery: int, folder: Path, url: str | None) -> int:
    counted = world(folder, url)
    counted.append(0, None)
    counted.append(delivery, None)
    return counted.fate.steps


@pytest.mark.parametrize(
    ("place", "delivery", "after"),
    [
        ("sqlite", 1, False),
        ("sqlite", 1, True),
        ("sqlite", 2, False),
        ("postgresql", 2, False),
    ],
    indirect=["place"],
)
def test_every_single_point_of_an_append(
    tmp_path: Path, place: Callable[[], str | None], delivery: int, after: bool
) -> None:
    (tmp_path / "count").mkdir()
    steps = steps_of(delivery, tmp_path / "count", place())
    assert steps >= 8
    for die_at in range(1, steps + 1):
        folder = tmp_path / f"{die_at}"
        folder.mkdir()
        lived = world(folder, place())
        assert lived.append(0, None)
        assert not lived.append(delivery, die_at, after=after)
        whole = lived.deliveries()
        assert whole in ({0: ROWS}, {0: ROWS, delivery: ROWS})
        assert lived.append(delivery, None)
        assert lived.deliveries() == {0: ROWS, delivery: ROWS}


def test_every_single_point_of_the_first_append_of_a_table(tmp_path: Path) -> None:
    for die_at in range(1, 40):
        folder = tmp_path / f"{die_at}"
        folder.mkdir()
        lived = world(folder)
        done = lived.append(0, die_at)
        assert lived.deliveries() in ({}, {0: ROWS})
        assert lived.append(0, None)
        assert lived.deliveries() == {0: ROWS}
        if done:
            assert die_at > 8
            return
    raise AssertionError("a first append takes less than 40 steps")


def compacting(lake: Lake) -> object:
    return lake.compaction.compact(TABLE, 1 << 20)


def expiring(lake: Lake) -> object:
    return lake.expiring.expire(TABLE, timedelta(hours=1))


def erasing(lake: Lake) -> object:
    return lake.erasing.erase(TABLE, DeliveryRows(delivery="D1"), "asked for by its holder")


def erasing_persons(lake: Lake) -> object:
    rows = PersonRows(request="R1", column="c2", persons=frozenset({"x"}))
    return lake.erasing.erase(TABLE, rows, "asked for by these persons", destroy_keys=False)


def renewing(lake: Lake) -> object:
    """The rows of delivery 1 make room for those of delivery 5; its column is new."""
    return lake.renewing.renew(
        TABLE,
        batches(5),
        schema(5),
        delivery="D5",
        onto=lake.snapshot(TABLE).id,
        leaving=[part.url for part in lake.parts(TABLE) if part.delivery == "D1"],
        epoch=1,
        cut=Cut(column="delivery", rows=1),
    )


def keep_rows(lived: World) -> None:
    """Two deliveries in two parts, the second with a column of its own."""
    assert lived.append(1, None)
    assert lived.append(2, None)
    lived.clock.advance(timedelta(hours=2))


def joined(lived: World) -> None:
    """The same as one part, so that former snapshots have parts of their own."""
    keep_rows(lived)
    assert lived.act(compacting, None)


BOTH = Counter({1: ROWS, 2: ROWS})
ACTS = [
    (keep_rows, compacting, BOTH, False),
    (keep_rows, compacting, BOTH, True),
    (joined, expiring, BOTH, False),
    (keep_rows, renewing, Counter({2: ROWS, 5: ROWS}), False),
    (keep_rows, renewing, Counter({2: ROWS, 5: ROWS}), True),
    (keep_rows, erasing, Counter({2: ROWS}), False),
    (joined, erasing_persons, Counter({1: ROWS}), True),
]


@pytest.mark.parametrize(("ready", "act", "left", "after"), ACTS)
def test_every_single_point_of_an_upkeep(
    tmp_path: Path,
    ready: Callable[[World], None],
    act: Act,
    left: Counter[int],
    after: bool,
) -> None:
    """Killed anywhere, the rows are those of before or those of after; asked again, it ends."""
    (tmp_path / "first").mkdir()
    first = world(tmp_path / "first")
    ready(first)
    for die_at in range(1, 200):
        lived = first.twin(tmp_path / f"{die_at}", seed=die_at + 100)
        done = lived.act(act, die_at, after=after)
        if die_at % 3 == 0:
            # Else the next run of the act itself is the first to meet what was left.
            assert lived.deliveries() in (BOTH, left)
        assert lived.act(act, None)
        assert lived.deliveries() == left
        lived.clock.advance(timedelta(days=1))
        with lived.process() as lake:
            lake.remove_orphans(timedelta(hours=1))
            assert {part.rows for part in lake.parts(TABLE)} <= {ROWS, 2 * ROWS}
            if act is erasing:
                kept = [key for key in lake.files.data_keys(TABLE) if key.destroyed is None]
                assert len(kept) == 1
        lived.keys.close()
        if done:
            assert die_at > 5
            assert lived.append(3, None)
            assert lived.deliveries() == left + Counter({3: ROWS})
            return
    raise AssertionError("an act of upkeep takes less than 200 steps")


@settings(max_examples=12, deadline=None)
@given(
    acts=st.lists(
        st.tuples(st.integers(0, 3), st.one_of(st.none(), st.integers(1, 20)), st.booleans()),
        min_size=1,
        max_size=8,
    )
)
def test_any_history_of_deliveries_and_deaths(
    acts: list[tuple[int, int | None, bool]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lived = world(Path(folder))
        finished: set[int] = set()
        tried: set[int] = set()
        for delivery, die_at, after in acts:
            tried.add(delivery)
            if lived.append(delivery, die_at, after=after):
                finished.add(delivery)
            found = lived.deliveries()
            assert finished <= set(found) <= tried
            assert set(found.values()) <= {ROWS}
        lived.clock.advance(timedelta(days=1))
        with lived.process() as lake:
            swept = lake.remove_orphans(timedelta(hours=1))
            assert (lake.orphans(timedelta(0)), len(swept) >= 0) == ((), True)
        assert lived.deliveries() == found
        lived.keys.close()


def test_a_real_process_killed_by_the_system(tmp_path: Path) -> None:
    chance = random.Random(4)
    for _ in range(3):
        child = subprocess.Popen(
            [sys.executable, str(Path(__file__)), str(tmp_path)], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        time.sleep(chance.uniform(0.05, 0.6))
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
        with opened(tmp_path) as lake:
            if TABLE in lake.tables() and lake.snapshots(TABLE):
                held = Counter(lake.read(TABLE, ["delivery"]).read_all().column(0).to_pylist())
                assert set(held.values()) == {ROWS}
                assert lake.verify(TABLE).rows == ROWS * len(held)
    with opened(tmp_path) as lake:
        append_all(lake, 12)
        assert lake.verify(TABLE).rows >= ROWS * 12


@contextmanager
def opened(folder: Path) -> Iterator[Lake]:
    randomness, clock = SystemRandomness(), SystemClock()
    root = MemoryCustodian(SeededRandomness(1))
    keys = Keyring(folder / "keys", root, randomness, clock)
    (folder / "host").mkdir(exist_ok=True)
    host = FolderStore(Location.folder(folder / "host"))
    with Lake(host, keys, f"sqlite:///{folder}/lake.sqlite", None, randomness, clock) as lake:
        _current.append(Fate())
        yield lake
    keys.close()


def append_all(lake: Lake, count: int) -> None:
    for delivery in range(count):
        lake.append(TABLE, batches(delivery), schema(delivery), delivery=f"D{delivery}")


if __name__ == "__main__":
    with opened(Path(sys.argv[1])) as child_lake:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        append_all(child_lake, 200)
