"""The desk of the ledger: record what the rooms did, publish it, prove it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bercail.foundation import Actor, Clock, Randomness, Unproven, canonical_json, to_iso
from bercail.ledger.checkpoint import Checkpoint
from bercail.ledger.codec import decode, encode
from bercail.ledger.events import SALT_BYTES, NewEvent, RecordedEvent
from bercail.ledger.folder import LogFolder, write_whole
from bercail.ledger.journal import Journal
from bercail.ledger.policy import Policy, load_policy
from bercail.ledger.publication import Publication
from bercail.ledger.verify import NotVerifiedError, verify
from bercail.vault import NoteSigner

POLICY_FILE = "witness-policy"
"""Beside the log folder: which witnesses cosign (C2SP tlog-policy). Without it, none is asked."""


class Ledger:
    """Records events in `journal` and publishes their log in the folder `log_dir`.

    `origin` names the log in every checkpoint (a name such as `bercail.example/journal`).
    """

    def __init__(
        self,
        journal: Journal,
        log_dir: Path,
        note_signer: NoteSigner,
        clock: Clock,
        randomness: Randomness,
        origin: str,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._randomness = randomness
        self._log_dir = log_dir
        self._publication = Publication(journal, LogFolder(log_dir), note_signer, clock, origin)

    @property
    def log_dir(self) -> Path:
        """The folder of the published log."""
        return self._log_dir

    @property
    def clock(self) -> Clock:
        """What tells the moment of an event."""
        return self._clock

    def load(self, stream: str, kinds: Sequence[type]) -> tuple[int, tuple[Any, ...]]:
        """The version of `stream` (its number of events) and its events, as values of `kinds`.

        Raises:
            Unproven: an event is of no class of `kinds`, or has not its shape.
        """
        records = self._journal.read(stream)
        return len(records), tuple(decode(record, kinds) for record in records)

    def append(self, stream: str, expected: int, events: Sequence[Any], actor: Actor) -> int:
        """Record `events` (attrs values) by `actor`, now; returns the new version of `stream`.

        Raises:
            Refused: the stream has moved since `expected` was read (rule `journal-conflict`).
            Invalid: an event holds something that cannot be recorded.
        """
        at = to_iso(self._clock.now())
        drafts = [self._draft(event, actor, at) for event in events]
        return expected + len(self._journal.append(stream, expected, drafts))

    def streams(self, prefix: str = "") -> tuple[str, ...]:
        """The names of the streams that begin with `prefix`, sorted."""
        return self._journal.streams(prefix)

    def history(self, stream_prefix: str = "", limit: int = 100) -> tuple[RecordedEvent, ...]:
        """The last `limit` events of the streams that begin with `stream_prefix`, oldest first."""
        if limit <= 0:
            return ()
        if not stream_prefix:
            return tuple(self._journal.read_all(max(self._journal.last() - limit, 0)))
        found = [
            record
            for stream in self._journal.streams(stream_prefix)
            for record in self._journal.read(stream)
        ]
        return tuple(sorted(found, key=lambda record: record.position)[-limit:])

    def last_act(self, actor_id: str) -> str | None:
        """The moment of the last event by `actor_id`; None when there is none.

        Reads the whole journal: for rare acts such as an erasure.
        """
        moments = (r.at for r in self._journal.read_all() if r.actor == actor_id)
        return max(moments, default=None)

    def publish(self, keys: Path | None = None) -> Checkpoint:
        """Bring the published log up to the journal; the present head when nothing is new.

        With `keys`, also write the keys file that verifiers need there. Where the file
        `witness-policy` stands beside the log folder, the head is cosigned by its quorum first.

        Raises:
            Unavailable: the witnesses that cosigned are no quorum. The former head stands.
            Unproven: the log and the journal do not agree, or the head is not ours. Nothing is
                then published: a log never goes back and never has two versions.
        """
        head = self._publication.publish(self._policy())
        if keys is not None:
            write_whole(keys, [canonical_json(self.public_keys()) + b"\n"])
        return head

    def prove(self, position: int, out: Path | None = None) -> str:
        """The proof (C2SP tlog-proof) of the event at `position`, the event inside; kept in `out`.

        Raises:
            Missing: there is no such event, or it is not published yet.
            Unproven: the journal and the log do not say the same.
        """
        proof = self._publication.prove(position)
        if out is not None:
            write_whole(out, [proof.encode("utf-8")])
        return proof

    def export(self, target: Path) -> int:
        """Write every event and its salt to `target` (JSON Lines); returns their number.

        The file is as confidential as the journal. Raises Unavailable when it cannot be written.
        """
        return self._publication.export(target)

    def public_keys(self) -> dict[str, Any]:
        """The content of the keys file: `{"origin": ..., "keys": [...]}`, `quorum` if any."""
        return self._publication.public_keys(self._policy())

    def verify(
        self,
        *,
        log_dir: Path | None = None,
        keys: Path | None = None,
        export: Path | None = None,
        earlier: Sequence[Path] = (),
    ) -> dict[str, Any]:
        """The report of the second reader on the log (this house's by default).

        Raises:
            Unproven: at the first place that does not hold; the message names it.
        """
        try:
            return verify(log_dir or self._log_dir, keys or self.public_keys(), export, earlier)
        except NotVerifiedError as refusal:
            raise Unproven(
                f"The ledger does not hold at `{refusal.place}`: {refusal.reason}. / "
                f"Le journal ne tient pas à `{refusal.place}`.",
                remedy="Keep everything as it is, restore from the backup, tell the auditor. / "
                "Gardez tout en l'état, restaurez depuis la sauvegarde, prévenez l'auditeur.",
                rule="LOG-03",
            ) from refusal

    def _policy(self) -> Policy | None:
        path = self._log_dir.with_name(POLICY_FILE)
        return load_policy(path) if path.exists() else None

    def _draft(self, event: Any, actor: Actor, at: str) -> NewEvent:
        kind, body = encode(event)
        salt = self._randomness.take(SALT_BYTES)
        return NewEvent(kind=kind, body=body, actor=actor.id, at=at, salt=salt)
