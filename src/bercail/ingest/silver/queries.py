"""A branch as SQL (DuckDB): the events it makes, and whose events a changed line touches.

Cleaning rules and the ways in which the SNDS says `unknown` are those of `cohorts`, compiled from
the same values; nothing of them is written here again. All text comes from definitions.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date

import pyarrow as pa
from attrs import frozen
from sqlglot import ErrorLevel, exp

from bercail.cohorts.expressions import Column
from bercail.cohorts.memory.rows import FIRST_DAY, LAST_DAY
from bercail.cohorts.plan import Reading
from bercail.cohorts.sources import Piece, Source
from bercail.cohorts.sql.terms import SQL_TYPES, Terms, known_term
from bercail.cohorts.sql.views import one_person
from bercail.cohorts.views import RAW
from bercail.foundation import Missing
from bercail.ingest.silver.definition import FORMER, STAY, Branch, Concept, Field, Link
from bercail.ingest.silver.hospital_rules import SILVER_RULES
from bercail.ingest.silver.line_names import named

IDENTITIES = "identities"
# The state of a table as it had arrived by the day that is asked for.
THEN = "then"
_SECTORS = ("T_MCO", "T_HAD", "T_SSR", "T_RIP")
_COLUMN = re.compile(r"\{(\w+)\}")
_PLACE = re.compile(r"\{(=?)(\w+)\.(\w+)\}")


@frozen(kw_only=True)
class BronzeTable:
    """A table of the lake as a query sees it: its family, its year, its columns.

    `members` are the tables of the lake that it is read from: itself, and its archives.
    """

    name: str
    family: str
    year: int
    columns: Mapping[str, pa.DataType]
    members: tuple[str, ...]


@frozen(kw_only=True)
class Leaf:
    """A branch over the tables of one year, or over tables that are not yearly."""

    branch: Branch
    tables: Mapping[str, BronzeTable]

    @property
    def joined(self) -> tuple[str, ...]:
        """The aliases that meet another one, of those whose table is there."""
        return tuple(alias for alias in self.branch.joins if alias in self.tables)

    @property
    def origin(self) -> str:
        """The bronze table whose lines make the events."""
        branch = self.branch
        return next(table.name for table in self.tables.values() if table.family == branch.line)


def leaves(concept: Concept, bronze: Mapping[str, BronzeTable]) -> tuple[Leaf, ...]:
    """The branches of `concept` whose tables are all in `bronze`, by year where yearly.

    Raises:
        Missing: a table is there and lacks a column that the branch reads.
    """
    found = []
    for branch in concept.branches:
        years = {one.year for one in bronze.values() if one.year and one.year >= branch.since}
        for year in sorted(years if branch.yearly else {0}):
            here = {one.family: one for one in bronze.values() if one.year == year}
            tables = {alias: here[name] for alias, name in branch.tables.items() if name in here}
            if set(branch.tables) <= {*tables, *branch.optional}:
                leaf = Leaf(branch=branch, tables=tables)
                _require_columns(leaf)
                found.append(leaf)
    return tuple(found)


def _require_columns(leaf: Leaf) -> None:
    for alias, name in sorted(_columns(leaf)):
        _require(leaf.tables[alias], name)
    _rule_tests(leaf, {})


def _require(table: BronzeTable, name: str) -> None:
    if name not in table.columns and not _before(table, name):
        raise Missing(
            f"`{table.name}` has no column `{name}`, which the silver tables read.",
            remedy="Load deliveries that have the column.",
        )


def _columns(leaf: Leaf) -> set[tuple[str, str]]:
    branch = leaf.branch
    found = {(branch.who, branch.pseudonym)}
    if branch.link == "rank":
        found.add((branch.who, "BEN_RNG_GEM"))
    for alias in leaf.joined:
        met = branch.via.get(alias, branch.who)
        found |= {(one, name) for one in (alias, met) for name in branch.joins[alias]}
    places = [*branch.key, *branch.stay, *(f"{branch.flux}.FLX_DIS_DTD" for _ in branch.flux[:1])]
    found |= {(one.partition(".")[0], one.partition(".")[2]) for one in places}
    texts = [*branch.where, *(one.sql or f"{{{one.source}}}" for one in branch.fields.values())]
    return found | {place[1:] for text in texts for place in _PLACE.findall(text)}


def _before(table: BronzeTable, name: str) -> bool:
    """Whether a column did not exist yet in that year, and reads as its former value."""
    raw = RAW.get(table.family, {}).get(name)
    since = None if raw is None else raw.since
    return table.year < (since or FORMER.get((table.family, name), (0, ""))[0])


def view(table: str, state: str = "") -> str:
    """The quoted name of a table's view; `state` is empty, `old`, `any`, `changed` or `then`."""
    return f'"{table}@{state}"' if state else f'"{table}"'


