"""What happened to deliveries; the journal keeps these, in stream `delivery/<name>`."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class LoadedTable:
    """A table of a loaded delivery: its rows and the snapshot that holds them."""

    table: str
    rows: int
    snapshot: str
    statement_sha256: str


@frozen(kw_only=True)
class DeliveryChecked:
    """The delivery passed every check; `manifest_sha256` names what was checked."""

    delivery: str
    manifest_sha256: str
    files: int
    rows: int


@frozen(kw_only=True)
class DeliveryLoaded:
    """The delivery is in the lake."""

    delivery: str
    manifest_sha256: str
    tables: tuple[LoadedTable, ...]


@frozen(kw_only=True)
class FindingCounted:
    """One kind of finding: where, how often, the first line; never a value."""

    check: str
    file: str
    column: str
    count: int
    first_line: int


@frozen(kw_only=True)
class DeliveryQuarantined:
    """A check failed, so nothing of the delivery was loaded."""

    delivery: str
    manifest_sha256: str
    findings: tuple[FindingCounted, ...]


@frozen(kw_only=True)
class SecretUsed:
    """A pseudonym secret was used (SNDS referential 6.4): which one, on how many files."""

    secret: str
    purpose: str
    files: int


EVENTS = (DeliveryChecked, DeliveryLoaded, DeliveryQuarantined, SecretUsed)
