"""A study told in plain English or French. Pure: the same model gives the same text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, field

from bercail.cohorts.cleaning import RULES, find_rules
from bercail.cohorts.derived import Periods, Washout
from bercail.cohorts.events import (
    Count,
    CountDistinct,
    Events,
    EventSet,
    Exists,
    Maximum,
    Minimum,
    Pick,
    Total,
    Where,
    Within,
)
from bercail.cohorts.explaining.further import FURTHER, told_matching, told_measure, told_rows
from bercail.cohorts.explaining.idioms import told_as_known
from bercail.cohorts.explaining.phrases import PHRASES, Phrases
from bercail.cohorts.expressions import (
    Add,
    Band,
    Both,
    Choose,
    Column,
    Compare,
    DaysBetween,
    Either,
    Expression,
    IfUnknown,
    IsIn,
    Known,
    Literal,
    Negation,
    Shift,
    StartsWith,
    YearOf,
)
from bercail.cohorts.model import Model
from bercail.cohorts.rules import base_of, inputs
from bercail.cohorts.views import PERSONS, VIEWS, Kind
from bercail.foundation import Invalid

CODES_SHOWN = 12


def explain(model: Model, language: str = "en") -> tuple[str, ...]:
    """The study as lines of text; headings stand alone, their content is indented.

    Raises:
        Invalid: a language other than `en` and `fr`.
    """
    if language not in PHRASES:
        raise Invalid(f"No study is told in `{language}`.", remedy="Choose `en` or `fr`.")
    return _Teller(phrases=PHRASES[language]).tell(model)


@define(kw_only=True)
class _Teller:
    phrases: Phrases
    index: Expression | None = None
    sets: dict[EventSet, int] = field(factory=dict)
    lines_of_sets: list[str] = field(factory=list)

    def tell(self, model: Model) -> tuple[str, ...]:
        """Title first, then each part that the model has."""
        rules = find_rules(PERSONS, model.person_rules)
        # A constant or a column is as short as the word for it.
        if not isinstance(model.index_date, Literal | Column):
            self.index = model.index_date
        index = [] if model.index_date is None else [self._said(model.index_date)]
        parts = {
            "persons": [self._sentence(rule) for rule in rules],
            "population": [f"{model.population_label}: {self.say(model.population)}"],
            "exclusions": [f"{one.label}: {self.say(one.condition)}" for one in model.exclusions],
            "index_date": index,
            "attributes": [f"{one.name}: {self.say(one.value)}" for one in model.attributes],
            "tables": [
                self.phrases.table.format(title=one.title, by=self.listed(one.by, "and"))
                for one in model.tables
            ],
            "measures": [told_measure(self, one) for one in model.measures],
            "matching": [told_matching(self, one) for one in [model.matching] if one is not None],
            "event_rows": [self._finished(told_rows(self, one)) for one in model.event_rows],
            "sets": self.lines_of_sets,
            "rules": self._event_rules(),
            "inputs": [
                f"{table}: {', '.join(sorted(columns))}" for table, columns in inputs(model).items()
            ],
        }
        lines = [model.title]
        for name, content in parts.items():
            if content:
                lines += ["", self.phrases.heads[name], *(f"  {line}" for line in content)]
        return tuple(lines)

    def say(self, node: Expression) -> str:
        """One expression in words; the index date by its name."""
        if self.index is not None and node == self.index:
            return self.phrases.index_date
        return self._said(node)

    def _said(self, node: Expression) -> str:
        known = told_as_known(self, node)
        if known is not None:
            return self._finished(known)
        further = FURTHER.get(type(node))
        return self._finished((_SAY[type(node)] if further is None else further)(self, node))

    def _finished(self, text: str) -> str:
        for pattern, instead in self.phrases.finish:
            text = re.sub(pattern, instead, text)
        return text

    def name_of(self, events: EventSet) -> str:
        """How a set of events is called: `events 2`; told once among the events."""
        if events not in self.sets:
            told = self._finished(self._told(events))
            number = len(self.sets) + 1
            self.sets[events] = number
            name = self.phrases.events.format(number=number)
            self.lines_of_sets.append(f"{name}: {told}")
        return self.phrases.events.format(number=self.sets[events])

    def word(self, view: str, column: str) -> str:
        """The word of a column."""
        found = VIEWS[view].columns[column]
        return found.fr if self.phrases.language == "fr" else found.en

    def grouped(self, node: Expression, beside: type[Expression]) -> str:
        """`node` in words, in brackets where `and` and `or` would run together."""
        text = self.say(node)
        return f"({text})" if isinstance(node, Both | Either) and type(node) is not beside else text

    def codes(self, codes: tuple[str | int, ...]) -> str:
        """A code list in words; a long one by its number and ends."""
        if len(codes) > CODES_SHOWN:
            return self.phrases.many_codes.format(count=len(codes), first=codes[0], last=codes[-1])
        return self.listed(tuple(map(str, codes)), "or")

    def listed(self, words: tuple[str, ...], last: str) -> str:
        """Words with `and` or `or` before the last."""
        between = self.phrases.or_word if last == "or" else self.phrases.and_word
        head, tail = ", ".join(words[:-1]), words[-1]
        return f"{head} {between} {tail}" if head else tail

    def _sentence(self, rule: Any) -> str:
        text = rule.fr if self.phrases.language == "fr" else rule.en
        return f"{rule.id}: {text}"

    def _event_rules(self) -> list[str]:
        used = {rule for events in self.sets for rule in _rules_of(events)}
        return [self._sentence(rule) for name, rule in RULES.items() if name in used]

    def _told(self, events: EventSet) -> str:
        if isinstance(events, Where):
            condition = self.say(events.condition)
            return self.phrases.where.format(
                events=self._inside(events.events), condition=condition
            )
        if isinstance(events, Within):
            return self._window(events)
        if isinstance(events, Washout):
            return self.phrases.washout.format(events=self._inside(events.events), days=events.days)
        if isinstance(events, Periods):
            return self._periods(events)
        view = VIEWS[events.view]
        name = view.fr if self.phrases.language == "fr" else view.en
        if isinstance(events, Events) and events.rules:
            rules = ", ".join(events.rules)
            return self.phrases.cleaned.format(events=name, rules=rules)
        return name

    def _periods(self, events: Periods) -> str:
        inside = self.name_of(events.events)
        if events.days is None:
            return self.phrases.open_periods.format(events=inside)
        gap = self.phrases.gap.format(gap=events.gap) if events.gap else ""
        return self.phrases.periods.format(events=inside, days=self.say(events.days), gap=gap)

    def _inside(self, events: EventSet) -> str:
        # A set already named is referred to; one used only here is told in place.
        return self.name_of(events) if events in self.sets else self._told(events)

    def _window(self, events: Within) -> str:
        told = {
            name: self.say(bound)
            for name, bound in (("start", events.start), ("end", events.end))
            if bound is not None
        }
        shape = self.phrases.between
        if len(told) == 1:
            shape = self.phrases.since if "start" in told else self.phrases.until
        column = self.word(events.view, events.column)
        return shape.format(events=self._inside(events.events), column=column, **told)


def _rules_of(events: EventSet) -> tuple[str, ...]:
    return base_of(events).rules


def _literal(teller: _Teller, node: Literal) -> str:
    if node.of is Kind.BOOL:
        return teller.phrases.yes if node.value else teller.phrases.no
    return str(node.value)


def _column(teller: _Teller, node: Column) -> str:
    return teller.word(node.of, node.name)


def _compare(teller: _Teller, node: Compare) -> str:
    dates = node.left.kind is Kind.DATE
    shapes = teller.phrases.compare_dates if dates else teller.phrases.compare
    return shapes[node.op].format(left=teller.say(node.left), right=teller.say(node.right))


def _pair(teller: _Teller, node: Both | Either) -> str:
    shape = teller.phrases.both if isinstance(node, Both) else teller.phrases.either
    sides = {side: teller.grouped(getattr(node, side), type(node)) for side in ("left", "right")}
    return shape.format(**sides)


def _negation(teller: _Teller, node: Negation) -> str:
    if isinstance(node.value, Exists):
        return teller.phrases.none.format(events=teller.name_of(node.value.events))
    return teller.phrases.negation.format(value=teller.grouped(node.value, Negation))


def _known(teller: _Teller, node: Known) -> str:
    return teller.phrases.known.format(value=teller.say(node.value))


def _if_unknown(teller: _Teller, node: IfUnknown) -> str:
    return teller.phrases.if_unknown.format(
        value=teller.grouped(node.value, IfUnknown), otherwise=teller.say(node.otherwise)
    )


def _starts_with(teller: _Teller, node: StartsWith) -> str:
    several = node.value.kind is Kind.CODES
    shape = teller.phrases.any_starts_with if several else teller.phrases.starts_with
    return shape.format(value=teller.say(node.value), codes=teller.codes(node.prefixes))


def _is_in(teller: _Teller, node: IsIn) -> str:
    several = node.value.kind is Kind.CODES
    shape = teller.phrases.any_in if several else teller.phrases.is_in
    return shape.format(value=teller.say(node.value), codes=teller.codes(node.codes))


def _add(teller: _Teller, node: Add) -> str:
    shape = teller.phrases.minus if node.minus else teller.phrases.plus
    return shape.format(left=teller.say(node.left), right=teller.say(node.right))


def _shift(teller: _Teller, node: Shift) -> str:
    text = teller.say(node.value)
    for amount, names in ((node.years, teller.phrases.years), (node.days, teller.phrases.days)):
        if amount:
            shape = teller.phrases.plus if amount > 0 else teller.phrases.minus
            unit = names[0] if abs(amount) == 1 else names[1]
            text = shape.format(left=text, right=f"{abs(amount)} {unit}")
    return text


def _year_of(teller: _Teller, node: YearOf) -> str:
    if isinstance(node.value, Literal):
        return str(node.value.value)[:4]
    return teller.phrases.year_of.format(value=teller.say(node.value))


def _days_between(teller: _Teller, node: DaysBetween) -> str:
    return teller.phrases.days_between.format(
        start=teller.say(node.start), end=teller.say(node.end)
    )


def _band(teller: _Teller, node: Band) -> str:
    labels = ", ".join(node.labels)
    return teller.phrases.band.format(value=teller.say(node.value), labels=labels)


def _choose(teller: _Teller, node: Choose) -> str:
    return teller.phrases.choose.format(
        then=teller.say(node.then),
        condition=teller.say(node.condition),
        otherwise=teller.say(node.otherwise),
    )


def _exists(teller: _Teller, node: Exists) -> str:
    return teller.phrases.exists.format(events=teller.name_of(node.events))


def _count(teller: _Teller, node: Count) -> str:
    return teller.phrases.count.format(events=teller.name_of(node.events))


def _of_value(teller: _Teller, node: CountDistinct | Total | Minimum | Maximum) -> str:
    shape: str = getattr(teller.phrases, node.tag)
    return shape.format(value=teller.say(node.value), events=teller.name_of(node.events))


def _pick(teller: _Teller, node: Pick) -> str:
    shape = teller.phrases.first if node.which == "first" else teller.phrases.last
    column = teller.word(node.events.view, node.column)
    return shape.format(column=column, events=teller.name_of(node.events))


_SAY: Mapping[type[Expression], Callable[[_Teller, Any], str]] = {
    Literal: _literal,
    Column: _column,
    Compare: _compare,
    Both: _pair,
    Either: _pair,
    Negation: _negation,
    Known: _known,
    IfUnknown: _if_unknown,
    StartsWith: _starts_with,
    IsIn: _is_in,
    Add: _add,
    Shift: _shift,
    YearOf: _year_of,
    DaysBetween: _days_between,
    Band: _band,
    Choose: _choose,
    Exists: _exists,
    Count: _count,
    CountDistinct: _of_value,
    Total: _of_value,
    Minimum: _of_value,
    Maximum: _of_value,
    Pick: _pick,
}
