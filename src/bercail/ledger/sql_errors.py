"""What a database says, as one of the five families. The text of the driver is never repeated:
it may hold a password or the values of a row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, SQLAlchemyError

from bercail.foundation import BercailError, Refused, Unavailable, Unproven
from bercail.ledger.journal import CONFLICT

_SQLITE_FULL = "SQLITE_FULL"
_SQLITE_BROKEN = ("SQLITE_NOTADB", "SQLITE_CORRUPT")
_POSTGRESQL_REFUSED = ("28", "42501")
_POSTGRESQL_FULL = "53100"


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """Turn what SQLAlchemy raises inside into Unavailable, Refused or Unproven."""
    shown = url.render_as_string(hide_password=True)
    try:
        yield
    except DBAPIError as problem:
        raise _family(problem, shown) from problem
    except (SQLAlchemyError, OSError) as problem:
        raise _unreachable(shown) from problem


def _family(problem: DBAPIError, shown: str) -> BercailError:
    code = _code(problem.orig)
    if isinstance(problem, IntegrityError):
        return Refused(
            "The journal refused the append: its place was taken meanwhile.",
            remedy="Read the stream again, decide again.",
            rule=CONFLICT,
        )
    if code in (_SQLITE_FULL, _POSTGRESQL_FULL):
        return Unavailable(
            f"The disk of the journal `{shown}` is full.", remedy="Make room, then try again."
        )
    if code in _SQLITE_BROKEN:
        return Unproven(
            f"`{shown}` is no journal, or its file is damaged.",
            remedy="Restore it from its backup, then run `bercail ledger verify`.",
        )
    if code.startswith(_POSTGRESQL_REFUSED):
        return Refused(
            f"The database `{shown}` refuses this account.",
            remedy="Check the user, the password and the rights of the journal's account.",
            rule="journal-account",
        )
    if isinstance(problem, OperationalError):
        return _unreachable(shown)
    return Unproven(
        f"The database `{shown}` is not the journal expected (code `{code or 'none'}`).",
        remedy="Check that the address names the journal of this house.",
    )


def _code(driver_error: Any) -> str:
    """The SQLite error name or the PostgreSQL SQLSTATE; empty when the driver gives none."""
    name = getattr(driver_error, "sqlite_errorname", None)
    return str(name or getattr(driver_error, "sqlstate", None) or "")


def _unreachable(shown: str) -> Unavailable:
    return Unavailable(
        f"The journal `{shown}` does not answer.",
        remedy="Check that its server runs and that its folder can be written, then try again.",
    )
