"""Keys of a delivery in bounded memory: eight bytes a line, whatever the key is made of.

Each key is hashed to 64 bits. Two lines of one hash are read again and compared, so a repeated
key is never a collision. A detail line whose hash no parent has is an orphan for certain; one that
passes by collision is not seen (for 100 million lines of each: one chance in two thousand).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bercail.catalogue import Registry, Table, arrow_type

Hashes = npt.NDArray[np.uint64]
# More suspects than this cannot be collisions: they are counted without a second look.
MOST_SUSPECTS = 1_000_000
CARE_LINES = "ER_PRS_F"
# 32 MB of hashes: the allocator gives a block of this size back to the system when it is dropped.
BLOCK_HASHES = 1 << 22


class KeyHasher:
    """Hashes rows; one engine of one thread for all files of a delivery."""

    def __init__(self) -> None:
        self._engine = duckdb.connect(config={"threads": 1})

    def __enter__(self) -> KeyHasher:
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.close()

    def hashes(self, batch: pa.RecordBatch, columns: Sequence[str]) -> Hashes:
        """One hash for each row, over `columns` in that order."""
        if not batch.num_rows:
            return np.empty(0, dtype=np.uint64)
        named = [f'"{name}"' for name in columns]
        rows = pa.Table.from_batches([batch.select(list(columns))])
        self._engine.register("lines", rows)
        # The names are columns of the catalogue.
        query = f"SELECT hash({', '.join(named)}) FROM lines"  # noqa: S608
        found = self._engine.execute(query).fetchnumpy()
        self._engine.unregister("lines")
        (values,) = found.values()
        return cast("Hashes", np.asarray(values, dtype=np.uint64))


class FileKeys:
    """The keys of one file, as hashes in the order of its lines."""

    def __init__(self, hasher: KeyHasher, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        self._hasher = hasher
        self._blocks: list[Hashes] = []
        self._loose: list[Hashes] = []

    def add(self, batch: pa.RecordBatch) -> Hashes:
        """Take the keys of one batch; returns their hashes."""
        found = self._hasher.hashes(batch, self.columns)
        self._loose.append(found)
        if sum(map(len, self._loose)) >= BLOCK_HASHES:
            self._blocks.append(np.concatenate(self._loose))
            self._loose = []
        return found

    def sorted(self) -> Hashes:
        """All of them, sorted. Each block is let go once it is copied, so nothing is held twice."""
        blocks = [*self._blocks, *self._loose]
        self._blocks, self._loose = [], []
        whole = np.empty(sum(map(len, blocks)), dtype=np.uint64)
        end = len(whole)
        while blocks:
            block = blocks.pop()
            whole[end - len(block) : end] = block
            end -= len(block)
        whole.sort()
        self._blocks = [whole]
        return whole


def suspects(ordered: Hashes) -> tuple[int, Hashes]:
    """How many lines repeat the hash of another, and those hashes, each once."""
    again = ordered[1:] == ordered[:-1]
    return int(again.sum()), np.unique(ordered[1:][again])


def repeated(
    keys: FileKeys, doubtful: Hashes, batches: Iterable[pa.RecordBatch], hasher: KeyHasher
) -> tuple[int, tuple[int, ...]]:
    """How many lines repeat the key of a line before, and the first of them; exact.

    `batches` are the file's lines again; only those whose hash is in `doubtful` are kept.
    """
    seen: set[tuple[Any, ...]] = set()
    count, lines, before = 0, list[int](), 0
    for batch in batches:
        hashed = hasher.hashes(batch, keys.columns)
        for place in np.flatnonzero(np.isin(hashed, doubtful)):
            row = tuple(batch.column(name)[int(place)].as_py() for name in keys.columns)
            if row in seen:
                count += 1
                lines.append(before + int(place) + 2)
            seen.add(row)
        before += batch.num_rows
    return count, tuple(lines[:5])


def strangers(child: Hashes, parents: Hashes) -> npt.NDArray[np.bool_]:
    """Which hashes of a batch no parent has; `parents` is sorted."""
    if not len(parents):
        return np.ones(len(child), dtype=bool)
    place = np.searchsorted(parents, child)
    place[place == len(parents)] = 0
    return cast("npt.NDArray[np.bool_]", parents[place] != child)


def unique_key(table: Table, header: Sequence[str], registry: Registry) -> tuple[str, ...]:
    """The columns that name one line; none where persons share a key, as twins do."""
    key = tuple(name for name in table.key if name in header)
    identities = {column.name for column in registry.pseudonyms(table)}
    return () if identities & set(key) else key


def link(table: Table, header: Sequence[str], parent: Table) -> tuple[str, ...]:
    """The columns by which the lines of `table` hang on those of `parent`; none if they do not.

    Detail tables of the DCIR hang on the care line by nine columns, claims (ER_DCT_F) by seven;
    those of a stay on its line in the table `...B` by establishment and stay number.
    """
    details = parent.name == CARE_LINES and table.product == parent.product == "DCIR"
    stays = parent.name.endswith("aaB") and table.name.startswith(parent.name[:-1])
    columns = table.joins_on(parent) if details or stays else ()
    same = all(
        arrow_type(parent.column(name)) == arrow_type(table.column(name)) for name in columns
    )
    carried = same and set(columns) <= set(header) and table.name != parent.name
    return columns if carried else ()


def links_to(parent: Table, tables: Sequence[Table]) -> frozenset[tuple[str, ...]]:
    """The columns of `parent` by which some of `tables` hang on it."""
    found = (link(table, table.column_names(), parent) for table in tables)
    return frozenset(columns for columns in found if columns)


def parents_first(table: Table) -> bool:
    """The order in which the tables of a delivery are read: `False` before `True`."""
    return not (table.name == CARE_LINES or table.name.endswith("aaB"))
