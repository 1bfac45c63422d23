"""One delivery read and checked; what passes is handed on, to be sealed while it is checked.

Nothing is committed before every file of the delivery has passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import pyarrow as pa
from attrs import define, evolve, field, frozen

from bercail.catalogue import Registry, Table, arrow_type
from bercail.foundation import Unproven
from bercail.ingest import keys, pseudonymise
from bercail.ingest.checks import FileLook, column_findings
from bercail.ingest.delivered import Delivered, diagnosed, opened
from bercail.ingest.delivery import Delivery, DeliveryFile, Files
from bercail.ingest.events import FindingCounted
from bercail.ingest.findings import Tally, errors, releasable
from bercail.ingest.swaps import swapped
from bercail.lake.identities import Turn


@frozen(kw_only=True)
class FileReading:
    """One file of a delivery with what the catalogue says of it."""

    file: DeliveryFile
    table: Table
    year: int | None
    header: tuple[str, ...]

    def type_of(self, column: str) -> pa.DataType:
        """The lake type of `column`; text where the catalogue does not know it."""
        if not self.table.has_column(column):
            return pa.string()
        return arrow_type(self.table.column(column))

    @property
    def schema(self) -> pa.Schema:
        """The lake schema of this file."""
        return pa.schema([pa.field(name, self.type_of(name)) for name in self.header])

    def batches(self, files: Files) -> Iterator[pa.RecordBatch]:
        """The lines of the file once more; `pyarrow.ArrowInvalid` where it cannot be read."""
        with opened(files, self.file.name) as lines:
            lines.header()
            yield from lines.batches(self.header, self.type_of)


@frozen(kw_only=True)
class Checked:
    """What became of the first reading: the files in their order, and everything found."""

    readings: tuple[FileReading, ...]
    findings: tuple[FindingCounted, ...]


# Takes the lines of one file as they pass their checks, to its end or as far as it likes.
Take = Callable[[FileReading, Iterator[pa.RecordBatch]], None]


@define(kw_only=True)
class _Pass:
    """One reading of the lines of a file: every batch is looked at, then handed on.

    Once an error that nobody may let pass was counted, nothing is handed on any more. `whole` is
    whether all lines could be read.
    """

    reading: FileReading
    lines: Delivered
    tally: Tally
    look: FileLook
    keyed: tuple[keys.FileKeys, ...]
    strangers: Callable[[pa.RecordBatch, int], None]
    whole: bool = True

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The lines under their level-1 pseudonyms, looked at."""
        try:
            for batch in self.lines.batches(self.reading.header, self.reading.type_of):
                self.strangers(batch, self.look.rows)
                self.look.look(batch)
                for one in self.keyed:
                    one.add(batch)
                if not self.tally.fatal:
                    yield batch
        except pa.ArrowInvalid:
            # pyarrow's message quotes the value; what is told is the place and the kind.
            self.whole = False


