"""The bronze tables that a silver table is made from: found in the lake, and pinned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import frozen

from bercail.foundation import Missing
from bercail.ingest.silver.definition import Concept
from bercail.ingest.silver.events import BronzePin
from bercail.ingest.silver.numbers import PersonSource
from bercail.ingest.silver.queries import BronzeTable
from bercail.lake import Lake

_YEARS = "aa"


@frozen(kw_only=True)
class Pinned:
    """Bronze as one making sees it: each table with its columns, and the snapshot it is read at."""

    bronze: Mapping[str, BronzeTable]
    pins: tuple[BronzePin, ...]


@frozen(kw_only=True)
class Bronze:
    """Looks for the bronze tables of one lake; `persons` says which of them name persons."""

    lake: Lake
    persons: PersonSource

    def pin(self, concept: Concept) -> Pinned:
        """The newest snapshot of every table that `concept` reads, in name order.

        Raises:
            Missing: the lake has no register of persons, or none of the tables.
        """
        wanted = (*concept.tables, *self.persons.tables)
        found: dict[str, BronzeTable] = {}
        pins = []
        for name in self.lake.tables():
            family, year = family_of(name)
            if family not in wanted:
                continue
            newest = self.lake.snapshot(name)
            schema = self.lake.read(name, None, newest.id).schema
            found[name] = BronzeTable(
                name=name,
                family=family,
                year=year,
                columns={one.name: one.type for one in schema},
            )
            pins.append(
                BronzePin(table=name, snapshot=newest.id, statement_sha256=newest.statement_digest)
            )
        if not set(self.persons.tables) & set(found):
            raise Missing(
                f"The lake has no `{self.persons.tables[0]}`, so no line has a person.",
                remedy="Load the register of beneficiaries, then build the person layer.",
            )
        return Pinned(bronze=found, pins=tuple(pins))

    def gone(self, pins: Iterable[BronzePin]) -> frozenset[tuple[str, str]]:
        """Those of `pins`, as (table, snapshot), that can no longer be read."""
        there = self.lake.tables()
        return frozenset(
            (pin.table, pin.snapshot)
            for pin in pins
            if pin.table not in there or pin.snapshot in self.lake.history.expired(pin.table)
        )


def family_of(name: str) -> tuple[str, int]:
    """The family and the year of a table: `T_MCOaaB` and 2023 for `T_MCO23B`; year 0 for others.

    Only the MCO has yearly tables here; its two digits are of this century.
    """
    stem, digits = name[:5], name[5:7]
    if stem == "T_MCO" and digits.isdigit():
        return f"{stem}{_YEARS}{name[7:]}", 2000 + int(digits)
    return name, 0
