"""Acts on the vault that take several steps."""

from __future__ import annotations

from attrs import frozen

from bercail.foundation import Invalid, Secret, Unproven
from bercail.vault.custody import Custodian, RenewableCustodian
from bercail.vault.keyring import Keyring

_PROBE = Secret(b"a value that opens nothing")
_PROBE_CONTEXT = b"bercail custodian probe v1"


@frozen(kw_only=True)
class RootChange:
    """A root given up for a new one, held by `custodian`. `keys` counts the keys wrapped again."""

    custodian: str
    old_root: str
    new_root: str
    keys: int

    def as_dict(self) -> dict[str, str | int]:
        """The change as `--json` prints it."""
        return {
            "custodian": self.custodian,
            "old_root": self.old_root,
            "new_root": self.new_root,
            "keys": self.keys,
        }


def renew_root(keyring: Keyring) -> RootChange:
    """Give the key ring's custodian a new root; no sealed data is rewritten.

    1. Add a new root to the custodian, beside the old one.
    2. Wrap every key of the table under it, in one transaction.
    3. Remove the old root from the custodian.

    Killed after any step, the house still opens, and a second run finishes the change. Other
    processes of the house must open their custodian again before they create keys.

    Raises:
        Invalid: the custodian is one whose root cannot change.
    """
    held = keyring.custodian
    if not isinstance(held, RenewableCustodian):
        raise Invalid(
            f"The root of `{held.name}` cannot be renewed.",
            remedy="Move the keys to another custodian with `bercail vault move-root`.",
        )
    # 1. Both roots.
    both = held.with_new_root()
    # 2. The table.
    count = keyring.rotate_root(both)
    # 3. The new root alone.
    both.forget_old_roots()
    return RootChange(custodian=held.name, old_root=held.root, new_root=both.root, keys=count)


def move_root(keyring: Keyring, new: Custodian) -> RootChange:
    """Give every key of the table into the care of `new`; no sealed data is rewritten.

    1. Show that `new` gives back what it wraps, before anything depends on it.
    2. Wrap every key under its root, in one transaction.

    Killed at any moment, the table is wholly under one custodian or wholly under the other. The
    old custodian keeps its root, which still opens older copies of the table: destroy it when
    those copies are gone or no longer needed.

    Raises:
        Unproven: `custodian-proof`, when `new` does not give back what it wrapped.
    """
    old = keyring.custodian
    # 1. A value that nothing depends on.
    if new.unwrap(new.wrap(_PROBE, _PROBE_CONTEXT), _PROBE_CONTEXT) != _PROBE:
        raise Unproven(
            f"`{new.name}` does not give back what it wrapped.",
            remedy="Do not use this custodian; the keys stay where they are.",
            rule="custodian-proof",
        )
    # 2. The table.
    count = keyring.rotate_root(new)
    return RootChange(custodian=new.name, old_root=old.root, new_root=new.root, keys=count)
