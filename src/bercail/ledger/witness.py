"""A witness: remembers the largest tree of each log, and cosigns only what continues it.

Anyone can run one: a folder with a seed, the keys of the logs, and a small database. It holds no
event and learns none. What it refused though the log had signed it is kept as evidence.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

from bercail.foundation import (
    BercailError,
    Clock,
    Invalid,
    Missing,
    Randomness,
    Secret,
    Unavailable,
    Unproven,
    canonical_json,
    to_iso,
)
from bercail.ledger.checkpoint import parse_checkpoint
from bercail.ledger.folder import write_whole
from bercail.ledger.witness_rules import (
    MALFORMED,
    NOT_SIGNED,
    UNKNOWN_LOG,
    Answer,
    Seen,
    judge,
    read_request,
)
from bercail.vault import Cosigner, VerifierKey, verify_note_by

MOST_EVIDENCE = 1_000
"""Refused notes kept; a log that misbehaves is shown by one."""

_SETTINGS, _SEED, _STATE = "witness.json", "seed", "witness.db"
_TABLES = """
CREATE TABLE IF NOT EXISTS seen (origin TEXT PRIMARY KEY, size INTEGER, root BLOB, note TEXT);
CREATE TABLE IF NOT EXISTS evidence (at TEXT, origin TEXT, status INTEGER, request TEXT);
"""


@frozen(kw_only=True)
class Witness:
    """Answers add-checkpoint (C2SP tlog-witness) for `logs`, by origin."""

    state: Path
    cosigner: Cosigner
    logs: Mapping[str, tuple[VerifierKey, ...]]
    clock: Clock

    def add_checkpoint(self, body: bytes) -> Answer:
        """The answer to one call; what is cosigned is on disk before it is answered.

        Raises:
            Unavailable: the database of the witness cannot be used; nothing is cosigned then.
        """
        request = read_request(body)
        if request is None:
            return MALFORMED
        try:
            stated = parse_checkpoint(request.note)
        except Unproven:
            return MALFORMED
        keys = self.logs.get(stated.origin)
        if keys is None:
            return UNKNOWN_LOG
        try:
            text = verify_note_by(request.note, keys)
        except BercailError:
            return NOT_SIGNED
        # One writer at a time between reading the size and writing it: else two calls could
        # both be found consistent, and the smaller one be remembered.
        with self._writing() as database:
            seen = self._seen(database, stated.origin)
            refusal = judge(request, stated, seen)
            if refusal is not None:
                if refusal.evidence:
                    self._keep(database, stated.origin, refusal.status, body)
                return refusal
            lines = self.cosigner.cosign(text, self.clock.now())
            database.execute(
                "INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?)",
                (stated.origin, stated.size, stated.root, request.note),
            )
        return Answer(status=200, text=lines)

    def seen(self) -> list[dict[str, Any]]:
        """Origin, size and root of the largest tree of each log."""
        with self._writing() as database:
            rows = database.execute("SELECT origin, size, root FROM seen ORDER BY origin")
            return [{"origin": o, "size": size, "root": root.hex()} for o, size, root in rows]

    def evidence(self) -> list[dict[str, Any]]:
        """The requests that logs had signed and that contradict what was seen before."""
        with self._writing() as database:
            rows = database.execute(
                "SELECT at, origin, status, request FROM evidence ORDER BY rowid"
            )
            return [dict(zip(("at", "origin", "status", "request"), r, strict=True)) for r in rows]

    def _seen(self, database: sqlite3.Connection, origin: str) -> Seen:
        row = database.execute("SELECT size, root FROM seen WHERE origin = ?", (origin,)).fetchone()
        return Seen(size=row[0], root=row[1]) if row else Seen()

    def _keep(self, database: sqlite3.Connection, origin: str, status: int, body: bytes) -> None:
        kept = database.execute("SELECT count(*) FROM evidence").fetchone()[0]
        if kept < MOST_EVIDENCE:
            at = to_iso(self.clock.now())
            row = (at, origin, status, body.decode("utf-8"))
            database.execute("INSERT INTO evidence VALUES (?, ?, ?, ?)", row)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        try:
            database = sqlite3.connect(self.state, timeout=30, isolation_level=None)
            try:
                database.execute("PRAGMA synchronous = FULL")
                database.executescript(_TABLES)
                database.execute("BEGIN IMMEDIATE")
                yield database
                database.execute("COMMIT")
            finally:
                database.close()
        except sqlite3.Error as problem:
            raise Unavailable(
                f"The database of the witness, `{self.state}`, cannot be used.",
                remedy="Check its disk and its rights; nothing was cosigned.",
            ) from problem


def create_witness(folder: Path, name: str, randomness: Randomness) -> Cosigner:
    """Make the folder of a new witness with a fresh seed.

    Raises:
        Invalid: there is a witness already, or `name` cannot name one.
        Unavailable: the folder cannot be written.
    """
    if (folder / _SEED).exists():
        raise Invalid(
            f"There is a witness in `{folder}` already.",
            remedy="Choose another folder: a witness keeps its keys for its whole life.",
        )
    seed = randomness.take(64)
    cosigner = Cosigner(name, Secret(seed))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        opened = os.open(folder / _SEED, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(opened, "w", encoding="ascii") as file:
            file.write(seed.hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as problem:
        raise Unavailable(
            f"The folder `{folder}` of the witness cannot be written.",
            remedy="Choose a folder that this account may write.",
        ) from problem
    _write(folder, {"name": name, "logs": []})
    return cosigner


def add_log(folder: Path, keys: Path) -> str:
    """Let the witness in `folder` know the log of the keys file `keys`; returns its origin.

    Raises:
        Invalid: the keys file is none, or the log is known with other keys.
    """
    settings = _settings(folder)
    try:
        content = json.loads(keys.read_bytes())
        log = {"origin": str(content["origin"]), "keys": [str(k) for k in content["keys"]]}
    except (OSError, ValueError, KeyError, TypeError):
        raise Invalid(
            f"`{keys}` is not the keys file of a log.",
            remedy="Ask the log for what `bercail ledger publish --keys` writes.",
        ) from None
    _keys_of(log)
    known = {entry["origin"]: entry for entry in settings["logs"]}
    if known.setdefault(log["origin"], log) != log:
        raise Invalid(
            f"The log `{log['origin']}` is known here with other keys.",
            remedy="Ask its operator why they changed before you trust it.",
        )
    _write(folder, {**settings, "logs": list(known.values())})
    return str(log["origin"])


def open_witness(folder: Path, clock: Clock) -> Witness:
    """The witness in `folder`; raises Missing or Invalid when there is none that can be read."""
    settings = _settings(folder)
    try:
        seed = bytes.fromhex((folder / _SEED).read_text("ascii").strip())
    except (OSError, ValueError):
        raise Invalid(
            f"The seed of the witness in `{folder}` cannot be read.",
            remedy="Restore it from its backup, or create a new witness under a new name.",
        ) from None
    return Witness(
        state=folder / _STATE,
        cosigner=Cosigner(str(settings["name"]), Secret(seed)),
        logs={entry["origin"]: _keys_of(entry) for entry in settings["logs"]},
        clock=clock,
    )


def _keys_of(log: Mapping[str, Any]) -> tuple[VerifierKey, ...]:
    keys = tuple(VerifierKey.parse(line) for line in log["keys"])
    if not keys or any(key.name != log["origin"] for key in keys):
        raise Invalid(
            f"The keys of the log `{log['origin']}` do not bear its name.",
            remedy="Ask the log for its keys file again.",
        )
    return keys


def _settings(folder: Path) -> dict[str, Any]:
    try:
        settings: dict[str, Any] = json.loads((folder / _SETTINGS).read_bytes())
        return {"name": settings["name"], "logs": list(settings["logs"])}
    except OSError:
        raise Missing(
            f"There is no witness in `{folder}`.",
            remedy="Make one with `bercail ledger witness create`.",
        ) from None
    except (ValueError, KeyError, TypeError):
        raise Invalid(
            f"The settings of the witness in `{folder}` cannot be read.",
            remedy="Restore `witness.json` from its backup.",
        ) from None


def _write(folder: Path, settings: Mapping[str, Any]) -> None:
    write_whole(folder / _SETTINGS, [canonical_json(dict(settings)) + b"\n"])
