"""What a file handed in holds, found by its content and never by its name.

For: telling people what a file is, what is hidden in it, and where; stopping what can never
leave. Never does: running, unpickling or rendering anything; repeating a value that it found.
Every parser is bounded in bytes, entries and depth, and what it does not understand goes to
people with the reason. Hands out: `inspect_bytes`, `Inspection`, `Kind`, `LIMITS`.
"""

from bercail.airlock.inspection.inspecting import Inspection, inspect_bytes
from bercail.airlock.inspection.kinds import Disposition, Kind
from bercail.airlock.inspection.limits import LIMITS, Limits
from bercail.airlock.inspection.remarks import Remark

__all__ = ["LIMITS", "Disposition", "Inspection", "Kind", "Limits", "Remark", "inspect_bytes"]