@frozen(kw_only=True)
class Checking:
    """The reading of one delivery; `take` is handed the lines that pass.

    `parents` holds the sorted key hashes of the tables that other tables hang on, by table and
    columns; `wanted` says which columns the other tables of the delivery need.
    """

    files: Files
    registry: Registry
    hasher: keys.KeyHasher
    wanted: Mapping[str, frozenset[tuple[str, ...]]] = field(factory=dict)
    parents: dict[tuple[str, tuple[str, ...]], keys.Hashes] = field(factory=dict)
    take: Take | None = None

    def read(self, file: DeliveryFile) -> tuple[FileReading | None, list[FindingCounted]]:
        """Read one file whole; no reading when its header is unusable.

        Raises:
            Missing: a table the catalogue does not know, or a file that is not there.
        """
        tally = Tally(file.name)
        with opened(self.files, file.name) as lines:
            header, wrong = lines.header()
            if lines.trouble or wrong:
                for check, column in wrong if not lines.trouble else ((lines.trouble, ""),):
                    tally.add(check, column, 1, [1])
                return None, list(tally.findings({}))
            table = self.registry.table(file.table)
            year = self.registry.year_of(file.table)
            reading = FileReading(file=file, table=table, year=year, header=header)
            column_findings(tally, table, year, header)
            if tally.findings({}):
                return reading, list(tally.findings({}))
            found = self._lines(reading, lines, tally)
        return reading, found

    def _lines(self, reading: FileReading, lines: Delivered, tally: Tally) -> list[FindingCounted]:
        look = FileLook(tally, reading.table, reading.header, self.registry)
        own = keys.unique_key(reading.table, reading.header, self.registry)
        held = keys.FileKeys(self.hasher, own)
        links = [
            keys.FileKeys(self.hasher, columns)
            for columns in sorted(self.wanted.get(reading.file.table, ()))
            if columns != own and set(columns) <= set(reading.header)
        ]
        parent = self._parent(reading)
        passing = _Pass(
            reading=reading,
            lines=lines,
            tally=tally,
            look=look,
            keyed=(held, *links) if own else tuple(links),
            strangers=lambda batch, before: self._strangers(batch, parent, tally, before),
        )
        self._read_through(passing)
        lines.tell_into(tally)
        for one, other in swapped(lines.sample(reading.header), reading.table, self.registry):
            tally.add("swapped-columns", f"{one} {other}", 1, [1])
        found: list[FindingCounted] = []
        if not passing.whole and not lines.trouble:
            found += self._diagnosed(reading)
        elif not lines.trouble:
            self._whole(reading, lines, tally, look.rows)
            for link in links:
                self.parents[reading.file.table, link.columns] = link.sorted()
            if own:
                self._unique(reading, held, tally)
        return [*found, *tally.findings(look.levels())]

    def _read_through(self, passing: _Pass) -> None:
        batches = passing.batches()
        if self.take is not None:
            self.take(passing.reading, batches)
        for _ in batches:
            continue

    def _parent(self, reading: FileReading) -> tuple[str, tuple[str, ...]] | None:
        for name, columns in self.parents:
            parent = self.registry.table(name)
            same_year = self.registry.year_of(name) == reading.year
            if same_year and columns == keys.link(reading.table, reading.header, parent):
                return name, columns
        return None

    def _strangers(
        self,
        batch: pa.RecordBatch,
        parent: tuple[str, tuple[str, ...]] | None,
        tally: Tally,
        before: int,
    ) -> None:
        if parent is not None:
            lost = keys.strangers(self.hasher.hashes(batch, parent[1]), self.parents[parent])
            if lost.any():
                tally.mask("line-without-parent", "", pa.array(lost), before)

    def _whole(self, reading: FileReading, lines: Delivered, tally: Tally, rows: int) -> None:
        file = reading.file
        if lines.swallowed(rows):
            # A quoted field that runs over lines swallowed some of them.
            quotes = [f for f in self._diagnosed(reading) if f.check == "unbalanced-quotes"]
            for one in quotes:
                tally.add(one.check, "", one.count, one.lines)
        if rows != file.rows:
            tally.add("row-count", "", abs(rows - file.rows))
        if lines.digest() != file.sha256:
            tally.add("digest", "", 1)

    def _unique(self, reading: FileReading, held: keys.FileKeys, tally: Tally) -> None:
        ordered = held.sorted()
        if not keys.parents_first(reading.table):
            self.parents[reading.file.table, held.columns] = ordered
        count, doubtful = keys.suspects(ordered)
        lines: tuple[int, ...] = ()
        if 0 < count <= keys.MOST_SUSPECTS:
            again = reading.batches(self.files)
            count, lines = keys.repeated(held, doubtful, again, self.hasher)
        tally.add("repeated-key", "", count, lines)

    def _diagnosed(self, reading: FileReading) -> tuple[FindingCounted, ...]:
        return diagnosed(self.files, reading.file.name, reading.header, reading.type_of)


def check_delivery(
    delivery: Delivery, files: Files, registry: Registry, take: Take | None = None
) -> Checked:
    """Read and check every file; care lines and stays first, since others hang on them.

    `take` is handed the lines of each file, until a file has an error that nobody may let pass.

    Raises:
        Missing: a table the catalogue does not know, or a file that is not there.
    """
    families = [registry.table(file.table) for file in delivery.files]
    order = sorted(delivery.files, key=lambda file: keys.parents_first(registry.table(file.table)))
    readings: dict[str, FileReading] = {}
    found: dict[str, Sequence[FindingCounted]] = {}
    wanted = {
        file.table: keys.links_to(registry.table(file.table), families)
        for file in delivery.files
        if not keys.parents_first(registry.table(file.table))
    }
    with keys.KeyHasher() as hasher:
        checking = Checking(files=files, registry=registry, hasher=hasher, wanted=wanted, take=take)
        for file in order:
            reading, findings = checking.read(file)
            found[file.name] = findings
            if any(not releasable(one) for one in errors(findings)):
                checking = evolve(checking, take=None)
            if reading is not None:
                readings[file.name] = reading
    names = [file.name for file in delivery.files]
    return Checked(
        readings=tuple(readings[name] for name in names if name in readings),
        findings=tuple(one for name in names for one in found[name]),
    )


def identity_values(delivery: Delivery, files: Files, registry: Registry) -> int:
    """The values of identity columns in all files as announced, empty ones included.

    Raises:
        Missing: a table the catalogue does not know, or a file that is not there.
    """
    count = 0
    for file in delivery.files:
        known = registry.pseudonyms(registry.table(file.table).name)
        with opened(files, file.name) as lines:
            header, _ = lines.header()
        count += file.rows * sum(column.name in header for column in known)
    return count


def load_batches(
    reading: FileReading, files: Files, registry: Registry, turn: Turn
) -> Iterator[pa.RecordBatch]:
    """The file's batches under the platform's pseudonyms, ready for the lake.

    Raises:
        Unproven: the bytes are not those that were checked.
    """
    columns = [c for c in registry.pseudonyms(reading.table.name) if c.name in reading.header]
    name = reading.file.name
    with opened(files, name) as lines:
        same = lines.header()[0] == reading.header
        try:
            for batch in lines.batches(reading.header, reading.type_of) if same else ():
                yield pseudonymise.platform_level(batch, columns, turn)
            same = same and lines.digest() == reading.file.sha256
        except pa.ArrowInvalid:
            same = False
    if not same:
        raise Unproven(
            f"The file `{name}` changed between its check and its load.",
            remedy="Nothing of it was loaded. Find out why, then load the delivery again.",
            rule="delivery-changed",
        )
