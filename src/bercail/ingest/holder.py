"""Level one, run by the data holder alone, with the holder's own secret.

Reads the holder's clear files and writes the same files, in the form in which they came (CSV,
CSV in gzip, Parquet), with level-1 pseudonyms in the identity columns. The platform's secret is
not needed and not present here.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from attrs import field, frozen

from bercail.catalogue import Registry
from bercail.foundation import (
    Clock,
    Invalid,
    Missing,
    Secret,
    SystemClock,
    canonical_json,
    to_iso,
)
from bercail.ingest import pseudonymise
from bercail.ingest.delivered import Delivered, diagnosed, opened
from bercail.ingest.delivery import MANIFEST_NAME, Delivery, DeliveryFile, parse_manifest
from bercail.ingest.findings import CHECKS
from bercail.ingest.folder import LocalFiles
from bercail.ingest.parquet_form import ParquetLines
from bercail.ingest.writing import HashingFile, writer_of

ProgressReport = Callable[[str, int, int], None]


@frozen(kw_only=True)
class Prepared:
    """What `prepare` wrote: deliveries, files, rows."""

    deliveries: int
    files: int
    rows: int

    def as_dict(self) -> dict[str, int]:
        """For `--json`."""
        return {"deliveries": self.deliveries, "files": self.files, "rows": self.rows}


@frozen(kw_only=True)
class HolderService:
    """The data holder's own desk; `secret` is the holder's level-1 secret.

    The holder has no ledger. Each use of the secret is a line of a file that is only added to,
    beside the folder of the deliveries (`use_log`), before the secret is used for a delivery.
    """

    registry: Registry
    secret: Secret
    clock: Clock = field(factory=SystemClock)
    acting: str = "unnamed"

    def prepare(
        self, source: Path, target: Path, progress: ProgressReport | None = None
    ) -> Prepared:
        """Write every delivery of `source` into `target` at level 1.

        A delivery that stands in `target` already is left alone, so an interrupted run
        continues; each delivery appears whole or not at all.

        Raises:
            Missing: no delivery in `source`, or a file that its manifest names is not there.
            Invalid: a manifest, a header or a line is wrong, a file is damaged, or a delivery is
                not clear.
        """
        folders = sorted(path.parent for path in source.glob(f"*/{MANIFEST_NAME}"))
        if not folders:
            raise Missing(
                f"There is no delivery in `{source}`.",
                remedy=f"Each delivery is a folder with a `{MANIFEST_NAME}`.",
            )
        files = rows = 0
        for done, folder in enumerate(folders):
            if progress:
                progress("level 1", done, len(folders))
            delivery = self._prepare_one(folder, target / folder.name)
            files += len(delivery.files)
            rows += sum(file.rows for file in delivery.files)
        if progress:
            progress("level 1", len(folders), len(folders))
        return Prepared(deliveries=len(folders), files=files, rows=rows)

    def _prepare_one(self, folder: Path, target: Path) -> Delivery:
        delivery = parse_manifest(folder.name, (folder / MANIFEST_NAME).read_bytes())
        if delivery.identifiers != "clear":
            raise Invalid(
                f"The delivery `{delivery.name}` is not in clear identifiers.",
                remedy="Level one is applied once, to the holder's own clear files.",
            )
        if (target / MANIFEST_NAME).is_file():
            return parse_manifest(folder.name, (target / MANIFEST_NAME).read_bytes())
        self._note_use(delivery, folder, use_log(target.parent))
        partial = target.with_name(f".{target.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        written = [self._prepare_file(folder, partial, file) for file in delivery.files]
        document = {
            "holder": delivery.holder,
            "system": delivery.system,
            "period": delivery.period,
            "identifiers": "level-1",
            **_of_correction(delivery),
            "files": written,
        }
        text = json.dumps(document, ensure_ascii=False, indent=1)
        (partial / MANIFEST_NAME).write_text(text, encoding="utf-8")
        partial.replace(target)
        return parse_manifest(folder.name, text.encode("utf-8"))

    def _note_use(self, delivery: Delivery, folder: Path, log: Path) -> None:
        """One line, on the disk before the first value is turned; names and counts only."""
        line = {
            "at": to_iso(self.clock.now()),
            "acting": self.acting,
            "secret": "level-1",
            "purpose": "prepare",
            "delivery": delivery.name,
            "files": len(delivery.files),
            "identifiers": sum(self._identifiers(folder, file) for file in delivery.files),
        }
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            file.write(canonical_json(line) + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _identifiers(self, folder: Path, file: DeliveryFile) -> int:
        """The values of identity columns in a file, empty ones included."""
        with _form(folder / file.name) as (header, _, _):
            known = self.registry.pseudonyms(self.registry.table(file.table).name)
            return file.rows * sum(column.name in header for column in known)

    def _prepare_file(self, folder: Path, target: Path, file: DeliveryFile) -> dict[str, Any]:
        known = self.registry.pseudonyms(self.registry.table(file.table).name)
        path, rows = folder / file.name, 0
        with closing(HashingFile(target / file.name)) as sink, _form(path) as form:
            header, schema, lines = form
            columns = [c for c in known if c.name in header]
            with writer_of(file.name, sink, header, schema) as put:
                for batch in lines:
                    put(pseudonymise.level_one(batch, columns, self.secret))
                    rows += batch.num_rows
        return {
            "table": file.table,
            "name": file.name,
            "rows": rows,
            "bytes": sink.size,
            "sha256": sink.digest,
        }


def use_log(target: Path) -> Path:
    """Where uses of the holder's secret are written for the deliveries in `target`."""
    return target.with_name(f"{target.name}.secret-uses.jsonl")


