"""The checksums that sources give: the function is the published one, and only its bytes pass."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bercail.storage import CheckedSource, Location, SourceChecksum, open_store
from bercail.storage.source_checksums import agrees, as_azure, from_azure, learn, rely_on

VECTORS = Path(__file__).parents[2] / "vectors" / "storage" / "azure-crc64.json"
POLYNOMIAL = 0x9A6C9329AC4BC9B5


def bit_by_bit(content: bytes) -> int:
    """CRC-64 as the sources describe it, without any library."""
    register = (1 << 64) - 1
    for byte in content:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (POLYNOMIAL if register & 1 else 0)
    return register ^ ((1 << 64) - 1)


def vectors() -> Iterator[tuple[bytes, str]]:
    for one in json.loads(VECTORS.read_text(encoding="utf-8"))["vectors"]:
        yield base64.b64decode(one["content"]), one["told"]


def test_the_published_vectors_hold() -> None:
    found = list(vectors())
    assert len(found) == 3
    for content, told in found:
        assert as_azure(content) == told
        assert from_azure(told) == bit_by_bit(content)
        assert agrees(content, told)


def test_another_byte_or_another_order_of_bytes_does_not_agree() -> None:
    told = as_azure(b"some bytes")
    other_order = base64.b64encode(base64.b64decode(told)[::-1]).decode()
    assert agrees(b"some bytes", told)
    assert not agrees(b"some bytez", told)
    assert not agrees(b"some bytes", other_order)


@pytest.mark.parametrize("told", ["", "AAAA", "not base 64", "AAAAAAAAAAA", "AAAAAAAAAAAAAAAA"])
def test_what_is_no_checksum_agrees_with_nothing(told: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_azure(told)
    assert not agrees(b"", told)


def test_a_store_of_its_own_kind_gives_none_and_reads_as_before() -> None:
    store = open_store(Location.parse("memory:no-checksums"))
    store.put("one", b"content")
    source = CheckedSource(store)
    assert learn(source, ["absent", "one"]) is SourceChecksum.NONE
    rely_on(source, SourceChecksum.OBJECT)
    assert b"".join(source.stream("one")) == b"content"
