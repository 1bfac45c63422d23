"""Small tables as sealed Parquet parts in a folder: what the workers of a cluster read."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from attrs import evolve

from bercail.cohorts import Source, Sources
from bercail.foundation import FixedClock, SeededRandomness
from bercail.lake import SealedStore
from bercail.lake.filesystem import sealed_url
from bercail.storage import Credentials, Location, open_store
from bercail.vault import Keyring, MemoryCustodian

SCOPE = "p1"


@contextmanager
def sealed_tables(sources: Sources, folder: Path) -> Iterator[tuple[Sources, Location]]:
    """The tables of `sources`, each in two sealed parts below `folder`, and where they lie."""
    folder.mkdir(parents=True, exist_ok=True)
    location = Location.folder(folder / "store")
    Path(location.path).mkdir(exist_ok=True)
    randomness = SeededRandomness(4)
    clock = FixedClock(datetime(2026, 11, 21, tzinfo=UTC))
    keys = Keyring(folder / "keys.sqlite", MemoryCustodian(randomness), randomness, clock)
    store = SealedStore(
        open_store(location, Credentials()),
        keys,
        kind="project",
        scope=SCOPE,
        randomness=randomness,
    )
    shared = store.filesystem()
    tables: dict[str, Source | pa.Table] = {}
    for name, table in sources.tables.items():
        if not isinstance(table, pa.Table):
            raise TypeError("only tables in memory are sealed here")
        half = table.num_rows // 2
        urls = []
        for number, part in enumerate((table.slice(0, half), table.slice(half))):
            plain = io.BytesIO()
            pq.write_table(part, plain)
            store.put(f"{name}-{number}.parquet", plain.getvalue())
            urls.append(sealed_url(SCOPE, f"{name}-{number}.parquet"))
        tables[name] = Source(urls=tuple(urls), filesystem=shared, snapshot="s1")
    try:
        yield evolve(sources, tables=tables), location
    finally:
        keys.close()
