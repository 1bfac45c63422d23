"""What the guard records: that a release became a constraint; never what it shows."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class ReleaseRemembered:
    """A release became a constraint on all later ones of its lake; `commitment` is keyed."""

    release: str
    cells: int
    commitment: str


GUARD_EVENTS: tuple[type, ...] = (ReleaseRemembered,)
"""The events of the streams `airlock-guard/`."""