def links_name(link: Link, state: str = "") -> str:
    """The relation that leads from a pseudonym to a person number."""
    return f"links_{link}{'_' + state if state else ''}"


def links_query(link: Link, state: str = "", registers: str = "") -> str:
    """Pseudonyms that lead to one person, from the relation `identities`.

    A pseudonym that leads to two persons leads to none, as in `cohorts`. For the link `register`
    each identity in the view `registers` leads to somebody, and to number 0 where no other is known
    by the links called `state`; `name` is the identity of who has no other.
    """
    if link == "register":
        return f"""SELECT w.identity, CAST(coalesce(l.person, 0) AS INTEGER) AS person,
CASE WHEN l.person IS NULL OR o.person IS NOT NULL THEN w.identity END AS name
FROM (SELECT DISTINCT "BEN_IDT_ANO" AS identity FROM {registers}
WHERE "BEN_IDT_ANO" IS NOT NULL) AS w
LEFT JOIN {links_name("identity", state)} AS l ON l.identity = w.identity
LEFT JOIN (SELECT person FROM {IDENTITIES} WHERE identity IS NOT NULL
GROUP BY person HAVING min(identity) = max(identity)) AS o ON o.person = l.person"""  # noqa: S608
    if link == "identity":
        one = "GROUP BY identity HAVING min(person) = max(person)"
        known = f"{IDENTITIES} WHERE identity IS NOT NULL"
        return f"SELECT identity, min(person) AS person FROM {known} {one}"  # noqa: S608
    return one_person(rank=link == "rank").sql(dialect="duckdb")


def skeleton(leaf: Leaf, states: Mapping[str, str], scope: str, touching: str = "") -> str:
    """The FROM clause of a leaf: its tables in the given states, joined, with their persons.

    A table that bars lines is joined only when it is the one whose persons are asked for: most
    lines meet nothing that could bar them.
    """
    branch = leaf.branch
    who = branch.who
    parts = [f"FROM {view(leaf.tables[who].name, states.get(who, ''))} AS {who}"]
    for alias in leaf.joined:
        if alias == touching or alias not in branch.barring:
            table = view(leaf.tables[alias].name, states.get(alias, ""))
            parts.append(f"JOIN {table} AS {alias} ON {_meets(branch, alias)}")
    parts.append(f"JOIN {links_name(branch.link, scope)} AS l ON {_whose(leaf)}")
    return "\n".join(parts)


def _meets(branch: Branch, alias: str) -> str:
    met = branch.via.get(alias, branch.who)
    return " AND ".join(f'{alias}."{name}" = {met}."{name}"' for name in branch.joins[alias])


def _whose(leaf: Leaf) -> str:
    branch = leaf.branch
    column = f'{branch.who}."{branch.pseudonym}"'
    if branch.link in ("identity", "register"):
        return f"l.identity = {column}"
    on = f"l.pseudonym = {column}"
    if branch.link == "pseudonym":
        return on
    return f"{on} AND l.rank = {_known(leaf, branch.who, 'BEN_RNG_GEM')}"


def leaf_query(
    leaf: Leaf,
    concept: Concept,
    scope: str,
    until: date | None = None,
    numbers: Collection[str] = (),
) -> str:
    """The events of one leaf, for the persons of the links called `scope`, in no order.

    With `until`, of what was known on that day: lines whose flux month is not after it; without
    flux months, tables as they had arrived by then. The text columns `numbers` are left as the
    whole numbers that they come from.
    """
    branch = leaf.branch
    by_arrival = until is not None and not branch.flux
    states = dict.fromkeys(leaf.tables, THEN if by_arrival else "")
    given = _given(leaf)
    if by_stay := _names_stay(branch, concept):
        given.append(f'{_surrogate(leaf, branch.stay)} AS "{STAY}"')
    flux = f'{branch.flux}."FLX_DIS_DTD"' if branch.flux else "CAST(NULL AS DATE)"
    tests = [*_rule_tests(leaf, states), *(_filled(leaf, text) for text in branch.where)]
    if until is not None and branch.flux:
        tests.append(f"{flux} <= DATE '{until.isoformat()}'")
    inner = f"""SELECT l.person AS person, {", ".join(given)},
{flux} AS flux, {_surrogate(leaf, branch.key)} AS line
{skeleton(leaf, states, scope)}
WHERE {" AND ".join(tests) or "true"}"""
    if branch.periods:
        return _finished(leaf, concept, _periods(inner), numbers)
    shaped = _net(branch, inner, by_stay) if branch.net else inner
    return _finished(leaf, concept, shaped, numbers)


