"""The desk where deliveries arrive: check everything, then load, then write it down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, evolve, field, frozen

from bercail.catalogue import Registry
from bercail.foundation import Actor, Missing, Refused, Role, sha256_hex
from bercail.ingest import findings, rules
from bercail.ingest.delivery import MANIFEST_NAME, Delivery, Files, parse_manifest
from bercail.ingest.events import (
    DeliveryChecked,
    DeliveryCorrected,
    DeliveryLoaded,
    DeliveryQuarantined,
    DeliveryReleased,
    FindingCounted,
    LoadedTable,
)
from bercail.ingest.folder import DeliveryFolder
from bercail.ingest.history import DeliveryBook
from bercail.ingest.intake import FileReading, check_delivery, identity_values, load_batches
from bercail.ingest.memory_pool import pages_kept
from bercail.ingest.register import TABLES as REGISTER_TABLES
from bercail.ingest.register import Register, StrangerCount
from bercail.ingest.rules import Intake, IntakeState
from bercail.ingest.staged import StagedDelivery, strangers_of
from bercail.ingest.volumes import volume_findings
from bercail.lake import Lake, pseudonym_chain
from bercail.lake.identities import Turn
from bercail.ledger import Ledger
from bercail.ledger.vault_book import VaultBook
from bercail.vault import Keyring

ProgressReport = Callable[[str, int, int], None]


@frozen(kw_only=True)
class LoadReport:
    """What became of one delivery; `warnings` did not keep it out."""

    delivery: str
    rows: int
    tables: tuple[LoadedTable, ...]
    corrects: str = ""
    warnings: tuple[FindingCounted, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        shown: dict[str, Any] = {
            "delivery": self.delivery,
            "rows": self.rows,
            "tables": {table.table: table.rows for table in self.tables},
        }
        if self.corrects:
            shown["corrects"] = self.corrects
        if self.warnings:
            shown["warnings"] = [findings.as_line(one) for one in self.warnings]
        return shown


@define(kw_only=True)
class _Taking:
    """One delivery on its way in: what is known of it before its files are read."""

    delivery: Delivery
    files: Files
    digest: str
    actor: Actor
    intake: Intake
    version: int
    epoch: int
    warnings: tuple[FindingCounted, ...] = field(default=())


class IngestService:
    """Deliveries of the landing zone become tables of the lake."""

    def __init__(self, lake: Lake, keys: Keyring, registry: Registry, ledger: Ledger) -> None:
        self._lake = lake
        self._keys = keys
        self._registry = registry
        self._vault_book = VaultBook(ledger=ledger)
        self._book = DeliveryBook(ledger, registry)
        self._register = Register(lake)

    def deliveries(self, landing: Files) -> tuple[str, ...]:
        """The folders of the landing zone that hold a delivery manifest, in name order."""
        suffix = f"/{MANIFEST_NAME}"
        found = [name.removesuffix(suffix) for name in landing.names() if name.endswith(suffix)]
        return tuple(sorted(found, key=lambda folder: folder.rsplit("/", 1)[-1]))

    def load_all(
        self,
        landing: Files,
        actor: Actor,
        progress: ProgressReport | None = None,
        *,
        only: str | None = None,
    ) -> tuple[LoadReport, ...]:
        """Load every delivery that was never in the lake, or the one called `only`.

        Raises what `load` raises, at the first delivery that fails; those before it stay.
        """
        folders = self._folders(landing, only)
        reports = []
        for done, folder in enumerate(folders):
            if progress:
                progress("deliveries", done, len(folders))
            if only is not None or self._book.state(_name(folder)) not in rules.CAME_IN:
                reports.append(self.load(landing, folder, actor))
        if progress:
            progress("deliveries", len(folders), len(folders))
        return tuple(reports)

    def load(self, landing: Files, folder: str, actor: Actor) -> LoadReport:
        """Check and load the delivery in `folder` of the landing zone.

        Each table's commit is recognised by delivery, so a killed load is simply run again.

        Raises:
            Refused: a check failed (the delivery is now in quarantine), it is loaded
                already, the actor is no operator, or the platform's pseudonyms are changing.
            Invalid: its manifest is malformed.
        """
        taking = self._open(landing, folder, actor)
        rules.require_loadable(taking.intake, taking.delivery, taking.digest)
        return self._take(taking)

    def replay(self, landing: Files, delivery: str, actor: Actor) -> LoadReport:
        """Check a delivery again, after a release or a change of the rules, and load it.

        Idempotent: what is in the lake is told and not touched, and a delivery that fails as it
        failed before leaves no new event. Raises as `load` does.
        """
        taking = self._open(landing, self._folders(landing, delivery)[0], actor)
        if taking.intake.state in rules.CAME_IN:
            tables = taking.intake.tables
            return LoadReport(
                delivery=delivery,
                rows=sum(table.rows for table in tables),
                tables=tables,
                corrects=taking.intake.corrects,
                warnings=taking.intake.findings,
            )
        rules.require_loadable(taking.intake, taking.delivery, taking.digest, again=True)
        return self._take(taking)

    def release(self, delivery: str, reason: str, actor: Actor) -> dict[str, Any]:
        """Let the errors of a quarantined delivery pass, for a reason; `replay` then loads it.

        Raises:
            Refused: no access officer, one who tried to load it, not in quarantine, or an
                error that nobody may let pass (`findings.CHECKS`).
        """
        version, intake = self._book.intake(delivery)
        if not reason.strip():
            raise Refused(
                "A release needs a reason.", remedy="Give `--reason`.", rule="delivery-release"
            )
        rules.require_release(intake, delivery, actor, self._book.hands(delivery))
        released = DeliveryReleased(
            delivery=delivery,
            manifest_sha256=intake.manifest_sha256,
            reason=reason.strip(),
            findings=findings.errors(intake.findings),
        )
        self._book.append(delivery, version, released, actor)
        return self.status(delivery)

    def status(self, folder: str) -> dict[str, Any]:
        """Where the delivery stands, with its findings."""
        return self._book.status(_name(folder))

    def statuses(self) -> list[dict[str, Any]]:
        """Every delivery that was ever tried, in name order."""
        return self._book.statuses()

    def quarantine(self) -> list[dict[str, Any]]:
        """The deliveries that are held, with who tried them, when, and what may be released."""
        return self._book.quarantine()

    def _folders(self, landing: Files, only: str | None) -> tuple[str, ...]:
        found = self.deliveries(landing)
        if only is not None:
            found = tuple(folder for folder in found if _name(folder) == only)
        if not found:
            raise Missing(
                f"The landing zone holds no delivery{f' `{only}`' if only else ''}.",
                remedy=f"A delivery is a folder with a `{MANIFEST_NAME}`.",
            )
        return found

    def _open(self, landing: Files, folder: str, actor: Actor) -> _Taking:
        if not actor.has(Role.OPERATOR):
            raise Refused(
                f"`{actor.id}` may not load deliveries.", remedy="An operator does.", rule="IAM-05"
            )
        epoch = self._lake.rewriting.gate.require_open()
        files = DeliveryFolder(landing, folder)
        with files.open(MANIFEST_NAME) as stream:
            document = stream.read() or b""
        delivery = parse_manifest(_name(folder), document)
        version, intake = self._book.intake(delivery.name)
        return _Taking(
            delivery=delivery,
            files=files,
            digest=sha256_hex(document),
            actor=actor,
            intake=intake,
            version=version,
            epoch=epoch,
        )

    def _take(self, taking: _Taking) -> LoadReport:
        """1. check and seal; 2. write down that it passed; 3. load each table; 4. write that down.

        A delivery that is not sealed while it is checked is read a second time for 3.
        """
        delivery = taking.delivery
        if delivery.corrects:
            corrected = self._book.intake(delivery.corrects)[1]
            if corrected.corrected_by != delivery.name:
                rules.require_correction(delivery, corrected)
        staged = self._stage(taking) if self._may_stage(taking) else None
        try:
            with pages_kept():
                readings = self._checked(taking, staged)  # 1, 2
                turn = staged.turn if staged else self._turn(taking)
                tables = tuple(self._load_table(taking, one, turn, staged) for one in readings)  # 3
        finally:
            if staged:
                staged.discard()
        self._settle(taking, tables)  # 4
        return LoadReport(
            delivery=delivery.name,
            rows=sum(file.rows for file in delivery.files),
            tables=tables,
            corrects=delivery.corrects,
            warnings=taking.warnings,
        )

    def _may_stage(self, taking: _Taking) -> bool:
        """Whether the delivery is sealed while it is checked.

        Not one that stands in quarantine as it is, which is expected to fail again; nor a
        correction; nor a register, in which the other files of its delivery are looked up.
        """
        intake, delivery = taking.intake, taking.delivery
        held = intake.state is IntakeState.QUARANTINED and intake.manifest_sha256 == taking.digest
        registers = any(file.table in REGISTER_TABLES for file in delivery.files)
        return not (held or delivery.corrects or registers)

    def _stage(self, taking: _Taking) -> StagedDelivery:
        return StagedDelivery(
            delivery=taking.delivery.name,
            lake=self._lake,
            registry=self._registry,
            register=self._register,
            turn=self._turn(taking),
        )

    def _turn(self, taking: _Taking) -> Turn:
        """The platform's pseudonyms for this delivery, once their use is written down."""
        delivery = taking.delivery
        identities = identity_values(delivery, taking.files, self._registry)
        for used in pseudonym_chain.uses(taking.epoch, "load", delivery.name, identities):
            self._vault_book.record_use(used, taking.actor)
        return pseudonym_chain.entry(self._keys, taking.epoch)

    def _checked(self, taking: _Taking, staged: StagedDelivery | None) -> Sequence[FileReading]:
        delivery, intake = taking.delivery, taking.intake
        take = staged.take if staged else None
        checked = check_delivery(delivery, taking.files, self._registry, take)
        found = list(checked.findings)
        resumed = intake.state is IntakeState.CHECKED and intake.manifest_sha256 == taking.digest
        if not resumed:
            # A load that was begun is finished, whatever came in meanwhile.
            families = {f.table: self._registry.table(f.table).name for f in delivery.files}
            found += volume_findings(delivery, families, self._book.past())
        kept_out = (
            ()
            if resumed and not findings.errors(checked.findings)
            else rules.unreleased(intake, taking.digest, found)
        )
        if kept_out:
            self._quarantine(taking, tuple(found))
        released = findings.errors(tuple(found))
        taking.warnings = (
            *findings.warnings(tuple(found)),
            *(evolve(one, level=findings.WARNING) for one in released),
        )
        event = DeliveryChecked(
            delivery=delivery.name,
            manifest_sha256=taking.digest,
            files=len(checked.readings),
            rows=sum(file.rows for file in delivery.files),
            warnings=findings.warnings(tuple(found)),
            released=released,
        )
        taking.version = self._book.append(delivery.name, taking.version, event, taking.actor)
        return checked.readings

    def _load_table(
        self, taking: _Taking, reading: FileReading, turn: Turn, staged: StagedDelivery | None
    ) -> LoadedTable:
        delivery, table = taking.delivery, reading.file.table
        ready = staged.give(table) if staged else None
        strangers = strangers_of(table, self._register)
        batches = strangers.passing(load_batches(reading, taking.files, self._registry, turn))
        if delivery.corrects:
            made = self._lake.correcting.correct(
                table,
                batches,
                reading.schema,
                delivery=delivery.name,
                corrects=delivery.corrects,
                epoch=taking.epoch,
            )
            replaced, snapshot, digest = made.before, made.after, made.statement_digest
        else:
            appended = self._lake.append(
                table,
                batches,
                reading.schema,
                delivery=delivery.name,
                epoch=taking.epoch,
                staged=ready.parts if ready else None,
            )
            replaced, snapshot, digest = "", appended.id, appended.statement_digest
        # When the staged parts fitted, the lines were not read again.
        counted = ready.strangers if ready and not strangers.count else strangers
        taking.warnings = (*taking.warnings, *_lost(reading, counted))
        return LoadedTable(
            table=table,
            rows=reading.file.rows,
            snapshot=snapshot,
            statement_sha256=digest,
            replaced=replaced,
        )

    def _settle(self, taking: _Taking, tables: tuple[LoadedTable, ...]) -> None:
        delivery = taking.delivery
        if delivery.corrects:
            version, corrected = self._book.intake(delivery.corrects)
            if not corrected.corrected_by:
                told = DeliveryCorrected(
                    delivery=delivery.corrects, by=delivery.name, revision=delivery.revision
                )
                self._book.append(delivery.corrects, version, told, taking.actor)
        loaded = DeliveryLoaded(
            delivery=delivery.name,
            manifest_sha256=taking.digest,
            tables=tables,
            holder=delivery.holder,
            system=delivery.system,
            period=delivery.period,
            revision=delivery.revision,
            corrects=delivery.corrects,
            warnings=tuple(one for one in taking.warnings if one.check == "person-not-in-register"),
        )
        self._book.append(delivery.name, taking.version, loaded, taking.actor)

    def _quarantine(self, taking: _Taking, found: tuple[FindingCounted, ...]) -> None:
        name, intake = taking.delivery.name, taking.intake
        event = DeliveryQuarantined(delivery=name, manifest_sha256=taking.digest, findings=found)
        same = intake.state is IntakeState.QUARANTINED and (
            (intake.manifest_sha256, intake.findings) == (taking.digest, found)
        )
        if not same:
            self._book.append(name, taking.version, event, taking.actor)
        kept_out = findings.errors(found)
        listed = "; ".join(findings.as_line(one) for one in kept_out[:5])
        more = f"; and {len(kept_out) - 5} more" if len(kept_out) > 5 else ""
        raise Refused(
            f"The delivery `{name}` failed its checks and is in quarantine: {listed}{more}.",
            remedy="Ask the holder for a corrected delivery; nothing of this one was loaded.",
            rule="delivery-checks",
        )


def _lost(reading: FileReading, strangers: StrangerCount) -> tuple[FindingCounted, ...]:
    """The warning about lines of persons that the register does not have, if there are any."""
    if not strangers.count:
        return ()
    lost = findings.finding(
        "person-not-in-register",
        reading.file.name,
        column="BEN_NIR_PSA",
        count=strangers.count,
        lines=strangers.lines,
    )
    return (lost,)


def _name(folder: str) -> str:
    return folder.rsplit("/", 1)[-1]
