"""Chapters 8 and 9: the log proves what happened, and the host holds nothing readable."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from bercail.demo.permission import first_person
from bercail.demo.stage import Stage
from bercail.foundation import Unproven
from bercail.ingest.dialect import read_batches, read_header
from bercail.ledger import verify
from bercail.storage import scan

Report = Callable[[str, int, int], None]
AUDITOR = "anne"
# C2SP tlog-tiles: a full tile holds so many hashes.
TILE_WIDTH = 256


def verify_log(stage: Stage) -> dict[str, Any]:
    """Publish the log, let the second reader accept it, flip one byte, see it refused."""
    ledger = stage.platform(AUDITOR).ledger
    keys, export = stage.out / "results" / "log-keys.json", stage.out / "results" / "journal.jsonl"
    published = ledger.publish(keys)
    events = ledger.export(export)
    log = stage.platform(AUDITOR).config.trust / "log"
    accepted = _second_reader(log, keys, export)
    if accepted.returncode:
        raise Unproven(
            f"The log does not verify: {_last_line(accepted)}",
            remedy="Keep the folder as it is and tell the auditor.",
            rule="LOG-03",
        )
    copy = stage.out / "results" / "log-with-one-flipped-byte"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(log, copy)
    flipped = _flip_one_byte(copy, published.size)
    refused = _second_reader(copy, keys, export)
    # A verifier that merely fell over would not end with this code.
    if refused.returncode != Unproven.exit_code:
        raise Unproven(
            f"A log with a flipped byte was not refused: {_last_line(refused)}",
            remedy="Do not trust the verifier.",
            rule="LOG-03",
        )
    return {
        "events": events,
        "published": published.as_dict(),
        "accepted": _last_line(accepted),
        "flipped": flipped,
        "refused": _last_line(refused),
        "exit_code": refused.returncode,
    }


def _second_reader(log: Path, keys: Path, export: Path) -> subprocess.CompletedProcess[str]:
    # Started as a file of its own, isolated from every import of Bercail.
    command = [sys.executable, "-I", str(verify.__file__), str(log), str(keys)]
    return subprocess.run(
        [*command, "--export", str(export)], capture_output=True, text=True, check=False
    )


def _last_line(run: subprocess.CompletedProcess[str]) -> str:
    lines = (run.stderr.strip() or run.stdout.strip()).splitlines()
    return lines[-1] if lines else f"exit code {run.returncode}"


def _flip_one_byte(log: Path, size: int) -> str:
    """Flip the lowest bit of a byte in the middle of the first tile of leaf hashes.

    While it is not full its name says how many it holds; a shorter one, of an earlier
    checkpoint, may stand beside it, and readers of this checkpoint leave it alone.
    """
    name = "000" if size >= TILE_WIDTH else f"000.p/{size}"
    tile = log / "tile" / "0" / name
    data = bytearray(tile.read_bytes())
    data[len(data) // 2] ^= 1
    tile.write_bytes(bytes(data))
    return f"byte {len(data) // 2} of {tile.relative_to(log)}"


def scan_host(stage: Stage, report: Report) -> dict[str, Any]:
    """Look for what must not be there in every byte and every name of the host's store."""
    canaries = _canaries(stage)
    found = scan(stage.host(), [text.encode("utf-8") for text in canaries.values()], report)
    if found.hits:
        raise Unproven(
            f"The host can read something: {len(found.hits)} places hold a canary.",
            remedy="Stop using the host and find out how it was written.",
            rule="ENC-01",
        )
    return {
        "objects": found.objects,
        "bytes": found.bytes,
        "hits": 0,
        "looked_for": sorted(canaries),
    }


def _canaries(stage: Stage) -> dict[str, str]:
    """Things the host would know if anything were readable; their values stay in memory."""
    lake = stage.platform("odile").lake
    person = lake.read("IR_BEN_R", columns=["BEN_NIR_PSA"]).read_next_batch()
    return {
        "a person's identity in clear": _first_clear(stage.clear),
        "the same person's level-1 pseudonym": first_person(stage.level_one),
        "a pseudonym of the platform": str(person.column(0)[0].as_py()),
        "a column name": "BEN_NIR_PSA",
        "a table name": "ER_PRS_F",
        "a file name": "étude pilote",
        "a line of a notebook": "Étude pilote",
    }


def _first_clear(clear: Path) -> str:
    path = next(iter(sorted(clear.glob("BEN_*/IR_BEN_R.csv"))))
    with path.open("rb") as stream:
        header = read_header(stream, path.name)
        batch = next(read_batches(stream, header, lambda _name: pa.string()))
    return str(batch.column("BEN_NIR_PSA")[0].as_py())[:13]
