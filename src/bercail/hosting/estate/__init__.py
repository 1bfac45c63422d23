"""The rest of the estate: what a customer's own exports say, and what becomes of each resource.

For: judging a whole Azure estate (every resource, its target on the layer that all qualified
hosts have, the work, the data, the blockers, the order) from files that the customer exports,
without any access to their account.
Never does: call a cloud, guess what an unknown type is, or keep anything of an export but
identifiers, names, types, sizes and service addresses; secrets in exports never come out.
Hands out: `assess`, `Assessment`, `load_mapping`, and `write_page` for the report.
"""

from bercail.hosting.estate.assessment import Assessment, Judged, Obstacle
from bercail.hosting.estate.mapping import EstateMapping, load_mapping
from bercail.hosting.estate.page import page, write_page
from bercail.hosting.estate.service import assess
from bercail.hosting.estate.tables import tables
from bercail.hosting.estate.words import Language

__all__ = [
    "Assessment",
    "EstateMapping",
    "Judged",
    "Language",
    "Obstacle",
    "assess",
    "load_mapping",
    "page",
    "tables",
    "write_page",
]
