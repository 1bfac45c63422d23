"""The desk of the person layer: read what is new, resolve who is who, commit, write it down."""

# ruff: noqa: S608 - queries hold names of our own, never a value of a row
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import pyarrow as pa

from bercail.foundation import Actor
from bercail.ingest.persons import rules
from bercail.ingest.persons.columns import (
    FLAGS,
    IDENTITIES,
    IDENTITY_SCHEMA,
    PERSON_SCHEMA,
    PERSONS,
)
from bercail.ingest.persons.events import PERSONS_EVENTS, PersonsBuilt, SourceTaken
from bercail.ingest.persons.merging import merge
from bercail.ingest.persons.resolving import IDENTITIES as RESOLVED
from bercail.ingest.persons.resolving import PERSONS as PEOPLE
from bercail.ingest.persons.resolving import resolve
from bercail.ingest.persons.sources import NewRows, arrived, in_order, source_tables
from bercail.ingest.persons.working import BEFORE, WorkSettings, lay_out, number, rows_of, working
from bercail.lake import Difference, Lake
from bercail.lake.snapshot import rows_by_delivery
from bercail.ledger import Ledger

STREAM = "persons"
# No two processes build the layer of one lake at once.
TURN = "persons_build"
ProgressReport = Callable[[str, int, int], None]
_STEPS = "person layer"
_SCHEMAS = {IDENTITIES: (RESOLVED, IDENTITY_SCHEMA), PERSONS: (PEOPLE, PERSON_SCHEMA)}


