"""Who stands behind a token of the ledger, for as long as the law lets that be known.

The ledger never forgets, and the people who work here must be forgotten one day (GDPR art. 17;
EHDS art. 73(1)(e) asks for a year of access logs at least). So a person acts under a token, a
salted commitment of their name:

    token = "staff-" || base32(SHA-256(salt || name))[:26], lower case; salt of 32 random bytes

Events hold the token alone. Name and salt stand in this register only; erasing them leaves every
event, commitment and proof as it was, and nobody can tell any more whose token it is.
"""

from __future__ import annotations

import base64
import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from attrs import frozen

from bercail.foundation import Actor, Invalid, Missing, Randomness, Refused, Unavailable, from_iso
from bercail.ledger.events import STAFF_EVENTS, StaffEnrolled, StaffErased
from bercail.ledger.recording import StreamRecorder
from bercail.ledger.service import Ledger

STREAM = "staff"
KEPT_AT_LEAST = timedelta(days=365)
"""EHDS art. 73(1)(e): access logs, with who acted, are kept for one year at least."""

_TABLE = "CREATE TABLE IF NOT EXISTS staff (token TEXT PRIMARY KEY, name TEXT, salt BLOB)"
_SALT_BYTES, _TOKEN_LETTERS, _LONGEST = 32, 26, 200


@frozen(kw_only=True)
class Member:
    """A person behind a token, and the salt that proves it."""

    token: str
    name: str
    salt: bytes


def staff_token(name: str, salt: bytes) -> str:
    """The token of `name` under `salt`: what an auditor computes to check a `Member`."""
    digest = base64.b32encode(hashlib.sha256(salt + name.encode("utf-8")).digest()).decode()
    return f"staff-{digest[:_TOKEN_LETTERS].lower()}"


@frozen(kw_only=True)
class StaffRegister:
    """The register in the file `path` (SQLite), its acts recorded in `ledger`.

    All methods raise Unavailable when the file cannot be used.
    """

    path: Path
    ledger: Ledger
    randomness: Randomness
    kept: timedelta = KEPT_AT_LEAST

    def enrol(self, name: str, actor: Actor) -> str:
        """Give the person `name` a token, which they act under from then on.

        Raises:
            Invalid: the name is empty, too long, or has a token already.
        """
        if not name.strip() or len(name) > _LONGEST:
            raise Invalid(
                "The name of a member of the staff is empty or too long.",
                remedy=f"Give a name of at most {_LONGEST} characters.",
            )
        salt = self.randomness.take(_SALT_BYTES)
        token = staff_token(name, salt)
        with self._open() as table:
            if table.execute("SELECT 1 FROM staff WHERE name = ?", (name,)).fetchone():
                raise Invalid(
                    "This person has a token already.",
                    remedy="List the register with `bercail ledger staff list`.",
                )
            table.execute("INSERT INTO staff VALUES (?, ?, ?)", (token, name, salt))
        self._book().record(StaffEnrolled(token=token), actor)
        return token

    def members(self) -> tuple[Member, ...]:
        """Everybody who is known, by token."""
        with self._open() as table:
            rows = table.execute("SELECT token, name, salt FROM staff ORDER BY token").fetchall()
        return tuple(Member(token=t, name=n, salt=s) for t, n, s in rows)

    def get(self, token: str) -> Member:
        """The person behind `token`; raises Missing when it is unknown or erased."""
        for member in self.members():
            if member.token == token:
                return member
        raise Missing(
            f"Nobody is known behind `{token}`.",
            remedy="It was erased, or never given: see the stream `staff` in the history.",
        )

    def erase(self, token: str, reason: str, actor: Actor) -> None:
        """Destroy name and salt of `token`. No event changes, every proof still holds.

        Raises:
            Missing: nobody is known behind it.
            Refused: its last act is younger than the time that it must be known (`LOG-02`).
            Invalid: no reason is given.
        """
        self.get(token)
        if not reason.strip():
            raise Invalid("An erasure needs a reason.", remedy="Say on what ground it is asked.")
        last = self.ledger.last_act(token)
        if last is not None and self.ledger.clock.now() - from_iso(last) < self.kept:
            raise Refused(
                f"`{token}` acted last on {last[:10]}; who it is must be known for "
                f"{self.kept.days} days from then.",
                remedy="Ask again after that day.",
                rule="LOG-02",
            )
        # Told first: an erasure that was announced and not done can be done again.
        self._book().record_once(StaffErased(token=token, reason=reason), actor)
        with self._open() as table:
            table.execute("DELETE FROM staff WHERE token = ?", (token,))

    def _book(self) -> StreamRecorder:
        return StreamRecorder(ledger=self.ledger, stream=STREAM, kinds=STAFF_EVENTS)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            table = sqlite3.connect(self.path, timeout=30, isolation_level=None)
            try:
                # Deleted rows are overwritten with zeros, in the file and in its journal's place.
                table.execute("PRAGMA secure_delete = ON")
                table.execute("PRAGMA synchronous = FULL")
                table.execute(_TABLE)
                table.execute("BEGIN IMMEDIATE")
                yield table
                table.execute("COMMIT")
            finally:
                table.close()
            self.path.chmod(0o600)
        except (sqlite3.Error, OSError) as problem:
            raise Unavailable(
                f"The register of the staff, `{self.path}`, cannot be used.",
                remedy="Check its disk and its rights, then try again.",
            ) from problem
