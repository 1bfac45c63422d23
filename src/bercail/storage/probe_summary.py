"""The result of a probe in five values: what a proof records of the host it was made on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol, runtime_checkable

from attrs import field, frozen

from bercail.foundation import canonical_json
from bercail.storage.port import ObjectStore
from bercail.storage.probe_report import ProbeReport, kept_probe


def _frozen_identity(identity: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(sorted(identity.items())))


@frozen(kw_only=True)
class ProbeSummary:
    """Which host was asked, when, and whether it was found sound.

    `sha256` (64 hexadecimal digits) is that of the kept result, canonical JSON as
    `docs/reference/capability-probe.md` describes it: who holds the result can tell that
    it is the one meant.
    """

    location: str
    identity: Mapping[str, str] = field(factory=dict, converter=_frozen_identity, hash=False)
    at: str
    sha256: str
    sound: bool

    @classmethod
    def of(cls, report: ProbeReport) -> ProbeSummary:
        """The summary of one result."""
        return cls(
            location=report.location,
            identity=report.identity,
            at=report.at,
            sha256=hashlib.sha256(canonical_json(report.as_dict())).hexdigest(),
            sound=report.sound,
        )

    def as_dict(self) -> dict[str, object]:
        """The same as JSON values."""
        return {
            "location": self.location,
            "identity": dict(self.identity),
            "at": self.at,
            "sha256": self.sha256,
            "sound": self.sound,
        }


@runtime_checkable
class WasProbed(Protocol):
    """A store opened with the result of a probe, kept where the host cannot change it."""

    probed: ProbeReport | None


def probe_summary(store: ObjectStore) -> ProbeSummary | None:
    """The summary of the probe of `store`, or None when it was never probed.

    A home (`open_home`) is asked for the result that it was opened with; any other store
    for the one that it keeps itself, which then comes from the host.

    Raises:
        Invalid: when what is kept is not a result.
        Unavailable, Refused: as the store does.
    """
    report = store.probed if isinstance(store, WasProbed) else kept_probe(store)
    return None if report is None else ProbeSummary.of(report)
