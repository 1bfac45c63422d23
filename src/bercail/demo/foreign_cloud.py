"""Chapter 1: a data holder's deliveries, and other files, stand on a foreign cloud."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bercail.demo.stage import Stage
from bercail.foundation import Missing
from bercail.ingest.synth import SynthProfile, make
from bercail.platform import holder_desk
from bercail.storage import ObjectStore

Report = Callable[[str, int, int], None]
SEED = 20261121
BLOCK = 4 << 20
# A scan of an image archive; smaller when the story itself is told in small.
LARGE_BINARY, SMALL_BINARY, SMALL_STORY = 300 << 20, 24 << 20, 10_000


def fill(stage: Stage, persons: int, report: Report) -> dict[str, Any]:
    """Make the deliveries, pseudonymise them at the holder, upload everything."""
    made = make(SynthProfile(persons=persons, seed=SEED), stage.clear, report)
    prepared = holder_desk().prepare(stage.clear, stage.level_one, report)
    objects, size = upload(stage, persons, report)
    truth = json.loads((stage.clear / "truth.json").read_text(encoding="utf-8"))
    return {
        "server": stage.source.scheme,
        "objects": objects,
        "bytes": size,
        "deliveries": prepared.deliveries,
        "rows": prepared.rows,
        "persons": persons,
        "made": made.as_dict(),
        "truth": truth,
    }


def upload(stage: Stage, persons: int, report: Report) -> tuple[int, int]:
    """Send what is not there yet; objects and bytes that stand there in the end."""
    store = stage.foreign_cloud()
    uploads = [*_deliveries(stage.level_one), *_other_files(persons)]
    for done, (name, length, content) in enumerate(uploads):
        report("upload to the foreign cloud", done, len(uploads))
        _put_once(store, name, length, content)
    report("upload to the foreign cloud", len(uploads), len(uploads))
    return len(uploads), sum(length for _, length, _ in uploads)


def _deliveries(folder: Path) -> Iterator[tuple[str, int, Callable[[], Iterator[bytes]]]]:
    for path in sorted(folder.glob("*/*")):
        name = f"livraisons/{path.parent.name}/{path.name}"
        yield name, path.stat().st_size, partial(_blocks, path)


def _other_files(persons: int) -> list[tuple[str, int, Callable[[], Iterator[bytes]]]]:
    notebook, pdf = _notebook(), _pdf()
    large = LARGE_BINARY if persons >= SMALL_STORY else SMALL_BINARY
    return [
        ("espace-projet/analyses/étude pilote (v2).ipynb", len(notebook), lambda: iter([notebook])),
        ("espace-projet/Rapport d'activité 2025.pdf", len(pdf), lambda: iter([pdf])),
        ("espace-projet/vide.txt", 0, lambda: iter([b""])),
        ("imagerie/coupe n° 001 – série A.bin", large, lambda: _binary(large)),
    ]


def _put_once(
    store: ObjectStore, name: str, size: int, content: Callable[[], Iterator[bytes]]
) -> None:
    """Upload unless an object of that size is there: an interrupted upload goes on."""
    try:
        if store.head(name).size == size:
            return
    except Missing:
        # Not uploaded yet, which is the usual case.
        pass
    pieces = content()
    store.put(name, b"".join(pieces) if size <= BLOCK else pieces)


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            yield block


def _binary(size: int) -> Iterator[bytes]:
    numbers = np.random.default_rng(SEED)
    for start in range(0, size, BLOCK):
        yield numbers.bytes(min(BLOCK, size - start))


def _notebook() -> bytes:
    cell = {"cell_type": "markdown", "metadata": {}, "source": ["# Étude pilote"]}
    book = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(book, ensure_ascii=False).encode("utf-8")


def _pdf() -> bytes:
    """One empty page, with a cross-reference table that is right."""
    out = io.BytesIO(b"%PDF-1.4\n")
    out.seek(0, io.SEEK_END)
    bodies = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>",
    )
    places = []
    for number, body in enumerate(bodies, start=1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    table = out.tell()
    out.write(b"xref\n0 4\n0000000000 65535 f \n")
    out.write(b"".join(b"%010d 00000 n \n" % place for place in places))
    out.write(b"trailer\n<< /Size 4 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % table)
    return out.getvalue()
