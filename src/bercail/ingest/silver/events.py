"""What happened to silver tables; the journal keeps these in the streams `silver/<concept>`."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class BronzePin:
    """A bronze table as a silver table was made from it: its snapshot, and the signed digest."""

    table: str
    snapshot: str
    statement_sha256: str


@frozen(kw_only=True)
class SilverBegun:
    """A silver table is about to be made, as the delivery `delivery` of its lake table.

    `recipe` is the SHA-256 of what it is made from: definition, rules, `pins`. `whole` when all
    persons are made anew; `epoch` is that of the pseudonyms in the pins; `numbers` is the source of
    the person numbers.
    """

    concept: str
    delivery: str
    recipe: str
    version: str
    rules: tuple[str, ...]
    pins: tuple[BronzePin, ...]
    epoch: int
    numbers: str
    whole: bool


@frozen(kw_only=True)
class SilverBuilt:
    """The silver table stands, in a signed snapshot; `persons` counts those made anew."""

    concept: str
    delivery: str
    table: str
    snapshot: str
    statement_sha256: str
    rows: int
    persons: int | None = None


SILVER_EVENTS = (SilverBegun, SilverBuilt)
