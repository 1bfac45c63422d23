"""Running a study on the small examples that stand in its file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from attrs import evolve, frozen

from bercail.cohorts.dummy.drafts import Draft, Drugs, read
from bercail.cohorts.dummy.tables import sources_of
from bercail.cohorts.memory.engine import MemoryEngine
from bercail.cohorts.model import Model
from bercail.cohorts.study_files.examples import Example
from bercail.cohorts.views import PERSONS
from bercail.foundation import Invalid

IN_COHORT = "in_cohort"
MOST = 500


@frozen(kw_only=True)
class ExampleOutcome:
    """One example: `differs` says what was found otherwise, empty when all is as expected."""

    title: str
    differs: tuple[str, ...]


def try_examples(model: Model, examples: Sequence[Example]) -> tuple[ExampleOutcome, ...]:
    """Run the study on its examples, all in one data set, with the memory engine.

    Raises:
        Invalid: no examples, too many, a column that is not there, an attribute that is none.
    """
    if not 1 <= len(examples) <= MOST:
        raise Invalid(
            f"The study has {len(examples)} examples.",
            remedy="Write some in its file: `examples = [example(...)]`.",
        )
    drugs, names = Drugs(), {one.name for one in model.attributes} | {IN_COHORT, "index_date"}
    for one in examples:
        unknown = sorted(set(one.expect) - names)
        if unknown or not one.expect:
            raise Invalid(
                f"The example `{one.title}` expects `{', '.join(unknown)}`.",
                remedy=f"Expect some of: {', '.join(sorted(names))}.",
            )
    drafts = [_draft(one, f"example{place:04}", drugs) for place, one in enumerate(examples)]
    # Pairs are not looked at here, and few persons may give no propensity.
    unmatched = evolve(model, matching=None)
    rows = MemoryEngine(sources_of(drafts)).run(unmatched).persons.to_pylist()
    found = {row.pop("person"): row for row in rows}
    return tuple(
        ExampleOutcome(title=one.title, differs=_differs(one, found.get(draft.name)))
        for one, draft in zip(examples, drafts, strict=True)
    )


def _draft(one: Example, name: str, drugs: Drugs) -> Draft:
    made = Draft(name, drugs)
    made.person = {key: read(PERSONS, key, value) for key, value in one.person.items()}
    for view, rows in one.events.items():
        for row in rows:
            made.add(view, row)
    return made


def _differs(one: Example, row: Mapping[str, Any] | None) -> tuple[str, ...]:
    told = []
    for name, expected in one.expect.items():
        if name == IN_COHORT:
            value: Any = row is not None
        elif row is None:
            told.append(f"`{name}`: not in the cohort")
            continue
        else:
            value = row.get(name)
        shown = value.isoformat() if isinstance(value, date) else value
        if shown != expected or type(shown) is not type(expected):
            told.append(f"`{name}`: expected `{expected}`, found `{shown}`")
    return tuple(told)
