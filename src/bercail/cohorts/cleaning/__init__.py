"""The cleaning rules by name: what an SNDS expert does to rows before counting them.

Never does: apply a rule that nobody asked for.
Hands out: `RULES` and `find_rules`, which the cohort language speaks; `PUBLISHED`, every rule with
its version as a view over the tables, with the published wordings that are wrong beside it.
"""

from bercail.cohorts.cleaning.published import PUBLISHED, find_published, listed
from bercail.cohorts.cleaning.spoken import REAL_IDENTIFIERS, RULES, Rule, find_rules
from bercail.cohorts.cleaning.view import PublishedRule, WrongWording

__all__ = [
    "PUBLISHED",
    "REAL_IDENTIFIERS",
    "RULES",
    "PublishedRule",
    "Rule",
    "WrongWording",
    "find_published",
    "find_rules",
    "listed",
]
