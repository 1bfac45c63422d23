from __future__ import annotations

import io
import threading

import pytest

from bercail.lake.sealed_file import LARGEST_READ_AHEAD, SealedFile, SharedHandle

DATA = bytes(range(256)) * 40_000


class Source:
    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def read_at(self, offset: int, length: int) -> bytes:
        self.asked.append((offset, length))
        return DATA[offset : offset + length]


def opened() -> tuple[SealedFile, Source]:
    source = Source()
    return SealedFile(source.read_at, len(DATA), "x"), source


def test_it_reads_and_seeks_as_a_file_does() -> None:
    file, _ = opened()
    plain = io.BytesIO(DATA)
    for offset, whence, length in [(0, 0, 10), (5, 1, 70_000), (-9, 2, 20), (3, 0, -1), (0, 2, 5)]:
        assert file.seek(offset, whence) == plain.seek(offset, whence)
        assert file.read(length) == plain.read(length)
        assert file.tell() == plain.tell()
    assert file.readable()
    assert file.seekable()
    assert not file.writable()


def test_it_works_under_a_buffered_reader() -> None:
    file, _ = opened()
    with io.BufferedReader(file) as reader:
        assert reader.read(3) == DATA[:3]
        reader.seek(1_000_000)
        assert reader.read() == DATA[1_000_000:]


def test_small_sequential_reads_cost_few_requests() -> None:
    file, source = opened()
    while file.read(1_000):
        pass
    assert len(source.asked) < 10
    assert max(length for _, length in source.asked) <= LARGEST_READ_AHEAD


def test_a_jump_fetches_what_is_asked_and_no_more_than_a_segment() -> None:
    file, source = opened()
    file.seek(3_000_000)
    file.read(100)
    file.seek(7_000_000)
    file.read(200_000)
    assert source.asked == [(3_000_000, 65_536), (7_000_000, 200_000)]


def test_no_position_is_negative_and_a_closed_file_is_not_read() -> None:
    file, _ = opened()
    with pytest.raises(ValueError, match="negative"):
        file.seek(-1)
    file.close()
    with pytest.raises(ValueError, match="closed"):
        file.read(1)


def test_threads_share_a_handle_without_disturbing_each_other() -> None:
    meeting = threading.Barrier(2)

    def read_at(offset: int, length: int) -> bytes:
        return DATA[offset : offset + length]

    handle = SharedHandle(read_at, len(DATA), "x")
    found: dict[int, bytes] = {}

    def look(offset: int) -> None:
        handle.seek(offset)
        meeting.wait()
        found[offset] = handle.read(16)

    threads = [threading.Thread(target=look, args=(offset,)) for offset in (0, 1_000_003)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {offset: DATA[offset : offset + 16] for offset in (0, 1_000_003)}


def test_a_shared_handle_reads_on_and_ends() -> None:
    with SharedHandle(lambda o, n: DATA[o : o + n], len(DATA), "x") as handle:
        assert (handle.read(4), handle.read(4), handle.tell()) == (DATA[:4], DATA[4:8], 8)
        assert handle.seek(-2, io.SEEK_END) == len(DATA) - 2
        assert handle.seek(1, io.SEEK_CUR) == len(DATA) - 1
        assert handle.read() == DATA[-1:]
        assert handle.read() == b""
    assert handle.closed
