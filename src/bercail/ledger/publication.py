"""From the journal to the log: publish what is new, prove one event, export everything."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from bercail.foundation import Clock, Invalid, Missing, Unproven
from bercail.ledger.checkpoint import Checkpoint, parse_checkpoint, proof_text
from bercail.ledger.cosigning import collect, cosigned_by
from bercail.ledger.events import RecordedEvent
from bercail.ledger.folder import FULL, LogFolder, write_whole
from bercail.ledger.growth import Growth, TileNodes
from bercail.ledger.journal import Journal
from bercail.ledger.merkle import consistency_path, inclusion_path, verify_inclusion
from bercail.ledger.policy import Policy
from bercail.vault import NoteSigner, verify_note

_RESTORE = "Keep both as they are, restore them from their backups, then verify."


class Publication:
    """The log of `journal` in `folder`, under the name `origin`."""

    def __init__(
        self, journal: Journal, folder: LogFolder, signer: NoteSigner, clock: Clock, origin: str
    ) -> None:
        if signer.name != origin:
            raise Invalid(
                f"The log `{origin}` cannot be signed under the name `{signer.name}`.",
                remedy="Take a note signer whose name is the origin of the log.",
            )
        self._journal = journal
        self._folder = folder
        self._signer = signer
        self._clock = clock
        self._origin = origin

    def publish(self, policy: Policy | None = None) -> Checkpoint:
        """Bring the log up to the journal; returns its head, the present one if nothing is new.

        1. Read the head, its signatures, and the edge of its tree; the edge must give its root.
        2. The journal must still hold the events that the head ends with.
        3. Add the new events; write the tiles, the full ones first.
        4. Sign the head; with a policy, have it cosigned by a quorum of its witnesses.
        5. Write the head, last: killed before, nothing has been said.

        Raises:
            Unavailable: the witnesses that cosigned are no quorum; the former head stands.
        """
        with self._folder.locked():
            head = self.head()
            growth = Growth(self._folder, head.size if head else 0)
            if head is not None:
                self._require_same(head, growth.root())
                self._require_continues(head)
            for record in self._journal.read_all(growth.size):
                growth.add(record.commitment())
            if head is not None and growth.size == head.size:
                return self._cosigned_again(head, policy)
            growth.finish()
            fresh = Checkpoint(origin=self._origin, size=growth.size, root=growth.root())
            note = self._signer.sign_note(fresh.text(), self._clock.now())
            fresh = self._cosigned(parse_checkpoint(note), policy, head.size if head else 0)
            self._folder.write_note(fresh.note)
            growth.tidy()
            return fresh

    def head(self) -> Checkpoint | None:
        """The head in the folder, with its signatures checked; None before the first one.

        Raises:
            Unproven: it is of another log, or not signed by this house.
        """
        note = self._folder.read_note()
        if note is None:
            return None
        checkpoint = parse_checkpoint(note)
        if checkpoint.origin != self._origin:
            raise Unproven(
                f"The log folder holds the log `{checkpoint.origin}`, not `{self._origin}`.",
                remedy="Check the folder of the log and its origin in the configuration.",
            )
        verify_note(note, self._signer.public)
        return checkpoint

    def prove(self, position: int) -> str:
        """The proof file of the event at `position`, with the event itself inside.

        Raises:
            Missing: there is no such event, or it is not published yet.
            Unproven: the journal and the log do not say the same.
        """
        record = self._record(position)
        head = self.head()
        if head is None or head.size < position:
            raise Missing(
                f"The event at position `{position}` is not in the published log yet.",
                remedy="Run `bercail ledger publish` first.",
            )
        nodes = TileNodes(self._folder, head)
        if nodes.entry(position - 1) != record.commitment():
            raise _differs(position)
        path = inclusion_path(nodes, position - 1, head.size)
        verify_inclusion(record.commitment(), position - 1, head.size, path, head.root)
        return proof_text(position - 1, path, record.export_line(), head.note)

    def export(self, target: Path) -> int:
        """Write every event with its salt to `target`, one line each; returns their number.

        The file appears whole or not at all. It is as confidential as the journal.
        """
        lines = (record.export_line() + b"\n" for record in self._journal.read_all())
        return write_whole(target, lines, mode=0o600)

    def public_keys(self, policy: Policy | None = None) -> dict[str, Any]:
        """What a verifier needs: the origin, the verifier keys of the log, the quorum if any."""
        keys = {"origin": self._origin, "keys": self._signer.public.lines()}
        rule = policy.rule() if policy is not None else None
        return keys if rule is None else {**keys, "quorum": rule}

    def _cosigned_again(self, head: Checkpoint, policy: Policy | None) -> Checkpoint:
        """The present head, cosigned now when the policy asks for more than it has."""
        if policy is None or policy.met_by(cosigned_by(head.note, policy)):
            return head
        fresh = self._cosigned(parse_checkpoint(head.own_note()), policy, head.size)
        self._folder.write_note(fresh.note)
        return fresh

    def _cosigned(self, fresh: Checkpoint, policy: Policy | None, guess: int) -> Checkpoint:
        if policy is None or not policy.witnesses:
            return fresh
        nodes = TileNodes(self._folder, fresh)
        turn = threading.Lock()

        def prove(old: int) -> tuple[bytes, ...]:
            with turn:
                return consistency_path(nodes, old, fresh.size)

        return collect(policy, fresh, guess, prove)

    def _record(self, position: int) -> RecordedEvent:
        record = next(iter(self._journal.read_all(position - 1)), None) if position > 0 else None
        if record is None:
            raise Missing(
                f"The journal has no event at position `{position}`.",
                remedy="List them with `bercail ledger history`.",
            )
        return record

    def _require_same(self, head: Checkpoint, reached: bytes) -> None:
        if reached != head.root:
            raise Unproven(
                f"The tiles of the log do not lead to the root signed for {head.size} events.",
                remedy=_RESTORE,
            )

    def _require_continues(self, head: Checkpoint) -> None:
        last = self._journal.last()
        if last < head.size:
            raise Unproven(
                f"The log holds {head.size} events, the journal only {last}: it was cut.",
                remedy=_RESTORE,
            )
        nodes = TileNodes(self._folder, head)
        start = max(head.size - 1, 0) // FULL * FULL
        for index, record in zip(
            range(start, head.size), self._journal.read_all(start), strict=False
        ):
            if nodes.entry(index) != record.commitment():
                raise _differs(index + 1)


def _differs(position: int) -> Unproven:
    return Unproven(
        f"The event at position `{position}` of the journal is not the one in the log.",
        remedy=_RESTORE,
    )
