"""Where each requirement stands, given a test run. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bercail.foundation import Invalid
from bercail.rulebook.evidence import EvidenceRun, TestOutcome
from bercail.rulebook.requirement import Entry, Requirement, Standing


def judge(requirements: Sequence[Requirement], run: EvidenceRun) -> tuple[Entry, ...]:
    """One entry per requirement, in their order; none is left out.

    Raises:
        Invalid: the run speaks of a requirement that does not exist.
    """
    tests: dict[str, list[TestOutcome]] = {item.id: [] for item in requirements}
    for outcome in run.outcomes:
        for name in outcome.requirements:
            if name not in tests:
                raise Invalid(
                    f"The test `{outcome.test}` names the requirement `{name}`, unknown here.",
                    remedy="Correct the id in its marker, or record the tests again.",
                )
            tests[name].append(outcome)
    return tuple(
        Entry(
            requirement=item,
            standing=standing(item, tests[item.id]),
            tests=tuple(sorted(tests[item.id], key=lambda outcome: outcome.test)),
        )
        for item in requirements
    )


def standing(requirement: Requirement, tests: Sequence[TestOutcome]) -> Standing:
    """What `tests` say of `requirement`. A skipped test says nothing.

    A requirement of kind `evidence` asks for a dated document: tests alone show a part of it.
    """
    outcomes = {test.outcome for test in tests}
    if "failed" in outcomes:
        return Standing.FAILING
    if "passed" not in outcomes:
        return Standing.NONE
    return Standing.PARTLY if requirement.kind == "evidence" else Standing.SHOWN
