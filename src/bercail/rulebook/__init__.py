"""Every legal requirement, its evidence, the conformity page.

For: saying, for each requirement, which tests of which run speak for it, and saying
plainly where there is nothing.
Never does: decide that a requirement is met; run a test; hide one without evidence.
Hands out: `RulebookService` (the desk), `Requirement`, `Standing`, `load_requirements`.
"""

from bercail.rulebook.evidence import EvidenceRun, TestOutcome
from bercail.rulebook.requirement import Entry, Requirement, Standing
from bercail.rulebook.service import RulebookService
from bercail.rulebook.shelf import load_evidence, load_requirements

__all__ = [
    "Entry",
    "EvidenceRun",
    "Requirement",
    "RulebookService",
    "Standing",
    "TestOutcome",
    "load_evidence",
    "load_requirements",
]
