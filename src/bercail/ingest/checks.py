"""What is looked at in each batch of a delivery before anything of it is loaded.

Findings carry counts and positions, never values (house rule 19). Sources: the SNDS security
referential 6.1 (no direct identifier), the catalogue (columns, years, lengths, keys, code lists).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from bercail.catalogue import Column, Registry, Table, vocabularies
from bercail.ingest import identifiers
from bercail.ingest.findings import ERROR, LINES_KEPT, WARNING, Tally
from bercail.ingest.swaps import known_codes
from bercail.lake.identities import sentinel_mask

_PSEUDONYM_LENGTHS = {"person": (17,), "person_ranked": (17, 18)}
# A list of the catalogue may be incomplete or lack what is new: below this share it is only told.
CODES_TOLERATED = 0.1

Look = Callable[[Any], None]


class FileLook:
    """Looks at one file, batch after batch; counts into `tally`."""

    def __init__(
        self, tally: Tally, table: Table, header: Sequence[str], registry: Registry
    ) -> None:
        self._tally = tally
        self.rows = 0
        kinds = {column.name: column.kind for column in registry.pseudonyms(table)}
        self._looks: dict[str, list[Look]] = {
            name: self._looks_at(table, table.column(name), kinds.get(name, ""), registry)
            for name in header
        }

    def _looks_at(self, table: Table, column: Column, kind: str, registry: Registry) -> list[Look]:
        name, looks = column.name, list[Look]()
        if column.is_key:
            looks.append(lambda values: self._count("empty-key", name, pc.is_null(values)))
        codes = known_codes(column, registry)
        if codes:
            looks.append(self._codes(name, column, codes))
        if column.physical_type != "char":
            return looks
        if kind:
            looks.append(lambda values: self._pseudonyms(name, values, kind))
        elif column.length:
            longest = pa.scalar(column.length)
            looks.append(lambda values: self._length(name, values, longest))
        listed = any(one.holds(table.name, name) for one in vocabularies())
        coded = column.is_key or column.code_list is not None or listed
        looks.append(lambda values: self._scan(name, values, coded))
        return looks

    def look(self, batch: pa.RecordBatch) -> None:
        """Look at one batch: keys, codes, lengths, pseudonyms, identifiers in clear."""
        for name, looks in self._looks.items():
            values = batch.column(name)
            for one in looks:
                one(values)
        self.rows += batch.num_rows

    def levels(self) -> dict[tuple[str, str], str]:
        """Unknown codes are an error only when they are many."""
        many = max(1.0, self.rows * CODES_TOLERATED)
        return {
            ("unknown-code", name): ERROR
            if self._tally.counted("unknown-code", name) >= many
            else WARNING
            for name in self._looks
        }

    def _codes(self, name: str, column: Column, codes: frozenset[str]) -> Look:
        number = column.physical_type == "num"
        known = pa.array([int(one) for one in codes] if number else sorted(codes))

        def look(values: Any) -> None:
            distinct = values.unique().drop_null()
            unknown = distinct.filter(pc.invert(pc.is_in(distinct, known.cast(distinct.type))))
            if len(unknown):
                self._count("unknown-code", name, pc.is_in(values, unknown))

        return look

    def _pseudonyms(self, name: str, values: Any, kind: str) -> None:
        if not identifiers.all_pseudonyms(values):
            self._count("not-a-pseudonym", name, _malformed(values, kind))

    def _length(self, name: str, values: Any, longest: Any) -> None:
        # Bytes are counted for the whole batch at once; letters only where they may be too many.
        if (pc.max(pc.binary_length(values)).as_py() or 0) > longest.as_py():
            self._count("too-long", name, pc.greater(pc.utf8_length(values), longest))

    def _scan(self, name: str, values: Any, coded: bool) -> None:
        for check, places in identifiers.scan(cast("pa.StringArray", values), coded=coded).items():
            lines = (places[:LINES_KEPT] + self.rows + 2).tolist()
            self._tally.add(check, name, len(places), lines)

    def _count(self, check: str, column: str, mask: Any) -> None:
        self._tally.mask(check, column, mask, self.rows)


def _malformed(values: Any, kind: str) -> Any:
    lengths = pc.utf8_length(values)
    right = pc.is_in(lengths, pa.array(_PSEUDONYM_LENGTHS[kind], pa.int32()))
    shaped = pc.match_substring_regex(values, r"^[A-Z2-7]{17}[0-9]?$")
    wrong = pc.invert(pc.or_(pc.and_(right, shaped), sentinel_mask(values)))
    return pc.and_(wrong, pc.is_valid(values))


def column_findings(tally: Tally, table: Table, year: int | None, header: Sequence[str]) -> None:
    """Columns the catalogue does not know (in that year), and key columns that are missing."""
    known = {column.name for column in table.columns}
    in_year = set(table.column_names(year))
    keys = {column.name for column in table.columns if column.is_key}
    strange = [name for name in header if name in known and name not in in_year]
    for name in header:
        if name not in known:
            tally.add("unknown-column", name, 1, [1])
    for name in strange:
        tally.add("column-not-in-year", name, 1, [1])
    for name in sorted(keys & in_year - set(header)):
        tally.add("missing-key-column", name, 1, [1])
    if strange and any(set(header) <= set(table.column_names(other)) for other in table.years):
        tally.add("schema-of-another-year", "", len(strange), [1])
