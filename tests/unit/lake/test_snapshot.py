from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bercail.foundation import Unproven, canonical_json
from bercail.lake.snapshot import (
    Column,
    MetadataFile,
    Part,
    Statement,
    decode_statement,
    parts_digest,
)

VECTORS = Path(__file__).parents[2] / "vectors" / "lake"

PARTS = (
    Part(url="sealed://T/data/a/part-1-00000.parquet", delivery="a", rows=3, size=9, sha256="ab"),
    Part(url="sealed://T/data/b/part-2-00000.parquet", delivery="b", rows=4, size=8, sha256="cd"),
)
STATEMENT = Statement(
    table="T",
    snapshot="9007199254740993",
    sequence=2,
    parent="17",
    previous="00" * 32,
    delivery="b",
    at="2026-11-21T12:00:00.000000Z",
    rows=7,
    columns=(Column(name="x", type="long"), Column(name="m", type="decimal(18, 4)")),
    metadata=MetadataFile(url="sealed://T/metadata/2.metadata.json", size=5, sha256="ef"),
    parts=PARTS,
)


def test_the_vector_is_what_the_format_says() -> None:
    written = (VECTORS / "statement-1.json").read_bytes()
    digest = (VECTORS / "statement-1.sha256").read_text("ascii").strip()
    assert decode_statement(written) == STATEMENT
    assert STATEMENT.encode() == written
    assert STATEMENT.digest() == digest


def test_the_digest_of_parts_depends_on_their_order() -> None:
    assert parts_digest(PARTS) != parts_digest(PARTS[::-1])


def altered(**changes: Any) -> bytes:
    found = json.loads(STATEMENT.encode())
    found.update(changes)
    return canonical_json(found)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"\xff",
        STATEMENT.encode() + b" ",
        json.dumps(json.loads(STATEMENT.encode())).encode(),
        altered(format="bercail-snapshot/2"),
        altered(more=1),
        altered(rows=8),
        altered(parts=[{"url": "x"}]),
        altered(parts=None),
        altered(metadata=[]),
    ],
)
def test_a_statement_out_of_format_is_unproven(data: bytes) -> None:
    with pytest.raises(Unproven, match="bercail-snapshot/1"):
        decode_statement(data)


def test_a_statement_that_lacks_a_member_is_unproven() -> None:
    found = json.loads(STATEMENT.encode())
    del found["parent"]
    with pytest.raises(Unproven):
        decode_statement(canonical_json(found))
