"""What the journal tells of a migration, put in order for a reader. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from attrs import frozen

from bercail.foundation import from_iso
from bercail.ledger import RecordedEvent

# The acts by which a person decides; the others are work.
DECISIONS = (
    "SourceFrozen",
    "CutOver",
    "RolledBack",
    "ErasurePlanned",
    "ErasureNotified",
    "ErasureBegun",
    "ErasureEvidenced",
    "SourceErased",
)


class Verdict(StrEnum):
    """Where a migration stands, in one word."""

    ERASED = "erased"
    ERASING = "erasing"
    HOME = "home"
    RETURNED = "returned"
    PROVEN = "proven"
    UNPROVEN = "unproven"
    OPEN = "open"


@frozen(kw_only=True)
class Moment:
    """One recorded event: when (ISO 8601), what, by whom, with its content."""

    position: int
    at: str
    kind: str
    actor: str
    body: Mapping[str, Any]


@frozen(kw_only=True)
class Run:
    """One copying run: bytes moved between two moments."""

    number: int
    began: str
    ended: str
    objects: int
    bytes: int

    @property
    def seconds(self) -> float:
        """How long it took; 0 when the journal does not tell when it began."""
        if not self.began:
            return 0.0
        return (from_iso(self.ended) - from_iso(self.began)).total_seconds()

    @property
    def megabytes_per_second(self) -> float | None:
        """Throughput, None when the duration is not known or nothing."""
        return self.bytes / 1e6 / self.seconds if self.seconds > 0 else None


@frozen(kw_only=True)
class Facts:
    """Everything that a report shows of the migration `name`, as the journal had it."""

    name: str
    moments: tuple[Moment, ...]

    @classmethod
    def of(cls, name: str, records: Iterable[RecordedEvent]) -> Facts:
        """The facts in `records`, those of the stream of migration `name`."""
        stream = f"migration/{name}"
        moments = tuple(
            Moment(position=one.position, at=one.at, kind=one.kind, actor=one.actor, body=one.body)
            for one in records
            if one.stream == stream
        )
        return cls(name=name, moments=moments)

    def last(self, kind: str) -> Moment | None:
        """The last event of `kind`, if any."""
        found = self.every(kind)
        return found[-1] if found else None

    def every(self, kind: str) -> Sequence[Moment]:
        """All events of `kind`, oldest first."""
        return [moment for moment in self.moments if moment.kind == kind]

    @property
    def decisions(self) -> Sequence[Moment]:
        """The acts by which a person decided something."""
        return [moment for moment in self.moments if moment.kind in DECISIONS]

    @property
    def runs(self) -> Sequence[Run]:
        """The copying runs that moved something."""
        return [
            Run(
                number=moment.body["run"],
                began=moment.body.get("began", ""),
                ended=moment.at,
                objects=moment.body["copied"],
                bytes=moment.body["copied_bytes"],
            )
            for moment in self.every("CopyFinished")
        ]

    @property
    def canonical(self) -> str:
        """The side that held the truth when the last event was recorded."""
        switches = [m.kind for m in self.moments if m.kind in ("CutOver", "RolledBack")]
        return "target" if switches and switches[-1] == "CutOver" else "source"

    @property
    def verdict(self) -> Verdict:
        """Where the migration stands; a proof stands until something is copied after it."""
        if self.every("SourceErased"):
            return Verdict.ERASED
        if self.every("ErasureBegun"):
            return Verdict.ERASING
        if self.canonical == "target":
            return Verdict.HOME
        told = {"ProofMade": Verdict.PROVEN, "ProofFailed": Verdict.UNPROVEN}
        told |= {"RolledBack": Verdict.RETURNED, "CopyFinished": Verdict.OPEN}
        known = [told[moment.kind] for moment in self.moments if moment.kind in told]
        return known[-1] if known else Verdict.OPEN

    @property
    def carried(self) -> tuple[int, int]:
        """Objects and plaintext bytes on the target after the last run."""
        last = self.last("CopyFinished")
        return (last.body["carried"], last.body["carried_bytes"]) if last else (0, 0)

    @property
    def _cautions(self) -> Mapping[str, int]:
        last = self.last("PlanMade")
        return last.body.get("cautions", {}) if last else {}

    @property
    def exceptions(self) -> Mapping[str, int]:
        """What did not go as it should, in numbers, by the key of its wording."""
        switch, run = self.last("CutOver"), self.last("CopyFinished")
        compared = self.last("SidesCompared")
        differences = sum(compared.body["differences"].values()) if compared else 0
        found = {
            "failed_proofs": len(self.every("ProofFailed")),
            "unproven_objects": sum(m.body["failures"] for m in self.every("ProofFailed")),
            "failed_objects": run.body["failed"] if run else 0,
            "left_behind": switch.body["left_behind"] if switch else 0,
            **{f"caution_{code}": count for code, count in self._cautions.items()},
            "differences": differences,
            "roll_backs": len(self.every("RolledBack")),
            "written_since": sum(m.body.get("written", 0) for m in self.every("RolledBack")),
        }
        return {key: count for key, count in found.items() if count}
