"""CRC-64/NVME, the checksum of S3 and of Azure that costs next to nothing.

It finds accidents and no adversary. The library takes a fifteenth of a second to load, which a
command that moves no object does not spend.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

_Content = bytes | bytearray | memoryview


def crc64nvme(content: _Content, before: int = 0) -> int:
    """The checksum of `content`; of all of a stream when `before` is that of what came first."""
    return _checksum()(content, before)


def combined_crc64nvme(first: int, second: int, second_size: int) -> int:
    """The checksum of two contents one behind the other, from theirs."""
    from awscrt.checksums import combine_crc64nvme

    return int(combine_crc64nvme(first, second, second_size))


@cache
def _checksum() -> Callable[[_Content, int], int]:
    from awscrt.checksums import crc64nvme as checksum

    told: Callable[[_Content, int], int] = checksum
    return told
