from __future__ import annotations

import io

import duckdb
import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bercail.foundation import Invalid, Missing, Refused, SeededRandomness, Unproven
from bercail.lake import SealedStore, sealed_url, split_url
from bercail.storage.memory import MemoryStore

ROWS = 300_000


def parquet(shift: int = 0) -> bytes:
    out = io.BytesIO()
    numbers = list(range(shift, shift + ROWS))
    table = pa.table({"id": numbers, "text": [f"t{n % 1000}" for n in numbers]})
    pq.write_table(table, out, row_group_size=20_000)
    return out.getvalue()


@pytest.mark.parametrize(
    ("scope", "name"),
    [("ER_PRS_F", "data/a-0.parquet"), ("projet 1", "été/a b?[1]*.csv"), ("a/b", "c%20d")],
)
def test_a_url_leads_back_to_scope_and_name(scope: str, name: str) -> None:
    url = sealed_url(scope, name)
    assert split_url(url) == (scope, name)
    assert not set("*?[] ") & set(url)


@pytest.mark.parametrize("url", ["", "sealed://", "sealed://a", "sealed://a/", "s3://a/b"])
def test_other_urls_are_invalid(url: str) -> None:
    with pytest.raises(Invalid):
        split_url(url)


def test_duckdb_reads_sealed_files_from_all_its_threads(sealed: SealedStore) -> None:
    names = [f"part {i}.parquet" for i in range(3)]
    for index, name in enumerate(names):
        sealed.put(name, parquet(index * ROWS))
    urls = [sealed_url("deliveries", name) for name in names]
    with duckdb.connect() as connection:
        connection.execute("SET threads = 4")
        connection.register_filesystem(sealed.filesystem())
        found = connection.execute(
            "SELECT count(*), sum(id), count(DISTINCT text) FROM read_parquet(?)", [urls]
        ).fetchall()
        some = connection.execute(
            "SELECT count(*) FROM read_parquet(?) WHERE id = 450000", [urls]
        ).fetchone()
    total = 3 * ROWS
    assert found == [(total, total * (total - 1) // 2, 1000)]
    assert some == (1,)


def test_duckdb_refuses_an_altered_file(sealed: SealedStore, host: MemoryStore) -> None:
    put = sealed.put("p.parquet", parquet())
    held = bytearray(host.get(put.opaque))
    held[len(held) // 2] ^= 1
    host.put(put.opaque, bytes(held))
    with duckdb.connect() as connection:
        connection.register_filesystem(sealed.filesystem())
        with pytest.raises((duckdb.Error, Unproven), match="does not authenticate"):
            connection.execute(
                "SELECT sum(id), count(DISTINCT text) FROM read_parquet(?)",
                [sealed_url("deliveries", "p.parquet")],
            ).fetchall()


def test_it_reads_only(sealed: SealedStore) -> None:
    filesystem = sealed.filesystem()
    with pytest.raises(Refused, match="read-only"):
        filesystem.open(sealed_url("deliveries", "a"), "wb")
    with pytest.raises(Missing):
        filesystem.open(sealed_url("elsewhere", "a"))


def test_it_answers_what_fsspec_asks(sealed: SealedStore) -> None:
    sealed.put("a", SeededRandomness(5).take(100))
    filesystem = sealed.filesystem()
    url = sealed_url("deliveries", "a")
    assert isinstance(filesystem, fsspec.AbstractFileSystem)
    assert filesystem.info(url) == {"name": url, "size": 100, "type": "file"}
    assert filesystem.ls(url, detail=False) == filesystem.glob(url) == [url]
    assert filesystem.ls(url) == [filesystem.info(url)]
    assert filesystem.isfile(url)
    assert not filesystem.exists(sealed_url("deliveries", "b"))
    assert filesystem.modified(url).year == 2000


def test_a_file_opened_often_is_looked_up_once(sealed: SealedStore, host: MemoryStore) -> None:
    sealed.put("a", b"x" * 10)
    heads = 0
    real = host.head

    def counting(name: str) -> object:
        nonlocal heads
        heads += 1
        return real(name)

    host.head = counting  # type: ignore[method-assign,assignment]
    filesystem = sealed.filesystem()
    for _ in range(5):
        filesystem.open(sealed_url("deliveries", "a")).read()
    assert heads == 1
    filesystem.forget(sealed_url("deliveries", "a"))
    filesystem.open(sealed_url("deliveries", "a"))
    assert heads == 2
