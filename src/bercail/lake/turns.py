"""One at a time: an act on a lake that no two processes may do at once.

A turn is held by the system, not by a row: it ends with the process that has it, however that
process ends, so nothing is left to clear away. On PostgreSQL it is an advisory lock of a session
(a pooler that shares sessions between clients would break it); beside a SQLite file, the lock of a
file of its own, so that the database itself stays open to readers and commits.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from bercail.foundation import BercailError, Invalid, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine, TextClause

BUSY = "lake-turn"


class Turns:
    """Gives turns to the processes that work on one lake."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def alone(self, act: str) -> Iterator[None]:
        """Within, nobody else does `act` on this lake.

        Raises `Unavailable` (`lake-turn`) at once when somebody does.
        """
        if not act.isidentifier():
            raise Invalid(f"`{act}` cannot name an act.", remedy="Use letters and underscores.")
        held = self._server(act) if self._engine.dialect.name == "postgresql" else self._file(act)
        with held:
            yield

    @contextmanager
    def _server(self, act: str) -> Iterator[None]:
        number = int.from_bytes(sha256(f"bercail {act}".encode()).digest()[:7], "big")
        # A lake is a schema of its database.
        whole = ":number + hashtext(current_schema())"
        ask, give = (
            text(f"SELECT pg_{verb}({whole})").bindparams(number=number)
            for verb in ("try_advisory_lock", "advisory_unlock")
        )
        with self._engine.connect() as connection:
            # Outside a transaction: the work may take hours, and an open one holds others back.
            session = connection.execution_options(isolation_level="AUTOCOMMIT")
            held: bool | None = None
            try:
                held = bool(session.execute(ask).scalar_one())
                if not held:
                    raise _busy(act)
                yield
            finally:
                # None: broken off while asking, so the server may have given it.
                if held is not False:
                    _end(session, give)

    @contextmanager
    def _file(self, act: str) -> Iterator[None]:
        descriptor = os.open(
            f"{self._engine.url.database}.{act}.turn", os.O_RDWR | os.O_CREAT, 0o600
        )
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise _busy(act) from None
            yield
        finally:
            os.close(descriptor)


def _end(session: Connection, give: TextClause) -> None:
    """Give the turn back; where that fails, the session ends, and the turn with it.

    The act is done by then: it does not fail for a server that went meanwhile.
    """
    given = False
    try:
        with suppress(SQLAlchemyError, BercailError):
            given = bool(session.execute(give).scalar_one())
    finally:
        if not given:
            session.invalidate()


def _busy(act: str) -> Unavailable:
    return Unavailable(
        f"Another process does `{act}` on this lake.",
        remedy="Wait for it to end, then ask again.",
        rule=BUSY,
    )
