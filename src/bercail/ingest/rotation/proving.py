"""The proof that a rotation missed nothing, from what the host holds.

1. Every newest snapshot verifies, every byte of it.
2. Row by row, taken columns hold the new pseudonym of the value before; the rest is the same.
3. As many values, distinct values, persons, and rows of every join as before.
4. No old pseudonym in any text column, and none of the shape in a column that nobody declared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from attrs import asdict, frozen

from bercail.catalogue import PseudonymColumn
from bercail.foundation import Unproven
from bercail.ingest.rotation.plan import TakenColumn
from bercail.ingest.rotation.scanning import batches, doubtful_columns, known_values, text_columns
from bercail.lake import Lake, Statement
from bercail.lake.identities import Texts, Turn, turn_identities
from bercail.lake.value_tally import Tally, aligned, joined_rows, persons_of


@frozen(kw_only=True)
class ProvenTable:
    """A table before and after, and how many values and distinct values each column holds."""

    table: str
    before: str
    after: str
    statement_sha256: str
    rows: int
    columns: tuple[Mapping[str, Any], ...]


@frozen(kw_only=True)
class Proof:
    """What was shown; counts only."""

    tables: tuple[ProvenTable, ...]
    joins: tuple[Mapping[str, Any], ...]
    persons: int
    sought: int

    def as_dict(self) -> dict[str, Any]:
        """As the report writes it."""
        return {**asdict(self), "found": 0}


@frozen(kw_only=True)
class Turned:
    """A table to prove: the statements before and of the rewrite, and the columns turned."""

    before: Statement
    after: Statement
    columns: tuple[TakenColumn, ...]


def prove(
    lake: Lake, tables: Sequence[Turned], turn: Turn, excluded: frozenset[tuple[str, str]]
) -> Proof:
    """The four steps of the module; raises `Unproven` at the first that does not hold."""
    proven = []
    counted: dict[str, tuple[Tally, Tally]] = {}
    for one in tables:
        _require_newest(lake, one)  # 1
        old = _compare(lake, one, turn)  # 2
        columns = []
        for column in one.columns:  # 3
            place = f"{one.after.table}.{column.name}"
            counts = _counts(lake, one.after, column.name)
            _same(place, "distinct values", old[column.name].distinct, counts.distinct)
            _same(place, "values", old[column.name].total, counts.total)
            counted[place] = (old[column.name], counts)
            columns.append({**asdict(column), "values": counts.total, "distinct": counts.distinct})
        proven.append(_proven(one, columns))
    persons = [persons_of([pair[side] for pair in counted.values()]) for side in (0, 1)]
    _same("the lake", "persons", len(persons[0]), len(persons[1]))
    joins = tuple(_joins(counted))
    for one in tables:  # 4
        _require_clean(lake, one, persons[0], excluded)
    return Proof(tables=tuple(proven), joins=joins, persons=len(persons[1]), sought=len(persons[0]))


def _require_newest(lake: Lake, one: Turned) -> None:
    newest = lake.snapshots(one.after.table)[-1].id
    if newest != one.after.snapshot:
        raise _unproven(one.after.table, "has a newer snapshot than the rotation made")
    lake.verify(one.after.table, newest)


def _compare(lake: Lake, one: Turned, turn: Turn) -> dict[str, Tally]:
    """The counts of the values before, by column, once every row is as it has to be."""
    if one.before.rows != one.after.rows:
        raise _unproven(one.after.table, "has other rows than before")
    if one.before.parts == one.after.parts and not one.columns:
        return {}
    table = one.after.table
    columns = [PseudonymColumn(name=c.name, kind=c.kind) for c in one.columns]
    old = {column.name: Tally() for column in columns}
    names = [column.name for column in one.after.columns]
    before, after = (
        batches(lake, table, statement.snapshot, names) for statement in (one.before, one.after)
    )
    for was, now in aligned(before, after):
        if not turn_identities(was, columns, turn).equals(now):
            raise _unproven(table, "holds a row that is not the row before under new pseudonyms")
        for name, found in old.items():
            found.add(was.column(name))
    return old


def _counts(lake: Lake, statement: Statement, column: str) -> Tally:
    found = Tally()
    for batch in batches(lake, statement.table, statement.snapshot, [column]):
        found.add(batch.column(0))
    return found


def _joins(counted: Mapping[str, tuple[Tally, Tally]]) -> Iterator[Mapping[str, Any]]:
    for left, right in combinations(sorted(counted), 2):
        rows = [joined_rows(counted[left][side], counted[right][side]) for side in (0, 1)]
        _same(f"{left} joined with {right}", "rows", rows[0], rows[1])
        yield {"left": left, "right": right, "rows": rows[1]}


def _require_clean(
    lake: Lake, one: Turned, old: Texts, excluded: frozenset[tuple[str, str]]
) -> None:
    table, snapshot = one.after.table, one.after.snapshot
    texts = text_columns(lake.read(table, None, snapshot).schema)
    for found in known_values(lake, table, snapshot, texts, old):
        raise _unproven(f"{table}.{found.column}", f"still holds {found.known} old pseudonym(s)")
    taken = {column.name for column in one.columns}
    open_ones = [name for name in texts if name not in taken and (table, name) not in excluded]
    for found in doubtful_columns(lake, table, snapshot, open_ones):
        raise _unproven(f"{table}.{found.column}", "holds what may be pseudonyms, undeclared")


def _proven(one: Turned, columns: Sequence[Mapping[str, Any]]) -> ProvenTable:
    return ProvenTable(
        table=one.after.table,
        before=one.before.snapshot,
        after=one.after.snapshot,
        statement_sha256=one.after.digest(),
        rows=one.after.rows,
        columns=tuple(columns),
    )


def _same(where: str, what: str, before: int, after: int) -> None:
    if before != after:
        raise _unproven(where, f"has {after} {what} where there were {before}")


def _unproven(where: str, how: str) -> Unproven:
    return Unproven(
        f"The rotation is not proven: `{where}` {how}.",
        remedy="The lake stays shut. Find the cause, then run the rotation again.",
        rule="rotation-proof",
    )
