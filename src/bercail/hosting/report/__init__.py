"""The report of a migration for those who answer for it: what moved, what was proven, who decided.

For: a ministry, an auditor. Everything in it comes from the journal, so the same journal gives
the same report.
Never does: read either side, name an object, or ask anything of the network.
Hands out: `ReportDesk` and `MigrationReport`.
"""

from bercail.hosting.report.desk import MigrationReport, ReportDesk

__all__ = ["MigrationReport", "ReportDesk"]
