"""A disagreement between two sources about a column, kept with who says what. Pure."""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen, validators

ConflictKind = Literal["type", "length", "key", "name"]
KINDS: tuple[ConflictKind, ...] = ("type", "length", "key", "name")
# Who says a type: the Oracle catalogue, the public schema; the Oracle catalogue of other tables
# for a column of the same name; nobody, so that text is assumed.
ORACLE, SCHEMA, ELSEWHERE, ASSUMED = "oracle", "schema", "oracle_elsewhere", "assumed"

# What stands for a number that the public schema says is whole, and is not.
FRACTIONAL = "num with decimals"

# What a declared type of the public schema is on disk. Years and months are text there, and a
# return code declared boolean has the values 0, 1, 2, 3, 4 and 9.
_DECLARED_AS = {
    "string": "char",
    "year": "char",
    "yearmonth": "char",
    "boolean": "char",
    "integer": "num",
    "number": "num",
    "date": "date",
    "datetime": "date",
}
# Told as they are written: none of these is an Oracle type.
_NOT_PHYSICAL = frozenset({"year", "yearmonth", "boolean"})


@frozen(kw_only=True)
class Conflict:
    """`stands` is what the catalogue goes by, `other` what another source says instead."""

    kind: ConflictKind = field(validator=validators.in_(KINDS))
    stands: str
    stands_by: str
    other: str
    other_by: str
    why: str = ""

    @property
    def line(self) -> str:
        """The same in a few words."""
        told = f"{self.kind}: {self.stands} ({self.stands_by}), not {self.other} ({self.other_by})"
        return f"{told}; {self.why}" if self.why else told

    def as_dict(self) -> dict[str, str]:
        """The same as JSON values."""
        return {
            "kind": self.kind,
            "stands": self.stands,
            "stands_by": self.stands_by,
            "other": self.other,
            "other_by": self.other_by,
            "why": self.why,
        }


def physical_of(declared: str) -> str:
    """The physical type that a declared one leads to; text, which loses nothing, when unknown."""
    return _DECLARED_AS.get(declared, "char")


def type_conflict(physical: str, length: int | None, declared: str, source: str) -> Conflict | None:
    """The type that stands against the declared one, where both are known and do not agree."""
    if source not in (ORACLE, ELSEWHERE, ASSUMED) or not declared:
        return None
    if declared not in _NOT_PHYSICAL and physical_of(declared) == physical:
        return None
    stands = f"{physical}({length})" if length else physical
    return Conflict(kind="type", stands=stands, stands_by=source, other=declared, other_by=SCHEMA)
