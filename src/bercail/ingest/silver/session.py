"""One making of one silver table: a DuckDB over immutable files of the lake.

It loads no extension and writes nothing to disk: DuckDB cannot encrypt what it spills without one.
A table that is too large for its memory is made in slices of buckets instead, one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
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
from bercail.ingest.silver.definition import BUCKETS, Concept, Link, column_names, order_of
from bercail.ingest.silver.queries import IDENTITIES, BronzeTable, Leaf, links_name, view
from bercail.lake import Lake

if TYPE_CHECKING:
    from bercail.ingest.silver.numbers import PersonSource

Answer = TypeVar("Answer")
LINKS: tuple[Link, ...] = ("rank", "pseudonym", "identity")
BATCH_ROWS = 65_536


@frozen(kw_only=True)
class SessionSettings:
    """`threads`; `memory_limit` such as `2GB`; how many bronze lines are in hand at once."""

    threads: int = 2
    memory_limit: str = "2GB"
    lines_at_once: int = 6_000_000

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

    def slices(self, lines: int) -> tuple[tuple[int, int], ...]:
        """The first and the last bucket of each slice, for so many lines of bronze."""
        count = min(BUCKETS, max(1, -(-lines // self.lines_at_once)))
        edges = [BUCKETS * number // count for number in range(count + 1)]
        return tuple((low, high - 1) for low, high in pairwise(edges))


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
        self._settings = settings
        self._lines = 0
        self._connection = duckdb.connect(":memory:", config=settings.as_config())
        self._connection.register_filesystem(self._files)
        for table, snapshot in snapshots.items():
            self._show(table, snapshot)

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

    def number_persons(self) -> None:
        """Look up who the pseudonyms are, now and before, once all have a number."""
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

    def find_touched(self, leaves: Iterable[Leaf]) -> int:
        """Whose events may differ from before; how many persons those are.

        A person is touched by a line that came or left, in any table that is joined, and by a
        pseudonym that now leads to another.
        """
        found = [
            query
            for leaf in leaves
            for query in queries.touched_queries(leaf, frozenset(self._changed))
        ]
        if self._changed & set(self._persons.tables):
            found += [self._moved(link) for link in LINKS]
        union = "\nUNION\n".join(found) or "SELECT CAST(NULL AS INTEGER) AS person"
        self._run(f"CREATE TABLE touched AS SELECT person FROM ({union}) WHERE person IS NOT NULL")  # noqa: S608
        for link in LINKS:
            self._run(
                f"CREATE TABLE {links_name(link, 'scope')} AS SELECT * FROM {links_name(link)} "  # noqa: S608
                "WHERE person IN (SELECT person FROM touched)"
            )
        return int(self._one("SELECT count(*) FROM touched"))

    def events(
        self,
        concept: Concept,
        leaves: Iterable[Leaf],
        carried: Iterable[str] | None,
        until: date | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """The rows of the silver table, in order: those made now and those `carried`.

        `carried` are the parts of the table as it stands, of which the rows of persons who are
        not touched stay; None to make all persons.
        """
        urls = list(carried or ())
        if urls:
            self._view(view(concept.table), urls, {})
        scope = "" if carried is None else "scope"
        made = [queries.leaf_query(leaf, concept, "slice", until) for leaf in leaves]
        for bounds in self._settings.slices(self._lines):
            inside = f"BETWEEN {bounds[0]} AND {bounds[1]}"
            for link in LINKS:
                chosen = f"FROM {links_name(link, scope)} WHERE person % {BUCKETS} {inside}"
                self._run(f"CREATE OR REPLACE TABLE {links_name(link, 'slice')} AS {chosen}")
            kept = [_carried(concept, inside)] if urls else []
            yield from self._ordered(concept, [*made, *kept])

    def _ordered(self, concept: Concept, made: list[str]) -> Iterator[pa.RecordBatch]:
        order = ", ".join(f'"{name}" NULLS FIRST' for name in order_of(concept))
        union = "\nUNION ALL BY NAME\n".join(made)
        reader = self._watched(
            lambda: self._connection.sql(
                f"SELECT * FROM ({union}) ORDER BY {order}"  # noqa: S608
            ).to_arrow_reader(BATCH_ROWS)
        )
        return self._stream(reader)

    def _show(self, table: str, snapshot: str) -> None:
        parts = self._lake.parts(table, snapshot)
        self._lines = max(self._lines, sum(part.rows for part in parts))
        new = [part.url for part in parts]
        typed = _typed(self._bronze[table])
        self._view(view(table), new, typed)
        if self._before is None:
            return
        held = self._before.get(table)
        old = [part.url for part in self._lake.parts(table, held)] if held else []
        changed = sorted(set(new) ^ set(old))
        self._view(view(table, "old"), old, typed)
        self._view(view(table, "any"), sorted({*new, *old}), typed)
        self._view(view(table, "changed"), changed, typed)
        if changed:
            self._changed.add(table)

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
        for link in LINKS:
            name = links_name(link, state)
            self._run(f"CREATE TABLE {name} AS {queries.links_query(link)}")
            if state:
                both = f"SELECT * FROM {name} UNION SELECT * FROM {links_name(link)}"  # noqa: S608
                self._run(f"CREATE TABLE {links_name(link, 'any')} AS {both}")

    def _same_persons(self) -> None:
        for link in LINKS:
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

    def _one(self, sql: str) -> Any:
        rows = self._watched(lambda: self._connection.sql(sql).fetchall())
        return rows[0][0]

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


def _carried(concept: Concept, inside: str) -> str:
    """The rows of persons who are not touched, as the table has them."""
    columns = ", ".join(f'"{name}"' for name in column_names(concept))
    return (
        f"SELECT {columns} FROM {view(concept.table)} WHERE bucket {inside} "  # noqa: S608
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
