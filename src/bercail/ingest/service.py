"""The desk where deliveries arrive: check everything, then load, then write it down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen

from bercail.catalogue import Registry
from bercail.foundation import Actor, Missing, Refused, Role, sha256_hex
from bercail.ingest import rules
from bercail.ingest.delivery import MANIFEST_NAME, Delivery, Files, parse_manifest
from bercail.ingest.events import (
    EVENTS,
    DeliveryChecked,
    DeliveryLoaded,
    DeliveryQuarantined,
    FindingCounted,
    LoadedTable,
    SecretUsed,
)
from bercail.ingest.folder import DeliveryFolder
from bercail.ingest.intake import FileReading, check_delivery, load_batches
from bercail.lake import Lake, pseudonym_chain
from bercail.lake.identities import Turn
from bercail.ledger import Ledger
from bercail.vault import Keyring

ProgressReport = Callable[[str, int, int], None]


@frozen(kw_only=True)
class LoadReport:
    """What became of one delivery."""

    delivery: str
    rows: int
    tables: tuple[LoadedTable, ...]

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "delivery": self.delivery,
            "rows": self.rows,
            "tables": {table.table: table.rows for table in self.tables},
        }


class IngestService:
    """Deliveries of the landing zone become tables of the lake."""

    def __init__(self, lake: Lake, keys: Keyring, registry: Registry, ledger: Ledger) -> None:
        self._lake = lake
        self._keys = keys
        self._registry = registry
        self._ledger = ledger

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
        """Load every delivery that is not in the lake yet, or the one called `only`.

        Raises what `load` raises, at the first delivery that fails; those before it stay.
        """
        folders = self.deliveries(landing)
        if only is not None:
            folders = tuple(folder for folder in folders if folder.rsplit("/", 1)[-1] == only)
        if not folders:
            raise Missing(
                f"The landing zone holds no delivery{f' `{only}`' if only else ''}.",
                remedy=f"A delivery is a folder with a `{MANIFEST_NAME}`.",
            )
        reports = []
        for done, folder in enumerate(folders):
            if progress:
                progress("deliveries", done, len(folders))
            if only is not None or self.status(folder)["state"] != "loaded":
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
            Invalid: its manifest or a line is malformed.
        """
        if not actor.has(Role.OPERATOR):
            raise Refused(
                f"`{actor.id}` may not load deliveries.", remedy="An operator does.", rule="IAM-05"
            )
        epoch = self._lake.rewriting.gate.require_open()
        files = DeliveryFolder(landing, folder)
        with files.open(MANIFEST_NAME) as stream:
            document = stream.read() or b""
        delivery = parse_manifest(folder.rsplit("/", 1)[-1], document)
        digest = sha256_hex(document)
        stream_name = f"delivery/{delivery.name}"
        version, events = self._ledger.load(stream_name, EVENTS)
        rules.require_loadable(rules.fold(events), delivery, digest)
        readings, findings = check_delivery(delivery, files, self._registry)
        if findings:
            self._quarantine(delivery, digest, findings, version, actor)
        rows = sum(file.rows for file in delivery.files)
        checked = DeliveryChecked(
            delivery=delivery.name, manifest_sha256=digest, files=len(readings), rows=rows
        )
        used = secrets_used(epoch, "ingest", len(readings))
        version = self._ledger.append(stream_name, version, [checked, *used], actor)
        turn = pseudonym_chain.entry(self._keys, epoch)
        tables = tuple(
            self._load_table(delivery, reading, files, turn, epoch) for reading in readings
        )
        loaded = DeliveryLoaded(delivery=delivery.name, manifest_sha256=digest, tables=tables)
        self._ledger.append(stream_name, version, [loaded], actor)
        return LoadReport(delivery=delivery.name, rows=rows, tables=tables)

    def status(self, folder: str) -> dict[str, Any]:
        """Where the delivery stands, with its findings if it is in quarantine."""
        name = folder.rsplit("/", 1)[-1]
        _, events = self._ledger.load(f"delivery/{name}", EVENTS)
        intake = rules.fold(events)
        return {
            "delivery": name,
            "state": intake.state.value,
            "tables": {table.table: table.rows for table in intake.tables},
            "findings": [_as_line(finding) for finding in intake.findings],
        }

    def _load_table(
        self, delivery: Delivery, reading: FileReading, files: Files, turn: Turn, epoch: int
    ) -> LoadedTable:
        snapshot = self._lake.append(
            reading.file.table,
            load_batches(reading, files, self._registry, turn),
            reading.schema,
            delivery=delivery.name,
            epoch=epoch,
        )
        return LoadedTable(
            table=reading.file.table,
            rows=reading.file.rows,
            snapshot=snapshot.id,
            statement_sha256=snapshot.statement_digest,
        )

    def _quarantine(
        self,
        delivery: Delivery,
        digest: str,
        findings: tuple[FindingCounted, ...],
        version: int,
        actor: Actor,
    ) -> None:
        event = DeliveryQuarantined(
            delivery=delivery.name, manifest_sha256=digest, findings=findings
        )
        self._ledger.append(f"delivery/{delivery.name}", version, [event], actor)
        listed = "; ".join(_as_line(finding) for finding in findings[:5])
        more = f"; and {len(findings) - 5} more" if len(findings) > 5 else ""
        raise Refused(
            f"The delivery `{delivery.name}` failed its checks and is in quarantine: "
            f"{listed}{more}.",
            remedy="Ask the holder for a corrected delivery; nothing of this one was loaded.",
            rule="delivery-checks",
        )


def secrets_used(epoch: int, purpose: str, files: int) -> tuple[SecretUsed, ...]:
    """One event for the secret of each epoch that a value of level 1 goes through."""
    return tuple(
        SecretUsed(secret=pseudonym_chain.name_of(each), purpose=purpose, files=files)
        for each in range(1, epoch + 1)
    )


def _as_line(finding: FindingCounted) -> str:
    column = f" column {finding.column}" if finding.column else ""
    line = f", first at line {finding.first_line}" if finding.first_line else ""
    return f"{finding.check} in {finding.file}{column}: {finding.count}{line}"
