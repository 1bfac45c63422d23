"""The lake on a real S3 server, read by DuckDB; and nothing legible on that server."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from bercail.foundation import FixedClock, SeededRandomness
from bercail.lake import Lake
from bercail.storage import ObjectStore, scan
from bercail.vault import Keyring

pytest_plugins = ["bercail.testing.fixtures"]

SCHEMA = pa.schema([("BEN_NIR_PSA", pa.string()), ("PRS_NAT_REF", pa.int64())])
CANARIES = [b"7ZQX4KVAH2MNB0PWR", b"BEN_NIR_PSA", b"ER_PRS_F", b"DCIR_2023", b"PAR1", b"parquet"]


def test_deliveries_on_s3(
    s3_store: ObjectStore, keys: Keyring, tmp_path: Path, clock: FixedClock
) -> None:
    url = f"sqlite:///{tmp_path}/lake.sqlite"
    with Lake(s3_store, keys, url, None, SeededRandomness(3), clock) as lake:
        for month in ("DCIR_202302", "DCIR_202303"):
            batch = pa.record_batch(
                [pa.array([CANARIES[0].decode()] * 90_000), pa.array(range(90_000))], schema=SCHEMA
            )
            lake.append("ER_PRS_F", [batch], SCHEMA, delivery=month)
        assert lake.verify("ER_PRS_F").rows == 180_000
        assert lake.orphans(timedelta(0)) == ()
        with duckdb.connect() as connection:
            connection.register_filesystem(lake.filesystem())
            urls = [part.url for part in lake.parts("ER_PRS_F")]
            found = connection.read_parquet(urls, union_by_name=True).sum("PRS_NAT_REF")
            assert found.fetchall() == [(90_000 * 89_999,)]
    report = scan(s3_store, CANARIES)
    assert report.objects >= 8
    assert report.hits == ()
