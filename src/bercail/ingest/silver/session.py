"""One making of one silver table: a DuckDB over immutable files of the lake.

It loads no extension and writes nothing to disk: DuckDB cannot encrypt what it spills without one.
A table that is too large for its memory is made in slices of buckets instead, one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb
import pyarrow as pa
from attrs import frozen

from bercail.cohorts.watched_files import WatchedFiles
from bercail.foundation import Unavailable
from bercail.ingest.silver import queries
from bercail.ingest.silver.bronze import arrived_by
from bercail.ingest.silver.definition import BUCKETS, Concept, Link, column_names
from bercail.ingest.silver.ordering import number_columns, ordered
from bercail.ingest.silver.queries import IDENTITIES, BronzeTable, Leaf, links_name, view
from bercail.lake import Lake
from bercail.lake.renewing import Span

if TYPE_CHECKING:
    from bercail.ingest.silver.numbers import PersonSource
    from bercail.lake import Part

Answer = TypeVar("Answer")
LINKS: tuple[Link, ...] = ("rank", "pseudonym", "identity")
BATCH_ROWS = 65_536


@frozen(kw_only=True)
class SessionSettings:
    """`threads`; `memory_limit` such as `6GB`; how many bronze lines are in hand at once.

    Each slice of so many lines reads all of bronze once more, so with a third of the memory a
    third of the lines are in hand, and a table of 60 million takes half as much time again.

    A part of a silver table ends with the bucket in which it reaches `part_rows` rows.
    """

    threads: int = 2
    memory_limit: str = "6GB"
    lines_at_once: int = 20_000_000
    part_rows: int = 500_000

    def as_config(self) -> dict[str, Any]:
        """The settings as DuckDB reads them."""
        return {
            "threads": self.threads,
            "memory_limit": self.memory_limit,
            "temp_directory": "",
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "python_enable_replacements": False,
        }

    def slices(self, lines: int, buckets: Sequence[int]) -> tuple[tuple[int, int], ...]:
        """The first and the last bucket of each slice of `buckets`, for so many lines of bronze."""
        count = min(len(buckets), max(1, -(-lines // self.lines_at_once)))
        edges = [len(buckets) * number // count for number in range(count + 1)] if count else []
        return tuple((buckets[low], buckets[high - 1]) for low, high in pairwise(edges))


@frozen(kw_only=True)
class Touched:
    """Whose events may differ from before: how many persons, of how many, in which buckets."""

    persons: int
    of: int
    buckets: tuple[int, ...]

    def renewal(self, parts: Iterable[Part], spans: Mapping[str, Span | None]) -> Renewal:
        """The parts that hold a touched bucket; `spans` says what buckets each part holds."""
        whole = (0, BUCKETS - 1)
        held = [(part, spans[part.url] or whole) for part in parts]
        leaving = [
            (part, span)
            for part, span in held
            if any(span[0] <= bucket <= span[1] for bucket in self.buckets)
        ]
        buckets = {bucket for _, (low, high) in leaving for bucket in range(low, high + 1)}
        return Renewal(
            touched=self,
            leaving=tuple(part.url for part, _ in leaving),
            rows=sum(part.rows for part, _ in leaving),
            buckets=tuple(sorted(buckets | set(self.buckets))),
        )


@frozen(kw_only=True)
class Renewal:
    """What of a silver table is made anew: the parts `leaving`, and the buckets they hold."""

    touched: Touched
    leaving: tuple[str, ...]
    rows: int
    buckets: tuple[int, ...]

    def lines(self, lines: int) -> int:
        """How many lines are in hand, of a bronze of so many: the named have more than most."""
        share = 2 * lines * self.touched.persons // max(self.touched.of, 1)
        return max(min(lines, share), self.rows)


class Session:
    """Views over pinned snapshots, persons with their numbers, and the events of a concept.

    `pins` gives the snapshot of each bronze table; `before` those that the table was made from
    last, None to make all of it.
    """

    def __init__(
        self,
        lake: Lake,
        persons: PersonSource,
        pins: Mapping[str, BronzeTable],
        snapshots: Mapping[str, str],
        before: Mapping[str, str] | None,
        settings: SessionSettings,
    ) -> None:
        self._lake = lake
        self._persons = persons
        self._bronze = pins
        self._before = before
        self._files = WatchedFiles(lake.filesystem())
        self._changed: set[str] = set()
        self._links = LINKS
        self._settings = settings
        self._lines = 0
        self._connection = duckdb.connect(":memory:", config=settings.as_config())
        self._connection.register_filesystem(self._files)
        for table in pins.values():
            self._show(table, snapshots)

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let the connection go, and what it held."""
        self._connection.close()

    def number_persons(self, leaves: Iterable[Leaf]) -> None:
        """Look up who the pseudonyms of `leaves` are, now and before, once all have a number."""
        if any(leaf.branch.link == "register" for leaf in leaves):
            self._links = (*LINKS, "register")
        self._number("", {t: self._bronze[t] for t in self._persons.tables if t in self._bronze})
        if self._before is None:
            return
        if self._changed & set(self._persons.tables):
            self._number("old", {t: t for t in self._persons.tables if t in self._before})
        else:
            self._same_persons()

    @property
    def bronze(self) -> Mapping[str, BronzeTable]:
        """The tables that are pinned, by name."""
        return self._bronze

    def show_newest(self, table: str, schema: pa.Schema) -> None:
        """Look at the newest snapshot of a table that is not pinned; empty where there is none."""
        there = table in self._lake.tables()
        urls = [part.url for part in self._lake.parts(table)] if there else []
        self._view(view(table), urls, {one.name: _sql_type(one.type) for one in schema})

    def table(self, sql: str) -> pa.Table:
        """The answer to a question, whole."""
        found: pa.Table = self._watched(lambda: self._connection.sql(sql).to_arrow_table())
        return found

    def find_touched(self, leaves: Iterable[Leaf]) -> Touched:
        """Whose events may differ from before.

        A person is touched by a line that came or left, in any table that is joined, and by a
        pseudonym that now leads to another.
        """
        found = [
            query
            for leaf in leaves
            for query in queries.touched_queries(leaf, frozenset(self._changed))
        ]
        if self._changed & set(self._persons.tables):
            found += [self._moved(link) for link in self._links]
        union = "\nUNION\n".join(found) or "SELECT CAST(NULL AS INTEGER) AS person"
        self._run(f"CREATE TABLE touched AS SELECT person FROM ({union}) WHERE person IS NOT NULL")  # noqa: S608
        for link in self._links:
            self._run(
                f"CREATE TABLE {links_name(link, 'scope')} AS SELECT * FROM {links_name(link)} "  # noqa: S608
                "WHERE person IN (SELECT person FROM touched)"
            )
        buckets = self._rows(f"SELECT DISTINCT person % {BUCKETS} FROM touched ORDER BY 1")  # noqa: S608
        return Touched(
            persons=self._rows("SELECT count(*) FROM touched")[0][0],
            of=self._rows(f"SELECT count(DISTINCT person) FROM {IDENTITIES}")[0][0],  # noqa: S608
            buckets=tuple(bucket for (bucket,) in buckets),
        )

    def events(
        self, concept: Concept, leaves: Iterable[Leaf], until: date | None = None
    ) -> Iterator[pa.RecordBatch]:
        """All rows of the silver table, in order; with `until`, from what was known on a day.

        Raises `Missing` or `Refused` when the lake cannot tell any more (`bronze.arrived_by`).
        """
        found = tuple(leaves)
        if until is not None:
            without = (leaf for leaf in found if not leaf.branch.flux)
            for table in {
                one.name: one for leaf in without for one in leaf.tables.values()
            }.values():
                self._show_then(table, until)
        numbers = number_columns(concept, [queries.filled_with_numbers(leaf) for leaf in found])
        made = [queries.leaf_query(leaf, concept, "slice", until, numbers) for leaf in found]
        sql = ordered(concept, [leaf.branch for leaf in found], made, numbers)
        for bounds in self._settings.slices(self._lines, range(BUCKETS)):
            self._slice("", bounds)
            yield from self._answered(sql)

    def renewed(
        self, concept: Concept, leaves: Iterable[Leaf], renewal: Renewal
    ) -> Iterator[pa.RecordBatch]:
        """The rows that take the place of the parts that leave, in order.

        Those of persons who are touched are made now; those of all others in these parts stay.
        """
        found = tuple(leaves)
        branches = [leaf.branch for leaf in found]
        numbers = number_columns(concept, [queries.filled_with_numbers(leaf) for leaf in found])
        made = [queries.leaf_query(leaf, concept, "slice", None, numbers) for leaf in found]
        if renewal.leaving:
            self._view(view(concept.table), list(renewal.leaving), {})
        for bounds in self._settings.slices(renewal.lines(self._lines), renewal.buckets):
            self._slice("scope", bounds)
            carried = [_carried(concept, bounds, numbers)] if renewal.leaving else []
            yield from self._answered(ordered(concept, branches, [*made, *carried], numbers))

    def _slice(self, scope: str, bounds: tuple[int, int]) -> None:
        """Look at the persons of these buckets alone."""
        for link in self._links:
            self._run(
                f"CREATE OR REPLACE TABLE {links_name(link, 'slice')} AS "
                f"FROM {links_name(link, scope)} "
                f"WHERE person % {BUCKETS} BETWEEN {bounds[0]} AND {bounds[1]}"
            )

    def _answered(self, sql: str) -> Iterator[pa.RecordBatch]:
        reader = self._watched(lambda: self._connection.sql(sql).to_arrow_reader(BATCH_ROWS))
        return self._stream(reader)

    def _show(self, table: BronzeTable, snapshots: Mapping[str, str]) -> None:
        """Views over a table and its archives: now, before, both, and what differs."""
        parts = [part for one in table.members for part in self._lake.parts(one, snapshots[one])]
        self._lines = max(self._lines, sum(part.rows for part in parts))
        new = [part.url for part in parts]
        typed = _typed(table)
        self._view(view(table.name), new, typed)
        if self._before is None:
            return
        held = [(one, self._before[one]) for one in table.members if one in self._before]
        old = [part.url for one, snapshot in held for part in self._lake.parts(one, snapshot)]
        changed = sorted(set(new) ^ set(old))
        self._view(view(table.name, "old"), old, typed)
        self._view(view(table.name, "any"), sorted({*new, *old}), typed)
        self._view(view(table.name, "changed"), changed, typed)
        if changed:
            self._changed.add(table.name)

    def _show_then(self, table: BronzeTable, day: date) -> None:
        urls = [url for one in table.members for url in arrived_by(self._lake, one, day)]
        self._view(view(table.name, queries.THEN), urls, _typed(table))

    def _view(self, name: str, urls: list[str], columns: Mapping[str, str]) -> None:
        """A view over files; a column that none of them has is empty."""
        empty = "SELECT " + ", ".join(
            f'CAST(NULL AS {kind}) AS "{one}"' for one, kind in columns.items()
        )
        if not urls:
            self._run(f"CREATE OR REPLACE VIEW {name} AS {empty} WHERE false")
            return
        relation = self._watched(lambda: self._connection.read_parquet(urls, union_by_name=True))
        if set(columns) <= set(relation.columns):
            relation.create_view(name.strip('"'), replace=True)
            return
        files = name.strip('"') + "@files"
        relation.create_view(files, replace=True)
        whole = f'FROM "{files}" UNION ALL BY NAME {empty} WHERE false'
        self._run(f"CREATE OR REPLACE VIEW {name} AS {whole}")

    def _number(self, state: str, there: Mapping[str, object]) -> None:
        who = self._persons.query(there, state) if there else _NOBODY
        chosen = f"SELECT person, identity, pseudonym, rank FROM ({who})"  # noqa: S608
        self._run(f"CREATE OR REPLACE TABLE {IDENTITIES} AS {chosen}")
        for link in self._links:
            name = links_name(link, state)
            # Now and before, so that who has left is found, too.
            registers = view("IR_BEN_R", "" if self._before is None else "any")
            query = queries.links_query(link, state, registers)
            self._run(f"CREATE TABLE {name} AS {query}")
            if state:
                both = f"SELECT * FROM {name} UNION SELECT * FROM {links_name(link)}"  # noqa: S608
                self._run(f"CREATE TABLE {links_name(link, 'any')} AS {both}")

    def _same_persons(self) -> None:
        for link in self._links:
            self._run(f"CREATE VIEW {links_name(link, 'any')} AS FROM {links_name(link)}")

    def _moved(self, link: Link) -> str:
        """Persons whom a pseudonym led to before and not now, or now and not before."""
        old, new = links_name(link, "old"), links_name(link)
        differ = f"(FROM {old} EXCEPT FROM {new}) UNION ALL (FROM {new} EXCEPT FROM {old})"
        return f"SELECT person FROM ({differ})"  # noqa: S608

    def _stream(self, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        while True:
            batch = self._watched(lambda: next(reader, None))
            if batch is None:
                return
            yield batch

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self._watched(lambda: self._connection.sql(sql).fetchall())

    def _run(self, sql: str) -> None:
        self._watched(lambda: self._connection.execute(sql))

    def _watched(self, act: Callable[[], Answer]) -> Answer:
        try:
            return act()
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            if self._files.caught is not None:
                raise self._files.caught from None
            # DuckDB's own messages may quote a value of a row: only their kind is told.
            raise Unavailable(
                f"DuckDB stopped with `{type(error).__name__}`.",
                remedy="Check that the files are reachable, or give it more memory.",
            ) from None


def _carried(concept: Concept, bounds: tuple[int, int], numbers: Collection[str]) -> str:
    """The rows of persons who are not touched, as the table has them."""
    columns = ", ".join(
        f'CAST("{name}" AS BIGINT) AS "{name}"' if name in numbers else f'"{name}"'
        for name in column_names(concept)
        if name not in ("bucket", "rules")
    )
    return (
        f"SELECT {columns} FROM {view(concept.table)} "  # noqa: S608
        f"WHERE bucket BETWEEN {bounds[0]} AND {bounds[1]} "
        "AND person NOT IN (SELECT person FROM touched)"
    )


_NOBODY = (
    "SELECT CAST(NULL AS INTEGER) AS person, CAST(NULL AS TEXT) AS identity, "
    "CAST(NULL AS TEXT) AS pseudonym, CAST(NULL AS BIGINT) AS rank WHERE false"
)
_SQL_OF = {
    pa.string(): "TEXT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.date32(): "DATE",
    pa.bool_(): "BOOLEAN",
    pa.binary(): "BLOB",
}


def _typed(table: BronzeTable) -> dict[str, str]:
    return {name: _sql_type(kind) for name, kind in table.columns.items()}


def _sql_type(kind: pa.DataType) -> str:
    if isinstance(kind, pa.Decimal128Type):
        return f"DECIMAL({kind.precision}, {kind.scale})"
    return _SQL_OF.get(kind, "TIMESTAMP")