class PersonDesk:
    """Builds the tables `silver_identities` and `silver_persons` of one lake."""

    def __init__(self, lake: Lake, ledger: Ledger, settings: WorkSettings | None = None) -> None:
        self._lake = lake
        self._ledger = ledger
        self._settings = settings or WorkSettings()

    def build(
        self, actor: Actor, *, whole: bool = False, progress: ProgressReport | None = None
    ) -> PersonsBuilt | None:
        """Bring the person layer up to what the lake holds; None when it was.

        1. See which deliveries are new since the last build; `whole`, or rows that left the lake,
           make it read them all.
        2. Add them to the identities known, and resolve who is who.
        3. Commit each table as one signed snapshot in the place of the one before.
        4. Write it down. Killed before, the next build takes the same rows again: sums do not
           change when a row is met twice.

        Raises:
            Refused: the actor is no operator, or the pseudonyms of the lake are changing.
            Unavailable: not enough memory, or another build is under way (`lake-turn`).
        """
        rules.require_operator(actor)
        with self._lake.turns.alone(TURN):
            return self._build(actor, whole=whole, progress=progress)

    def _build(
        self, actor: Actor, *, whole: bool, progress: ProgressReport | None
    ) -> PersonsBuilt | None:
        epoch = self._lake.rewriting.gate.require_open()
        # Step 1.
        onto = self._standing_on()
        version, last = self._load()
        sources = self._sources()
        asked = self._reading(last, whole=whole)
        if asked.nothing:
            return None
        found = [one for table in asked.new for one in arrived(self._lake, table)]
        taken = tuple(one for one in found if one.delivery in asked.new[one.table])
        new = NewRows(self._lake, in_order(taken))
        with working(self._settings, new) as connection:
            # Step 2.
            free = self._resolved(connection, new, last, whole=asked.whole)
            _tell(progress, 2)
            # Step 3.
            name = rules.build_name(self._names(), sources)
            built = self._committed(connection, name, epoch, onto)
            event = _event(connection, built, free)
        # Step 4.
        told = PersonsBuilt(build=name, whole=asked.whole, sources=sources, **event)
        self._ledger.append(STREAM, version, [told], actor)
        _tell(progress, 4)
        return told

    def _resolved(
        self,
        connection: duckdb.DuckDBPyConnection,
        new: NewRows,
        last: PersonsBuilt | None,
        *,
        whole: bool,
    ) -> int:
        """Resolve who is who; the number after which all are free."""
        lay_out(connection, self._state(), whole=whole)
        start = number(connection, f"SELECT max(identity) FROM {BEFORE}")
        free = max(start, last.last_number if last else 0)
        merge(connection, new, free)
        resolve(connection)
        return free

    def status(self) -> dict[str, Any]:
        """The last build, and how many deliveries came in since."""
        last = self._load()[1]
        asked = self._reading(last, whole=False)
        shown: dict[str, Any] = {
            "build": last.build if last else None,
            "identities": last.identities if last else 0,
            "persons": last.persons if last else 0,
            "last_number": last.last_number if last else 0,
            "flags": list(last.flags) if last else [],
            "new_deliveries": sum(len(names) for names in asked.new.values()),
            "reads_everything_again": asked.whole,
        }
        return shown

    def _load(self) -> tuple[int, PersonsBuilt | None]:
        version, events = self._ledger.load(STREAM, PERSONS_EVENTS)
        return version, rules.last_build(events)

    def _sources(self) -> tuple[SourceTaken, ...]:
        return tuple(
            SourceTaken(
                table=table,
                snapshot=self._lake.snapshot(table).id,
                deliveries=len(rows_by_delivery(self._lake.parts(table))),
            )
            for table in source_tables(self._lake)
        )

    def _reading(self, last: PersonsBuilt | None, *, whole: bool) -> rules.Reading:
        held = {
            table: frozenset(rows_by_delivery(self._lake.parts(table)))
            for table in source_tables(self._lake)
        }
        before = {one.table: one.snapshot for one in last.sources} if last else {}
        changes: dict[str, Difference] = {
            table: self._lake.history.diff(table, snapshot, self._lake.snapshot(table).id)
            for table, snapshot in before.items()
        }
        return rules.reading(held, changes, whole=whole)

    def _state(self) -> pa.RecordBatchReader | None:
        if IDENTITIES not in self._lake.tables():
            return None
        return self._lake.read(IDENTITIES, IDENTITY_SCHEMA.names)

    def _names(self) -> list[str]:
        there = [name for name in (IDENTITIES, PERSONS) if name in self._lake.tables()]
        return [name for table in there for name in self._lake_deliveries(table)]

    def _lake_deliveries(self, table: str) -> tuple[str, ...]:
        return tuple(rows_by_delivery(self._lake.parts(table)))

    def _standing_on(self) -> dict[str, str]:
        """The newest snapshot of each of the two tables that is there."""
        there = self._lake.tables()
        return {name: self._lake.snapshot(name).id for name in _SCHEMAS if name in there}

    def _committed(
        self, connection: duckdb.DuckDBPyConnection, name: str, epoch: int, onto: dict[str, str]
    ) -> dict[str, str]:
        """The snapshots of both tables, identities first, made onto those of `onto`."""
        made = {}
        for table, (view, schema) in _SCHEMAS.items():
            before = onto.get(table)
            parts = self._lake.parts(table, before) if before else ()
            made[table] = self._lake.renewing.renew(
                table,
                rows_of(connection, view, schema),
                schema,
                delivery=name,
                onto=before,
                leaving=[part.url for part in parts],
                epoch=epoch,
            ).id
        return made


def _event(
    connection: duckdb.DuckDBPyConnection, made: dict[str, str], free: int
) -> dict[str, Any]:
    counted = ", ".join(f"count(*) FILTER (WHERE {flag})" for flag in FLAGS)
    flags = connection.execute(f"SELECT {counted} FROM {RESOLVED}").fetchall()[0]
    identities = number(connection, "SELECT count(*) FROM led")
    return {
        "identities": identities,
        "persons": number(connection, "SELECT count(*) FROM people"),
        "new_identities": number(connection, f"SELECT count(*) FROM led WHERE identity > {free}"),
        "merged_persons": number(
            connection,
            f"SELECT count(DISTINCT b.person) FROM {BEFORE} b JOIN led USING (identity) "
            f"WHERE b.person <> led.person",
        ),
        "last_number": max(free, number(connection, "SELECT max(identity) FROM led")),
        "flags": tuple(f"{flag}: {count}" for flag, count in zip(FLAGS, flags, strict=True)),
        "identities_snapshot": made[IDENTITIES],
        "persons_snapshot": made[PERSONS],
    }


def _tell(progress: ProgressReport | None, done: int) -> None:
    if progress is not None:
        progress(_STEPS, done, 4)
