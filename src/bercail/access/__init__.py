"""Who may use what, for what, until when; and handing it over.

Never does: hand out a table, a column, a year or a person that the live permit does not
name, or anything of a person who objects.
Hands out: `AccessService`: applications, opinions, permits, objections, extracts.
"""

from bercail.access.permit import (
    AccessApplication,
    DataPermit,
    DataScope,
    Population,
    Purpose,
    TableScope,
)
from bercail.access.service import AccessService

__all__ = [
    "AccessApplication",
    "AccessService",
    "DataPermit",
    "DataScope",
    "Population",
    "Purpose",
    "TableScope",
]
