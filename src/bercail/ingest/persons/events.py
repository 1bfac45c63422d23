"""What happened to the person layer; the journal keeps these, in stream `persons`."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class SourceTaken:
    """A table whose rows are all in the person layer, as of one of its snapshots."""

    table: str
    snapshot: str
    deliveries: int


@frozen(kw_only=True)
class PersonsBuilt:
    """The person layer was built; counts only.

    `whole` when every row was read again and not only the new ones. `last_number` is the highest
    number ever given to an identity: numbers above it are free, those below are never given again.
    `flags` are pairs of a flag and the number of identities under it, as `twin: 12`.
    """

    build: str
    whole: bool
    sources: tuple[SourceTaken, ...]
    identities: int
    persons: int
    new_identities: int
    merged_persons: int
    last_number: int
    flags: tuple[str, ...]
    identities_snapshot: str
    persons_snapshot: str


PERSONS_EVENTS = (PersonsBuilt,)
