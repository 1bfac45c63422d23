"""What a hosting contract promises about leaving, against what the law asks. Pure.

The rules are a table (`data/exit_terms.json`), each with its source. A duration in months has no
one length in days, so it is compared at its worst: a notice of `60 days` may be longer than two
months, and `1 month` may be longer than 30 days. What the contract does not say is not met.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Any

from attrs import frozen

from bercail.foundation import Invalid, Refused

_DURATION = re.compile(r"(\d{1,3}) (day|week|month|working day)s?")
_MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_CHARGES = ("none", "cost", "other")


class Kind(StrEnum):
    """How a rule compares what a contract says with its limit."""

    AT_MOST = "at-most"
    AT_LEAST = "at-least"
    PROMISED = "promised"
    LISTED = "listed"
    CHARGES = "charges"


class Answer(StrEnum):
    """What is found of one rule; only `met` and `not-needed` let a contract pass."""

    MET = "met"
    NOT_MET = "not-met"
    NOT_SAID = "not-said"
    NOT_NEEDED = "not-needed"


@frozen(kw_only=True)
class Duration:
    """`count` units; `least` and `most` are the days that it may last, by the calendar."""

    text: str
    unit: str
    count: int
    least: int
    most: int | None

    @classmethod
    def parse(cls, text: object) -> Duration:
        """Read `2 months`, `30 days`, `4 weeks` or `14 working days`.

        Raises:
            Invalid: anything else.
        """
        found = _DURATION.fullmatch(text) if isinstance(text, str) else None
        if not isinstance(text, str) or found is None:
            raise Invalid(
                f"`{text}` is not a duration.",
                remedy="Write for instance `30 days`, `2 months` or `14 working days`.",
            )
        count, unit = int(found[1]), found[2]
        least, most = _days(count, unit)
        return cls(text=text, unit=unit, count=count, least=least, most=most)

    def at_most(self, limit: Duration) -> bool:
        """Whether this is never longer than `limit`, whatever the month it begins in."""
        if self.unit == limit.unit:
            return self.count <= limit.count
        return self.most is not None and self.most <= limit.least

    def at_least(self, limit: Duration) -> bool:
        """Whether this is never shorter than `limit`, whatever the month it begins in."""
        if self.unit == limit.unit:
            return self.count >= limit.count
        return limit.most is not None and self.least >= limit.most


@frozen(kw_only=True)
class TermRule:
    """One question to a contract: the `term` that answers it, how, and the law it is from.

    `optional`: a contract need not say it. `given` names another term: without that one,
    the question does not arise.
    """

    id: str
    term: str
    kind: Kind
    question: str
    source: str
    limit: Duration | None = None
    none_from: date | None = None
    optional: bool = False
    given: str = ""

    def answer(self, terms: Mapping[str, Any], on: date) -> Answer:
        """What a contract with `terms` answers on the day `on`.

        Raises:
            Invalid: the term is not of the kind that the rule asks for.
        """
        if self.given and self.given not in terms:
            return Answer.NOT_NEEDED
        if self.term not in terms:
            return Answer.NOT_NEEDED if self.optional else Answer.NOT_SAID
        return Answer.MET if self._met(terms[self.term], on) else Answer.NOT_MET

    def _met(self, said: Any, on: date) -> bool:
        if self.limit is not None:
            duration = Duration.parse(said)
            if self.kind is Kind.AT_MOST:
                return duration.at_most(self.limit)
            return duration.at_least(self.limit)
        if self.kind is Kind.PROMISED and isinstance(said, bool):
            return said
        if self.kind is Kind.LISTED and isinstance(said, list):
            return bool(said) and all(isinstance(one, str) and one.strip() for one in said)
        if self.kind is Kind.CHARGES and self.none_from is not None and said in _CHARGES:
            return said == "none" or (said == "cost" and on < self.none_from)
        raise Invalid(
            f"The term `{self.term}` does not say what it should: `{said}`.",
            remedy="Promises are true or false, lists hold texts, charges are one of "
            f"{', '.join(_CHARGES)}.",
        )


@frozen(kw_only=True)
class Finding:
    """What a contract answered to one rule; `said` are its own words, empty when it says none."""

    rule: TermRule
    answer: Answer
    said: str

    @property
    def passes(self) -> bool:
        """Whether this finding leaves the contract as it is."""
        return self.answer in (Answer.MET, Answer.NOT_NEEDED)

    def as_dict(self) -> dict[str, str]:
        """Plain types, for `--json`."""
        return {
            "rule": self.rule.id,
            "answer": self.answer.value,
            "said": self.said,
            "limit": self.rule.limit.text if self.rule.limit else "",
            "question": self.rule.question,
            "source": self.rule.source,
        }


@frozen(kw_only=True)
class TermsChecked:
    """A contract's terms, rule by rule, as they stand on the day `on`."""

    contract: str
    on: date
    findings: tuple[Finding, ...]

    @property
    def met(self) -> bool:
        """Whether every rule is met; what is not said is not."""
        return all(finding.passes for finding in self.findings)

    def require_met(self) -> None:
        """Let through only a contract that meets every rule.

        Raises:
            Refused: with rule `exit-terms`; the message names the rules that are not met.
        """
        if not self.met:
            failed = [finding.rule.id for finding in self.findings if not finding.passes]
            raise Refused(
                f"The terms of `{self.contract}` fall short in: {', '.join(failed)}.",
                remedy="Have the contract changed, or choose another host.",
                rule="exit-terms",
            )


def judge_terms(
    contract: str, terms: Mapping[str, Any], rules: Sequence[TermRule], on: date
) -> TermsChecked:
    """Put every rule to the terms of `contract` on the day `on`.

    Raises:
        Invalid: a term that no rule knows, which may be a slip of the pen.
    """
    known = {rule.term for rule in rules}
    if odd := sorted(set(terms) - known):
        raise Invalid(
            f"No rule knows the term `{odd[0]}`.", remedy=f"Terms: {', '.join(sorted(known))}."
        )
    findings = [
        Finding(rule=rule, answer=rule.answer(terms, on), said=_said(terms.get(rule.term)))
        for rule in rules
    ]
    return TermsChecked(contract=contract, on=on, findings=tuple(findings))


def _said(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _days(count: int, unit: str) -> tuple[int, int | None]:
    """The fewest and the most days; a holiday may make working days last any number more."""
    if unit == "working day":
        return count, None
    if unit != "month":
        days = count * (7 if unit == "week" else 1)
        return days, days
    spans = [sum(_MONTHS[(first + n) % 12] for n in range(count)) for first in range(12)]
    with_leap_day = [
        span + any((first + n) % 12 == 1 for n in range(count)) for first, span in enumerate(spans)
    ]
    return min(spans), max(with_leap_day)
