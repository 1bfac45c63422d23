"""The audit: what a reader of published tables can still learn, computed by a second reader.

It sees tables as they would be published, builds its own equations, and imports nothing that
chose the hidden cells (a test holds that). `python -m bercail.airlock.disclosure.audit FILE`
repeats it for anyone. Hands out: `audit_tables`, `Audit`, `HouseRule`.
"""

from bercail.airlock.disclosure.attacker import HouseRule
from bercail.airlock.disclosure.audit.report import (
    Audit,
    AuditedCell,
    Insider,
    Wanted,
    audit_tables,
)

__all__ = ["Audit", "AuditedCell", "HouseRule", "Insider", "Wanted", "audit_tables"]
