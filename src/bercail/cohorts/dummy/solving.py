"""Synthetic persons who fit a study, found by solving its conditions.

A person is built by walking the conditions from the top: what must be true is made true by giving
a value or adding an event, and at each choice (one side of an `or`, a day within a window) one
branch is taken at random. The person is then worked out as the memory engine does; one who does
not fit is dropped and another order of branches is tried. Conditions that no try made true are
told. Who fits is given some of what the study then looks at (attributes, measures, rows of events),
as long as they still fit. What is handed out was checked by running the study on the tables.
"""

from __future__ import annotations

import copy
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from attrs import define, evolve, field, frozen

from bercail.cohorts.cleaning import find_rules
from bercail.cohorts.dummy.drafts import Draft, Drugs
from bercail.cohorts.dummy.making import Maker, Unsolved
from bercail.cohorts.dummy.outcomes_wanted import outcomes_of
from bercail.cohorts.dummy.tables import sources_of
from bercail.cohorts.explaining.sentences import explain
from bercail.cohorts.expressions import Expression
from bercail.cohorts.memory.engine import MemoryEngine
from bercail.cohorts.memory.person import OnePerson
from bercail.cohorts.model import Model
from bercail.cohorts.result import CohortResult, step_labels
from bercail.cohorts.views import PERSONS
from bercail.foundation import Invalid

MOST_PERSONS = 10_000
TRIES_A_PERSON = 60
OUTCOMES_GIVEN = 0.5


@frozen(kw_only=True)
class DummyData:
    """Synthetic persons, and what the study finds of them.

    `wanted` and `wanted_outside` were asked for; fewer may have been found. `failing` counts, by
    step, the tries that stopped there; `unsolved` names the kinds of conditions that could not be
    made true directly.
    """

    drafts: tuple[Draft, ...]
    result: CohortResult
    wanted: int
    wanted_outside: int
    failing: tuple[tuple[str, int], ...]
    unsolved: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "persons": len(self.drafts),
            "in_cohort": self.result.persons.num_rows,
            "wanted": self.wanted,
            "outside": len(self.drafts) - self.result.persons.num_rows,
            "wanted_outside": self.wanted_outside,
            "failing": dict(self.failing),
            "unsolved": list(self.unsolved),
        }


def solve(model: Model, persons: int, others: int = 0, seed: int = 1) -> DummyData:
    """`persons` persons of the cohort and `others` outside it; the same seed gives the same.

    Raises:
        Invalid: numbers out of range, or not one person could be found: names the steps at
            which the tries stopped.
    """
    if not 1 <= persons <= MOST_PERSONS or not 0 <= others <= MOST_PERSONS:
        raise Invalid(
            f"`{persons}` and `{others}` persons cannot be made.",
            remedy=f"Ask for 1 to {MOST_PERSONS}.",
        )
    search = _Search(model=model, dice=random.Random(seed))  # noqa: S311  # nothing secret
    found = search.fitting(persons)
    if not found:
        labels = "; ".join(f"{label} ({count})" for label, count in search.failing.most_common(3))
        kinds = ", ".join(sorted(search.unsolved)) or "none"
        raise Invalid(
            f"No person fits the study after {persons * TRIES_A_PERSON} tries; they stopped at: "
            f"{labels}. Conditions that are not solved: {kinds}.",
            remedy="Check with `bercail cohort explain` that the steps can hold together.",
        )
    drafts = (*found, *search.outside(others))
    # Pairs are not looked at here, and few persons may give no propensity.
    result = MemoryEngine(sources_of(drafts)).run(evolve(model, matching=None))
    kept = set(result.persons["person"].to_pylist())
    lost = [draft.name for draft in found if draft.name not in kept]
    if lost:
        raise Invalid(f"`{len(lost)}` persons fit the study before they became tables, not after.")
    return DummyData(
        drafts=drafts,
        result=result,
        wanted=persons,
        wanted_outside=others,
        failing=tuple(search.failing.most_common()),
        unsolved=tuple(sorted(search.unsolved)),
    )


@define(kw_only=True)
class _Search:
    model: Model
    dice: random.Random
    drugs: Drugs = field(factory=Drugs)
    failing: Counter[str] = field(factory=Counter)
    unsolved: set[str] = field(factory=set)

    def fitting(self, wanted: int) -> list[Draft]:
        found: list[Draft] = []
        outcomes = outcomes_of(self.model)
        for _ in range(wanted * TRIES_A_PERSON):
            if len(found) == wanted:
                break
            draft = self._attempt(f"dummy{len(found):06}")
            if self._passes(draft):
                found.append(self._richer(draft, outcomes))
        return found

    def _richer(self, draft: Draft, outcomes: Sequence[Sequence[Expression]]) -> Draft:
        """The person with about half of what the study looks at, and still in the cohort."""
        for choices in outcomes:
            if self.dice.random() < OUTCOMES_GIVEN:
                tried = Draft(
                    draft.name, self.drugs, *map(copy.deepcopy, (draft.person, draft.rows))
                )
                maker = Maker(draft=tried, dice=self.dice, days=self._days())
                with suppress(Unsolved):
                    maker.make(self.dice.choice(choices), True)
                    draft = tried if self._passes(tried, told=False) else draft
        return draft

    def outside(self, wanted: int) -> list[Draft]:
        """Persons who are not in the cohort: half solved, or with nothing but themselves."""
        found: list[Draft] = []
        for _ in range(wanted * TRIES_A_PERSON):
            if len(found) == wanted:
                break
            draft = self._attempt(f"other{len(found):06}")
            for rows in draft.rows.values():
                del rows[self.dice.randint(0, len(rows)) :]
            if not self._passes(draft, told=False):
                found.append(draft)
        return found

    def _attempt(self, name: str) -> Draft:
        draft = Draft(name, self.drugs)
        maker = Maker(draft=draft, dice=self.dice, days=self._days())
        maker.ordinary_person()
        for condition in (*self._kept(), self.model.population):
            self._tried(maker, condition, True)
        for exclusion in self.model.exclusions:
            if self._value(draft, exclusion.condition) is True:
                self._tried(maker, exclusion.condition, False)
        return draft

    def _tried(self, maker: Maker, condition: Expression, wanted: bool) -> None:
        try:
            maker.make(condition, wanted)
        except Unsolved as unsolved:
            self.unsolved.add(unsolved.kind)

    def _passes(self, draft: Draft, told: bool = True) -> bool:
        labels = step_labels(self.model)[1:]
        steps = [*self._kept(), self.model.population]
        held = [self._value(draft, condition) is True for condition in steps]
        held += [
            self._value(draft, exclusion.condition) is not True
            for exclusion in self.model.exclusions
        ]
        for label, holds in zip(labels, held, strict=True):
            if not holds:
                if told:
                    self.failing[label] += 1
                return False
        return True

    def _kept(self) -> Sequence[Expression]:
        rules = find_rules(PERSONS, self.model.person_rules)
        return [rule.keep for rule in rules if rule.keep is not None]

    def _value(self, draft: Draft, node: Expression) -> Any:
        person = OnePerson(draft.name, draft, frozenset())  # type: ignore[arg-type]  # it is asked alike
        return person.value(node)

    def _days(self) -> tuple[str, ...]:
        text = " ".join(explain(self.model))
        words = text.replace(",", " ").split()
        days = [word for word in words if len(word) == 10 and word[4:5] == "-" == word[7:8]]
        return tuple(sorted(day for day in days if "1900" <= day[:4] <= "2199"))
