"""What was erased from tables, with its certificate: a table of the trust side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Column, LargeBinary, MetaData, String, Table, insert, select
from sqlalchemy.exc import IntegrityError

if TYPE_CHECKING:
    from sqlalchemy import Engine

_metadata = MetaData()
_erasures = Table(
    "lake_erasures",
    _metadata,
    Column("table_name", String(255), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("envelope", LargeBinary, nullable=False),
)


class Erasures:
    """The signed certificate of each erasure that came to its end."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        _metadata.create_all(engine)

    def add(self, table: str, name: str, envelope: bytes) -> bytes:
        """Keep a certificate; the first one for this erasure stays, and is returned."""
        row = {"table_name": table, "name": name, "envelope": envelope}
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(_erasures).values(row))
        except IntegrityError:
            return self.find(table, name) or envelope
        return envelope

    def find(self, table: str, name: str) -> bytes | None:
        """The signed certificate of one erasure; None when it did not end yet."""
        query = select(_erasures.c.envelope).where(
            _erasures.c.table_name == table, _erasures.c.name == name
        )
        with self._engine.connect() as connection:
            found = connection.execute(query).scalar()
        return None if found is None else bytes(found)
