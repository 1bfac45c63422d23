"""Which persons a model learns from, is tuned on, and is judged by."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from attrs import frozen
from meds.schema import held_out_split, train_split, tuning_split

from bercail.foundation import Invalid, canonical_json, sha256_hex

SHARES: Mapping[str, int] = {
    train_split: 800,
    tuning_split: 100,
    held_out_split: 100,
}
_WHOLE = 1000


@frozen(kw_only=True)
class Splits:
    """A split for each person, and what it was made from: the seed and shares per thousand."""

    of: Mapping[str, str]
    seed: str
    shares: Mapping[str, int]

    @property
    def digest(self) -> str:
        """SHA-256 of the persons and their splits in order: quote it beside a model's scores."""
        return sha256_hex(canonical_json([[who, self.of[who]] for who in sorted(self.of)]))

    def counts(self) -> dict[str, int]:
        """Persons in each split, none left out."""
        held = list(self.of.values())
        return {name: held.count(name) for name in self.shares}


def assign_splits(
    persons: Sequence[str],
    *,
    seed: str,
    shares: Mapping[str, int] | None = None,
    families: Mapping[str, str] | None = None,
) -> Splits:
    """A split for each person, from a digest of the seed and the person.

    The same person and seed give the same split in every extract, whoever else is in it.
    Persons of one family (or twins, or a general practitioner's list) share a split, since one
    tells about the other. `shares` are per thousand.

    Raises:
        Invalid: shares that do not sum to 1000, no seed, or a person twice.
    """
    wanted = dict(SHARES if shares is None else shares)
    if sum(wanted.values()) != _WHOLE or min(wanted.values()) < 0:
        raise Invalid("The shares of the splits do not sum to 1000.", remedy="They are per mille.")
    if not seed:
        raise Invalid("A split needs a seed.", remedy="Give any word, and quote it.")
    if len(set(persons)) != len(persons):
        raise Invalid(f"{len(persons) - len(set(persons))} persons are given twice.")
    units = {who: (families or {}).get(who, who) for who in persons}
    return Splits(
        of={who: _split(seed, unit, wanted) for who, unit in units.items()},
        seed=seed,
        shares=wanted,
    )


def _split(seed: str, unit: str, shares: Mapping[str, int]) -> str:
    # The NUL keeps `a` + `bc` apart from `ab` + `c`.
    digest = hashlib.sha256(f"{seed}\0{unit}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") * _WHOLE >> 64
    for name, share in shares.items():
        if place < share:
            return name
        place -= share
    raise Invalid("The shares of the splits do not sum to 1000.")
