"""A requirement, and where it stands."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from attrs import field, frozen
from attrs.validators import in_, matches_re, min_len

from bercail.rulebook.evidence import TestOutcome


class Standing(StrEnum):
    """What the evidence says of one requirement."""

    SHOWN = "tests pass"
    PARTLY = "tests pass, document missing"
    FAILING = "a test fails"
    NONE = "no evidence yet"


@frozen(kw_only=True)
class Requirement:
    """What a text asks. `kind` says what can speak for it: a `test`, or dated `evidence`
    (a document of the operator) that no test replaces."""

    id: str = field(validator=matches_re(r"[A-Z]{2,5}-[0-9]{2}"))
    requirement: str = field(validator=min_len(1))
    source: str = field(validator=min_len(1))
    verification: str = field(validator=min_len(1))
    kind: str = field(validator=in_(("test", "evidence")))

    @property
    def group(self) -> str:
        """The chapter of the rule book: what stands before the hyphen of the id."""
        return self.id.partition("-")[0]


@frozen(kw_only=True)
class Entry:
    """A requirement with the tests that name it and what they say together."""

    requirement: Requirement
    standing: Standing
    tests: tuple[TestOutcome, ...]

    def as_dict(self) -> dict[str, Any]:
        """The entry as `--json` prints it."""
        return {
            "id": self.requirement.id,
            "standing": self.standing.value,
            "requirement": self.requirement.requirement,
            "source": self.requirement.source,
            "verification": self.requirement.verification,
            "kind": self.requirement.kind,
            "tests": [{"test": test.test, "outcome": test.outcome} for test in self.tests],
        }
