"""The desk of the vault: the life of keys, by those who may, with an event for each act."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from attrs import frozen

from bercail.foundation import Actor, Clock, sha256_hex
from bercail.vault.accounting import Account, account, require_accounted
from bercail.vault.certificates import (
    SignedDestruction,
    destroy_and_certify,
    destruction_signer,
    read_certificate,
)
from bercail.vault.custody import Custodian
from bercail.vault.events import DestructionCertified, RootCreated
from bercail.vault.keyring import Keyring
from bercail.vault.keys import KeyEntry
from bercail.vault.reading import read_file
from bercail.vault.rules import Act, require
from bercail.vault.service import RootChange, move_root, renew_root
from bercail.vault.settling import settle


class KeyBook(Protocol):
    """Where the vault's events are kept: the journal, as the vault needs it."""

    def record_once(self, event: Any, actor: Actor) -> bool:
        """Record `event` by `actor`, unless an equal one is recorded; whether it was new."""
        ...

    def events(self) -> Sequence[Any]:
        """The events of keys, oldest first."""
        ...

    def history(self, limit: int) -> Sequence[dict[str, Any]]:
        """The last records of keys and of uses, oldest first: position, at, actor, kind, body."""
        ...


@frozen(kw_only=True)
class VaultDesk:
    """Looks at keys, destroys them, changes their root.

    Every act settles first: what a killed command left in the outbox is recorded before
    anything new is done. Who may not do an act is `Refused` (IAM-05), and nothing is recorded of
    an act that was refused or that a custodian did not do.
    """

    keys: Keyring
    book: KeyBook
    clock: Clock
    platform: str

    def entries(self, actor: Actor) -> list[KeyEntry]:
        """Every key there is or was, without its bytes: who can open what."""
        self._begin(actor, Act.LIST_KEYS)
        return self.keys.entries()

    def history(self, actor: Actor, limit: int) -> Sequence[dict[str, Any]]:
        """The last events of keys and secrets: who did what, and used which secret, when."""
        self._begin(actor, Act.READ_HISTORY)
        return self.book.history(limit)

    def account(self, actor: Actor) -> Account:
        """Hold the key table against the journal.

        Raises:
            Unproven: `key-account`, when a key is told by one of them alone.
        """
        self._begin(actor, Act.ACCOUNT)
        return require_accounted(account(self.keys.entries(), self.book.events()))

    def destroy(
        self, actor: Actor, kind: str, scope: str, epoch: int | None, folder: Path
    ) -> tuple[SignedDestruction, Path]:
        """Destroy keys, then write the signed certificate into `folder`, then record it.

        Killed in between, the destruction is told by the next act, and the same command again
        writes the certificate. Raises as `Keyring.destroy`.
        """
        self._begin(actor, Act.DESTROY)
        made, path = destroy_and_certify(
            self.keys,
            kind,
            scope,
            epoch,
            folder=folder,
            platform=self.platform,
            clock=self.clock,
        )
        self._settle()
        certified = DestructionCertified(
            kind=kind,
            scope=scope,
            epoch=epoch,
            keys=len(made.certificate.keys),
            certificate_sha256=sha256_hex(read_file(path, "certificate")),
        )
        self.book.record_once(certified, actor)
        return made, path

    def check_certificate(self, actor: Actor, path: Path) -> tuple[SignedDestruction, str]:
        """What a certificate says, once this house is shown to have signed it; the signer's id.

        Raises as `read_certificate`.
        """
        self._begin(actor, Act.CHECK_CERTIFICATE)
        public = destruction_signer(self.keys).public
        return read_certificate(read_file(path, "certificate"), public), public.id

    def renew_root(self, actor: Actor) -> RootChange:
        """Wrap every key under a new root of the same custodian; raises as `renew_root`."""
        self._begin(actor, Act.CHANGE_ROOT)
        change = renew_root(self.keys)
        self._settle()
        return change

    def move_root(self, actor: Actor, new: Custodian) -> RootChange:
        """Wrap every key under the root of another custodian; raises as `move_root`."""
        self._begin(actor, Act.CHANGE_ROOT)
        change = move_root(self.keys, new)
        self._settle()
        return change

    def note_root(self, actor: Actor, made: Custodian) -> None:
        """Record that a custodian drew a root."""
        self._begin(actor, Act.CREATE_ROOT)
        self.book.record_once(RootCreated(custodian=made.name, root=made.root), actor)

    def _begin(self, actor: Actor, act: Act) -> None:
        require(actor, act)
        self._settle()

    def _settle(self) -> None:
        settle(self.keys.outbox, self.book.record_once)


def create_root(
    actor: Actor, create: Callable[[], Custodian], table: Path, desk: Callable[[], VaultDesk]
) -> Custodian:
    """Let a custodian draw a root, then record it where there is a house to record it in.

    The root comes first: nothing depends on it yet, and a killed command leaves one that no key
    stands under. Before the first key, there is no `table` and the house does not open: its first
    root is then recorded with its first key (`RootChanged`).

    Raises:
        Refused: IAM-05, or what `create` raises.
    """
    require(actor, Act.CREATE_ROOT)
    made = create()
    if table.exists():
        desk().note_root(actor, made)
    return made
