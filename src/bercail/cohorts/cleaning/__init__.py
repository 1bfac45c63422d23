"""The cleaning rules by name: what an SNDS expert does to rows before counting them.

Never does: apply a rule that nobody asked for.
Hands out: `RULES` and `find_rules`, which the cohort language speaks; `PUBLISHED`, every rule with
its version as a view over the tables, with the published wordings that are wrong beside it;
`BUILD_RULES`, those that the event tables are made with, which are more than the language has.
"""

from bercail.cohorts.cleaning.published import PUBLISHED, find_published, listed
from bercail.cohorts.cleaning.sectors import BUILD_RULES, SECTOR_RULES
from bercail.cohorts.cleaning.spoken import REAL_IDENTIFIERS, RULES, Rule, find_rules
from bercail.cohorts.cleaning.view import PublishedRule, WrongWording

__all__ = [
    "BUILD_RULES",
    "PUBLISHED",
    "REAL_IDENTIFIERS",
    "RULES",
    "SECTOR_RULES",
    "PublishedRule",
    "Rule",
    "WrongWording",
    "find_published",
    "find_rules",
    "listed",
]
