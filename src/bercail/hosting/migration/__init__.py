"""One migration: survey, plan, copy, prove, cut over, roll back.

Never does: write to the source, or count an object as carried before it stands whole on the
target. Hands out: `MigrationService` and the values it answers with.
"""

from bercail.hosting.migration.copy_run import CopyReport
from bercail.hosting.migration.plan import Plan
from bercail.hosting.migration.proving import Basis, Proof
from bercail.hosting.migration.service import MigrationService
from bercail.hosting.migration.state import Side
from bercail.hosting.migration.status import MigrationStatus, Survey

__all__ = [
    "Basis",
    "CopyReport",
    "MigrationService",
    "MigrationStatus",
    "Plan",
    "Proof",
    "Side",
    "Survey",
]