@contextmanager
def _form(path: Path) -> Iterator[tuple[tuple[str, ...], pa.Schema, Iterator[pa.RecordBatch]]]:
    """The columns of a clear file, the types in which it is read, and its lines."""
    with opened(LocalFiles(path.parent), path.name) as lines:
        header, wrong = lines.header()
        _require_usable(path, lines.trouble or (wrong[0][0] if wrong else ""))
        if isinstance(lines, ParquetLines):
            yield header, lines.schema, _whole(lines.as_written(), lines, path)
        else:
            schema = pa.schema([pa.field(name, pa.string()) for name in header])
            yield header, schema, _whole(_read(lines, header, path), lines, path)


def _require_usable(path: Path, check: str) -> None:
    if check:
        raise Invalid(
            f"`{path.parent.name}/{path.name}`: {CHECKS[check].meaning}.",
            remedy="Correct the file; deliveries written before it stay.",
            rule=check,
        )


def _whole(
    batches: Iterator[pa.RecordBatch], lines: Delivered, path: Path
) -> Iterator[pa.RecordBatch]:
    """The batches; raises `Invalid` when damage ended them early."""
    yield from batches
    _require_usable(path, lines.trouble)


def _as_text(_: str) -> pa.DataType:
    return pa.string()


def _read(lines: Delivered, header: tuple[str, ...], path: Path) -> Iterator[pa.RecordBatch]:
    try:
        yield from lines.batches(header, _as_text)
    except pa.ArrowInvalid:
        # Damage that ended the text early may also leave half a line: the damage is told.
        _require_usable(path, lines.trouble)
        # pyarrow's message quotes the line; ours gives the place and nothing of it.
        bad = diagnosed(LocalFiles(path.parent), path.name, header, _as_text)[0]
        raise Invalid(
            f"`{path.parent.name}/{bad.file}` line {bad.first_line}: {CHECKS[bad.check].meaning}.",
            remedy="Correct the file; deliveries written before it stay.",
            rule=bad.check,
        ) from None


def _of_correction(delivery: Delivery) -> dict[str, Any]:
    """The members of the manifest that only a correction has."""
    if not delivery.corrects and delivery.revision == 1:
        return {}
    return {"revision": delivery.revision, "corrects": delivery.corrects}
