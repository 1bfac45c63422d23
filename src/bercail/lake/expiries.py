"""Which snapshots were let go: a table of the trust side, beside the statements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Column, MetaData, String, Table, insert, select

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine

_metadata = MetaData()
_expired = Table(
    "lake_expired",
    _metadata,
    Column("table_name", String(255), primary_key=True),
    Column("snapshot", String(32), primary_key=True),
)


class Expiries:
    """The snapshots whose parts leave the host; their statements stay."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        _metadata.create_all(engine)

    def add(self, table: str, snapshots: Sequence[str]) -> None:
        """Remember these snapshots of `table`; again, nothing changes."""
        known = self.of(table)
        rows = [{"table_name": table, "snapshot": one} for one in snapshots if one not in known]
        if rows:
            with self._engine.begin() as connection:
                connection.execute(insert(_expired), rows)

    def of(self, table: str) -> frozenset[str]:
        """The snapshots of `table` that were let go."""
        query = select(_expired.c.snapshot).where(_expired.c.table_name == table)
        with self._engine.connect() as connection:
            return frozenset(connection.execute(query).scalars())
