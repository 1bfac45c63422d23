"""The views as SQL: identity links, and one query per event view (persons: `sql.register`).

Same meaning as `memory.views`, said in relations. Each event query gives `person`, the
columns asked for, and the hidden columns that order or identify an event.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date

from attrs import frozen
from sqlglot import exp

from bercail.cohorts.cleaning import Rule
from bercail.cohorts.expressions import Column
from bercail.cohorts.memory.silver import CIP7_PLACE, CIP13_START
from bercail.cohorts.memory.views import LARGE_PACK_UNITS
from bercail.cohorts.plan import NUMBERS, Reading, RunPlan
from bercail.cohorts.sql.terms import (
    Term,
    Terms,
    day,
    known_term,
    number,
    stored_term,
)
from bercail.cohorts.sql.trees import aliased, cast, named_as
from bercail.cohorts.views import (
    DCIR_KEY,
    DISPENSINGS,
    LONG_TERM_ILLNESSES,
    PMSI_KEY,
    STAYS,
    VIEWS,
)

DRUGS = "drugs"
BY_RANK, BY_PSEUDONYM = "one_by_rank", "one_by_pseudonym"
RENAMED, TOLD = "renamed", "told"
STAY_ID = ("year", "eta_num", "rsa_num")
CODE_SETS = {"associated_diagnoses": "codes_associated", "diagnoses": "codes_all"}
# What a net line is made of; conditions on these may be tested before lines are added up.
NET_KEY = ("date", "cip13", "cip7", "atc", "large_pack")


@frozen(kw_only=True)
class EventQuery:
    """What to take from an event view.

    `before` are conditions to test early on the columns of alias `e`; `windows` repeats
    literal date windows on the raw columns, so that files and row groups can be skipped.
    """

    rules: tuple[Rule, ...]
    columns: Collection[str]
    before: Sequence[Term] = ()
    windows: Mapping[str, tuple[date, date]]


def nets(rules: Sequence[Rule]) -> bool:
    """Whether the rules add up lines."""
    return any(rule.keep is None for rule in rules)


def one_person(*, rank: bool) -> exp.Select:
    """Pseudonyms (with rank) that lead to exactly one person, from the relation `identities`."""
    keys = ["pseudonym", "rank"] if rank else ["pseudonym"]
    known = [exp.Not(this=exp.Is(this=exp.column(key), expression=exp.null())) for key in keys]
    single = exp.EQ(
        this=exp.Min(this=exp.column("person")), expression=exp.Max(this=exp.column("person"))
    )
    return (
        exp.select(*keys, named_as(exp.Min(this=exp.column("person")), "person"), copy=False)
        .from_("identities", copy=False)
        .where(*known, copy=False)
        .group_by(*keys, copy=False)
        .having(single, copy=False)
    )


def numbers(plan: RunPlan) -> exp.Select:
    """Each person number once, and the identity by which the person is called."""
    reading = plan.readings[plan.numbers][0]
    identity, person = (stored_term(reading, one, "n") for one in _number_columns(plan))
    query = exp.select(named_as(person, "number"), copy=False)
    query = query.from_(aliased(reading.piece.name, alias="n"), copy=False)
    if not renames(plan):
        return query.select(named_as(identity, "called"), copy=False)
    known = [exp.Not(this=exp.Is(this=one, expression=exp.null())) for one in (identity, person)]
    query = query.select(named_as(exp.Min(this=identity), "called"), copy=False)
    return query.where(*known, copy=False).group_by(person, copy=False)


def renames(plan: RunPlan) -> bool:
    """Whether a person may have several identities; in `silver_numbers` each has one."""
    return bool(plan.numbers) and plan.numbers != "silver_numbers"


def renamed(plan: RunPlan) -> exp.Select:
    """The identities whose person is called by another one; few, as most persons have one."""
    reading = plan.readings[plan.numbers][0]
    identity, person = (stored_term(reading, one, "i") for one in _number_columns(plan))
    same = exp.EQ(this=exp.column("number", "n"), expression=person)
    other = exp.NEQ(this=identity, expression=exp.column("called", "n"))
    query = exp.select(named_as(identity, "identity"), exp.column("called", "n"), copy=False)
    query = query.from_(aliased(reading.piece.name, alias="i"), copy=False)
    return (
        query.join(aliased("numbers", alias="n"), on=same, copy=False)
        .where(other, copy=False)
        .distinct(copy=False)
    )


def _number_columns(plan: RunPlan) -> tuple[str, str]:
    return NUMBERS[plan.numbers], "person"


def _called(own: Term, query: exp.Select) -> tuple[Term, exp.Select]:
    """The name of the person whose identity `own` is, and `query` with what tells it."""
    same = exp.EQ(this=exp.column("identity", "n"), expression=own)
    name = exp.Coalesce(this=exp.column("called", "n"), expressions=[own])
    return name, query.join(aliased(RENAMED, alias="n"), on=same, join_type="left", copy=False)


def listed(plan: RunPlan, name: str) -> exp.Select:
    """The persons of a list that may name each of them by any of their identities."""
    person: Term = exp.column("person", "o")
    query = exp.select().from_(aliased(name, alias="o"), copy=False)
    if renames(plan):
        person, query = _called(person, query)
    return query.select(named_as(person, "person"), copy=False)


def identities(plan: RunPlan, told: exp.Select | None = None) -> exp.Select:
    """The rows of IR_BEN_R that name a person, with the columns the run needs.

    With `told`, only rows of the persons whom it has as `called`, and its other columns, too.
    """
    reading = plan.readings["IR_BEN_R"][0]
    own = stored_term(reading, "BEN_IDT_ANO", "b")
    rest = [name for name in reading.columns if name not in ("BEN_NIR_PSA", "BEN_IDT_ANO")]
    columns = [named_as(known_term(reading, name, "b"), name) for name in rest]
    columns.append(named_as(known_term(reading, "BEN_RNG_GEM", "b"), "rank"))
    query = exp.select().from_(aliased(reading.piece.name, alias="b"), copy=False)
    person: Term = own
    if renames(plan):
        person, query = _called(own, query)
    query = query.select(
        named_as(person, "person"),
        named_as(stored_term(reading, "BEN_NIR_PSA", "b"), "pseudonym"),
        *columns,
        copy=False,
    )
    if told is not None:
        further = [exp.column(name, TOLD) for name in told.named_selects if name != "called"]
        same = exp.EQ(this=exp.column("called", TOLD), expression=person)
        query = query.select(*further, copy=False).join(
            told.subquery(TOLD, copy=False), on=same, copy=False
        )
    return query.where(exp.Not(this=exp.Is(this=own, expression=exp.null())), copy=False)


def event_query(plan: RunPlan, view: str, asked: EventQuery) -> exp.Select:
    """The events of a view, by person."""
    build = {
        DISPENSINGS: _dispensings,
        STAYS: _stays,
        LONG_TERM_ILLNESSES: _illnesses,
    }
    inner = build[view](plan, asked)
    if view == DISPENSINGS and nets(asked.rules):
        return _net(inner, asked)
    return (
        exp.select("*", copy=False)
        .from_(inner.subquery("e", copy=False), copy=False)
        .where(*asked.before, copy=False)
    )


def _net(inner: exp.Select, asked: EventQuery) -> exp.Select:
    keys = ["person", *(name for name in NET_KEY if name in _with_key(asked.columns))]
    totals = {
        name: cast(
            exp.Coalesce(this=exp.Sum(this=exp.column(name, "e")), expressions=[number(0)]),
            "BIGINT",
        )
        for name in ("quantity", "units")
    }
    positive = [exp.GT(this=total, expression=number(0)) for total in totals.values()]
    return (
        exp.select(
            *(exp.column(key, "e") for key in keys),
            *(named_as(total, name) for name, total in totals.items()),
            copy=False,
        )
        .from_(inner.subquery("e", copy=False), copy=False)
        .where(*asked.before, copy=False)
        .group_by(*(exp.column(key, "e") for key in keys), copy=False)
        .having(exp.or_(*positive, copy=False), copy=False)
    )


def _with_key(columns: Collection[str]) -> set[str]:
    return {*columns, "date", "cip13", "quantity", "units"}


def _rule_terms(rules: Sequence[Rule], readings: Mapping[str, tuple[Reading, str]]) -> list[Term]:
    """The cleaning rules on raw columns; `readings` gives the alias of each table."""

    def column(node: Column) -> Term:
        reading, alias = readings[node.of]
        return known_term(reading, node.name, alias)

    terms = Terms(column)
    return [terms.term(rule.keep) for rule in rules if rule.keep is not None]


def _window_terms(
    asked: EventQuery, reading: Reading, raw: Mapping[str, str], table: str
) -> list[Term]:
    return [
        exp.Between(
            this=stored_term(reading, raw[name], table), low=day(bounds[0]), high=day(bounds[1])
        )
        for name, bounds in asked.windows.items()
        if name in raw
    ]


def _equal(left: Term, right: Term) -> Term:
    return exp.EQ(this=left, expression=right)


def _dispensings(plan: RunPlan, asked: EventQuery) -> exp.Select:
    lines, care = plan.readings["ER_PHA_F"][0], plan.readings["ER_PRS_F"][0]
    names = _with_key(asked.columns) if nets(asked.rules) else set(asked.columns)
    columns = _of_a_line(lines, care)
    wanted = [named_as(term(), name) for name, term in columns.items() if name in names]
    query = exp.select(named_as(exp.column("person", "l"), "person"), *wanted, copy=False)
    query = query.from_(aliased(lines.piece.name, alias="p"), copy=False)
    if names & {"atc", "large_pack"}:
        # The small list comes first: a filter on it then shrinks the lines before they meet.
        query = query.join(
            aliased(DRUGS, alias="d"),
            on=_equal(exp.column("cip13", "d"), known_term(lines, "PHA_PRS_C13", "p")),
            join_type="left",
            copy=False,
        )
    on_key = [
        _equal(stored_term(lines, name, "p"), stored_term(care, name, "s")) for name in DCIR_KEY
    ]
    query = query.join(
        aliased(care.piece.name, alias="s"), on=exp.and_(*on_key, copy=False), copy=False
    )
    query = _join_person(query, care, "s")
    rules = _rule_terms(asked.rules, {"ER_PRS_F": (care, "s")})
    return query.where(
        *rules, *_window_terms(asked, care, {"date": "EXE_SOI_DTD"}, "s"), copy=False
    )


def _of_a_line(lines: Reading, care: Reading) -> Mapping[str, Callable[[], Term]]:
    """How each column of a dispensing is read, from the tables `p`, `s` and `d`."""

    def cip13() -> Term:
        return cast(known_term(lines, "PHA_PRS_C13", "p"), "TEXT")

    units = exp.column("units_per_pack", "d")
    return {
        "date": lambda: known_term(care, "EXE_SOI_DTD", "s"),
        "quantity": lambda: known_term(lines, "PHA_ACT_QSN", "p"),
        "units": lambda: _units(lines),
        "cip13": cip13,
        "cip7": lambda: cip7_term(cip13()),
        "atc": lambda: exp.column("atc", "d"),
        "large_pack": lambda: exp.GTE(this=units, expression=number(LARGE_PACK_UNITS)),
    }


def cip7_term(cip13: Term) -> Term:
    """The CIP7 within a CIP13; null for codes that are not French drugs."""
    start, end = CIP7_PLACE
    french = exp.and_(
        exp.EQ(this=exp.Length(this=cip13), expression=exp.Literal.number(13)),
        exp.StartsWith(this=cip13, expression=exp.Literal.string(CIP13_START)),
        copy=False,
    )
    inside = exp.Substring(
        this=cip13, start=exp.Literal.number(start + 1), length=exp.Literal.number(end - start)
    )
    return exp.Case(ifs=[exp.If(this=french, true=inside)])


def _units(lines: Reading) -> Term:
    """Units given out of their pack: PHA_DEC_QSU where PHA_DEC_TOP is D."""
    loose = _equal(known_term(lines, "PHA_DEC_TOP", "p"), exp.Literal.string("D"))
    return exp.Case(ifs=[exp.If(this=loose, true=known_term(lines, "PHA_DEC_QSU", "p"))])


def _join_person(query: exp.Select, reading: Reading, table: str) -> exp.Select:
    on = exp.and_(
        _equal(exp.column("pseudonym", "l"), stored_term(reading, "BEN_NIR_PSA", table)),
        _equal(exp.column("rank", "l"), known_term(reading, "BEN_RNG_GEM", table)),
        copy=False,
    )
    return query.join(aliased(BY_RANK, alias="l"), on=on, copy=False)


def _illnesses(plan: RunPlan, asked: EventQuery) -> exp.Select:
    reading = plan.readings["IR_IMB_R"][0]
    raw = {"start": "IMB_ALD_DTD", "end": "IMB_ALD_DTF", "icd10": "MED_MTF_COD"}
    columns = [
        named_as(known_term(reading, raw[name], "i"), name) for name in raw if name in asked.columns
    ]
    query = exp.select(named_as(exp.column("person", "l"), "person"), *columns, copy=False)
    query = query.from_(aliased(reading.piece.name, alias="i"), copy=False)
    query = _join_person(query, reading, "i")
    rules = _rule_terms(asked.rules, {"IR_IMB_R": (reading, "i")})
    return query.where(*rules, *_window_terms(asked, reading, raw, "i"), copy=False)


def _stays(plan: RunPlan, asked: EventQuery) -> exp.Select:
    """One query per year, put together: keys are valid inside one year only."""
    chained = {reading.piece.year: reading for reading in plan.readings["T_MCOaaC"]}
    years = [
        _stays_of_year(asked, chained[summary.piece.year], summary)
        for summary in plan.readings["T_MCOaaB"]
        if summary.piece.year in chained
    ]
    if not years:
        return _stays_of_year(
            asked, plan.readings["T_MCOaaC"][0], plan.readings["T_MCOaaB"][0]
        ).where(exp.false(), copy=False)
    return exp.select("*", copy=False).from_(_union(years).subquery("y", copy=False), copy=False)


def _union(queries: Sequence[exp.Select]) -> exp.Query:
    whole: exp.Query = queries[0]
    for query in queries[1:]:
        whole = exp.union(whole, query, distinct=False, copy=False)
    return whole


def _stays_of_year(asked: EventQuery, chain: Reading, summary: Reading) -> exp.Select:
    raw = {
        "entry": ("EXE_SOI_DTD", chain, "c"),
        "discharge": ("EXE_SOI_DTF", chain, "c"),
        "principal_diagnosis": ("DGN_PAL", summary, "b"),
        "related_diagnosis": ("DGN_REL", summary, "b"),
        "ghm": ("GRG_GHM", summary, "b"),
        "exit_mode": ("SOR_MOD", summary, "b"),
    }
    columns = [
        named_as(known_term(reading, source, table), name)
        for name, (source, reading, table) in raw.items()
        if name in asked.columns
    ]
    query = exp.select(
        named_as(exp.column("person", "l"), "person"),
        *_stay_id(chain, "c"),
        *columns,
        copy=False,
    )
    query = query.from_(aliased(chain.piece.name, alias="c"), copy=False)
    on_key = [
        _equal(stored_term(chain, name, "c"), stored_term(summary, name, "b")) for name in PMSI_KEY
    ]
    query = query.join(
        aliased(summary.piece.name, alias="b"), on=exp.and_(*on_key, copy=False), copy=False
    )
    of_person = _equal(exp.column("pseudonym", "l"), stored_term(chain, "NIR_ANO_17", "c"))
    query = query.join(aliased(BY_PSEUDONYM, alias="l"), on=of_person, copy=False)
    rules = _rule_terms(asked.rules, {"T_MCOaaC": (chain, "c"), "T_MCOaaB": (summary, "b")})
    dates = {"entry": "EXE_SOI_DTD", "discharge": "EXE_SOI_DTF"}
    return query.where(*rules, *_window_terms(asked, chain, dates, "c"), copy=False)


def _stay_id(reading: Reading, table: str) -> list[Term]:
    keys = (stored_term(reading, name, table) for name in PMSI_KEY)
    values = (number(reading.piece.year), *keys)
    return [named_as(value, name) for value, name in zip(values, STAY_ID, strict=True)]


def stay_codes(plan: RunPlan, column: str) -> exp.Query:
    """One row per stay and code, for a set of codes of the stays view."""
    parts = []
    for family, name in VIEWS[STAYS].columns[column].inputs:
        if name in PMSI_KEY:
            continue
        for reading in plan.readings[family]:
            code = named_as(known_term(reading, name, "x"), "code")
            query = exp.select(*_stay_id(reading, "x"), code, copy=False)
            parts.append(query.from_(aliased(reading.piece.name, alias="x"), copy=False))
    return _union(parts)
