"""Persons with what was summed up of their events: one row each, from several relations.

Silver names persons by numbers, the register by identities. What was summed up by number is put
together first, on the numbers, and then meets the register once, with no more rows than there are
persons with such events. The silver table of the register has numbers, too: there all of it meets
by number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define, field
from sqlglot import exp

from bercail.cohorts.arithmetic import ShiftMonths
from bercail.cohorts.codec import children
from bercail.cohorts.events import Aggregate, Maximum, Minimum, Nearest, Pick
from bercail.cohorts.expressions import Column, Expression, Node, Shift
from bercail.cohorts.plan import RunPlan
from bercail.cohorts.sql.register import ROWS, called_persons, persons
from bercail.cohorts.sql.sets import Sets
from bercail.cohorts.sql.summaries import Summaries
from bercail.cohorts.sql.terms import SQL_TYPES, Term, Terms
from bercail.cohorts.sql.trees import aliased, cast, named_as
from bercail.cohorts.sql.views import TOLD, identities
from bercail.cohorts.views import PERSONS

SOME, CANDIDATES = "some_identities", "candidates"


@define(kw_only=True)
class Inputs:
    """What values of a person are made of, under names of their own: few columns, many values."""

    columns: dict[tuple[str, str], tuple[str, exp.Column]] = field(factory=dict)

    def kept(self, column: exp.Column) -> exp.Column:
        """The name that a column of persons, or of what was summed up, has among the inputs."""
        name = f"i{len(self.columns)}"
        known, _ = self.columns.setdefault((column.table, column.name), (name, column))
        return exp.column(known)

    def named(self) -> list[Term]:
        """The inputs, each under its name."""
        return [named_as(column, name) for name, column in self.columns.values()]


@define(kw_only=True)
class People:
    """The relations of persons of one query; `ctes` is shared with those of their events."""

    plan: RunPlan
    ctes: dict[str, exp.Query]
    sets: Sets
    summaries: Summaries

    def terms(self, told: str = TOLD, kept: Callable[[exp.Column], Term] | None = None) -> Terms:
        """Expressions over one person, whose relation is called `people`.

        `told` is the relation of what was summed up by number; empty where each summary stands
        under its own name. `kept` says what stands for a column, where it is not the column.
        """
        if told and self.plan.register:
            told = "people"

        def column(node: Column) -> Term:
            own = exp.column(node.name, "people")
            return own if kept is None else kept(own)

        def value(node: Aggregate) -> Term:
            return self.summaries.value(node, told if self._by_number(node) else "", kept)

        return Terms(column, value)

    def every(self, columns: Sequence[Term], used: Sequence[Expression]) -> exp.Select:
        """A query over all persons, joined with every summary that `used` speaks of."""
        if self.plan.register:
            return self._called(columns, used, ())
        query = exp.select(exp.column("person", "people"), *columns, copy=False).from_(
            "people", copy=False
        )
        by_number, by_person = self._relations(used)
        if by_number:
            same = exp.EQ(
                this=exp.column("called", TOLD), expression=exp.column("person", "people")
            )
            told = self._told(by_number, ()).subquery(TOLD, copy=False)
            query = query.join(told, on=same, join_type="left", copy=False)
        return self._joined(query, by_person)

    def some(
        self,
        columns: Sequence[Term],
        used: Sequence[Expression],
        needed: Sequence[Aggregate],
    ) -> exp.Select:
        """As `every`, of those persons alone of whom something was summed up for all `needed`.

        The register's other rows are left out before anything is done with them. `columns` are
        made by `terms("people")`.
        """
        relations = [self.summaries.relation(one) for one in needed]
        if self.plan.register:
            return self._called(columns, used, relations)
        by_number, by_person = self._relations(used)
        told = self._told(by_number, relations)
        self.ctes[SOME] = identities(self.plan, told)
        carried = [
            named_as(exp.AnyValue(this=exp.column(name)), name)
            for name in told.named_selects
            if name != "called"
        ]
        self.ctes[CANDIDATES] = persons(self.plan, SOME).select(*carried, copy=False)
        query = exp.select(exp.column("person", "people"), *columns, copy=False)
        query = query.from_(aliased(CANDIDATES, alias="people"), copy=False)
        return self._joined(query, by_person)

    def _called(
        self, columns: Sequence[Term], used: Sequence[Expression], needed: Sequence[str]
    ) -> exp.Select:
        """A query over the persons of the silver register who are in all of `needed`."""
        by_number, _ = self._relations(used)
        told = {
            name: [one for one in self.ctes[name].named_selects if one != "person"]
            for name in by_number
        }
        query = exp.select(exp.column("person", "people"), *columns, copy=False)
        people = called_persons(self.plan, told, needed)
        return query.from_(people.subquery("people", copy=False), copy=False)

    def window(self, named: dict[str, Expression], key: str) -> str:
        """A relation of dates of each person, who is named by identity, or by `number`."""
        terms = self.terms("" if key == "number" else TOLD)
        columns = [
            named_as(cast(terms.term(bound), SQL_TYPES[bound.kind]), name)
            for name, bound in named.items()
        ]
        bounds = list(named.values())
        query = self._numbered(columns, bounds) if key == "number" else self.every(columns, bounds)
        # An unknown date keeps no event, so those persons need not stand here.
        query = query.where(*(is_known(terms.term(bound)) for bound in bounds), copy=False)
        name = f"window_{len(self.ctes)}"
        self.ctes[name] = query
        return name

    def _numbered(self, columns: Sequence[Term], used: Sequence[Expression]) -> exp.Select:
        """A query over all person numbers; the register is read where `used` speaks of it."""
        by_number, by_person = self._relations(used)
        reads_person = any(_reads_person(one) for one in used)
        certain = self._certain(used)
        if certain and not by_person and not reads_person:
            own = exp.column("person", certain)
            query = exp.select(named_as(own, "person"), *columns, copy=False)
            query = query.from_(certain, copy=False)
            by_number.remove(certain)
        else:
            own = exp.column("number", "numbers")
            query = exp.select(named_as(own, "person"), *columns, copy=False)
            query = query.from_("numbers", copy=False)
        for name in by_number:
            same = exp.EQ(this=exp.column("person", name), expression=own)
            query = query.join(name, on=same, join_type="left", copy=False)
        if self.plan.register and reads_person:
            same = exp.EQ(this=exp.column("number", "people"), expression=own)
            query = query.join(aliased(ROWS, alias="people"), on=same, copy=False)
        elif by_person or reads_person:
            same = exp.EQ(
                this=exp.column("person", "people"), expression=exp.column("called", "numbers")
            )
            query = query.join("people", on=same, copy=False)
        return self._joined(query, by_person)

    def _certain(self, bounds: Sequence[Expression]) -> str:
        """A summary by number without which one of the dates `bounds` is unknown, or nothing.

        Whoever is not in it has no window, so that all persons need not be looked at.
        """
        for bound in bounds:
            node = bound
            while isinstance(node, Shift | ShiftMonths):
                node = node.value
            if isinstance(node, Pick | Nearest | Minimum | Maximum) and self._by_number(node):
                return self.summaries.relation(node)
        return ""

    def _joined(self, query: exp.Select, relations: Sequence[str]) -> exp.Select:
        for name in relations:
            same = exp.EQ(
                this=exp.column("person", name), expression=exp.column("person", "people")
            )
            query = query.join(name, on=same, join_type="left", copy=False)
        return query

    def _told(self, names: Sequence[str], needed: Sequence[str]) -> exp.Select:
        """What `names` tell of each person, `called` as the register does; `needed` are among them.

        Whoever is in none of them, or not in all of `needed`, has no row.
        """
        columns = [
            named_as(exp.column(column, name), f"{name}_{column}")
            for name in names
            for column in self.ctes[name].named_selects
            if column != "person"
        ]
        number = exp.column("number", "numbers")
        query = exp.select(exp.column("called", "numbers"), *columns, copy=False).from_(
            "numbers", copy=False
        )
        certain = set(needed) if len(names) > 1 else set(names)
        for name in names:
            same = exp.EQ(this=exp.column("person", name), expression=number)
            how = "inner" if name in certain else "left"
            query = query.join(name, on=same, join_type=how, copy=False)
        if certain:
            return query
        return query.where(
            exp.or_(*(is_known(exp.column("person", name)) for name in names), copy=False),
            copy=False,
        )

    def _relations(self, used: Sequence[Expression]) -> tuple[list[str], list[str]]:
        """The summaries of `used`, each once: by number, and by identity."""
        found: tuple[dict[str, None], dict[str, None]] = ({}, {})
        for expression in used:
            for node in own_nodes(expression):
                if isinstance(node, Aggregate):
                    found[0 if self._by_number(node) else 1][self.summaries.relation(node)] = None
        return list(found[0]), list(found[1])

    def _by_number(self, node: Aggregate) -> bool:
        return self.sets.key(node.events) == "number"


def own_nodes(expression: Expression) -> list[Node]:
    """The nodes of an expression, without those inside the sets of events that it counts."""
    found: list[Node] = []
    waiting: list[Node] = [expression]
    while waiting:
        node = waiting.pop()
        found.append(node)
        if not isinstance(node, Aggregate):
            waiting.extend(children(node))
    return found


def is_known(term: Term) -> Term:
    """Whether a value is known."""
    return exp.Not(this=exp.Is(this=exp.paren(term, copy=False), expression=exp.null()))


def _reads_person(expression: Expression) -> bool:
    return any(isinstance(node, Column) and node.of == PERSONS for node in own_nodes(expression))
