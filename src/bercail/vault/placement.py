"""Where a sealed object lies and what opens it: for handing one object to another machine."""

from __future__ import annotations

from attrs import frozen

from bercail.vault.binding import Binding
from bercail.vault.keys import DataKey


@frozen(kw_only=True)
class PlacedPart:
    """One sealed object on a host.

    `opaque` is its name there, `sealed_size` its bytes there; `binding` is what it is, and
    `key` the key that opens it (and whatever else that key sealed).
    """

    opaque: str
    sealed_size: int
    binding: Binding
    key: DataKey
