"""The trust side's shelf of the lake: locations written, and signed statements."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from attrs import frozen
from sqlalchemy import (
    Column,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    delete,
    insert,
    select,
)
from sqlalchemy.exc import IntegrityError

from bercail.foundation import Refused, Unproven
from bercail.vault import DualSignature

if TYPE_CHECKING:
    from sqlalchemy import Engine, Row, Select

    from bercail.lake.snapshot import Statement

_metadata = MetaData()

_files = Table(
    "lake_files",
    _metadata,
    Column("location", String(1000), primary_key=True),
    Column("table_name", String(255), nullable=False, index=True),
    Column("at", String(32), nullable=False),
)

_statements = Table(
    "lake_statements",
    _metadata,
    Column("table_name", String(255), primary_key=True),
    Column("snapshot", String(32), primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("delivery", String(255), nullable=False),
    Column("statement", LargeBinary, nullable=False),
    Column("signature", Text, nullable=False),
    UniqueConstraint("table_name", "delivery"),
    UniqueConstraint("table_name", "sequence"),
)


@frozen(kw_only=True)
class SignedStatement:
    """The canonical bytes of a statement, as stored, and its signature."""

    snapshot: str
    sequence: int
    statement: bytes
    signature: DualSignature


@frozen(kw_only=True)
class WrittenFile:
    """A location that the lake began to write, and when."""

    location: str
    at: str


class Shelf:
    """Two tables beside the Iceberg catalogue, in its database. Safe for several processes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        _metadata.create_all(engine)

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        self._engine.dispose()

    def record_file(self, table: str, location: str, at: str) -> None:
        """Remember that `location` is about to be written; `Refused` when it was before."""
        row = {"location": location, "table_name": table, "at": at}
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(_files).values(row))
        except IntegrityError as error:
            raise Refused(
                f"`{location}` was written before, and nothing in the lake is overwritten.",
                remedy="Begin again under a new name.",
                rule="lake-append-only",
            ) from error

    def tables(self) -> tuple[str, ...]:
        """Every table that a file was ever begun for, by name."""
        query = select(_files.c.table_name).distinct().order_by(_files.c.table_name)
        with self._engine.connect() as connection:
            return tuple(connection.execute(query).scalars())

    def files(self, table: str) -> tuple[WrittenFile, ...]:
        """Every location of `table` ever begun and not forgotten, by name."""
        query = (
            select(_files.c.location, _files.c.at)
            .where(_files.c.table_name == table)
            .order_by(_files.c.location)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return tuple(WrittenFile(location=location, at=at) for location, at in rows)

    def forget_file(self, location: str) -> None:
        """Drop the record of a file that was removed from the host."""
        with self._engine.begin() as connection:
            connection.execute(delete(_files).where(_files.c.location == location))

    def store(self, statement: Statement, signature: DualSignature) -> None:
        """Keep a signed statement.

        Storing again what another process signed meanwhile changes nothing: the
        first statement of a snapshot stays.
        """
        row = {
            "table_name": statement.table,
            "snapshot": statement.snapshot,
            "sequence": statement.sequence,
            "delivery": statement.delivery,
            "statement": statement.encode(),
            "signature": json.dumps(signature.as_dict(), sort_keys=True),
        }
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(_statements).values(row))
        except IntegrityError:
            if self.find(statement.table, snapshot=statement.snapshot) is None:
                raise

    def statements(self, table: str) -> tuple[SignedStatement, ...]:
        """The signed statements of `table`, oldest first."""
        query = _signed().where(_statements.c.table_name == table)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(_statements.c.sequence)).all()
        return tuple(_row(row) for row in rows)

    def deliveries(self, table: str) -> tuple[str, ...]:
        """What made each statement of `table`: deliveries and rewrites, oldest first."""
        query = select(_statements.c.delivery).where(_statements.c.table_name == table)
        with self._engine.connect() as connection:
            return tuple(connection.execute(query.order_by(_statements.c.sequence)).scalars())

    def latest(self, table: str) -> SignedStatement | None:
        """The newest signed statement of `table`; None when it has none."""
        query = _signed().where(_statements.c.table_name == table)
        return self._first(query.order_by(_statements.c.sequence.desc()))

    def find(
        self, table: str, *, snapshot: str | None = None, delivery: str | None = None
    ) -> SignedStatement | None:
        """The statement of one snapshot or of one delivery; None when there is none."""
        query = _signed().where(_statements.c.table_name == table)
        if snapshot is not None:
            query = query.where(_statements.c.snapshot == snapshot)
        if delivery is not None:
            query = query.where(_statements.c.delivery == delivery)
        return self._first(query)

    def _first(self, query: Select[Any]) -> SignedStatement | None:
        with self._engine.connect() as connection:
            row = connection.execute(query.limit(1)).first()
        return None if row is None else _row(row)


def _signed() -> Select[Any]:
    return select(
        _statements.c.snapshot,
        _statements.c.sequence,
        _statements.c.statement,
        _statements.c.signature,
    )


def _row(row: Row[Any]) -> SignedStatement:
    try:
        if not isinstance(row.statement, bytes):
            raise TypeError("a statement is bytes")
        signature = DualSignature.from_dict(json.loads(row.signature))
    except (TypeError, ValueError) as error:
        raise Unproven(
            f"Statement {row.sequence} on the lake's shelf was altered.",
            remedy="Restore the trust side from its copy.",
            rule="lake-statement",
        ) from error
    return SignedStatement(
        snapshot=row.snapshot,
        sequence=row.sequence,
        statement=row.statement,
        signature=signature,
    )
