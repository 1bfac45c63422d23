"""The desk where the root is shared and keys change hands, with an event for each act."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from bercail.foundation import Actor, Clock, Randomness
from bercail.vault.desk import KeyBook
from bercail.vault.events import CeremonyHeld, RecipientMade
from bercail.vault.handover import Handover, hand_over, receive
from bercail.vault.keyring import Keyring
from bercail.vault.reading import read_file
from bercail.vault.recipients import Party, recipient
from bercail.vault.rules import Act, require
from bercail.vault.settling import settle
from bercail.vault.shares import ShareCard, split_root


@frozen(kw_only=True)
class HandingDesk:
    """Splits the root among its holders, and hands keys to other parties.

    Settles first and refuses as `VaultDesk` does. What other people may hold is never
    understated: each event is kept before the cards, the public file or the hand-over exist.
    """

    keys: Keyring
    book: KeyBook
    clock: Clock
    randomness: Randomness
    platform: str

    def hold_ceremony(self, actor: Actor, shares: int, needed: int) -> tuple[ShareCard, ...]:
        """Split the root; the cards are given out once the ceremony is recorded.

        Raises as `split_root`; nothing is recorded then.
        """
        self._begin(actor, Act.HOLD_CEREMONY)
        cards = split_root(
            self.keys.custodian,
            shares=shares,
            needed=needed,
            platform=self.platform,
            now=self.clock.now(),
        )
        held = CeremonyHeld(
            root=cards[0].root, ceremony=cards[0].ceremony, shares=shares, needed=needed
        )
        self.book.record_once(held, actor)
        return cards

    def make_recipient(self, actor: Actor, name: str, out: Path) -> Party:
        """Write the public file of the party `name` of this house to `out`."""
        self._begin(actor, Act.MAKE_RECIPIENT)
        party = recipient(self.keys, name).party
        self._settle()
        made = RecipientMade(name=party.name, fingerprint=party.fingerprint)
        self.book.record_once(made, actor)
        out.write_bytes(party.as_bytes())
        return party

    def hand_over(
        self,
        actor: Actor,
        kind: str,
        scope: str,
        *,
        giver: str,
        to: Path,
        out: Path,
        epoch: int | None = None,
        with_names: bool = False,
    ) -> Handover:
        """Seal keys to the party whose public file is `to`; the hand-over is written to `out`.

        It is in the key table, and recorded, before the file is written. Raises as `hand_over`.
        """
        self._begin(actor, Act.HAND_OVER)
        made, data = hand_over(
            self.keys,
            kind,
            scope,
            giver=recipient(self.keys, giver),
            to=Party.from_bytes(read_file(to, "public file")),
            randomness=self.randomness,
            clock=self.clock,
            epoch=epoch,
            with_names=with_names,
        )
        self._settle()
        out.write_bytes(data)
        return made

    def receive(self, actor: Actor, path: Path, *, giver: Path, name: str) -> Handover:
        """Take the keys of the hand-over `path` as the party `name`; raises as `receive`."""
        self._begin(actor, Act.RECEIVE)
        made = receive(
            self.keys,
            read_file(path, "hand-over file"),
            receiver=recipient(self.keys, name),
            giver=Party.from_bytes(read_file(giver, "public file")),
            clock=self.clock,
        )
        self._settle()
        return made

    def _begin(self, actor: Actor, act: Act) -> None:
        require(actor, act)
        self._settle()

    def _settle(self) -> None:
        settle(self.keys.outbox, self.book.record_once)
