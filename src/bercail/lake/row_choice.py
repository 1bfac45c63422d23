"""Which rows an erasure takes from a part, and which it leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from attrs import field, frozen

from bercail.foundation import Invalid, Missing
from bercail.lake.reading import rows_of_part
from bercail.lake.shares import merged, ranges_of
from bercail.lake.snapshot import Share

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bercail.lake.filesystem import SealedFilesystem
    from bercail.lake.snapshot import Part


@frozen(kw_only=True)
class DeliveryRows:
    """All rows of one delivery."""

    delivery: str

    def left_in(self, filesystem: SealedFilesystem, part: Part) -> tuple[Share, ...]:  # noqa: ARG002
        """The shares of `part` that stay."""
        return merged(share for share in part.shares if share.delivery != self.delivery)

    def others(
        self, filesystem: SealedFilesystem, part: Part, schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        """The rows of `part` that stay, in their order."""
        kept = {share.delivery for share in self.left_in(filesystem, part)}
        yield from rows_of_part(filesystem, part, schema, ranges_of(part.shares, kept))


@frozen(kw_only=True)
class PersonRows:
    """The rows whose `column` holds one of `persons`; `request` names the act, not them."""

    request: str
    column: str
    persons: frozenset[str] = field(repr=False)

    def left_in(self, filesystem: SealedFilesystem, part: Part) -> tuple[Share, ...]:
        """The shares of `part` that stay; takes one reading of the column."""
        one = pa.schema([(self.column, pa.string())])
        left = []
        start = 0
        for share in part.shares:
            ranges = ((start, start + share.rows),)
            batches = rows_of_part(filesystem, part, one, ranges)
            rows = sum(self._staying(batch).true_count for batch in batches)
            if rows:
                left.append(Share(delivery=share.delivery, rows=rows))
            start += share.rows
        return merged(left)

    def others(
        self, filesystem: SealedFilesystem, part: Part, schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        """The rows of `part` that stay, in their order."""
        for batch in rows_of_part(filesystem, part, schema):
            yield batch.filter(self._staying(batch))

    def _staying(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        persons = pa.array(sorted(self.persons), pa.string())
        return pc.invert(pc.is_in(batch.column(self.column), value_set=persons))


def chosen_rows(
    delivery: str | None, persons: Path | None, column: str, request: str
) -> DeliveryRows | PersonRows:
    """The rows that an operator names: one delivery, or the pseudonyms in a file, one a line.

    Pseudonyms stand in a file because a process list shows a command line. Raises `Invalid` when
    neither or both are given, or the request has no fit name; `Missing` when the file is away.
    """
    if (delivery is None) == (persons is None):
        raise Invalid(
            "An erasure names one delivery or one file of persons.",
            remedy="Give `--delivery`, or `--persons` with `--request`.",
        )
    if persons is None:
        return DeliveryRows(delivery=str(delivery))
    if not request or len(request) > 60 or not request.replace("-", "").isalnum():
        raise Invalid(
            "The request is named with letters, digits and hyphens, at most 60.",
            remedy="Give its number, never a person's name or pseudonym.",
        )
    try:
        lines = persons.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError):
        raise Missing(
            f"The file of persons `{persons}` cannot be read.", remedy="Check its path and rights."
        ) from None
    if not lines:
        raise Invalid(f"`{persons}` names nobody.", remedy="Write one pseudonym a line.")
    return PersonRows(request=request, column=column, persons=frozenset(lines))
