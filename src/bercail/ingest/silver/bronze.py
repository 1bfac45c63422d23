"""The bronze tables that a silver table is made from: found in the lake, and pinned."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date

import pyarrow as pa
from attrs import evolve, frozen

from bercail.foundation import Missing, from_iso
from bercail.ingest.silver.definition import Concept
from bercail.ingest.silver.events import BronzePin
from bercail.ingest.silver.numbers import PersonSource
from bercail.ingest.silver.queries import BronzeTable
from bercail.lake import Lake

_YEARLY = re.compile(r"(T_(?:MCO|HAD|SSR|RIP))(\d\d)([A-Z0-9]+)")
_ARCHIVE = re.compile(r"(ER_[A-Z]{3}_F)_20\d\d")


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
        found: dict[tuple[str, int], list[BronzeTable]] = {}
        pins = []
        for name in self.lake.tables():
            family, year = family_of(name)
            if family not in wanted:
                continue
            newest = self.lake.snapshot(name)
            schema = self.lake.read(name, None, newest.id).schema
            columns = {one.name: one.type for one in schema}
            held = found.setdefault((family, year), [])
            held.append(
                BronzeTable(name=name, family=family, year=year, columns=columns, members=(name,))
            )
            pins.append(
                BronzePin(table=name, snapshot=newest.id, statement_sha256=newest.statement_digest)
            )
        bronze = {one.name: one for one in map(_together, found.values())}
        if not set(self.persons.tables) & set(bronze):
            raise Missing(
                f"The lake has no `{self.persons.tables[0]}`, so no line has a person.",
                remedy="Load the register of beneficiaries, then build the person layer.",
            )
        return Pinned(bronze=bronze, pins=tuple(pins))

    def gone(self, pins: Iterable[BronzePin]) -> frozenset[tuple[str, str]]:
        """Those of `pins`, as (table, snapshot), that can no longer be read."""
        there = self.lake.tables()
        return frozenset(
            (pin.table, pin.snapshot)
            for pin in pins
            if pin.table not in there or pin.snapshot in self.lake.history.expired(pin.table)
        )


def arrived_by(lake: Lake, table: str, day: date) -> tuple[str, ...]:
    """The locations of the parts of a bronze table at the end of `day`; none before its first.

    Raises:
        Missing: the snapshot of that day was let go, and other rows stand in the place of its.
        Refused: a part holds rows that had arrived beside others.
    """
    first = min(snapshot.at for snapshot in lake.snapshots(table))
    if from_iso(first).date() > day:
        return ()
    return tuple(part.url for part in lake.history.parts(lake.history.known(table, day)))


def family_of(name: str) -> tuple[str, int]:
    """The family and the year of a table: `T_MCOaaB` and 2023 for `T_MCO23B`; year 0 for others.

    The two digits of a PMSI table are of this century. `ER_PRS_F_2012` is an archive of `ER_PRS_F`:
    no year of its own, since lines of its first and last months may stand in its neighbours.
    """
    if yearly := _YEARLY.fullmatch(name):
        return f"{yearly[1]}aa{yearly[3]}", 2000 + int(yearly[2])
    if archive := _ARCHIVE.fullmatch(name):
        return archive[1], 0
    return name, 0


def _together(held: list[BronzeTable]) -> BronzeTable:
    """A table with its archives, as one; a column that one of them lacks is empty there."""
    if len(held) == 1 and held[0].name == held[0].family:
        return held[0]
    first = held[0]
    columns = dict(first.columns)
    for one in held[1:]:
        # An amount holds every whole number, and not the other way round.
        columns |= {
            name: kind
            for name, kind in one.columns.items()
            if not pa.types.is_decimal(columns.get(name, pa.null()))
        }
    name = first.name if first.year else first.family
    members = tuple(one.name for one in held)
    return evolve(first, name=name, columns=columns, members=members)
