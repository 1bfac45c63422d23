"""Acts on the vault that take several steps."""

from __future__ import annotations

from attrs import frozen

from bercail.foundation import Invalid
from bercail.vault.file_custodian import FileCustodian
from bercail.vault.keyring import Keyring


@frozen(kw_only=True)
class RootChange:
    """A root given up for a new one. `keys` counts the keys wrapped again."""

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
    """Give the key ring's sealed-file custodian a new root; no sealed data is rewritten.

    1. Add a new root to the custodian's file, beside the old one.
    2. Wrap every key of the table under it, in one transaction.
    3. Remove the old root from the file.

    Killed after any step, the house still opens, and a second run finishes the change. Other
    processes of the house must open their custodian again before they create keys.

    Raises:
        Invalid: the custodian is not a sealed file.
    """
    held = keyring.custodian
    if not isinstance(held, FileCustodian):
        raise Invalid(
            f"The root of `{held.name}` is not kept in a sealed file.",
            remedy="Change it with that custodian's own means, then wrap the keys under it.",
        )
    # 1. Both roots.
    both = held.with_new_root()
    # 2. The table.
    count = keyring.rotate_root(both)
    # 3. The new root alone.
    both.forget_old_roots()
    return RootChange(custodian=held.name, old_root=held.root, new_root=both.root, keys=count)
