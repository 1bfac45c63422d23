"""A published rule as a value: a view over tables, and the wordings of it that are wrong."""

from __future__ import annotations

from typing import Any

from attrs import frozen


@frozen(kw_only=True)
class WrongWording:
    """A wording that is in use or in print and that gives another answer; `why` says which."""

    wording: str
    sql: str
    why: str
    source: str


@frozen(kw_only=True)
class PublishedRule:
    """One version of a rule, as a query over the tables that it names (DuckDB dialect).

    A family of yearly tables (`T_MCOaaB`) is read as one table with a column `year`, the year of
    discharge. `$first`, `$last` and `$code` in a query are what the reader asks about. `note` says
    what the cohort language does instead, or why it has no such rule. A correction of a rule is a
    new version under the same id; an older version stays.
    """

    id: str
    version: int = 1
    tables: tuple[str, ...]
    sql: str
    en: str
    fr: str
    source: str
    wrong: tuple[WrongWording, ...] = ()
    note: str = ""

    @property
    def key(self) -> str:
        """The rule with its version, as `mco-pie@1`."""
        return f"{self.id}@{self.version}"

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "rule": self.key,
            "tables": list(self.tables),
            "en": self.en,
            "fr": self.fr,
            "source": self.source,
            "sql": self.sql,
            "wrong": [
                {"wording": one.wording, "why": one.why, "source": one.source} for one in self.wrong
            ],
            "note": self.note,
        }
