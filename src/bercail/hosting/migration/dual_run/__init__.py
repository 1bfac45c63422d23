"""Both sides side by side: deltas carried until the source is quiet, then a comparison.

For: the time in which people still write to the source and already read the target.
Never does: write to the source, or move the canonical side.
Hands out: `DualRun` and the values it answers with.
"""

from bercail.hosting.migration.dual_run.comparing import Comparison, Depth
from bercail.hosting.migration.dual_run.delta_log import DeltaLog
from bercail.hosting.migration.dual_run.desk import DualRun, DualRunReport

__all__ = ["Comparison", "DeltaLog", "Depth", "DualRun", "DualRunReport"]
