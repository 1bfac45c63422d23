"""The lake keeps its contract on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from bercail.foundation import FixedClock, Invalid, Refused, Role, SeededRandomness, Unavailable
from bercail.ingest.persons import IDENTITIES, PersonDesk
from bercail.lake import DeliveryRows, Lake
from bercail.lake.database import catalogue_url
from bercail.ledger import Ledger, MemoryJournal
from bercail.storage.location import Location
from bercail.storage.memory import MemoryStore
from bercail.testing.postgresql import PostgresqlPlaces
from bercail.testing.small_house import person
from bercail.vault import Keyring, MemoryCustodian, note_signer

# One server for all these tests, also when they are spread over workers.
pytestmark = pytest.mark.xdist_group("postgresql")

TABLE = "ER_PRS_F"
OPERATOR = person("odile", Role.OPERATOR)
SCHEMA = pa.schema([("d", pa.int64()), ("n", pa.int64())])
Opened = Callable[[int], Lake]


def lines(delivery: int, count: int = 5) -> pa.RecordBatch:
    found = [{"d": delivery, "n": n} for n in range(count)]
    return pa.RecordBatch.from_pylist(found, schema=SCHEMA)


def year(number: int, kind: pa.DataType, more: str = "") -> pa.RecordBatch:
    """One line of the year 2020 and `number`, perhaps with a column that others lack."""
    columns = {"x": pa.array([number], kind), "FLX_DIS_DTD": pa.array([date(2020 + number, 1, 1)])}
    return pa.record_batch(columns | ({more: pa.array([more])} if more else {}))


def together(work: Callable[..., None], *given: Iterable[Any]) -> None:
    """Each call in a thread of its own; raises what one of them raised."""
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(work, *given):
            pass


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/lake.sqlite"
    places: PostgresqlPlaces = request.getfixturevalue("postgresql_place")
    return places()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 21, tzinfo=UTC))


@pytest.fixture
def opened(url: str, tmp_path: Path, clock: FixedClock) -> Iterator[Opened]:
    """Opens the same lake as another process would; each has a number."""
    custodian = MemoryCustodian(SeededRandomness(1))
    keys = Keyring(tmp_path / "keys", custodian, SeededRandomness(2), clock)
    host = MemoryStore(Location.parse(f"memory:{tmp_path.name}"))
    lakes: list[Lake] = []

    def open_lake(number: int) -> Lake:
        lakes.append(Lake(host, keys, url, None, SeededRandomness(10 + number), clock))
        return lakes[-1]

    yield open_lake
    for lake in lakes:
        lake.__exit__()
    keys.close()


def test_deliveries_travel_in_time(opened: Opened) -> None:
    lake = opened(1)
    first = lake.append(TABLE, [lines(1)], SCHEMA, delivery="D1")
    lake.append(TABLE, [lines(2)], SCHEMA, delivery="D2")
    again = opened(2)
    assert again.append(TABLE, [], SCHEMA, delivery="D1") == first
    assert [one.delivery for one in again.snapshots(TABLE)] == ["D1", "D2"]
    assert again.read(TABLE, snapshot_id=first.id).read_all().num_rows == 5
    assert again.read(TABLE).read_all().num_rows == 10
    assert again.verify(TABLE).statements == 2


def test_upkeep_works_on_it(opened: Opened) -> None:
    lake = opened(1)
    for number in range(3):
        lake.append(TABLE, [lines(number)], SCHEMA, delivery=f"D{number}")
    assert lake.compaction.compact(TABLE, 1 << 20).after == 1
    lake.erasing.erase(TABLE, DeliveryRows(delivery="D1"), "asked for by its holder")
    assert opened(2).verify(TABLE).rows == 10
    assert lake.expiring.expire(TABLE, timedelta(0)).expired == ()
    assert lake.orphans(timedelta(0)) == ()


def test_columns_come_and_widen_over_the_years(opened: Opened) -> None:
    lake, second = opened(1), opened(2)
    old = lake.append(TABLE, [year(0, pa.int32())], year(0, pa.int32()).schema, delivery="Y0")
    new = year(1, pa.int64(), "since")
    second.append(TABLE, [new], new.schema, delivery="Y1")
    read = opened(3).read(TABLE).read_all()
    assert read.schema.field("x").type == pa.int64()
    assert read.select(["x", "since"]).to_pydict() == {"x": [0, 1], "since": [None, "since"]}
    assert lake.read(TABLE, snapshot_id=old.id).schema.names == ["x", "FLX_DIS_DTD"]
    assert lake.verify(TABLE).rows == 2


def test_two_writers_bring_a_column_each_at_once(opened: Opened) -> None:
    """The schema is a commit of its own: the one that loses looks again, and adds its own."""
    first = year(0, pa.int64())
    opened(0).append(TABLE, [first], first.schema, delivery="Y0")
    barrier = threading.Barrier(2, timeout=60)

    def work(lake: Lake, number: int) -> None:
        barrier.wait()
        batch = year(number, pa.int64(), f"c{number}")
        lake.append(TABLE, [batch], batch.schema, delivery=f"Y{number}")

    together(work, [opened(1), opened(2)], [1, 2])
    read = opened(3).read(TABLE, ["x", "c1", "c2"]).read_all().sort_by("x")
    assert read.to_pydict() == {
        "x": [0, 1, 2],
        "c1": [None, "c1", None],
        "c2": [None, None, "c2"],
    }
    assert opened(4).verify(TABLE).rows == 3


def test_a_table_is_read_as_it_was_known_on_a_day(opened: Opened, clock: FixedClock) -> None:
    for number in range(3):
        batch = year(number, pa.int64())
        opened(number).append(TABLE, [batch], batch.schema, delivery=f"Y{number}")
        clock.advance(timedelta(days=1))
    lake, day = opened(9), date(2026, 11, 22)
    assert lake.read(TABLE, ["x"], as_of=day).read_all().column(0).to_pylist() == [0, 1]
    then = lake.read(TABLE, ["x"], as_of=date(2020, 12, 31), by="flux").read_all()
    assert then.column(0).to_pylist() == [0]
    lake.compaction.compact(TABLE, 1 << 20)
    lake.expiring.expire(TABLE, timedelta(0))
    assert lake.history.known(TABLE, day).deliveries == ("Y0", "Y1")
    assert opened(10).read(TABLE, ["x"], as_of=day).read_all().column(0).to_pylist() == [0, 1]


@pytest.mark.parametrize("same", [False, True])
def test_of_two_writers_one_wins_and_the_other_tries_again(opened: Opened, same: bool) -> None:
    """Both hold the same former state when they commit; neither delivery is lost or doubled."""
    opened(0).append(TABLE, [lines(0)], SCHEMA, delivery="D0")
    barrier = threading.Barrier(2, timeout=60)

    def work(lake: Lake, delivery: int) -> None:
        def meeting() -> Iterator[pa.RecordBatch]:
            yield lines(delivery)
            barrier.wait()

        lake.append(TABLE, meeting(), SCHEMA, delivery=f"D{delivery}")

    lakes = [opened(1), opened(2)]
    together(work, lakes, [1, 1] if same else [1, 2])
    expected = ["D0", "D1"] if same else ["D0", "D1", "D2"]
    assert sorted(one.delivery for one in lakes[0].snapshots(TABLE)) == expected
    assert opened(3).verify(TABLE).rows == 5 * len(expected)


def test_several_writers_begin_a_table_at_once(opened: Opened) -> None:
    barrier = threading.Barrier(4, timeout=60)

    def work(number: int) -> None:
        barrier.wait()
        opened(number).append(TABLE, [lines(number)], SCHEMA, delivery=f"D{number}")

    opened(9)
    together(work, range(4))
    assert opened(5).verify(TABLE).rows == 20


def test_the_tables_are_made_once_by_several(
    postgresql_place: PostgresqlPlaces, tmp_path: Path
) -> None:
    """On PostgreSQL, four at once find an empty place."""
    url, clock = postgresql_place(), FixedClock(datetime(2026, 11, 21, tzinfo=UTC))
    custodian = MemoryCustodian(SeededRandomness(1))
    keys = Keyring(tmp_path / "keys", custodian, SeededRandomness(2), clock)
    keys.secret("names", "lake")
    host = MemoryStore(Location.parse(f"memory:{tmp_path.name}"))
    barrier = threading.Barrier(4, timeout=60)

    def work(number: int) -> None:
        barrier.wait()
        with Lake(host, keys, url, None, SeededRandomness(number), clock) as lake:
            assert lake.tables() == ()

    together(work, range(4))
    keys.close()


def test_a_server_that_is_away_or_refuses_says_so(
    postgresql_place: PostgresqlPlaces, tmp_path: Path
) -> None:
    clock = FixedClock(datetime(2026, 11, 21, tzinfo=UTC))
    custodian = MemoryCustodian(SeededRandomness(1))
    keys = Keyring(tmp_path / "keys", custodian, SeededRandomness(2), clock)
    host = MemoryStore(Location.parse(f"memory:{tmp_path.name}"))
    place = make_url(postgresql_place())
    engine = create_engine(make_url(postgresql_place.server).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        connection.execute(text("DROP ROLE IF EXISTS lake_stranger"))
        connection.execute(text("CREATE ROLE lake_stranger LOGIN"))
    engine.dispose()
    cases = (
        (place.set(database="nowhere"), Unavailable, "does not answer"),
        (place.set(username="lake_stranger"), Refused, "refuses this account"),
    )
    for away, family, message in cases:
        with pytest.raises(family, match=message):
            Lake(
                host,
                keys,
                away.render_as_string(hide_password=False),
                None,
                SeededRandomness(3),
                clock,
            )
    keys.close()


def test_an_address_of_another_database_is_not_repeated() -> None:
    for address in ("mysql://user:hunter2@host/db", "no address hunter2"):
        with pytest.raises(Invalid, match="is not understood") as refusal:
            catalogue_url(address)
        assert "hunter2" not in str(refusal.value)


def test_one_at_a_time_does_an_act(opened: Opened) -> None:
    first, second = opened(1).turns, opened(2).turns
    with first.alone("persons_build"):
        for other in (first, second):
            with pytest.raises(Unavailable, match="`persons_build`") as refused:
                with other.alone("persons_build"):
                    raise AssertionError("two do it at once")
            assert refused.value.rule == "lake-turn"
        with second.alone("another_act"):
            opened(3).append(TABLE, [lines(1)], SCHEMA, delivery="D1")
    with pytest.raises(ZeroDivisionError), second.alone("persons_build"):
        assert 1 / 0
    with first.alone("persons_build"):
        assert opened(2).verify(TABLE).rows == 5
    with pytest.raises(Invalid), first.alone("no; name"):
        raise AssertionError("an act without a name")


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_an_act_that_is_done_does_not_fail_for_a_turn_that_cannot_be_given_back(
    opened: Opened, url: str
) -> None:
    turns = opened(1).turns
    done = []
    with turns.alone("persons_build"):
        engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
        with engine.connect() as other:
            # As when the server, or the way to it, went in the hours of the act.
            assert other.execute(ENDS_TURNS).scalars().all() == [True]
        engine.dispose()
        done.append(True)
    assert done
    with turns.alone("persons_build"), pytest.raises(Unavailable):
        with opened(2).turns.alone("persons_build"):
            raise AssertionError("two do it at once")


ENDS_TURNS = text(
    "SELECT pg_terminate_backend(pid, 60000) FROM pg_locks WHERE locktype = 'advisory'"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def test_the_turn_of_a_process_that_is_killed_is_free(opened: Opened, url: str) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", TAKES_A_TURN, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    turns = opened(1).turns
    assert child.stdout.readline() == b"mine\n"
    with pytest.raises(Unavailable), turns.alone("persons_build"):
        raise AssertionError("two do it at once")
    child.kill()
    child.wait()
    child.stdin.close()
    child.stdout.close()
    taken = False
    while not taken:
        # The server of a database notices a moment later that its client is gone.
        with suppress(Unavailable), turns.alone("persons_build"):
            taken = True


TAKES_A_TURN = """
import sys
from bercail.lake.database import catalogue_url, open_engine
from bercail.lake.turns import Turns
with Turns(open_engine(catalogue_url(sys.argv[1]))).alone("persons_build"):
    print("mine", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("build", [1, 2])
def test_a_second_build_of_the_persons_is_refused_before_it_works(
    opened: Opened, tmp_path: Path, clock: FixedClock, build: int
) -> None:
    randomness = SeededRandomness(4)
    keys = Keyring(tmp_path / "log-keys", MemoryCustodian(randomness), randomness, clock)
    signer = note_signer(keys, "house/log")
    ledger = Ledger(MemoryJournal(), tmp_path / "log", signer, clock, randomness, "house/log")
    first, second = PersonDesk(opened(1), ledger), PersonDesk(opened(2), ledger)
    for number in range(build):
        row = {"BEN_NIR_PSA": f"{number:017}", "BEN_RNG_GEM": 1, "BEN_CDI_NIR": "00"}
        batch = pa.RecordBatch.from_pylist([row])
        opened(1).append("IR_BEN_R", [batch], batch.schema, delivery=f"B{number}")
        if number < build - 1:
            first.build(OPERATOR)
    before = opened(3).tables()
    steps = []

    def meanwhile(what: str, done: int, of: int) -> None:
        steps.append(done)
        with pytest.raises(Unavailable) as refused:
            second.build(OPERATOR)
        assert refused.value.rule == "lake-turn"
        assert opened(3).tables() == (before if done == 2 else opened(1).tables())

    made = first.build(OPERATOR, progress=meanwhile)
    assert steps == [2, 4]
    assert made is not None
    assert made.identities == build
    assert second.build(OPERATOR) is None
    assert [one.delivery for one in opened(1).snapshots(IDENTITIES)][-1].endswith(made.build)
    keys.close()
