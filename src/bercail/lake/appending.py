"""Add one delivery to a table, in one signed snapshot: the act by which rows enter the lake.

1. A delivery that the table has is returned as it is, and one that was erased is refused.
2. The table is made when it is not there, and given the columns that the delivery adds.
3. The parts are written under fresh names, sealed.
4. One commit adds them. When another commit came first, the delivery is looked for again.
5. The statement is signed.

Killed before 4, the table is as before and the new parts are orphans; killed between 4 and 5, the
next call on the table signs what it has read again from the host.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from attrs import define, evolve, frozen
from pyiceberg.exceptions import (
    CommitFailedException,
    NamespaceAlreadyExistsError,
    NoSuchTableError,
    TableAlreadyExistsError,
)
from sqlalchemy.exc import IntegrityError

from bercail.foundation import Refused, Unavailable
from bercail.lake.filesystem import sealed_url
from bercail.lake.part_writing import PartWriter, arrow_schema
from bercail.lake.replacing import busy, overtaken
from bercail.lake.rewrites import DELIVERY_ERASURE, PREFIX
from bercail.lake.rules import lake_schema, require_delivery_name, require_fit
from bercail.lake.signing import DELIVERY, EPOCH, PARTS
from bercail.lake.snapshot import parts_digest

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    import pyarrow as pa
    from pyiceberg.catalog.sql import SqlCatalog
    from pyiceberg.table import Table

    from bercail.lake.cuts import Cut
    from bercail.lake.ground import LakeGround
    from bercail.lake.part_writing import WrittenPart
    from bercail.lake.shelf import SignedStatement
    from bercail.lake.staging import Staged

NAMESPACE = "lake"
# Two processes may commit to one table at once; each failed turn means another's commit stood.
COMMIT_TURNS = 20
# pyiceberg's own retry would commit without looking whether the delivery came in meanwhile.
TABLE_PROPERTIES = {"format-version": "2", "commit.retry.num-retries": "0"}

SWEPT = "lake-swept"


@frozen(kw_only=True)
class _Adding:
    """What is added: a delivery, under an epoch, `erased` being the erasures known before."""

    delivery: str
    epoch: int
    erased: frozenset[str]
    first: bool


@define
class _Waiting:
    """Staged parts, until a commit is tried with them."""

    staged: Staged | None


class Appending:
    """Adds deliveries to the tables of one lake; names are checked by whoever calls."""

    def __init__(self, ground: LakeGround, catalog: SqlCatalog) -> None:
        self._ground = ground
        self._catalog = catalog

    def find(self, table: str) -> Table | None:
        """The table as the catalogue has it; None when there is none."""
        try:
            return self._catalog.load_table((NAMESPACE, table))
        except NoSuchTableError:
            return None

    def append(
        self,
        table: str,
        batches: Iterable[pa.RecordBatch],
        schema: pa.Schema,
        *,
        delivery: str,
        epoch: int | None = None,
        cut: Cut | None = None,
        first: bool = False,
        staged: Staged | None = None,
    ) -> SignedStatement:
        """As `Lake.append`. With `first`, the delivery must be the first of its table.

        Staged parts are removed where no commit is tried with them, whatever is raised.

        Raises `Unavailable` (`lake-overtaken`) when it was to be the first and is not, and
        (`lake-swept`) when a sweep removed parts while they were being written.
        """
        with self._waiting(staged) as waiting:
            require_delivery_name(delivery)
            kept = lake_schema(table, schema)
            _require_not_erased(table, delivery, self._ground.erasures_of(table))
            found = self._ground.shelf.find(table, delivery=delivery)  # 1
            if found is not None:
                return found
            given = self._ground.require_epoch(table, epoch)
            opened = self._opened_or_created(table, kept)  # 2
            erased = self._ground.erasures_of(table)
            _require_not_erased(table, delivery, erased)
            found = self._ground.shelf.find(table, delivery=delivery)
            if found is not None:
                return found
            opened = self.evolved(opened, kept)
            adding = _Adding(delivery=delivery, epoch=given, erased=erased, first=first)
            made = self._with_staged(opened, adding, waiting)
            return made or self._with_written(opened, adding, batches, kept.names, cut)

    def evolved(self, opened: Table, schema: pa.Schema) -> Table:
        """The table with every column of `schema`; a commit of its own, without a snapshot."""
        name = opened.name()[-1]
        for _ in range(COMMIT_TURNS):
            held = arrow_schema(opened.schema())
            if not require_fit(name, dict(zip(held.names, held.types, strict=True)), schema):
                return opened
            try:
                with opened.update_schema() as update:
                    update.union_by_name(schema)
                return opened
            except CommitFailedException:
                # Another process committed: its snapshot must be signed before we build on it.
                opened = opened.refresh()
                self._ground.statements.complete(opened)
        raise busy(name)

    def _opened_or_created(self, table: str, schema: pa.Schema) -> Table:
        opened = self.find(table) or self._created(table, schema)
        self._ground.statements.complete(opened)
        return opened

    def _created(self, table: str, schema: pa.Schema) -> Table:
        # Another process may create it between the look and the insert: as wanted.
        with suppress(NamespaceAlreadyExistsError, IntegrityError):
            self._catalog.create_namespace_if_not_exists(NAMESPACE)
        try:
            return self._catalog.create_table(
                (NAMESPACE, table),
                schema,
                location=f"sealed://{table}",
                properties=TABLE_PROPERTIES,
            )
        except TableAlreadyExistsError:
            return self._catalog.load_table((NAMESPACE, table))

    @contextmanager
    def _waiting(self, staged: Staged | None) -> Iterator[_Waiting]:
        """Staged parts, removed at the end where no commit was tried with them."""
        waiting = _Waiting(staged=staged)
        try:
            yield waiting
        finally:
            self._discard(waiting)

    def _discard(self, waiting: _Waiting) -> None:
        staged, waiting.staged = waiting.staged, None
        if staged is None:
            return
        opened = self.find(staged.table)
        if opened is not None:
            self._ground.statements.complete(opened)
        found = self._ground.shelf.find(staged.table, delivery=staged.delivery)
        # Given a second time, they may be those that the table has.
        named = () if found is None else self._ground.statements.open(found).parts
        kept = frozenset(part.url for part in named)
        remove_parts(self._ground, staged.table, staged.delivery, staged.stem, kept)

    def _with_staged(
        self, opened: Table, adding: _Adding, waiting: _Waiting
    ) -> SignedStatement | None:
        """The commit of the staged parts; None, with none of them left, when they do not serve."""
        staged = waiting.staged
        if staged is not None and staged.fits(opened.schema()):
            # An erasure since they were staged has removed them: `_require_still` finds it.
            then = evolve(adding, erased=staged.erased)
            try:
                return self._commit(opened, then, staged.parts, waiting)
            except Unavailable as problem:
                if problem.rule != SWEPT:
                    raise
        self._discard(waiting)
        return None

    def _with_written(
        self,
        opened: Table,
        adding: _Adding,
        batches: Iterable[pa.RecordBatch],
        names: list[str],
        cut: Cut | None,
    ) -> SignedStatement:
        ground, name = self._ground, opened.name()[-1]
        writer = PartWriter(ground.files, name, adding.delivery, opened.schema(), ground.randomness)
        return self._commit(opened, adding, writer.write(batches, names, cut=cut))  # 3

    def _commit(
        self,
        opened: Table,
        adding: _Adding,
        written: Sequence[WrittenPart],
        waiting: _Waiting | None = None,
    ) -> SignedStatement:
        """The statement of the commit (4, 5), or of another's that brought the same delivery."""
        ground, name, delivery = self._ground, opened.name()[-1], adding.delivery
        added = [one.part for one in written]
        summary = {DELIVERY: delivery, PARTS: parts_digest(added), EPOCH: str(adding.epoch)}
        for _ in range(COMMIT_TURNS):
            ground.require_epoch(name, adding.epoch)
            found = ground.shelf.find(name, delivery=delivery) if adding.first else None
            if found is not None:
                return found
            self._require_still(name, adding, written)
            if waiting is not None:
                waiting.staged = None
            try:
                with opened.transaction() as transaction:
                    with transaction.update_snapshot(summary).fast_append() as update:
                        for one in written:
                            update.append_data_file(one.entry)
            except CommitFailedException:
                opened = opened.refresh()
                ground.statements.complete(opened)
                found = ground.shelf.find(name, delivery=delivery)
                if found is not None:
                    # Another process brought the same delivery; our parts are orphans.
                    return found
                continue
            mine = opened.metadata.snapshots[-1].snapshot_id
            ground.statements.complete(opened, {mine: added})
            return ground.signed_as(name, str(mine))
        raise busy(name)

    def _require_still(self, table: str, adding: _Adding, written: Sequence[WrittenPart]) -> None:
        if self._ground.erasures_of(table) != adding.erased:
            # An erasure removes what is not named yet, so parts written before it are gone.
            raise Refused(
                f"Rows of `{table}` were erased while `{adding.delivery}` was being loaded.",
                remedy="Load the delivery again.",
                rule="lake-erased",
            )
        if adding.first and self._ground.shelf.latest(table) is not None:
            raise overtaken(table)
        there = {file.location for file in self._ground.shelf.files(table)}
        if not there.issuperset(one.part.url for one in written):
            raise Unavailable(
                f"A sweep removed parts of `{adding.delivery}` while they came into `{table}`.",
                remedy="Load the delivery again; sweep only what is older than the longest load.",
                rule=SWEPT,
            )


def remove_parts(
    ground: LakeGround, table: str, delivery: str, stem: str, kept: Container[str] = ()
) -> None:
    """Remove the parts of `delivery` whose names begin with `stem`, save for those `kept`."""
    start = sealed_url(table, f"data/{delivery}/{stem}-")
    for file in ground.shelf.files(table):
        if file.location.startswith(start) and file.location not in kept:
            ground.files.delete(file.location)


def _require_not_erased(table: str, delivery: str, erased: frozenset[str]) -> None:
    if f"{PREFIX}{DELIVERY_ERASURE}{delivery}" in erased:
        raise Refused(
            f"The delivery `{delivery}` was erased from `{table}`, and does not come back.",
            remedy="If it must, the holder sends it as a new delivery, under a new name.",
            rule="lake-erased",
        )