def _given(leaf: Leaf) -> list[str]:
    """What is taken of each line; for columns that add up lines themselves, what they read."""
    fields = leaf.branch.fields
    own = [f'{_field(leaf, name)} AS "{name}"' for name, one in fields.items() if one.add != "made"]
    read = {place[1:] for one in fields.values() if one.add == "made" for place in _places(one)}
    return [*own, *(f'{_known(leaf, *place)} AS "{place[1]}"' for place in sorted(read))]


def _places(one: Field) -> list[tuple[str, str, str]]:
    return _PLACE.findall(one.sql)


def _names_stay(branch: Branch, concept: Concept) -> bool:
    return bool(branch.stay) and any(one.name == STAY for one in concept.columns)


def _finished(leaf: Leaf, concept: Concept, shaped: str, numbers: Collection[str]) -> str:
    branch = leaf.branch
    filled = {*branch.fields, *({"end"} if branch.periods else ())}
    filled |= {STAY} if _names_stay(branch, concept) else set()
    columns = [
        f"CAST({chr(34) + one.name + chr(34) if one.name in filled else 'NULL'} "
        f'AS {"BIGINT" if one.name in numbers else SQL_TYPES[one.kind]}) AS "{one.name}"'
        for one in concept.columns
    ]
    lines = "lines" if branch.net or branch.periods else "CAST(1 AS BIGINT)"
    return f"""SELECT person,
{", ".join(columns)}, '{leaf.origin}' AS origin, flux, {lines} AS lines, line
FROM ({shaped})"""  # noqa: S608


def filled_with_numbers(leaf: Leaf) -> dict[str, bool]:
    """The columns that a leaf fills, and whether each with whole numbers as they stand."""
    found = {}
    for name, one in leaf.branch.fields.items():
        alias, _, column = one.source.partition(".")
        found[name] = not one.sql and _is_whole(_known_term(leaf, alias, column))
    return found


def _is_whole(term: exp.Expr) -> bool:
    if isinstance(term, exp.Case):
        return all(_is_whole(one.args["true"]) for one in term.args["ifs"])
    return isinstance(term, exp.Cast) and term.is_type("BIGINT")


def _net(branch: Branch, inner: str, by_stay: bool) -> str:
    """Lines of one person (and stay) that differ in nothing but how many are added up."""
    keys = [f'"{name}"' for name, one in branch.fields.items() if one.add == "key"]
    keys += [f'"{STAY}"'] if by_stay else []
    sums = [name for name, one in branch.fields.items() if one.add == "sum"]
    totals = {name: f'CAST(coalesce(sum("{name}"), 0) AS BIGINT)' for name in sums}
    latest = [name for name, one in branch.fields.items() if one.add == "latest"]
    made = {name: one.sql for name, one in branch.fields.items() if one.add == "made"}
    columns = [
        "person",
        *keys,
        *(f'{total} AS "{name}"' for name, total in totals.items()),
        *(f'max("{name}") AS "{name}"' for name in latest),
        *(_PLACE.sub(r'"\3"', sql) + f' AS "{name}"' for name, sql in made.items()),
        "max(flux) AS flux, count(*) AS lines, bit_xor(line) AS line",
    ]
    kept = " OR ".join(f"{totals[name]} > 0" for name in branch.positive)
    having = f"\nHAVING {kept}" if kept else ""
    groups = ", ".join(["person", *keys])
    return f"SELECT {', '.join(columns)}\nFROM ({inner})\nGROUP BY {groups}{having}"


def _periods(inner: str) -> str:
    """Days in the same place, one after the other, become one stretch.

    A day with two places stands for the last of them in the order of their codes.
    """
    place = "struct_pack(department := department, commune := commune)"
    turn = "OVER (PARTITION BY person ORDER BY date)"
    return f"""WITH seen AS (
SELECT person, date, max({place}) AS place, max(flux) AS flux, count(*) AS lines,
bit_xor(line) AS line FROM ({inner}) GROUP BY person, date),
marked AS (SELECT *, place IS DISTINCT FROM lag(place) {turn} AS fresh FROM seen),
told AS (SELECT *, sum(CAST(fresh AS INTEGER)) {turn} AS stretch FROM marked)
SELECT person, min(date) AS date, max(date) AS "end", max(place).department AS department,
max(place).commune AS commune, max(flux) AS flux, CAST(sum(lines) AS BIGINT) AS lines,
bit_xor(line) AS line FROM told GROUP BY person, stretch"""  # noqa: S608


def touched_queries(leaf: Leaf, changed: frozenset[str]) -> Iterator[str]:
    """One query for each table of the leaf that changed: the persons whose lines those are."""
    for alias, table in leaf.tables.items():
        if table.name in changed:
            states = {one: "changed" if one == alias else "any" for one in leaf.tables}
            joined = skeleton(leaf, states, "any", touching=alias)
            yield f"SELECT DISTINCT l.person AS person\n{joined}"


