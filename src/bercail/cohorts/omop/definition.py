"""An OHDSI cohort definition as a value, read from the JSON that ATLAS exports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from attrs import field, frozen

from bercail.foundation import Invalid, Missing, sha256_hex

SUFFIX = ".json"
MAX_BYTES = 4 * 1024 * 1024
_EXPORT = "Export the definition from ATLAS as JSON, and give that file."


@frozen(kw_only=True)
class Phenotype:
    """A definition; `text` is its JSON with sorted keys, and `digest` the SHA-256 of that.

    `rules` are the names of its inclusion rules, in their order.
    """

    name: str
    title: str
    text: str = field(repr=False)
    rules: tuple[str, ...]

    @property
    def digest(self) -> str:
        """The identity of the definition, lower-case hexadecimal."""
        return sha256_hex(self.text.encode())

    @property
    def steps(self) -> tuple[str, ...]:
        """The labels of its flowchart."""
        rules = (f"Inclusion rule: {name}" for name in self.rules)
        return "Persons in the data", "Entry event", *rules, "In the cohort"


def is_phenotype(path: Path) -> bool:
    """Whether a file is taken for an OHDSI definition: by its name alone."""
    return path.suffix.lower() == SUFFIX


def read_phenotype(path: Path) -> Phenotype:
    """The definition in a file: an expression of Circe, alone or in an export of ATLAS.

    Raises:
        Missing: there is no such file.
        Invalid: it is longer than MAX_BYTES, no JSON, or has no primary criteria.
    """
    if not path.is_file():
        raise Missing(f"There is no definition `{path}`.", remedy="Check its path.")
    if path.stat().st_size > MAX_BYTES:
        raise Invalid(f"`{path.name}` has more than {MAX_BYTES} bytes.", remedy=_EXPORT)
    try:
        whole = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise Invalid(f"`{path.name}` is not JSON.", remedy=_EXPORT) from error
    found = whole.get("expression", whole) if isinstance(whole, dict) else None
    if not isinstance(found, dict) or not isinstance(found.get("PrimaryCriteria"), dict):
        raise Invalid(
            f"`{path.name}` is no cohort definition: it has no `PrimaryCriteria`.",
            remedy=_EXPORT,
        )
    title = whole.get("name") or found.get("Title") or path.stem
    return Phenotype(
        name=path.stem,
        title=str(title),
        text=json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False),
        rules=_rules(found.get("InclusionRules")),
    )


def _rules(given: Any) -> tuple[str, ...]:
    rules = given if isinstance(given, list) else []
    named = (rule.get("name") if isinstance(rule, dict) else None for rule in rules)
    return tuple(str(name) if name else str(place) for place, name in enumerate(named, start=1))
