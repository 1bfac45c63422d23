"""The journal in SQLite or PostgreSQL.

1. One transaction per append, one writer at a time: `BEGIN IMMEDIATE` in
   SQLite, an advisory lock in PostgreSQL. So positions have no gap.
2. The database itself refuses update, delete, truncation and a position that is
   not the next one (triggers, see `schema.py`).
3. Durable when `append` returns: SQLite runs with write-ahead logging and
   `synchronous=FULL`, PostgreSQL with its own default.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Select, create_engine, event, func, insert, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from bercail.foundation import Invalid, Unproven
from bercail.ledger.events import NewEvent, RecordedEvent, body_from_text, body_text
from bercail.ledger.journal import conflict, require_stream
from bercail.ledger.schema import ADVISORY_LOCK, JOURNAL, create_schema
from bercail.ledger.sql_errors import translated

_DRIVERS = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
_PAGE = 2_000
_BUSY_SECONDS = 30


class SqlJournal:
    """Keeps the journal in the database at `url`; connects at the first use.

    `url` is `sqlite:///path/of/file` or `postgresql://user:password@host/database`.

    Raises:
        Invalid: `url` is not of one of these forms.
    """

    def __init__(self, url: str) -> None:
        self._url = _parse(url)
        self._engine: Engine | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"SqlJournal({self._url.render_as_string(hide_password=True)})"

    def append(
        self, stream: str, expected: int, events: Sequence[NewEvent]
    ) -> tuple[RecordedEvent, ...]:
        """Record `events`; see `Journal.append`."""
        require_stream(stream, expected)
        texts = [body_text(event) for event in events]
        with self._connection(writing=True) as connection:
            found = connection.scalar(
                select(func.coalesce(func.max(JOURNAL.c.version), 0)).where(
                    JOURNAL.c.stream == stream
                )
            )
            if found != expected:
                raise conflict(stream, expected, int(found or 0))
            start = int(connection.scalar(_LAST) or 0)
            rows = [
                _row(stream, event, text, start + i, expected + i)
                for i, (event, text) in enumerate(zip(events, texts, strict=True), start=1)
            ]
            if rows:
                _insert(connection, rows)
        return tuple(_record_of_row(row) for row in rows)

    def read(self, stream: str) -> tuple[RecordedEvent, ...]:
        """The events of `stream`."""
        query = select(JOURNAL).where(JOURNAL.c.stream == stream).order_by(JOURNAL.c.version)
        records = self._records(query)
        for number, record in enumerate(records, start=1):
            if record.version != number:
                raise Unproven(
                    f"The stream `{stream}` has a gap before its event `{number}`.",
                    remedy="Restore the journal from its backup, then run `bercail ledger verify`.",
                )
        return tuple(records)

    def read_all(self, after: int = 0) -> Iterator[RecordedEvent]:
        """Every event above position `after`, read by pages; no transaction stays open."""
        position = max(after, 0)
        while True:
            page = self._records(
                select(JOURNAL)
                .where(JOURNAL.c.position > position)
                .order_by(JOURNAL.c.position)
                .limit(_PAGE)
            )
            for record in page:
                position += 1
                if record.position != position:
                    raise Unproven(
                        f"The journal has a gap: position `{position}` is absent.",
                        remedy="Restore it from its backup, then run `bercail ledger verify`.",
                    )
                yield record
            if len(page) < _PAGE:
                return

    def streams(self, prefix: str = "") -> tuple[str, ...]:
        """Names that begin with `prefix`, sorted."""
        head = func.substr(JOURNAL.c.stream, 1, len(prefix))
        query = select(JOURNAL.c.stream).where(head == prefix).distinct()
        with self._connection() as connection:
            return tuple(sorted(connection.scalars(query)))

    def last(self) -> int:
        """The highest position."""
        with self._connection() as connection:
            return int(connection.scalar(_LAST) or 0)

    def close(self) -> None:
        """Give the connections back; the next use connects again."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None

    def _records(self, query: Select[Any]) -> list[RecordedEvent]:
        with self._connection() as connection:
            return [_record_of_row(dict(row)) for row in connection.execute(query).mappings()]

    @contextmanager
    def _connection(self, *, writing: bool = False) -> Iterator[Connection]:
        with translated(self._url):
            engine = self._connected()
            with engine.connect() as raw:
                connection = raw.execution_options(bercail_writing=writing)
                with connection.begin():
                    if writing and engine.dialect.name == "postgresql":
                        connection.execute(select(func.pg_advisory_xact_lock(ADVISORY_LOCK)))
                    yield connection

    def _connected(self) -> Engine:
        with self._lock:
            if self._engine is None:
                self._engine = _open(self._url)
            return self._engine


