"""What a test run says: the content of an evidence file."""

from __future__ import annotations

from attrs import field, frozen
from attrs.validators import in_, min_len

FORMAT = "bercail-evidence-1"
"""The value of `format` in an evidence file."""


@frozen(kw_only=True)
class TestOutcome:
    """How one test ended, and the ids of the requirements that it names."""

    __test__ = False  # a value, not a test class

    test: str = field(validator=min_len(1))
    outcome: str = field(validator=in_(("passed", "failed", "skipped")))
    requirements: tuple[str, ...] = field(converter=tuple)


@frozen(kw_only=True)
class EvidenceRun:
    """One test run: when it ended (ISO 8601, UTC), of which version, and its outcomes.

    `at` and `version` are empty when no run was recorded.
    """

    at: str = ""
    version: str = ""
    outcomes: tuple[TestOutcome, ...] = ()
