"""Names for what an object once was: versions and snapshots, read like objects.

A host tells former states of an object apart by an identifier of its own. Here each has
a name under `.bercail-past/`, so that whatever reads objects reads them too: the kind of
state, the host's identifier (percent-encoded), then the object's own name. Nothing is
ever written there; an object of the source whose real name starts so cannot be carried.
"""

from __future__ import annotations

from enum import StrEnum
from urllib.parse import quote, unquote

from attrs import field, frozen, validators

PREFIX = ".bercail-past/"


class PastKind(StrEnum):
    """How the host calls a former state."""

    VERSION = "version"
    SNAPSHOT = "snapshot"


@frozen(kw_only=True)
class PastState:
    """One former state: `id` is the host's version id or moment of the snapshot."""

    kind: PastKind
    id: str = field(validator=validators.min_len(1))
    name: str = field(validator=validators.min_len(1))

    @property
    def as_name(self) -> str:
        """The name under which this state is read."""
        return f"{PREFIX}{self.kind.value}/{quote(self.id, safe='')}/{self.name}"


def find_past(name: str) -> PastState | None:
    """The former state that `name` names; None for the name of an object as it is now."""
    if not name.startswith(PREFIX):
        return None
    kind, _, rest = name.removeprefix(PREFIX).partition("/")
    state, _, plain = rest.partition("/")
    if kind not in {known.value for known in PastKind} or not state or not plain:
        return None
    return PastState(kind=PastKind(kind), id=unquote(state), name=plain)
