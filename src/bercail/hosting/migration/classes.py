"""Which storage class of the target an object stands in, by the tier it has on the source.

The operator says it in a file. Nothing is derived from the name of a tier: `Cool` on Azure
and `STANDARD_IA` on S3 are words of two price lists, and an object whose tier the file does
not name stands where the target puts all objects.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen

from bercail.foundation import Invalid
from bercail.hosting.migration.entry import Entry
from bercail.storage.classes import require_class_name

FORMAT = "bercail-storage-classes/1"
_KEYS = frozenset({"format", "otherwise", "tiers"})
_EXAMPLE = (
    f'Write `format = "{FORMAT}"`, then under `[tiers]` lines such as `Cool = "STANDARD_IA"`.'
)


@frozen(kw_only=True)
class Classes:
    """Classes by tier of the source, in small letters; `otherwise` is that of all other objects.

    None is the class in which the target puts what is written without one.
    """

    tiers: Mapping[str, str] = field(factory=dict)
    otherwise: str | None = None

    def of(self, entry: Entry) -> str | None:
        """The class in which `entry` is to stand."""
        return self.of_tier(entry.facts.tier)

    def of_tier(self, tier: str | None) -> str | None:
        """The class for objects of `tier`."""
        return self.tiers.get((tier or "").casefold(), self.otherwise)

    def names(self) -> tuple[str, ...]:
        """Every class named, each once."""
        named = {*self.tiers.values(), *filter(None, [self.otherwise])}
        return tuple(sorted(named))

    def as_dict(self) -> dict[str, Any]:
        """Plain types, as they are kept."""
        return {"tiers": dict(self.tiers), "otherwise": self.otherwise}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Classes:
        """What `as_dict` gave."""
        return cls(tiers=dict(kept["tiers"]), otherwise=kept["otherwise"])


NONE = Classes()


def load_classes(path: Path) -> Classes:
    """Read a TOML file of classes.

    Raises:
        Invalid: for a file that cannot be read, an unknown key, a tier named twice, or a word
            that is no class.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Invalid(
            f"The file of storage classes `{path}` cannot be read ({type(error).__name__}).",
            remedy=_EXAMPLE,
        ) from None
    if found.get("format") != FORMAT or not isinstance(found.get("tiers", {}), dict):
        raise Invalid(f"`{path}` is not a file of storage classes.", remedy=_EXAMPLE)
    odd = sorted(set(found) - _KEYS)
    if odd:
        raise Invalid(
            f"The key `{odd[0]}` is not one of a file of storage classes.", remedy=_EXAMPLE
        )
    otherwise = found.get("otherwise")
    return Classes(
        tiers=_tiers(found.get("tiers", {})),
        otherwise=None if otherwise is None else require_class_name(str(otherwise)),
    )


def _tiers(told: Mapping[str, Any]) -> dict[str, str]:
    tiers: dict[str, str] = {}
    for tier, name in told.items():
        if tier.casefold() in tiers:
            raise Invalid(f"The tier `{tier}` is named twice.", remedy="Keep one of the lines.")
        tiers[tier.casefold()] = require_class_name(str(name))
    return tiers