def _parse(text: str) -> URL:
    try:
        url = make_url(text)
        url = url.set(drivername=_DRIVERS[url.drivername])
    except (ArgumentError, KeyError, ValueError):
        # The text is not repeated: it may hold a password.
        raise Invalid(
            "The address of the journal is not understood.",
            remedy="Use `sqlite:///path/of/file` or `postgresql://user:password@host/database`.",
        ) from None
    if url.drivername == "sqlite" and url.database in (None, "", ":memory:"):
        raise Invalid(
            "The address of the journal names no file.",
            remedy="Use `sqlite:///path/of/file`.",
        )
    return url


def _open(url: URL) -> Engine:
    if url.drivername == "sqlite":
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        engine = create_engine(url, connect_args={"connect_timeout": 10}, pool_pre_ping=True)
    try:
        create_schema(engine)
    except (SQLAlchemyError, OSError):
        engine.dispose()
        raise
    return engine


def _prepare_sqlite(dbapi: Any, _: object) -> None:
    dbapi.isolation_level = None  # transactions are begun by `_begin_sqlite`, not by the driver
    cursor = dbapi.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
    _ask_for_wal(cursor)
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def _ask_for_wal(cursor: sqlite3.Cursor) -> None:
    """Turn on write-ahead logging, once for the file.

    The change of mode does not wait for other connections as a transaction does, so this
    waits for them: whoever comes first changes it for all. A disk that cannot do it keeps
    the rollback journal, which is slower and as durable.
    """
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get("bercail_writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


_LAST = select(func.max(JOURNAL.c.position))
_COPY_FROM = 20
"""Rows from which PostgreSQL takes a batch as a stream; the trigger then looks at it once."""


def _insert(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    if connection.dialect.name != "postgresql" or len(rows) < _COPY_FROM:
        connection.execute(insert(JOURNAL), rows)
        return
    names = [column.name for column in JOURNAL.columns]
    columns = ", ".join(f'"{name}"' for name in names)
    statement = f"COPY {JOURNAL.name} ({columns}) FROM STDIN"
    driver: Any = connection.connection.dbapi_connection
    dialect: Any = connection.dialect
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row([row[name] for name in names])
    except dialect.loaded_dbapi.Error as problem:
        # What the driver raises beside SQLAlchemy is given the family that it would have had.
        kind = dialect.loaded_dbapi.Error
        raise DBAPIError.instance(None, None, problem, kind) from problem


def _row(stream: str, event: NewEvent, text: str, position: int, version: int) -> dict[str, Any]:
    return {
        "position": position,
        "stream": stream,
        "version": version,
        "kind": event.kind,
        "body": text,
        "actor": event.actor,
        "at": event.at,
        "salt": event.salt,
    }


def _record_of_row(row: dict[str, Any]) -> RecordedEvent:
    try:
        return RecordedEvent(
            **{**row, "body": body_from_text(row["body"]), "salt": bytes(row["salt"])}
        )
    except (TypeError, ValueError):
        raise Unproven(
            f"The journal holds no event that can be read at position `{row['position']}`.",
            remedy="Restore it from its backup, then run `bercail ledger verify`.",
        ) from None