def _rule_tests(leaf: Leaf, states: Mapping[str, str]) -> list[str]:
    branch = leaf.branch
    aliases = {table.family: alias for alias, table in leaf.tables.items()}

    def column(node: Column) -> exp.Expr:
        return _known_term(leaf, aliases[node.of], node.name)

    terms = Terms(column)
    found = []
    for rule in (SILVER_RULES[name] for name in branch.rules):
        if rule.keep is None or rule.table not in aliases:
            continue
        alias = aliases[rule.table]
        if isinstance(rule.keep, str):
            test = _filled(leaf, _COLUMN.sub(rf"{{{alias}.\1}}", rule.keep))
        else:
            test = _text(terms.term(rule.keep))
        barring = alias in branch.barring
        found.append(_barred(leaf, alias, test, states) if barring else test)
    return found


def _barred(leaf: Leaf, alias: str, test: str, states: Mapping[str, str]) -> str:
    """No line of `alias` that the row meets fails the test."""
    table = view(leaf.tables[alias].name, states.get(alias, ""))
    refused = f"{_meets(leaf.branch, alias)} AND NOT coalesce({test}, true)"
    return f"NOT EXISTS (SELECT 1 FROM {table} AS {alias} WHERE {refused})"  # noqa: S608


def _field(leaf: Leaf, name: str) -> str:
    one = leaf.branch.fields[name]
    return _filled(leaf, one.sql or f"{{{one.source}}}")


def _filled(leaf: Leaf, text: str) -> str:
    return _PLACE.sub(
        lambda place: f'{place[2]}."{place[3]}"' if place[1] else _known(leaf, place[2], place[3]),
        text,
    )


def _surrogate(leaf: Leaf, key: tuple[str, ...]) -> str:
    """What names a line or a stay (`line_names`)."""
    branch = leaf.branch
    table = leaf.tables[branch.who]
    # Keys of the sectors of the PMSI look alike; the MCO stands before the others.
    sector = _SECTORS.index(table.family[:5]) * 10_000 if table.year else 0
    first = str(table.year + sector) if table.year else "0" if branch.flux else "l.person"
    # Columns by which tables were joined are never empty.
    met = {name for names in branch.joins.values() for name in names}
    columns = []
    for alias, _, name in (one.partition(".") for one in key):
        held = leaf.tables[alias].columns.get(name)
        # A column that did not exist yet says nothing.
        written = "NULL" if held is None else f'{alias}."{name}"'
        columns.append((written, held or pa.int64(), name not in met))
    return named(first, columns)


def _known(leaf: Leaf, alias: str, name: str) -> str:
    return f"({_text(_known_term(leaf, alias, name))})"


def _known_term(leaf: Leaf, alias: str, name: str) -> exp.Expr:
    """A column without the SNDS's ways of saying `unknown`, as `cohorts` reads it.

    `cohorts` knows the columns of its views; others are read by the type they are kept under.
    """
    table = leaf.tables[alias]
    _require(table, name)
    former = FORMER.get((table.family, name))
    if former is not None and name not in table.columns:
        return exp.Literal.string(former[1])
    if name in RAW.get(table.family, {}):
        content = Source(urls=(table.name,))
        piece = Piece(family=table.family, year=table.year, content=content)
        columns = {one: (one, kind) for one, kind in table.columns.items()}
        return known_term(Reading(piece=piece, columns=columns), name, alias)
    return _plain_term(exp.column(name, alias, quoted=True), table.columns[name])


def _plain_term(column: exp.Expr, held: pa.DataType) -> exp.Expr:
    if pa.types.is_date32(held):
        low, high = (
            exp.cast(exp.Literal.string(day.isoformat()), "DATE") for day in (FIRST_DAY, LAST_DAY)
        )
        known = exp.Between(this=column, low=low, high=high)
        return exp.Case(ifs=[exp.If(this=known, true=column.copy())])
    if pa.types.is_integer(held):
        return exp.cast(column, "BIGINT")
    if pa.types.is_decimal(held) or pa.types.is_floating(held):
        whole = exp.EQ(this=column, expression=exp.func("TRUNC", column.copy()))
        return exp.Case(ifs=[exp.If(this=whole, true=exp.cast(column.copy(), "BIGINT"))])
    text = exp.Trim(this=exp.cast(column, "TEXT"), expression=exp.Literal.string(" "))
    return exp.Nullif(this=text, expression=exp.Literal.string(""))


def _text(term: exp.Expr) -> str:
    return term.sql(dialect="duckdb", unsupported_level=ErrorLevel.RAISE)
