"""What happened to deliveries; the journal keeps these, in stream `delivery/<name>`."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class LoadedTable:
    """A table of a loaded delivery: its rows and the snapshot that holds them.

    `replaced` is the snapshot before it, which held the rows of the corrected delivery and
    stays readable; empty unless the delivery corrects another.
    """

    table: str
    rows: int
    snapshot: str
    statement_sha256: str
    replaced: str = ""


@frozen(kw_only=True)
class FindingCounted:
    """One kind of finding: where, how often, on which lines; never a value.

    `check` is a rule of `findings.CHECKS`; `lines` are the first few, the header being 1.
    """

    check: str
    file: str
    column: str
    count: int
    first_line: int
    level: str = "error"
    lines: tuple[int, ...] = ()


@frozen(kw_only=True)
class DeliveryChecked:
    """The delivery passed every check; `manifest_sha256` names what was checked.

    `warnings` did not keep it out; `released` are those that an officer let pass.
    """

    delivery: str
    manifest_sha256: str
    files: int
    rows: int
    warnings: tuple[FindingCounted, ...] = ()
    released: tuple[FindingCounted, ...] = ()


@frozen(kw_only=True)
class DeliveryLoaded:
    """The delivery is in the lake; `warnings` were counted on the way in."""

    delivery: str
    manifest_sha256: str
    tables: tuple[LoadedTable, ...]
    holder: str = ""
    system: str = ""
    period: str = ""
    revision: int = 1
    corrects: str = ""
    warnings: tuple[FindingCounted, ...] = ()


@frozen(kw_only=True)
class DeliveryQuarantined:
    """A check failed, so nothing of the delivery was loaded."""

    delivery: str
    manifest_sha256: str
    findings: tuple[FindingCounted, ...]


@frozen(kw_only=True)
class DeliveryReleased:
    """An officer lets the errors of a quarantined delivery pass, for a reason."""

    delivery: str
    manifest_sha256: str
    reason: str
    findings: tuple[FindingCounted, ...]


@frozen(kw_only=True)
class DeliveryCorrected:
    """Another delivery took the place of this one; its old snapshots stay readable."""

    delivery: str
    by: str
    revision: int


@frozen(kw_only=True)
class DeliveryExpired:
    """The retention of this delivery ended and its parts left the lake."""

    delivery: str
    period: str
    tables: tuple[str, ...]
    rows: int


EVENTS = (
    DeliveryChecked,
    DeliveryLoaded,
    DeliveryQuarantined,
    DeliveryReleased,
    DeliveryCorrected,
    DeliveryExpired,
)
