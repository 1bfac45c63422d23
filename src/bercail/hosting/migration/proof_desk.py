"""Make a proof: check everything, write the manifest, sign it for both sides, keep it twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from bercail.foundation import Clock, Unproven, canonical_json, sha256_hex, to_iso
from bercail.hosting.events import ProofFailed, ProofMade
from bercail.hosting.migration.copy_run import Progress
from bercail.hosting.migration.entry import ObjectState
from bercail.hosting.migration.manifest import (
    FORMAT,
    PAYLOAD_TYPE,
    STORED_NAME,
    ManifestSummary,
    write_manifest,
    write_whole,
)
from bercail.hosting.migration.pool import Gauge
from bercail.hosting.migration.proving import Basis, Check, Proof, Prover, run_checks
from bercail.hosting.migration.state import MigrationState
from bercail.hosting.migration.worktable import WorkTable
from bercail.lake import SealedStore
from bercail.storage import CHUNK, ObjectStore, probe_summary
from bercail.storage.source_checksums import relied_on
from bercail.vault import Keyring, dsse_envelope, signer

SIGNERS = ("manifest-source", "manifest-target")
# An error names this many objects; the status lists more, and the journal has the digest of all.
NAMED = 50


class ProofDesk:
    """Proves one migration; writes its files under `folder`."""

    def __init__(
        self,
        *,
        name: str,
        source: ObjectStore,
        target: SealedStore,
        home: ObjectStore,
        folder: Path,
        keys: Keyring,
        clock: Clock,
    ) -> None:
        self._name = name
        self._source = source
        self._target = target
        self._home = home
        self._folder = folder
        self._keys = keys
        self._clock = clock

    def prove(
        self,
        table: WorkTable,
        state: MigrationState,
        basis: Basis,
        *,
        threads: int,
        progress: Progress | None,
    ) -> tuple[ProofMade | ProofFailed, Proof | Unproven]:
        """The event to record, and the proof or the error that names every object that is wrong."""
        gauge = Gauge()
        prover = Prover(source=self._source, target=self._target, gauge=gauge, basis=basis)
        wrong = run_checks(table, prover, gauge, threads=threads, progress=progress)
        number = state.proofs + 1
        with table:
            table.failures.replace({name: check.wrong or "" for name, check in wrong.items()})
            for check in wrong.values():
                table.objects.mark(
                    check.name, ObjectState.PENDING, check.wrong, distrust=check.distrust
                )
        if wrong:
            return _failed(number, wrong)
        return self._made(table, state, number, basis)

    def _made(
        self, table: WorkTable, state: MigrationState, number: int, basis: Basis
    ) -> tuple[ProofMade, Proof]:
        self._folder.mkdir(parents=True, exist_ok=True)
        stem = self._folder / f"proof-{number}"
        manifest = stem.with_suffix(".jsonl")
        rows = table.objects.rows(ObjectState.CARRIED, ObjectState.NOT_CARRIED)
        summary = write_manifest(manifest, rows)
        plan = state.plan.digest if state.plan else ""
        statement = self._statement(summary, number=number, basis=basis, plan=plan)
        signers = {name: signer(self._keys, name) for name in SIGNERS}
        signed = dsse_envelope(PAYLOAD_TYPE, statement, list(signers.values()))
        written = canonical_json(signed)
        public = {name: one.public.as_dict() for name, one in signers.items()}
        write_whole(stem.with_suffix(".dsse.json"), written)
        write_whole(stem.with_suffix(".keys.json"), canonical_json(public))
        version = f"proof-{number}-{summary.root}"
        self._target.put(STORED_NAME, _blocks(manifest), version)
        event = ProofMade(
            proof=number,
            basis=basis.value,
            lines=summary.lines,
            bytes=summary.bytes,
            root=summary.root,
            manifest=summary.sha256,
            envelope=sha256_hex(written),
        )
        proof = Proof(
            number=number,
            basis=basis,
            carried=summary.carried,
            not_carried=summary.not_carried,
            bytes=summary.bytes,
            root=summary.root,
            manifest=manifest,
            envelope=stem.with_suffix(".dsse.json"),
            keys=stem.with_suffix(".keys.json"),
            key_ids={name: one.public.id for name, one in signers.items()},
        )
        return event, proof

    def _statement(
        self, summary: ManifestSummary, *, number: int, basis: Basis, plan: str
    ) -> bytes:
        probe = probe_summary(self._home)
        return canonical_json(
            {
                "format": FORMAT,
                "migration": self._name,
                "proof": number,
                "source": str(self._source.location),
                "target": str(self._home.location),
                "basis": basis.value,
                "lines": summary.lines,
                "carried": summary.carried,
                "not_carried": summary.not_carried,
                "bytes": summary.bytes,
                "manifest_sha256": summary.sha256,
                "root": summary.root,
                "plan": plan,
                "proved_at": to_iso(self._clock.now()),
                "source_checksum": relied_on(self._source).value,
                "target_probe": None if probe is None else probe.as_dict(),
            }
        )


def _failed(number: int, wrong: Mapping[str, Check]) -> tuple[ProofFailed, Unproven]:
    names = sorted(wrong)
    lines = [f"`{name}`: {wrong[name].wrong}" for name in names]
    more = f"; and {len(names) - NAMED} more" if len(names) > NAMED else ""
    digest = sha256_hex("\n".join(lines).encode("utf-8"))
    error = Unproven(
        f"{len(names)} objects are not proven. {'; '.join(lines[:NAMED])}{more}.",
        remedy="Run `bercail migrate copy` to carry them again, then `prove`.",
        rule="migration-proof",
    )
    return ProofFailed(proof=number, failures=len(names), digest=digest), error


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(CHUNK):
            yield block
