"""Client CPU for moving bytes and listing names, against boto3 on the same S3 server.

One line per task. The server is SeaweedFS on this machine; what is compared is
the CPU of this process only, the best of three in turn. boto3 is set as its
documentation advises for large files (its own transfer manager, 16 MiB parts).
"""

from __future__ import annotations

import io
import json
import os
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from bercail.storage import ObjectStore, make_home, open_store
from bercail.testing.servers import RunningServer, start_seaweedfs

SIZE = 64 * 1024 * 1024
ENTRIES = 1_000
ROUNDS = 3
BLOCK = os.urandom(8 * 1024 * 1024)
TRANSFER = TransferConfig(multipart_chunksize=16 * 1024 * 1024, max_concurrency=4)


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of all threads of this process."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def compare(
    name: str, goal: float, ours: Callable[[], object], theirs: Callable[[], object]
) -> None:
    best_ours = best_theirs = float("inf")
    for _ in range(ROUNDS):
        best_ours = min(best_ours, cpu(ours))
        best_theirs = min(best_theirs, cpu(theirs))
    ratio = best_ours / best_theirs
    line = {
        "bench": f"storage.{name}",
        "ours": f"{best_ours:.3f} CPU-s",
        "against": f"boto3 {best_theirs:.3f} CPU-s",
        "ratio": round(ratio, 2),
        "goal": f"<= {goal}",
        "met": ratio <= goal,
    }
    print(json.dumps(line))


def vendor_client(server: RunningServer) -> Any:
    secret = server.credentials.secret
    assert secret is not None
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        aws_access_key_id=server.credentials.access_key,
        aws_secret_access_key=secret.reveal().decode(),
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}),
    )


def run(server: RunningServer) -> None:
    location = server.location("bench")
    make_home(location, server.credentials)
    store: ObjectStore = open_store(location, server.credentials)
    client = vendor_client(server)
    whole = BLOCK * (SIZE // len(BLOCK))

    def upload() -> None:
        store.put("large", (BLOCK for _ in range(SIZE // len(BLOCK))))

    def upload_boto3() -> None:
        client.upload_fileobj(io.BytesIO(whole), "bench", "large", Config=TRANSFER)

    def download() -> None:
        assert sum(len(piece) for piece in store.stream("large")) == SIZE

    def download_boto3() -> None:
        client.download_fileobj("bench", "large", io.BytesIO(), Config=TRANSFER)

    def names() -> None:
        assert sum(1 for _ in store.list("many/")) == ENTRIES

    def names_boto3() -> None:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket="bench", Prefix="many/")
        assert sum(len(page["Contents"]) for page in pages) == ENTRIES

    upload()
    for number in range(ENTRIES):
        store.put(f"many/{number:05d}", b"x")
    compare("upload", 0.5, upload, upload_boto3)
    compare("download", 0.8, download, download_boto3)
    compare("listing", 0.3, names, names_boto3)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = start_seaweedfs(Path(folder))
        try:
            run(server)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
