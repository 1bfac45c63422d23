"""Engines read a project's sealed files, and a flipped byte comes out as a broken seal."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from bercail.cohorts import DuckdbEngine, MemoryEngine, Source, Sources, load_study
from bercail.foundation import FixedClock, SeededRandomness, Unproven
from bercail.lake import SealedStore
from bercail.storage.location import Location
from bercail.storage.memory import MemoryStore
from bercail.testing.small_snds import DRUGS, SmallSnds
from bercail.vault import Keyring, MemoryCustodian

STUDY = Path(__file__).resolve().parents[3] / "studies" / "treated_diabetes.py"


@pytest.mark.parametrize("engine", [DuckdbEngine, MemoryEngine])
def test_sealed_files_are_read_and_their_seals_are_kept(engine: Any, tmp_path: Path) -> None:
    randomness = SeededRandomness(4)
    clock = FixedClock(datetime(2026, 11, 21, tzinfo=UTC))
    host = MemoryStore(Location.parse(f"memory:{tmp_path.name}"))
    keys = Keyring(tmp_path / "keys.sqlite", MemoryCustodian(randomness), randomness, clock)
    store = SealedStore(host, keys, kind="project", scope="p1", randomness=randomness)
    data = SmallSnds()
    data.person("a")
    for month in (1, 2, 3):
        data.dispensing("a", f"2024-0{month}-01")
    for name, table in data.tables("project").items():
        plain = io.BytesIO()
        pq.write_table(table, plain)
        store.put(f"extract/{name}.parquet", plain.getvalue())

    def run() -> int:
        shared = store.filesystem()
        tables: dict[str, Any] = {
            name: Source(urls=(f"sealed://p1/extract/{name}.parquet",), filesystem=shared)
            for name in ("ER_PRS_F", "ER_PHA_F", "IR_BEN_R")
        }
        sources = Sources(tables=tables, naming="project", permit="permit-1", drugs=DRUGS)
        persons: int = engine(sources).run(load_study(STUDY)).persons.num_rows
        return persons

    assert run() == 1
    opaque = store.opaque_name("extract/ER_PHA_F.parquet", "1")
    sealed = bytearray(host.get(opaque))
    sealed[-40] ^= 1
    host.put(opaque, bytes(sealed))
    with pytest.raises(Unproven):
        run()
    keys.close()
