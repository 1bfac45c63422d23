"""The platform's pseudonyms through all epochs of its secret.

Epoch 1 is the level-2 function over level-1 pseudonyms. Epoch n is the same function under the
secret of epoch n over the pseudonyms of epoch n-1; see
`docs/reference/formats/pseudonym-rotation.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bercail.lake.epochs import FIRST_EPOCH
from bercail.vault import Purpose, pseudonyms
from bercail.vault.events import SecretUsed

if TYPE_CHECKING:
    from bercail.lake.identities import Texts, Turn
    from bercail.vault import Keyring

KIND, SCOPE = "pseudonym", "level-2"


def entry(keys: Keyring, epoch: int) -> Turn:
    """From level-1 pseudonyms to those of `epoch`: every secret of the chain, in order.

    Raises `Missing` when the secret of one epoch does not exist or was destroyed.
    """
    steps = [step(keys, each) for each in range(1, epoch + 1)]

    def turn(values: Texts) -> Texts:
        for one in steps:
            values = one(values)
        return values

    return turn


def step(keys: Keyring, epoch: int) -> Turn:
    """From the pseudonyms of the epoch before (level 1 for the first) to those of `epoch`."""
    if epoch == 1 and newest_epoch(keys) == 0:
        keys.secret(KIND, SCOPE)
    secret = keys.secret(KIND, SCOPE, epoch)
    label = "" if epoch == 1 else f"epoch {epoch}"

    def turn(values: Texts) -> Texts:
        return pseudonyms.level_two(secret, values, label)

    return turn


def uses(epoch: int, purpose: str, subject: str, identifiers: int) -> tuple[SecretUsed, ...]:
    """One event for the secret of each epoch that a value of level 1 goes through."""
    return tuple(
        use_of(each, purpose, subject, identifiers) for each in range(FIRST_EPOCH, epoch + 1)
    )


def use_of(epoch: int, purpose: str, subject: str, identifiers: int | None) -> SecretUsed:
    """The event of one use of the secret of an epoch."""
    return SecretUsed(
        kind=KIND,
        scope=SCOPE,
        epoch=epoch,
        purpose=purpose,
        subject=subject,
        identifiers=identifiers,
    )


def newest_epoch(keys: Keyring) -> int:
    """The newest epoch that has a secret, in use or not yet; 0 when there is none."""
    found = [
        one.epoch
        for one in keys.entries()
        if (one.purpose, one.kind, one.scope) == (Purpose.SECRET, KIND, SCOPE)
    ]
    return max(found, default=0)


def begin_epoch(keys: Keyring, epoch: int) -> None:
    """Make sure that `epoch` has a secret; epochs come one after the other."""
    if newest_epoch(keys) == 0:
        keys.secret(KIND, SCOPE)
    while newest_epoch(keys) < epoch:
        keys.next_epoch(KIND, SCOPE, Purpose.SECRET)
