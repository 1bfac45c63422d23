"""Every key accounted for: the key table held against what the journal tells. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import frozen

from bercail.foundation import Unproven
from bercail.vault.events import KeyCreated, KeyDestroyed, KeyReceived, RootChanged
from bercail.vault.keys import KeyEntry


@frozen(kw_only=True)
class Account:
    """How the table and the journal agree: counts, and the ids of the keys where they do not.

    `unrecorded` are in the table and were never told of; `vanished` were told of and are not in
    the table; `revived` were destroyed and live again, as after an old copy was put back;
    `undestroyed` are destroyed in the table and the journal knows of no destruction. `stray`
    live under a root that the journal does not name as the present one.
    """

    living: int
    destroyed: int
    root: str
    unrecorded: tuple[str, ...]
    vanished: tuple[str, ...]
    revived: tuple[str, ...]
    undestroyed: tuple[str, ...]
    stray: tuple[str, ...]

    def faults(self) -> dict[str, tuple[str, ...]]:
        """The keys where table and journal differ, by how; empty when all is well."""
        found = {
            "unrecorded": self.unrecorded,
            "vanished": self.vanished,
            "revived": self.revived,
            "undestroyed": self.undestroyed,
            "stray": self.stray,
        }
        return {how: ids for how, ids in found.items() if ids}

    def as_dict(self) -> dict[str, int | str]:
        """The counts, as `--json` prints them."""
        return {"living": self.living, "destroyed": self.destroyed, "root": self.root}


def account(entries: Iterable[KeyEntry], events: Iterable[Any]) -> Account:
    """Hold the lines of the table against the events of keys, oldest first."""
    told: set[str] = set()
    gone: set[str] = set()
    root = ""
    for event in events:
        match event:
            case KeyCreated() | KeyReceived():
                told.add(event.key)
            case KeyDestroyed():
                gone.add(event.key)
            case RootChanged():
                root = event.root
            case _:
                continue
    lines = {entry.id: entry for entry in entries}
    living = {key for key, entry in lines.items() if entry.destroyed is None}
    return Account(
        living=len(living),
        destroyed=len(lines) - len(living),
        root=root,
        unrecorded=tuple(sorted(lines.keys() - told)),
        vanished=tuple(sorted(told - lines.keys())),
        revived=tuple(sorted(living & gone)),
        undestroyed=tuple(sorted(lines.keys() - living - gone)),
        stray=tuple(sorted(key for key in living if lines[key].root != root)),
    )


def require_accounted(found: Account) -> Account:
    """The account; raises `Unproven` (rule `key-account`) when a key is not accounted for."""
    if faults := found.faults():
        listed = "; ".join(f"{how}: {', '.join(ids[:5])}" for how, ids in faults.items())
        raise Unproven(
            f"The key table and the journal do not tell the same ({listed}).",
            remedy="Keep both as they are and find out who changed which: an old copy of the "
            "table that was put back shows as `revived` and `vanished`.",
            rule="key-account",
        )
    return found
