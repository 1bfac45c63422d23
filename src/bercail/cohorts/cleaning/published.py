"""Every published rule by its id and version."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from bercail.cohorts.cleaning.city import CITY
from bercail.cohorts.cleaning.hospital import HOSPITAL
from bercail.cohorts.cleaning.other_sectors import OTHER_SECTORS
from bercail.cohorts.cleaning.people import PEOPLE
from bercail.cohorts.cleaning.spoken import RULES, Rule
from bercail.cohorts.cleaning.view import PublishedRule
from bercail.foundation import Missing

PUBLISHED: Mapping[str, PublishedRule] = MappingProxyType(
    {rule.key: rule for rule in (*CITY, *HOSPITAL, *OTHER_SECTORS, *PEOPLE)}
)


def find_published(name: str) -> PublishedRule:
    """The rule `id@version`, or the newest version of an id; `Missing` when there is none."""
    if name in PUBLISHED:
        return PUBLISHED[name]
    versions = [rule for rule in PUBLISHED.values() if rule.id == name]
    if not versions:
        raise Missing(
            f"There is no cleaning rule `{name}`.", remedy="`bercail cohort rules` lists them."
        )
    return max(versions, key=lambda rule: rule.version)


def listed(name: str | None = None) -> list[dict[str, Any]]:
    """Every rule as commands show it, or the one called `name`; `Missing` when there is none.

    Rules of persons that the cohort language alone has come last: they have no query.
    """
    if name is not None and name not in RULES:
        return [find_published(name).as_dict()]
    found = [rule.as_dict() for rule in PUBLISHED.values() if name in (None, rule.id)]
    held = {rule.id for rule in PUBLISHED.values()}
    return found + [
        _spoken(rule) for rule in RULES.values() if rule.id not in held and name in (None, rule.id)
    ]


def _spoken(rule: Rule) -> dict[str, Any]:
    return {
        "rule": rule.key,
        "tables": [rule.table],
        "en": rule.en,
        "fr": rule.fr,
        "source": rule.source,
        "sql": "",
        "wrong": [],
        "note": "A rule of persons in the cohort language, after the rows of a person are joined.",
    }
