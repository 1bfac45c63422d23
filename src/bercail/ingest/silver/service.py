"""The desk of the silver tables: build them from bronze, further or anew, and say where they stand.

One making of one table:

1. What was begun and committed, and not told, is told.
2. The newest snapshots of bronze are pinned; nothing is done when they are those of last time.
3. Persons who have no number get one.
4. The persons whose lines came, left or changed hands are found; all of them when made anew.
5. It is told that the making begins, with its pins.
6. Their events are made. The parts of the table that hold their buckets are written again, with
   the rows of all others in them carried over; every other part stays. One signed snapshot.
7. It is told that the table stands.

Killed anywhere, the table is as before or as after, and the next call goes on. Of two that make one
table at once, the lake takes the first; the second begins again from 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from attrs import asdict, evolve, field, frozen

from bercail.foundation import Actor, Missing, Unavailable
from bercail.ingest.silver import rules
from bercail.ingest.silver.bronze import Bronze, Pinned
from bercail.ingest.silver.concepts import CONCEPTS, concept
from bercail.ingest.silver.definition import Concept
from bercail.ingest.silver.events import SILVER_EVENTS, SilverBegun, SilverBuilt
from bercail.ingest.silver.numbers import LayerPersons
from bercail.ingest.silver.queries import Leaf, leaves
from bercail.ingest.silver.session import Session, SessionSettings, Touched
from bercail.ingest.silver.tables import lake_schema_of
from bercail.lake import Lake
from bercail.lake.cuts import Cut
from bercail.lake.replacing import OVERTAKEN, busy, overtaken
from bercail.lake.rewrites import PREFIX, RENEWAL

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from bercail.ingest.silver.numbers import PersonSource
    from bercail.lake import Snapshot
    from bercail.ledger import Ledger

STREAM = "silver/"
# How often a making that another overtook begins again.
TURNS = 5
Progress = Callable[[str, int, int], None]
# The parts that leave, and the rows that take their place.
Work = tuple[Sequence[str], "Iterable[pa.RecordBatch]"]


@frozen(kw_only=True)
class BuildReport:
    """What became of one silver table: `state` is built, current or waiting.

    `persons` are those made now, None when all were; `parts_kept` of its parts stayed as they
    were, `parts_made` were written; `waits_for` says what bronze lacks.
    """

    concept: str
    state: str
    rows: int = 0
    persons: int | None = 0
    numbers: int = 0
    snapshot: str = ""
    parts_kept: int = 0
    parts_made: int = 0
    waits_for: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


@frozen(kw_only=True)
class SilverService:
    """Silver tables of one lake. `persons` says who the pseudonyms are."""

    lake: Lake
    ledger: Ledger
    persons: PersonSource = field(factory=LayerPersons)
    settings: SessionSettings = field(factory=SessionSettings)

    def build(
        self, actor: Actor, only: str | None = None, progress: Progress | None = None
    ) -> tuple[BuildReport, ...]:
        """Take every silver table, or the one called `only`, up to the newest bronze.

        Only persons whose lines changed are made anew. A table whose bronze is not there waits.

        Raises:
            Missing: `only` is no silver table.
            Refused: the actor is no operator; the pseudonyms are changing; or a bronze snapshot
                that a table was made from was let go or turned, and it must be made anew.
        """
        return self._make(actor, only, progress, whole=False)

    def rebuild(
        self, actor: Actor, only: str | None = None, progress: Progress | None = None
    ) -> tuple[BuildReport, ...]:
        """Make every silver table, or the one called `only`, anew from all of bronze.

        Gives the rows that `build` gives, row for row. Raises as `build`, save for what was let go.
        """
        return self._make(actor, only, progress, whole=True)

    def status(self) -> list[dict[str, Any]]:
        """Where each silver table stands: its rows, its pins, how far bronze is ahead of it."""
        return [self._status(one) for one in CONCEPTS.values()]

    def as_at(self, name: str, day: date) -> tuple[pa.Schema, Iterable[pa.RecordBatch]]:
        """The rows of a silver table as they would be from what was known at the end of `day`.

        Of tables with flux months, known are lines whose flux month (FLX_DIS_DTD) is not after
        that day, however late this lake was filled. All others (the PMSI, illnesses, deaths) have
        none: known are the deliveries that had arrived in this lake by then, and a correction that
        came later takes nothing back. Persons are those of today. Nothing is written.

        Raises:
            Missing: bronze lacks a table or a column; or the snapshot of a table of that day was
                let go, and other rows stand in the place of its.
            Refused: a part holds rows that had arrived by then beside others (`lake-as-of`).
        """
        asked = concept(name)
        return lake_schema_of(asked), self._known_at(asked, day)

    def count_at(self, name: str, day: date) -> dict[str, Any]:
        """How many rows and persons `as_at` gives; raises as it does."""
        rows, persons = 0, set[object]()
        for batch in self.as_at(name, day)[1]:
            rows += batch.num_rows
            persons.update(batch.column("person").unique().to_pylist())
        return {"concept": name, "as_at": day.isoformat(), "rows": rows, "persons": len(persons)}

    def _known_at(self, asked: Concept, day: date) -> Iterator[pa.RecordBatch]:
        pinned = self._bronze.pin(asked)
        found = self._leaves(asked, pinned)
        with self._session(pinned, None) as session:
            self.persons.prepare(self.lake, session, self.lake.rewriting.gate.require_open())
            session.number_persons(found)
            yield from session.events(asked, found, day)

    @property
    def _epoch(self) -> int:
        return self.lake.rewriting.gate.state().epoch

    @property
    def _bronze(self) -> Bronze:
        return Bronze(lake=self.lake, persons=self.persons)

    def _make(
        self, actor: Actor, only: str | None, progress: Progress | None, *, whole: bool
    ) -> tuple[BuildReport, ...]:
        rules.require_operator(actor)
        asked = tuple(CONCEPTS.values()) if only is None else (concept(only),)
        reports = []
        for done, one in enumerate(asked):
            if progress:
                progress("silver tables", done, len(asked))
            try:
                pinned = self._bronze.pin(one)
                found = self._leaves(one, pinned)
            except Missing as lacking:
                if only is not None:
                    raise
                reports.append(
                    BuildReport(concept=one.name, state="waiting", waits_for=str(lacking))
                )
                continue
            reports.append(self._make_in_turn(one, pinned, found, actor, whole=whole))
        if progress:
            progress("silver tables", len(asked), len(asked))
        return tuple(reports)

    def _make_in_turn(
        self, one: Concept, pinned: Pinned, found: Sequence[Leaf], actor: Actor, *, whole: bool
    ) -> BuildReport:
        for turn in range(TURNS):
            try:
                return self._make_one(one, pinned, found, actor, whole=whole)
            except Unavailable as problem:
                if problem.rule != OVERTAKEN or turn == TURNS - 1:
                    raise
            pinned = self._bronze.pin(one)
            found = self._leaves(one, pinned)
        raise busy(one.table)

    def _make_one(
        self, one: Concept, pinned: Pinned, found: Sequence[Leaf], actor: Actor, *, whole: bool
    ) -> BuildReport:
        # Before the journal: what another commits after this look is an overtaking, and none of
        # what the table holds at it is unknown to the journal that is read after.
        onto = self._standing_on(one)
        state = self._settled(one, actor)  # 1
        epoch = self.lake.rewriting.gate.require_open()
        made = state.made
        if made is not None and not whole and rules.continues(one, made, self.persons.name):
            if (rules.recipe(one, pinned.pins), epoch) == (made.recipe, made.epoch):  # 2
                return self._report(one, state, "current")
            rules.require_sources(one, made, epoch, self._bronze.gone(made.pins))
        before = self._before(one, state, whole=whole)
        begun = rules.begin(
            one, state, pinned.pins, epoch, numbers=self.persons.name, whole=before is None
        )
        with self._session(pinned, before) as session:
            numbers = self.persons.prepare(self.lake, session, epoch)  # 3
            session.number_persons(found)
            touched = None if before is None else session.find_touched(found)  # 4
            if begun is not state.begun:
                self._tell(one, begun, actor)  # 5
            self._commit(one, state, begun, onto, self._work(one, onto, session, found, touched))
        persons = None if touched is None else touched.persons
        settled = self._settled(one, actor, persons)  # 7
        report = evolve(self._report(one, settled, "built"), persons=persons, numbers=numbers)
        return self._counted(one, onto, report)

    def _work(
        self,
        one: Concept,
        onto: Snapshot | None,
        session: Session,
        found: Sequence[Leaf],
        touched: Touched | None,
    ) -> Work:
        """Which parts leave, and the rows that take their place."""
        parts = () if onto is None else self.lake.parts(one.table, onto.id)
        if touched is None:
            return tuple(part.url for part in parts), session.events(one, found)
        spans = self.lake.renewing.spans(one.table, "bucket") if parts else {}
        if {part.url for part in parts} - set(spans):
            raise overtaken(one.table)
        renewal = touched.renewal(parts, spans)
        return renewal.leaving, session.renewed(one, found, renewal)

    def _before(
        self, one: Concept, state: rules.SilverState, *, whole: bool
    ) -> Mapping[str, str] | None:
        """The pins of last time, when the rows of other persons can be carried over."""
        made = state.made
        if whole or made is None or not rules.continues(one, made, self.persons.name):
            return None
        return {pin.table: pin.snapshot for pin in made.pins}

    def _commit(
        self,
        one: Concept,
        state: rules.SilverState,
        begun: SilverBegun,
        onto: Snapshot | None,
        work: Work,
    ) -> None:
        rules.require_own(one, self._held(one, onto), state.told)
        leaving, batches = work
        self.lake.renewing.renew(  # 6
            one.table,
            batches,
            lake_schema_of(one),
            delivery=begun.delivery,
            onto=None if onto is None else onto.id,
            leaving=leaving,
            epoch=begun.epoch,
            cut=Cut(column="bucket", rows=self.settings.part_rows, plain=("line",)),
        )

    def _standing_on(self, one: Concept) -> Snapshot | None:
        """The newest snapshot of the table; None before the first."""
        return self.lake.snapshot(one.table) if one.table in self.lake.tables() else None

    def _counted(self, one: Concept, onto: Snapshot | None, report: BuildReport) -> BuildReport:
        """The report with the parts that stayed and those that were written."""
        if onto is None:
            return evolve(report, parts_made=len(self.lake.parts(one.table, report.snapshot)))
        change = self.lake.history.diff(one.table, onto.id, report.snapshot)
        kept = onto.parts - change.parts_removed
        return evolve(report, parts_kept=kept, parts_made=change.parts_added)

    def _settled(self, one: Concept, actor: Actor, persons: int | None = None) -> rules.SilverState:
        """The state of a table, once a making that is committed is told."""
        for begun in self._state(one).open:
            made = self._committed(one, begun)
            if made is not None:
                built = SilverBuilt(
                    concept=one.name,
                    delivery=begun.delivery,
                    table=one.table,
                    snapshot=made.id,
                    statement_sha256=made.statement_digest,
                    rows=made.rows,
                    persons=persons,
                )
                self._tell(one, built, actor)
        return self._state(one)

    def _committed(self, one: Concept, begun: SilverBegun) -> Snapshot | None:
        if one.table not in self.lake.tables():
            return None
        names = (begun.delivery, f"{PREFIX}{RENEWAL}{begun.delivery}")
        for snapshot in reversed(self.lake.snapshots(one.table)):
            if snapshot.delivery in names:
                return snapshot
        return None

    def _held(self, one: Concept, onto: Snapshot | None) -> set[str]:
        """The deliveries whose rows the table holds in a snapshot."""
        parts = () if onto is None else self.lake.parts(one.table, onto.id)
        return {share.delivery for part in parts for share in part.shares}

    def _leaves(self, one: Concept, pinned: Pinned) -> tuple[Leaf, ...]:
        found = leaves(one, pinned.bronze)
        if not found:
            raise Missing(
                f"`{one.table}` is made from tables that the lake does not have together.",
                remedy=f"It reads {', '.join(one.tables)}.",
            )
        return found

    def _session(self, pinned: Pinned, before: Mapping[str, str] | None) -> Session:
        snapshots = {pin.table: pin.snapshot for pin in pinned.pins}
        return Session(self.lake, self.persons, pinned.bronze, snapshots, before, self.settings)

    def _state(self, one: Concept) -> rules.SilverState:
        return rules.fold(self.ledger.load(STREAM + one.name, SILVER_EVENTS)[1])

    def _tell(self, one: Concept, event: SilverBegun | SilverBuilt, actor: Actor) -> None:
        stream = STREAM + one.name
        version = self.ledger.load(stream, SILVER_EVENTS)[0]
        self.ledger.append(stream, version, [event], actor)

    def _report(self, one: Concept, state: rules.SilverState, told: str) -> BuildReport:
        built = state.built
        if built is None:
            return BuildReport(concept=one.name, state=told)
        return BuildReport(concept=one.name, state=told, rows=built.rows, snapshot=built.snapshot)

    def _status(self, one: Concept) -> dict[str, Any]:
        state = self._state(one)
        made, built = state.made, state.built
        return {
            "concept": one.name,
            "table": one.table,
            "state": self._standing(one, state),
            "rows": None if built is None else built.rows,
            "snapshot": "" if built is None else built.snapshot,
            "version": "" if made is None else made.version,
            "rules": list(one.rules),
            "made_from": {pin.table: pin.snapshot for pin in (made.pins if made else ())},
        }

    def _standing(self, one: Concept, state: rules.SilverState) -> str:
        made = state.made
        try:
            pinned = self._bronze.pin(one)
            self._leaves(one, pinned)
        except Missing:
            return "waiting"
        if made is None:
            return "absent" if state.begun is None else "begun"
        same = rules.continues(one, made, self.persons.name)
        if same and (made.epoch != self._epoch or self._bronze.gone(made.pins)):
            return "rebuild"
        if same and rules.recipe(one, pinned.pins) == made.recipe:
            return "current"
        return "behind" if state.begun is None else "begun"
