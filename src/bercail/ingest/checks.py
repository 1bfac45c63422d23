"""What is looked at in a delivery before anything of it is loaded.

Findings carry counts and positions, never values (house rule 19). Sources: the SNDS security
referential 6.1 (no direct identifier), the catalogue (columns, lengths, keys).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from bercail.catalogue import PseudonymColumn, Table
from bercail.ingest.events import FindingCounted
from bercail.lake.identities import sentinel_mask

# 13 characters of a NIR, with its two-digit key or without; Corsica writes 2A or 2B.
NIR_PATTERN = (
    r"(^|[^0-9])[1-8][0-9]{2}(0[1-9]|1[0-2]|[2-9][0-9])(2[ABab]|[0-9]{2})[0-9]{6}([0-9]{2})?"
    r"([^0-9]|$)"
)
EMAIL_PATTERN = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\.[A-Za-z]{2,}"
_SHORTEST_IDENTIFIER = 13
_PSEUDONYM_LENGTHS = {"person": (17,), "person_ranked": (17, 18)}


class FileFindings:
    """Counts findings of one file, batch after batch; line 1 is the header."""

    def __init__(self, file: str, table: Table, pseudonyms: Sequence[PseudonymColumn]) -> None:
        self.file = file
        self._table = table
        self._pseudonyms = {column.name: column.kind for column in pseudonyms}
        self._found: dict[tuple[str, str], tuple[int, int]] = {}
        self.rows = 0

    def add(self, check: str, column: str, count: int, line: int) -> None:
        """Count `count` findings of `check`, the first of them at `line`."""
        if count:
            before, first = self._found.get((check, column), (0, line))
            self._found[check, column] = (before + count, min(first, line))

    def look(self, batch: pa.RecordBatch) -> None:
        """Look at one batch: keys filled, lengths, pseudonym shapes, clear identifiers."""
        for name in batch.schema.names:
            column = self._table.column(name)
            found = batch.column(name)
            if column.is_key:
                self._count("empty-key", name, pc.is_null(found))
            if not pa.types.is_string(found.type):
                continue
            values = cast("pa.StringArray", found)
            if name in self._pseudonyms:
                self._count("not-a-pseudonym", name, _malformed(values, self._pseudonyms[name]))
                continue
            if column.length:
                too_long = pc.greater(pc.utf8_length(values), pa.scalar(column.length))
                self._count("too-long", name, too_long)
            if not column.length or column.length >= _SHORTEST_IDENTIFIER:
                nir = pc.match_substring_regex(values, NIR_PATTERN)
                self._count("clear-identifier", name, nir)
                mail = pc.match_substring_regex(values, EMAIL_PATTERN)
                self._count("clear-identifier", name, mail)
        self.rows += batch.num_rows

    def _count(self, check: str, column: str, mask: Any) -> None:
        certain = pc.fill_null(mask, pa.scalar(False))
        count = certain.true_count
        if count:
            first = pc.index(certain, pa.scalar(True)).as_py()
            self.add(check, column, count, self.rows + first + 2)

    def findings(self) -> tuple[FindingCounted, ...]:
        """Everything found, in a stable order."""
        return tuple(
            FindingCounted(
                check=check, file=self.file, column=column, count=count, first_line=first
            )
            for (check, column), (count, first) in sorted(self._found.items())
        )


def _malformed(values: pa.StringArray, kind: str) -> pa.BooleanArray:
    lengths = pc.utf8_length(values)
    right = pc.is_in(lengths, pa.array(_PSEUDONYM_LENGTHS[kind], pa.int32()))
    shaped = pc.match_substring_regex(values, r"^[A-Z2-7]{17}[0-9]?$")
    return pc.invert(pc.or_(pc.and_(right, shaped), sentinel_mask(values)))


def column_findings(
    file: str, table: Table, year: int | None, header: Sequence[str]
) -> tuple[FindingCounted, ...]:
    """Columns the catalogue does not know (in that year), and key columns that are missing."""
    known = {column.name for column in table.columns}
    in_year = set(table.column_names(year))
    keys = {column.name for column in table.columns if column.is_key}
    found = [("unknown-column", name) for name in header if name not in known]
    found += [
        ("column-not-in-year", name) for name in header if name in known and name not in in_year
    ]
    found += [("missing-key-column", name) for name in sorted(keys & in_year - set(header))]
    return tuple(
        FindingCounted(check=check, file=file, column=name, count=1, first_line=1)
        for check, name in found
    )


def repeated_keys(keys: pa.Table) -> int:
    """How many rows of `keys` repeat a row before them."""
    if not keys.num_rows:
        return 0
    distinct = keys.group_by(keys.column_names).aggregate([([], "count_all")]).num_rows
    return int(keys.num_rows - distinct)


def orphans(child: pa.Table, parent: pa.Table) -> int:
    """How many rows of `child` have no row in `parent` with the same key."""
    if not child.num_rows:
        return 0
    joined = child.join(parent, keys=parent.column_names, join_type="left anti")
    return int(joined.num_rows)
