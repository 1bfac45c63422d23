"""What a probe found, as a value: kept with the store, shown, and judged.

The object that keeps it is described in `docs/reference/capability-probe.md`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, get_args

from attrs import evolve, field, frozen

from bercail.foundation import Invalid, Missing, Refused, canonical_json
from bercail.storage.port import Features, ObjectStore

FORMAT = "capability-probe v1"
KEPT_NAME = "bercail-probe/result.json"
"""The reserved name of the result. It starts as an Azure container may."""
_LARGEST = 1 << 20

Verdict = Literal["held", "absent", "ignored"]
"""Done as asked; refused openly; answered as done, and not done."""

# What the house sends with a body, by the option `checksum` of an S3 location: the demand
# that must be refused of a whole object, and of a part.
_COMPARED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "crc64nvme": ("wrong-crc64nvme", "wrong-part-crc64nvme"),
        "signature": ("wrong-payload-hash",),
    }
)


def _frozen_identity(identity: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(sorted(identity.items())))


@frozen(kw_only=True)
class Trait:
    """One thing asked, what became of it, and whether a home cannot do without."""

    name: str
    verdict: Verdict
    told: str
    needed: bool = False

    @property
    def held(self) -> bool:
        """Whether the host did what was asked."""
        return self.verdict == "held"

    def as_dict(self) -> dict[str, object]:
        """The same as JSON values."""
        return {
            "trait": self.name,
            "held": self.held,
            "verdict": self.verdict,
            "needed": self.needed,
            "told": self.told,
        }


@frozen(kw_only=True)
class ProbeReport:
    """Everything asked of one host.

    `identity` tells which program answered, as far as it says; `at` is the time of this
    machine, ISO 8601.
    """

    location: str
    at: str = ""
    identity: Mapping[str, str] = field(factory=dict, converter=_frozen_identity, hash=False)
    traits: tuple[Trait, ...]

    @property
    def sound(self) -> bool:
        """Whether the host holds everything that a home needs."""
        return not self.reasons_against_home()

    @property
    def tells_checksums(self) -> bool:
        """Whether the host compares CRC-64/NVME and tells its own: then it can be relied on."""
        return self.holds("wrong-crc64nvme") and self.holds("checksum-told")

    def holds(self, name: str) -> bool:
        """Whether the trait was asked and held."""
        return any(trait.name == name and trait.held for trait in self.traits)

    def asked(self, name: str) -> bool:
        """Whether the trait was asked."""
        return any(trait.name == name for trait in self.traits)

    def compares_bodies(self, checksum: str) -> bool | None:
        """Whether bodies sent with this `checksum` are compared; None when it was not asked.

        `checksum` is the option of an S3 location: `crc64nvme` or `signature`.
        """
        asked = [name for name in _COMPARED.get(checksum, ()) if self.asked(name)]
        return all(map(self.holds, asked)) if asked else None

    def reasons_against_home(self) -> tuple[str, ...]:
        """Why data may not live there: none, when they may."""
        reasons = [
            f"`{trait.name}`: {trait.told}"
            for trait in self.traits
            if trait.needed and not trait.held
        ]
        asked = [names[0] for names in _COMPARED.values() if self.asked(names[0])]
        if asked and not any(map(self.holds, asked)):
            reasons.append("no checksum that is sent with a body is compared with it")
        if reasons:
            reasons += [
                f"`{trait.name}` is ignored in silence: {trait.told}"
                for trait in self.traits
                if trait.verdict == "ignored" and not trait.needed
            ]
        return tuple(reasons)

    def as_dict(self) -> dict[str, object]:
        """The same as JSON values; also the object that keeps it."""
        return {
            "format": FORMAT,
            "location": self.location,
            "at": self.at,
            "identity": dict(self.identity),
            "sound": self.sound,
            "traits": [trait.as_dict() for trait in self.traits],
        }

    @classmethod
    def from_dict(cls, value: Any) -> ProbeReport:
        """Read a kept result.

        Raises:
            Invalid: when it is not one.
        """
        try:
            if value["format"] != FORMAT:
                raise ValueError
            return cls(
                location=str(value["location"]),
                at=str(value["at"]),
                identity={str(k): str(v) for k, v in value["identity"].items()},
                traits=tuple(_trait(entry) for entry in value["traits"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            raise Invalid(
                "The kept result of the probe cannot be read.",
                remedy="Probe the store again: `bercail store probe`.",
            ) from None

    def features(self, declared: Features, *, checksum: str = "crc64nvme") -> Features:
        """`declared`, corrected where the probe knows better, for bodies sent so."""
        asked = {trait.name: trait.held for trait in self.traits}
        compared = self.compares_bodies(checksum)
        return evolve(
            declared,
            conditional_put=asked.get("conditional-put", declared.conditional_put)
            and asked.get("conditional-race", True),
            conditional_multipart=asked.get(
                "conditional-multipart", declared.conditional_multipart
            ),
            versions=asked.get("versions", declared.versions),
            object_lock=asked.get("object-lock", declared.object_lock),
            server_checksums=declared.server_checksums if compared is None else compared,
        )

    def lines(self) -> list[str]:
        """The result for a person: who answered, then a line a trait."""
        who = ", ".join(f"{key} {value}" for key, value in self.identity.items())
        width = max((len(trait.name) for trait in self.traits), default=1)
        shown = [
            f"{trait.verdict:<8} {trait.name:<{width}}  {trait.told}"
            + (" (needed)" if trait.needed and not trait.held else "")
            for trait in self.traits
        ]
        last = "fit for a home" if self.sound else "not fit for a home"
        return [f"{self.location} ({who})" if who else self.location, *shown, last]


def _trait(entry: Any) -> Trait:
    if entry["verdict"] not in get_args(Verdict):
        raise ValueError
    return Trait(
        name=str(entry["trait"]),
        verdict=entry["verdict"],
        told=str(entry["told"]),
        needed=bool(entry["needed"]),
    )


def keep_probe(store: ObjectStore, report: ProbeReport) -> None:
    """Write the result into the store itself, under `KEPT_NAME`, over a former one.

    Raises:
        Unavailable, Refused: as the store does.
    """
    store.put(KEPT_NAME, canonical_json(report.as_dict()))


def kept_probe(store: ObjectStore) -> ProbeReport | None:
    """The result kept in the store, or None when it was never probed.

    It comes from the host, so it says nothing to who distrusts the host: it spares a
    second probe of a host that is trusted to have been honest.

    Raises:
        Invalid: when what stands there is not a result.
    """
    try:
        if store.head(KEPT_NAME).size > _LARGEST:
            return ProbeReport.from_dict(None)
        return read_probe(store.get(KEPT_NAME))
    except Missing:
        return None


def read_probe(content: bytes) -> ProbeReport:
    """The result in `content`.

    Raises:
        Invalid: when it is not one.
    """
    try:
        value = json.loads(content)
    except ValueError:
        value = None
    return ProbeReport.from_dict(value)


def require_fit_for_home(report: ProbeReport) -> None:
    """Let a host pass whose silences the house can live with.

    Raises:
        Refused: with every reason (rule `store-unfit`).
    """
    reasons = report.reasons_against_home()
    if reasons:
        raise Refused(
            f"The store `{report.location}` cannot be a home: {'; '.join(reasons)}.",
            remedy="Choose another host; what a store ignores in silence cannot be relied on.",
            rule="store-unfit",
        )
