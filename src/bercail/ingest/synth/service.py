"""The desk of the generator: draw a world, write its deliveries, write its truth.

1. The folder is bound to the profile, so that two populations never mix.
2. What is finished already is checked by its digests and left alone; when
   everything is, nothing is drawn.
3. The persons are drawn block by block: what happens to them, the parts of
   the deliveries, their truth. Memory is that of one block for each process.
4. Deliveries are put together, each whole before the next.
5. The truth is written last.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bercail.foundation import Refused
from bercail.ingest.synth.blocks import (
    PARTS,
    BlockTask,
    Whole,
    spread,
    write_assembly,
    write_block,
)
from bercail.ingest.synth.deliveries import MANIFEST, on_disk, read_manifest, write_json
from bercail.ingest.synth.profile import SynthProfile, SynthReport

Progress = Callable[[str, int, int], None]
TRUTH, PROFILE = "truth.json", "profile.json"
_LABEL, _PERSONS = "synthetic deliveries", "synthetic persons, by block"


def make(
    profile: SynthProfile, out: Path, progress: Progress | None = None, processes: int = 1
) -> SynthReport:
    """Write the deliveries of a profile and their truth into `out`.

    Running it again finishes what a killed run left, and changes nothing else.
    The bytes are the same whatever the number of `processes`.

    Raises:
        Invalid: no process at all is asked for.
        Refused: `out` holds the deliveries of another profile.
        Unavailable: the disk is full or cannot be written.
    """
    # Step 1.
    _bind(profile, out)
    # Step 2.
    held = _finished(profile, out)
    if held is not None:
        return held
    tasks = _tasks(profile, out)
    whole = Whole(profile, out)
    manifests, written = [], 0
    with spread(min(processes, len(tasks))) as work_on:
        # Step 3.
        for done, block in enumerate(work_on(write_block, tasks)):
            whole.add(done, block)
            _tell(progress, _PERSONS, done + 1, len(tasks))
        # Step 4.
        plan = whole.assemblies()
        _tell(progress, _LABEL, 0, len(plan))
        for done, (manifest, new) in enumerate(work_on(write_assembly, plan)):
            manifests.append(manifest)
            written += int(new)
            _tell(progress, _LABEL, done + 1, len(plan))
    # Step 5.
    names = [task.delivery.name for task in plan]
    truth = whole.truth | {"profile": profile.as_dict(), "deliveries": names}
    _close(out, truth)
    return _report(profile, truth, manifests, written)


def _close(out: Path, truth: dict[str, Any]) -> None:
    with on_disk(out):
        write_json(out / TRUTH, truth)
        shutil.rmtree(out / PARTS)


def _tasks(profile: SynthProfile, out: Path) -> list[BlockTask]:
    finished = _finished_names(out)
    return [BlockTask(profile=block, out=out, finished=finished) for block in profile.blocks()]


def _finished_names(out: Path) -> frozenset[str]:
    folders = (path.parent for path in sorted(out.glob(f"*/{MANIFEST}")))
    return frozenset(folder.name for folder in folders if read_manifest(folder) is not None)


def _tell(progress: Progress | None, label: str, done: int, total: int) -> None:
    if progress is not None:
        progress(label, done, total)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _bind(profile: SynthProfile, out: Path) -> None:
    with on_disk(out):
        out.mkdir(parents=True, exist_ok=True)
        held = _read(out / PROFILE)
        if held is None:
            write_json(out / PROFILE, profile.as_dict())
    if held is not None and held != profile.as_dict():
        raise Refused(
            f"The folder `{out}` holds the deliveries of another profile.",
            remedy="Choose another folder, or remove this one.",
            rule="synth-one-profile",
        )


def _finished(profile: SynthProfile, out: Path) -> SynthReport | None:
    truth = _read(out / TRUTH)
    if truth is None or truth.get("profile") != profile.as_dict():
        return None
    manifests = []
    for name in truth["deliveries"]:
        manifest = read_manifest(out / name)
        if manifest is None:
            return None
        manifests.append(manifest)
    return _report(profile, truth, manifests, 0)


def _report(
    profile: SynthProfile, truth: dict[str, Any], manifests: list[dict[str, Any]], written: int
) -> SynthReport:
    rows: dict[str, int] = {}
    size = 0
    for manifest in manifests:
        for file in manifest["files"]:
            rows[file["table"]] = rows.get(file["table"], 0) + file["rows"]
            size += file["bytes"]
    return SynthReport(
        profile=profile,
        deliveries=tuple(truth["deliveries"]),
        rows=dict(sorted(rows.items())),
        size=size,
        written=written,
        truth=truth,
    )
