"""The platform's level-2 secret is changed: every pseudonym of the lake becomes another.

Never does: keep a correspondence of old and new, begin while a column is in doubt, or open the
lake again before the change is proven.
Hands out: `RotationService`.
"""

from bercail.ingest.rotation.plan import RotationPlan
from bercail.ingest.rotation.projects import TurnsProjects
from bercail.ingest.rotation.service import (
    CarriesObjections,
    RotationService,
    column_verdicts,
)

__all__ = [
    "CarriesObjections",
    "RotationPlan",
    "RotationService",
    "TurnsProjects",
    "column_verdicts",
]
