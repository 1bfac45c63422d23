"""The database of the lake on the trust side: a SQLite file, or PostgreSQL.

It holds Iceberg's catalogue and, beside it, the statements, the files begun and the epoch. A
commit is one compare-and-set of a row in either; the lake asks for nothing else that differs.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from bercail.foundation import Invalid, Refused, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine, ExceptionContext
    from sqlalchemy.engine import URL

_DRIVERS = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
# A session that holds a turn may rest for hours: a connection that is gone is noticed by both.
_WATCHED = {
    "connect_timeout": "10",
    "keepalives": "1",
    "keepalives_idle": "60",
    "keepalives_interval": "15",
    "keepalives_count": "4",
}
# One number for all lakes: two processes that open a new database make its tables in turn.
_CREATION_LOCK = 4_108_811_562
# SQLSTATE of PostgreSQL: a wrong account (class 28), one without a right, or without a schema.
_NOT_ALLOWED = ("28", "42501", "3F000")


def catalogue_url(address: str) -> URL:
    """The address of a SQLite file or of a PostgreSQL database, with the driver used here.

    A password is taken by the PostgreSQL client itself from PGPASSWORD or PGPASSFILE.
    Raises `Invalid` for any other database; the address is not repeated.
    """
    try:
        url = make_url(address)
        url = url.set(drivername=_DRIVERS[url.drivername])
    except (ArgumentError, KeyError, ValueError):
        raise Invalid(
            "The address of the lake's catalogue is not understood.",
            remedy="Use `sqlite:///path/of/file` or `postgresql://user@host/database`.",
        ) from None
    if url.drivername != "sqlite":
        url = url.update_query_dict({k: v for k, v in _WATCHED.items() if k not in url.query})
    return url


def open_engine(url: URL) -> Engine:
    """Connections to the database; a server that was started again is connected to again."""
    engine = create_engine(url, pool_pre_ping=url.drivername != "sqlite")
    report_unavailable(engine)
    return engine


@contextmanager
def making_tables(engine: Engine) -> Iterator[None]:
    """Within, this process alone makes the tables that are not there yet.

    PostgreSQL does not make `CREATE TABLE IF NOT EXISTS` safe for two at once; SQLite locks
    the whole file.
    """
    try:
        if engine.dialect.name != "postgresql":
            yield
            return
        with engine.connect() as connection:
            connection.execute(text(f"SELECT pg_advisory_lock({_CREATION_LOCK})"))
            try:
                yield
            finally:
                connection.execute(text(f"SELECT pg_advisory_unlock({_CREATION_LOCK})"))
                connection.rollback()
    except BaseException:
        # Whoever makes the tables has no lake to close yet.
        engine.dispose()
        raise


def report_unavailable(engine: Engine) -> None:
    """From now on, what the database of the trust side cannot do is `Unavailable`.

    An account that it does not let in, or that lacks a right, is `Refused`.
    """

    @event.listens_for(engine, "handle_error")
    def translate(context: ExceptionContext) -> None:
        problem = context.sqlalchemy_exception
        state = str(getattr(context.original_exception, "sqlstate", None) or "")
        if isinstance(problem, DBAPIError) and state.startswith(_NOT_ALLOWED):
            raise Refused(
                f"The database of the lake's catalogue refuses this account (`{state}`).",
                remedy="Check the user, the password and the rights of the lake's account.",
                rule="lake-account",
            ) from None
        if isinstance(problem, OperationalError):
            raise Unavailable(
                "The lake's catalogue on the trust side does not answer: "
                f"{type(context.original_exception).__name__}.",
                remedy="Check its database: is it there, locked by another process, or full?",
            ) from context.original_exception
