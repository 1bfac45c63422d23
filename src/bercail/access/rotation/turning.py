"""The tables of one project are written again under other pseudonyms, and proven.

1. It begins: every extract of the project is shut.
2. What is there to turn, each byte as it was recorded.
3. The map from former to new pseudonyms, from the platform's pseudonyms.
4. New tables beside the former ones, under names that are the same each time.
5. The proof, and its signed report.
6. It ends: the project works on the new tables.

Killed anywhere, it is run again: before 5 is recorded everything is done again, after it only 6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from attrs import frozen

from bercail.access.extract import MANIFEST
from bercail.access.rotation.columns import (
    ColumnVerdicts,
    PlannedTable,
    holding,
    planned,
    project_identities,
    text_columns,
)
from bercail.access.rotation.dossiers import ProjectDossiers
from bercail.access.rotation.events import (
    PROJECT_TURN_EVENTS,
    ProjectTablesProven,
    ProjectTablesTurned,
    ProjectTurnBegun,
)
from bercail.access.rotation.person_map import PersonMap
from bercail.access.rotation.proof import TurnedTable, prove
from bercail.access.rotation.rules import (
    TurnState,
    fold,
    in_doubt,
    require_judged,
    under_way,
)
from bercail.access.rotation.shelves import (
    FormerExtract,
    KeepsProjectTables,
    extracts_of,
    under,
)
from bercail.access.rotation.tables import batches, require_digest, rewrite, schema_of, texts_of
from bercail.catalogue import Registry
from bercail.foundation import Actor, Refused, canonical_json, sha256_hex
from bercail.lake import SealedStore
from bercail.lake.identities import Texts, Turn
from bercail.lake.value_tally import Tally, persons_of
from bercail.ledger import Ledger
from bercail.ledger.vault_book import VaultBook
from bercail.vault import Keyring, signer
from bercail.vault.dsse import envelope
from bercail.vault.events import SecretUsed

REPORT_TYPE = "application/vnd.bercail.project-turn-report+json"
REPORT_FORMAT = "bercail-project-turn-report/1"
SIGNER = "rotation"
Identities = Callable[[], Iterable[Texts]]


@frozen(kw_only=True)
class Change:
    """One change of a project's pseudonyms: from the platform's to the former and the new ones.

    `uses` are told before either function is used; `under` is what the manifests say from then
    on; `secret` is the epoch of which extracts are new already, 0 for none.
    """

    turn: str
    former: Turn
    successor: Turn
    uses: tuple[SecretUsed, ...]
    under: Mapping[str, int]
    secret: int = 0


@frozen(kw_only=True)
class ProjectDesk:
    """What turning the tables of projects needs."""

    ledger: Ledger
    keys: Keyring
    registry: Registry
    sealed: Callable[[str, str], SealedStore]
    dossiers: ProjectDossiers
    verdicts: Callable[[], ColumnVerdicts]
    shelf: KeepsProjectTables


@frozen(kw_only=True)
class ProjectTurn:
    """One project at the desk."""

    desk: ProjectDesk
    project: str

    def run(self, change: Change, identities: Identities, actor: Actor) -> ProjectTablesProven:
        """The six steps of the module; done already, it returns what was proven.

        Raises:
            Refused: another change is under way, or what `require_turnable` refuses.
            Unproven: a table is not as recorded, or something was missed; the tables stay shut.
        """
        state = self.state()
        if state.turn != change.turn:
            if state.under_way:
                raise under_way(self.project, state.turn)
            self._record(ProjectTurnBegun(turn=change.turn), actor)  # 1
            state = self.state()
        if state.proven is None:
            self.desk.dossiers.shut(self.project, change.turn, actor)
            proven = self._turn(change, identities, actor)
            self._record(proven, actor)
            state = self.state()
        if state.proven is not None and not state.turned:
            self._end(state.proven, actor)  # 6
        return self.proven()

    def plan(self, extracts: Sequence[FormerExtract]) -> tuple[PlannedTable, ...]:
        """Every table of the project, with its columns; reads all text, changes nothing."""
        desk, store = self.desk, self._store()
        own = desk.shelf.tables(self.project)
        found = [*(table for one in extracts for table in one.tables()), *own]
        identities = project_identities(desk.registry)
        verdicts = desk.verdicts()
        return tuple(planned(store, table, identities, verdicts) for table in found)

    def require_turnable(
        self, tables: Sequence[PlannedTable], change: Change, identities: Identities, actor: Actor
    ) -> None:
        """Raise unless every person of every table would be found.

        Raises:
            Refused: a column is in doubt or excluded wrongly, or a table names persons that the
                lake does not have; with counts and no value.
            Unproven: a table is not the one that was recorded.
        """
        wanted = self._wanted(tables)
        if len(wanted):
            self._told(change, actor)
            known = PersonMap(wanted)
            known.learn(identities(), change.former, None)
            self._require_known(tables, known)

    def extracts(self, change: Change | None = None) -> tuple[FormerExtract, ...]:
        """The extracts of living permits; with `change`, of those it has shut and has to turn."""
        dossiers = self.desk.dossiers
        if change is None:
            return extracts_of(self._store(), dossiers.living(self.project))
        shut = dossiers.shut_by(self.project, change.turn)
        return under(extracts_of(self._store(), shut), change.secret)

    def has_tables(self) -> bool:
        """Whether there is anything to turn."""
        return bool(self.extracts() or self.desk.shelf.tables(self.project))

    def has_proven(self, turn: str) -> bool:
        """Whether `turn` wrote and proved the tables; perhaps the project is still shut."""
        state = self.state()
        return state.turn == turn and state.proven is not None

    def state(self) -> TurnState:
        """Where the last change of the project stands."""
        return fold(self.desk.ledger.load(self._stream, PROJECT_TURN_EVENTS)[1])

    def proven(self) -> ProjectTablesProven:
        """What the last change proved; `Refused` when it did not come so far."""
        state = self.state()
        if state.proven is None:
            raise under_way(self.project, state.turn)
        return state.proven

    def _turn(self, change: Change, identities: Identities, actor: Actor) -> ProjectTablesProven:
        extracts = self.extracts(change)
        tables = self.plan(extracts)  # 2
        wanted = self._wanted(tables)
        persons = PersonMap(wanted)
        if len(wanted):
            self._told(change, actor)
            persons.learn(identities(), change.former, change.successor)  # 3
            self._require_known(tables, persons)
        names = {one.made.extract: one.successor(change.turn) for one in extracts}
        turned = [self._rewritten(one, names, change.turn, persons.turn) for one in tables]  # 4
        made = {
            one.application: (names[one.made.extract], self._manifest(one, change, turned))
            for one in extracts
        }
        return self._prove(change, turned, made, persons.turn)  # 5

    def _rewritten(
        self, one: PlannedTable, names: Mapping[str, str], turn: str, new: Turn
    ) -> TurnedTable:
        table = one.table
        extract = names.get(table.extract)
        target = (f"{extract}/{table.table}.parquet", "1") if extract else (table.name, turn)
        after = rewrite(self._store(), table, target, one.taken, new)
        return TurnedTable(before=one, after=after)

    def _manifest(self, one: FormerExtract, change: Change, turned: Sequence[TurnedTable]) -> str:
        digests = {
            table.after.table: table.after.sha256
            for table in turned
            if table.after.extract == one.made.extract
        }
        document = one.turned_manifest(change.turn, change.under, digests)
        self._store().put(f"{one.successor(change.turn)}/{MANIFEST}", document)
        return sha256_hex(document)

    def _prove(
        self,
        change: Change,
        turned: Sequence[TurnedTable],
        extracts: Mapping[str, tuple[str, str]],
        new: Turn,
    ) -> ProjectTablesProven:
        desk, verdicts = self.desk, self.desk.verdicts()
        proof = prove(self._store(), turned, new, verdicts)
        report = canonical_json(
            {
                **proof.as_dict(),
                "format": REPORT_FORMAT,
                "turn": change.turn,
                "project": self.project,
                "extracts": {name: list(made) for name, made in extracts.items()},
                "excluded": [f"{table}.{name}" for table, name in sorted(verdicts.excluded)],
            }
        )
        signed = canonical_json(envelope(REPORT_TYPE, report, [signer(desk.keys, SIGNER)]))
        desk.sealed("rotation", f"project/{self.project}").put(f"{change.turn}.json", signed)
        own = {
            one.after.name: (one.after.version, one.after.sha256)
            for one in turned
            if not one.after.extract
        }
        return ProjectTablesProven(
            turn=change.turn,
            extracts=dict(extracts),
            own=own,
            tables=len(turned),
            rows=sum(one.before.rows for one in turned),
            columns=sum(len(one.before.taken) for one in turned),
            persons=proof.persons,
            report_sha256=sha256_hex(report),
        )

    def _end(self, proven: ProjectTablesProven, actor: Actor) -> None:
        self.desk.shelf.replace(self.project, proven.turn, proven.own)
        self.desk.dossiers.open(self.project, proven.turn, proven.extracts, actor)
        self._record(ProjectTablesTurned(turn=proven.turn), actor)

    def _wanted(self, tables: Sequence[PlannedTable]) -> Texts:
        """The persons of tables that are as recorded and hold none in a column in doubt."""
        require_judged(tables)
        for one in tables:
            require_digest(self._store(), one.table)
        wanted = self._persons(tables)
        self._require_excluded_rightly(tables, wanted)
        return wanted

    def _persons(self, tables: Sequence[PlannedTable]) -> Texts:
        """The distinct values of all taken columns, without ranks."""
        tallies = []
        for one in tables:
            for column in one.taken:
                tally = Tally()
                for batch in batches(self._store(), one.table, [column.name]):
                    tally.add(texts_of(batch, column.name))
                tallies.append(tally)
        return persons_of(tallies)

    def _require_excluded_rightly(self, tables: Sequence[PlannedTable], wanted: Texts) -> None:
        excluded = self.desk.verdicts().excluded
        for one in tables:
            taken = {column.name for column in one.taken}
            names = [
                name
                for name in text_columns(schema_of(self._store(), one.table))
                if name not in taken and (one.table.table, name) in excluded
            ]
            for name in holding(self._store(), one.table, names, wanted):
                raise in_doubt(f"`{self.project}`: `{one.label}.{name}` (excluded wrongly)")

    def _require_known(self, tables: Sequence[PlannedTable], known: PersonMap) -> None:
        for one in tables:
            unknown = len(known.unknown(self._persons([one])))
            if unknown:
                raise Refused(
                    f"`{one.label}` of the project `{self.project}` names {unknown} person(s) whom "
                    "the lake does not have under the pseudonyms of now.",
                    remedy="Their new pseudonyms cannot be computed. Revoke the permit, or restore "
                    "what the lake lost, then run the change again.",
                    rule="PSE-05",
                )

    def _told(self, change: Change, actor: Actor) -> None:
        book = VaultBook(ledger=self.desk.ledger)
        for use in change.uses:
            book.record_use(use, actor)

    def _store(self) -> SealedStore:
        return self.desk.sealed("project", self.project)

    @property
    def _stream(self) -> str:
        return f"project-tables/{self.project}"

    def _record(self, event: Any, actor: Actor) -> None:
        version, _ = self.desk.ledger.load(self._stream, PROJECT_TURN_EVENTS)
        self.desk.ledger.append(self._stream, version, [event], actor)
