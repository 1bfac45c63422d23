"""The proof that the tables of one project missed nothing, from what the host holds.

1. Every byte of every new table is the one that was written.
2. Row by row, taken columns hold the new pseudonym of the value before; the rest is the same.
3. As many values, distinct values, persons, and rows of every join as before.
4. No former pseudonym in any text column, and none of the shape in a column that nobody declared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import pyarrow as pa
from attrs import asdict, frozen

from bercail.access.rotation.columns import (
    ColumnVerdicts,
    PlannedTable,
    doubtful_columns,
    holding,
    text_columns,
)
from bercail.access.rotation.tables import (
    ProjectTable,
    batches,
    require_digest,
    schema_of,
    texts_of,
    turned_batch,
)
from bercail.foundation import Unproven
from bercail.lake import SealedStore
from bercail.lake.identities import Texts, Turn
from bercail.lake.value_tally import Tally, aligned, joined_rows, persons_of


@frozen(kw_only=True)
class TurnedTable:
    """One table as it was planned, and as it was written anew."""

    before: PlannedTable
    after: ProjectTable


@frozen(kw_only=True)
class ProjectProof:
    """What was shown; counts only."""

    tables: tuple[Mapping[str, Any], ...]
    joins: tuple[Mapping[str, Any], ...]
    persons: int
    sought: int

    def as_dict(self) -> dict[str, Any]:
        """As the report writes it."""
        return {**asdict(self), "found": 0}


def prove(
    store: SealedStore, tables: Sequence[TurnedTable], turn: Turn, verdicts: ColumnVerdicts
) -> ProjectProof:
    """The four steps of the module; raises `Unproven` at the first that does not hold."""
    counted: dict[str, tuple[Tally, Tally]] = {}
    shown = []
    for one in tables:
        require_digest(store, one.after)  # 1
        old = _compare(store, one, turn)  # 2
        columns = []
        for column in one.before.taken:  # 3
            place = f"{one.before.label}.{column.name}"
            new = _counts(store, one.after, column.name)
            _same(place, "distinct values", old[column.name].distinct, new.distinct)
            _same(place, "values", old[column.name].total, new.total)
            counted[place] = (old[column.name], new)
            columns.append({**asdict(column), "values": new.total, "distinct": new.distinct})
        shown.append(_shown(one, columns))
    persons = [persons_of([pair[side] for pair in counted.values()]) for side in (0, 1)]
    _same(store.scope, "persons", len(persons[0]), len(persons[1]))
    joins = tuple(_joins(counted))
    for one in tables:  # 4
        _require_clean(store, one, persons[0], verdicts)
    return ProjectProof(
        tables=tuple(shown), joins=joins, persons=len(persons[1]), sought=len(persons[0])
    )


def _compare(store: SealedStore, one: TurnedTable, turn: Turn) -> dict[str, Tally]:
    """The counts of the values before, by column, once every row is as it has to be."""
    old = {column.name: Tally() for column in one.before.taken}
    before, after = batches(store, one.before.table), batches(store, one.after)
    for was, now in aligned(before, after):
        if was.num_rows != now.num_rows or not _alike(
            turned_batch(was, one.before.taken, turn), now
        ):
            raise _unproven(
                one.before.label, "holds a row that is not the row before under new pseudonyms"
            )
        for name, found in old.items():
            found.add(texts_of(was, name))
    return old


def _alike(wanted: pa.RecordBatch, found: pa.RecordBatch) -> bool:
    """Whether two batches are the same, with a number that is none like another such."""
    if wanted.schema.names != found.schema.names:
        return False
    return all(
        left.equals(right) or repr(left.to_pylist()) == repr(right.to_pylist())
        for left, right in zip(wanted.columns, found.columns, strict=True)
    )


def _counts(store: SealedStore, table: ProjectTable, column: str) -> Tally:
    found = Tally()
    for batch in batches(store, table, [column]):
        found.add(texts_of(batch, column))
    return found


def _joins(counted: Mapping[str, tuple[Tally, Tally]]) -> Iterator[Mapping[str, Any]]:
    for left, right in combinations(sorted(counted), 2):
        rows = [joined_rows(counted[left][side], counted[right][side]) for side in (0, 1)]
        _same(f"{left} joined with {right}", "rows", rows[0], rows[1])
        yield {"left": left, "right": right, "rows": rows[1]}


def _require_clean(
    store: SealedStore, one: TurnedTable, former: Texts, verdicts: ColumnVerdicts
) -> None:
    schema = schema_of(store, one.after)
    for name, many in holding(store, one.after, text_columns(schema), former).items():
        raise _unproven(f"{one.before.label}.{name}", f"still holds {many} old pseudonym(s)")
    taken = one.before.taken
    for name in doubtful_columns(store, one.after, schema, taken, verdicts):
        raise _unproven(f"{one.before.label}.{name}", "holds what may be pseudonyms, undeclared")


def _shown(one: TurnedTable, columns: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    return {
        "table": one.before.label,
        "before": f"{one.before.table.name}@{one.before.table.version}",
        "after": f"{one.after.name}@{one.after.version}",
        "sha256": one.after.sha256,
        "rows": one.before.rows,
        "columns": list(columns),
    }


def _same(where: str, what: str, before: int, after: int) -> None:
    if before != after:
        raise _unproven(where, f"has {after} {what} where there were {before}")


def _unproven(where: str, how: str) -> Unproven:
    return Unproven(
        f"The change of a project's pseudonyms is not proven: `{where}` {how}.",
        remedy="The tables of the project stay shut. Find the cause, then run the change again.",
        rule="rotation-proof",
    )
