"""The pseudonym secrets of projects, by epoch."""

from __future__ import annotations

from bercail.vault import Keyring, Purpose


def secret_scope(project: str) -> str:
    """The scope that a project's pseudonym secret has in the key table."""
    return f"project/{project}"


def secret_epochs(keys: Keyring, scope: str) -> list[int]:
    """The epochs of a pseudonym secret that are not destroyed, oldest first."""
    return sorted(
        one.epoch
        for one in keys.entries()
        if (one.purpose, one.kind, one.scope) == (Purpose.SECRET, "pseudonym", scope)
        and one.destroyed is None
    )
