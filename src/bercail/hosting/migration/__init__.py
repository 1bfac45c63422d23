"""One migration: survey, plan, copy, prove, dual-run, cut over, roll back.

Never does: write to the source (but for the probe of the freeze), or count an object as
carried before it stands whole on the target.
Hands out: `MigrationService` and the values it answers with.
"""

from bercail.hosting.migration.bandwidth import Bandwidth
from bercail.hosting.migration.bandwidth_schedule import ScheduleFile
from bercail.hosting.migration.baseline import SinceCutOver
from bercail.hosting.migration.copy_run import CopyReport
from bercail.hosting.migration.dual_run import Comparison, Depth, DualRunReport
from bercail.hosting.migration.freeze import Attestation, Freeze, ProbeWrite
from bercail.hosting.migration.plan import Plan
from bercail.hosting.migration.proving import Basis, Proof
from bercail.hosting.migration.service import MigrationService
from bercail.hosting.migration.sighting import Versions
from bercail.hosting.migration.state import Side
from bercail.hosting.migration.status import MigrationStatus, Survey

__all__ = [
    "Attestation",
    "Bandwidth",
    "Basis",
    "Comparison",
    "CopyReport",
    "Depth",
    "DualRunReport",
    "Freeze",
    "MigrationService",
    "MigrationStatus",
    "Plan",
    "ProbeWrite",
    "Proof",
    "ScheduleFile",
    "Side",
    "SinceCutOver",
    "Survey",
    "Versions",
]
