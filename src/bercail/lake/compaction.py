"""Join the small parts of neighbouring deliveries, in one signed snapshot.

A delivery is joined whole or not at all: whoever reads the parts of one delivery finds all of
them, or none and then takes all parts of the table. A joined part says in its footer and in the
statement whose rows it holds, in their order, so that a delivery can still be erased and the
state of a past day still be read (`Lake.read`).

What is given up: an engine that is handed a list of files cannot be handed a part of one. Once
the snapshots before a compaction are expired, a past day that cuts a joined part is `Refused` as
a list of files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from attrs import frozen

from bercail.foundation import Invalid, new_id
from bercail.lake.part_writing import PartWriter, arrow_schema, part_schema
from bercail.lake.reading import rows_of_part
from bercail.lake.replacing import Replacing
from bercail.lake.rewrites import COMPACTION
from bercail.lake.shares import merged
from bercail.lake.snapshot import Part

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyiceberg.schema import Schema
    from pyiceberg.table import Table

    from bercail.lake.ground import LakeGround
    from bercail.lake.part_writing import WrittenPart
    from bercail.lake.snapshot import Statement

MEBIBYTE = 1024 * 1024
REASON = "small parts joined"


@frozen(kw_only=True)
class Compacted:
    """What a compaction did; `snapshot` is the newest one, made by it unless nothing was joined."""

    table: str
    snapshot: str
    before: int
    after: int
    rows: int

    def as_dict(self) -> dict[str, str | int]:
        """The values as `--json` prints them."""
        return {
            "table": self.table,
            "snapshot": self.snapshot,
            "parts_before": self.before,
            "parts_after": self.after,
            "rows": self.rows,
        }


def plan_compaction(parts: Sequence[Part], target: int) -> tuple[tuple[Part, ...], ...]:
    """The parts of the next snapshot, in their order: each group becomes one part. Pure.

    Deliveries whose parts have fewer than `target` bytes together are small. Small neighbours
    are joined until a group has `target` bytes; a group of one part stays as it is.
    """
    blocks = _deliveries(parts)
    groups: list[tuple[Part, ...]] = []
    gathered: list[Part] = []

    def close() -> None:
        if gathered:
            groups.append(tuple(gathered))
            gathered.clear()

    for block, whole in blocks:
        if not whole or _size(block) >= target:
            close()
            groups += [(part,) for part in block]
            continue
        if _size(gathered) >= target:
            close()
        gathered += block
    close()
    return tuple(groups)


def _size(parts: Sequence[Part]) -> int:
    return sum(part.size for part in parts)


def _deliveries(parts: Sequence[Part]) -> list[tuple[list[Part], bool]]:
    """Neighbours of one delivery together, and whether they are all its parts."""
    blocks: list[list[Part]] = []
    for part in parts:
        if blocks and blocks[-1][-1].delivery == part.delivery:
            blocks[-1].append(part)
        else:
            blocks.append([part])
    seen = [block[0].delivery for block in blocks]
    return [(block, seen.count(block[0].delivery) == 1) for block in blocks]


class Compaction:
    """Joins small parts of the tables of one lake."""

    def __init__(self, ground: LakeGround) -> None:
        self._ground = ground
        self._replacing = Replacing(ground)

    def plan(self, table: str, target: int) -> tuple[tuple[Part, ...], ...]:
        """The groups of two parts and more that `compact` would join."""
        self._ground.completed(table)
        groups = plan_compaction(self._ground.latest(table).parts, _sensible(target))
        return tuple(group for group in groups if len(group) > 1)

    def compact(self, table: str, target: int) -> Compacted:
        """Join the small parts of `table` into parts of about `target` bytes.

        Nothing happens when there is nothing to join. The former snapshots stay readable until
        they are expired. Raises `Refused` while the pseudonyms of the lake change.
        """
        self._ground.gate.require_open()
        if not self.plan(table, target):
            held = self._ground.latest(table)
            return _compacted(held, len(held.parts))
        written: dict[tuple[str, ...], WrittenPart] = {}
        stem = new_id("part", self._ground.randomness)

        def make(opened: Table, before: Statement) -> list[WrittenPart | Part]:
            made: list[WrittenPart | Part] = []
            for group in plan_compaction(before.parts, target):
                if len(group) == 1:
                    made.append(group[0])
                    continue
                urls = tuple(part.url for part in group)
                if urls not in written:
                    written[urls] = self._join(opened, group, stem, len(written))
                made.append(written[urls])
            return made

        name = f"{COMPACTION}{new_id('run', self._ground.randomness)}"
        made = self._replacing.replace(table, make, name=name, reason=REASON)
        before = self._replacing.find(table, name)
        return _compacted(made, len(before[0].parts) if before else 0)

    def _join(self, opened: Table, group: Sequence[Part], stem: str, index: int) -> WrittenPart:
        holds = merged(share for part in group for share in part.shares)
        alone = holds[0].delivery if len(holds) == 1 else None
        writer = PartWriter(
            self._ground.files,
            opened.name()[-1],
            alone or "",
            opened.schema(),
            self._ground.randomness,
            stem,
        )
        held = self._columns(group, opened.schema())
        made = writer.write_one(self._rows(group, held), held.names, () if alone else holds, index)
        if made is None:
            raise Invalid(
                f"The parts to join of `{opened.name()[-1]}` hold no row.",
                remedy="Run `bercail lake verify` on the table.",
            )
        return made

    def _columns(self, group: Sequence[Part], schema: Schema) -> pa.Schema:
        """The columns that one of the parts has, as the table holds them now."""
        filesystem = self._ground.files.filesystem
        each = [part_schema(filesystem, part, schema) for part in group]
        there = {name for one in each for name in one.names}
        held = [field.remove_metadata() for field in arrow_schema(schema) if field.name in there]
        return pa.schema(held)

    def _rows(self, group: Sequence[Part], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        for part in group:
            yield from rows_of_part(self._ground.files.filesystem, part, schema)


def _compacted(statement: Statement, before: int) -> Compacted:
    return Compacted(
        table=statement.table,
        snapshot=statement.snapshot,
        before=before,
        after=len(statement.parts),
        rows=statement.rows,
    )


def _sensible(target: int) -> int:
    if target < 1:
        raise Invalid(
            f"A part of `{target}` bytes cannot be aimed at.", remedy="Give one byte at least."
        )
    return target
