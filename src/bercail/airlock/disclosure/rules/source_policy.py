"""The thresholds of one source, versioned and signed; the strictest of linked sources wins."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from attrs import asdict, evolve, field, fields, frozen, validators

from bercail.airlock.disclosure.faults import FaultError, told
from bercail.airlock.disclosure.policy import SNDS as SNDS_COUNTS
from bercail.airlock.disclosure.policy import DisclosurePolicy, strictest
from bercail.foundation import Invalid, Unproven, canonical_json, sha256_hex
from bercail.vault import DualPublicKey, DualSigner, dsse_envelope, open_dsse_envelope

POLICY_TYPE = "application/vnd.bercail.disclosure-policy+json"
FORMAT = "bercail-disclosure-policy/1"

Class = Literal["allow", "note", "hide"]
_CLASSES: tuple[Class, ...] = ("allow", "note", "hide")


@frozen(kw_only=True)
class SourcePolicy:
    """`counts` rules distinct persons; the rest completes it for other statistics.

    `establishments`, `prescribers`: the fewest behind a shown number.
    `dominance_units`, `dominance_percent`: NK(n, k): the n greatest may make up k % at most.
    `p_percent`: how closely, in percent, the second contributor may estimate the first.
    `zero_cells`, `full_cells`: `allow`, `note` (people judge) or `hide` (primary cells).
    `residual_degrees`: the fewest residual degrees of freedom of a model.
    `survival_events`: the fewest events in one step of a survival curve, if any.
    `class_zones`: the fewest zones in one colour of a map.
    `rounding`: the base of controlled rounding.
    """

    name: str
    version: int = field(validator=validators.ge(1))
    counts: DisclosurePolicy = SNDS_COUNTS
    establishments: int = field(default=3, validator=validators.ge(1))
    prescribers: int = field(default=3, validator=validators.ge(1))
    dominance_units: int = field(default=1, validator=validators.ge(1))
    dominance_percent: int = field(default=85, validator=(validators.ge(1), validators.le(100)))
    p_percent: int = field(default=10, validator=(validators.ge(0), validators.le(100)))
    zero_cells: Class = field(default="note", validator=validators.in_(_CLASSES))
    full_cells: Class = field(default="note", validator=validators.in_(_CLASSES))
    residual_degrees: int = field(default=10, validator=validators.ge(1))
    survival_events: int = field(default=11, validator=validators.ge(1))
    class_zones: int = field(default=3, validator=validators.ge(1))
    rounding: int = field(default=10, validator=validators.in_((5, 10)))

    @property
    def threshold(self) -> int:
        """The fewest distinct persons behind a shown number."""
        return self.counts.threshold

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical policy, in hexadecimal."""
        return sha256_hex(canonical_json(self.as_dict()))

    def as_dict(self) -> dict[str, Any]:
        """Every setting, as it is signed."""
        return {"format": FORMAT, **asdict(self, recurse=False), "counts": self.counts.as_dict()}


SOURCES: tuple[SourcePolicy, ...] = (
    SourcePolicy(name="snds", version=1),
    SourcePolicy(name="pmsi", version=1, counts=evolve(SNDS_COUNTS, name="pmsi")),
    SourcePolicy(
        name="rare-diseases",
        version=1,
        counts=DisclosurePolicy(name="rare-diseases", version=1, threshold=15, zeros="hide"),
        zero_cells="hide",
        full_cells="hide",
    ),
)
"""Policies by source, before an operator signs their own."""

SNDS_SOURCE = SOURCES[0]


def strictest_source(policies: Iterable[SourcePolicy]) -> SourcePolicy:
    """One policy at least as strict as each of `policies`; ValueError when there is none.

    A single policy is returned unchanged, so that its digest stays the one that was signed.
    """
    found = sorted(set(policies), key=lambda policy: policy.name)
    if not found:
        raise ValueError("no policy was given")
    if len(found) == 1:
        return found[0]

    def most(name: str) -> Any:
        return max(getattr(policy, name) for policy in found)

    def worst(name: str) -> Class:
        return _CLASSES[max(_CLASSES.index(getattr(policy, name)) for policy in found)]

    return SourcePolicy(
        name="+".join(policy.name for policy in found),
        counts=strictest(policy.counts for policy in found),
        dominance_percent=min(policy.dominance_percent for policy in found),
        zero_cells=worst("zero_cells"),
        full_cells=worst("full_cells"),
        **{name: most(name) for name in _HIGHER_IS_STRICTER},
    )


_HIGHER_IS_STRICTER = (
    "version", "establishments", "prescribers", "dominance_units", "p_percent",
    "residual_degrees", "survival_events", "class_zones", "rounding",
)  # fmt: skip


def signed_policy(policy: SourcePolicy, signer: DualSigner) -> bytes:
    """The policy in a DSSE envelope, as an operator publishes it."""
    payload = canonical_json(policy.as_dict())
    return canonical_json(dsse_envelope(POLICY_TYPE, payload, [signer])) + b"\n"


def open_policy(envelope: bytes, key: DualPublicKey) -> SourcePolicy:
    """The policy that `key` signed.

    Raises:
        Unproven: the envelope is not signed by that key.
        Invalid: what was signed is no policy.
    """
    try:
        outer = json.loads(envelope)
    except (ValueError, RecursionError) as problem:
        raise Unproven(
            "The disclosure policy is no signed envelope. / "
            "La politique de divulgation n'est pas une enveloppe signée.",
            remedy="Fetch it again from who published it. / "
            "Allez la chercher de nouveau chez qui l'a publiée.",
            rule="disclosure-policy",
        ) from problem
    payload = open_dsse_envelope(outer, POLICY_TYPE, [key])
    return policy_from_dict(json.loads(payload))


def policy_from_dict(value: Any) -> SourcePolicy:
    """The policy that `SourcePolicy.as_dict` wrote; raises `Invalid`, an unknown member too."""
    try:
        members: Mapping[str, Any] = dict(value)
        if members["format"] != FORMAT:
            raise FaultError(f"it does not say `{FORMAT}`", f"elle ne dit pas `{FORMAT}`")
        known = {one.name for one in fields(SourcePolicy)} - {"counts"}
        if set(members) != known | {"counts", "format"}:
            raise FaultError(
                "its members are not those of a policy",
                "ses membres ne sont pas ceux d'une politique",
            )
        return SourcePolicy(
            counts=DisclosurePolicy(**members["counts"]),
            **{name: members[name] for name in known},
        )
    except (KeyError, TypeError, ValueError) as problem:
        en, fr = told(problem)
        raise Invalid(
            f"The disclosure policy cannot be read: {en}. / "
            f"La politique de divulgation ne peut être lue : {fr}.",
            remedy="Begin from `bercail airlock policy show NAME --json`. / "
            "Partez de `bercail airlock policy show NOM --json`.",
            rule="disclosure-policy",
        ) from problem
