"""Pairs of cases and controls by arithmetic on places; the same pairs as `outcomes.matched`.

Where a stratum has n cases, the control at place p of its pool falls to the case at place p modulo
n, until each case has its controls. So nobody is compared with anybody: the case at place p takes
what stands at p, at p and n, and so on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Whole = NDArray[np.int64]
# Pairs that are written at once.
PIECE = 10_000_000


def paired(cases: pa.Table, pool: Iterable[pa.RecordBatch], ratio: int) -> pa.Table:
    """Pairs of `case` and `control`, sorted; see `pairs_table`.

    `cases` has `stratum` (from 0) and `person`, sorted by person; the batches of `pool` have both,
    sorted by both as one. Of the pool only those are kept who become controls.
    """
    strata = _strata(cases["stratum"])
    sizes = np.bincount(strata)
    controls, held = _controls(pool, sizes * ratio)
    # A row for each case, a column for each of its controls.
    turns = np.arange(ratio, dtype=np.int64)[None, :] * sizes[strata][:, None]
    places = _places(strata, sizes)[:, None] + turns
    there = places < held[strata][:, None]
    starts = np.cumsum(held) - held
    chosen, of_case = (places + starts[strata][:, None])[there], np.nonzero(there)[0]
    return pairs_table(cases, controls, of_case, chosen)


def pairs_table(
    cases: pa.Table, controls: pa.Array[Any], of_case: Whole, chosen: Whole
) -> pa.Table:
    """The cases and controls at these rows, with the `index_date` where `cases` has one."""
    columns: dict[str, pa.ChunkedArray[Any]] = {
        "case": _taken(wide_names(cases["person"]), of_case),
        "control": _taken(controls, chosen),
    }
    if "index_date" in cases.column_names:
        columns["index_date"] = cases["index_date"].take(pa.array(of_case, pa.int64()))
    return pa.Table.from_arrays(list(columns.values()), names=list(columns))


def in_strata(cases: pa.Table, pool: pa.Table, on: Sequence[str]) -> tuple[pa.Table, pa.Table]:
    """`cases` and `pool`, each sorted by person, as `paired` wants them; equal in the columns `on`.

    Nobody with an unknown value there is in a stratum, and of the pool only who has cases beside.
    """
    groups = groups_of((cases, pool), on)
    of_cases, of_pool = groups[: cases.num_rows], groups[cases.num_rows :]
    found = np.unique(of_cases[of_cases >= 0])
    # The last place is that of the unknown: -1 counts from the end.
    numbers = np.full(groups.max(initial=0) + 2, -1, dtype=np.int64)
    numbers[found] = np.arange(len(found))
    of_cases, of_pool = numbers[of_cases], numbers[of_pool]
    rows = np.argsort(of_pool, kind="stable")
    rows = rows[np.searchsorted(of_pool[rows], 0) :]
    return _numbered(cases, np.nonzero(of_cases >= 0)[0], of_cases), _numbered(pool, rows, of_pool)


def groups_of(tables: Sequence[pa.Table], names: Sequence[str]) -> Whole:
    """A number for each row of all tables, the same where all of `names` are; -1 where unknown."""
    groups: Whole = np.zeros(sum(table.num_rows for table in tables), dtype=np.int64)
    known = np.ones(len(groups), dtype=bool)
    for name in names:
        pieces = [table[name].combine_chunks() for table in tables]
        values: Any = pa.concat_arrays(pieces).dictionary_encode()
        places = values.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        known &= places >= 0
        # Made small again after each column: products of many would not fit.
        together = groups * (len(values.dictionary) + 1) + places + 1
        groups = np.unique(together, return_inverse=True)[1].astype(np.int64)
    groups[~known] = -1
    return groups


def _numbered(persons: pa.Table, rows: Whole, strata: Whole) -> pa.Table:
    chosen = persons.take(pa.array(rows, pa.int64()))
    return chosen.append_column("stratum", pa.array(strata[rows], pa.int64()))


def _places(strata: Whole, sizes: Whole) -> Whole:
    """The place of each case in its stratum."""
    order = np.argsort(strata, kind="stable")
    places = np.empty_like(strata)
    places[order] = np.arange(len(strata)) - (np.cumsum(sizes) - sizes)[strata[order]]
    return places


def _controls(pool: Iterable[pa.RecordBatch], wanted: Whole) -> tuple[pa.Array[Any], Whole]:
    """The first persons of each stratum, as many as are wanted, and how many there are."""
    passed, kept = np.zeros_like(wanted), []
    for batch in pool:
        strata = _strata(batch.column("stratum"))
        # A batch is sorted: what stands before the first of a stratum is of others.
        found, first, many = np.unique(strata, return_index=True, return_counts=True)
        places = np.arange(len(strata)) - np.repeat(first, many) + passed[strata]
        passed[found] += many
        kept.append(batch.column("person").filter(pa.array(places < wanted[strata])))
    return wide_names(pa.chunked_array(kept, pa.string())), np.minimum(passed, wanted)


def _strata(column: pa.Array[Any] | pa.ChunkedArray[Any]) -> Whole:
    found: Whole = column.to_numpy().astype(np.int64)
    return found


def wide_names(names: pa.ChunkedArray[Any]) -> pa.Array[Any]:
    """All names as one array, which may be larger than the 2 GB of an array of `string`."""
    found: pa.Array[Any] = names.cast(pa.large_string()).combine_chunks()
    return found


def _taken(names: pa.Array[Any], places: Whole) -> pa.ChunkedArray[Any]:
    """The names at these places, in pieces that each have room in an array of `string`."""
    pieces = [
        names.take(pa.array(places[start : start + PIECE], pa.int64())).cast(pa.string())
        for start in range(0, len(places), PIECE)
    ]
    return pa.chunked_array(pieces, pa.string())
