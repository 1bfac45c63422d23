"""Sealing and opening at any length and any offset."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bercail.foundation import Invalid, Secret, SeededRandomness, SystemRandomness
from bercail.vault import (
    Binding,
    DataKey,
    SealedReader,
    SealingWriter,
    open_bytes,
    seal_bytes,
    seal_chunks,
    sealed_format,
    sealed_size,
)

KEY = DataKey(
    id=bytes(range(16)), kind="part", scope="ER_PRS_F", epoch=1, secret=Secret(bytes(range(32)))
)
BINDING = Binding(kind="part", store="ER_PRS_F", name="part-0.parquet", version="1")
FIRST, NEXT = 65480, 65520
EDGES = [0, 1, FIRST - 1, FIRST, FIRST + 1, FIRST + NEXT - 1, FIRST + NEXT, FIRST + NEXT + 1]
LENGTHS = st.one_of(st.sampled_from(EDGES), st.integers(0, 200), st.integers(0, 3 * NEXT))


def plaintext(length: int) -> bytes:
    return bytes(i * 7 % 251 for i in range(length))


LONG = plaintext(5 * NEXT)


def reader(sealed: bytes, requests: list[tuple[int, int]] | None = None) -> SealedReader:
    def read_at(offset: int, length: int) -> bytes:
        if requests is not None:
            requests.append((offset, length))
        return sealed[offset : offset + length]

    return SealedReader(read_at, len(sealed), lambda _: KEY, BINDING)


@pytest.mark.parametrize("length", EDGES)
def test_what_is_sealed_opens_and_has_the_announced_size(length: int) -> None:
    sealed = seal_bytes(LONG[:length], KEY, BINDING, SystemRandomness())
    assert len(sealed) == sealed_size(length)
    assert open_bytes(sealed, lambda _: KEY, BINDING) == LONG[:length]


@given(length=LENGTHS, cuts=st.lists(st.integers(0, 3 * NEXT), max_size=6))
@settings(max_examples=60, deadline=None)
def test_the_pieces_it_arrives_in_change_nothing(length: int, cuts: list[int]) -> None:
    plain = LONG[:length]
    whole = seal_bytes(plain, KEY, BINDING, SeededRandomness(3))
    writer = SealingWriter(KEY, BINDING, SeededRandomness(3))
    marks = [0, *sorted(min(cut, length) for cut in cuts), length]
    pieces = [plain[a:b] for a, b in pairwise(marks)]
    assert b"".join([*(writer.update(piece) for piece in pieces), writer.finish()]) == whole


@given(length=LENGTHS, offset=st.integers(0, 4 * NEXT), count=st.integers(0, 4 * NEXT))
@settings(max_examples=80, deadline=None)
def test_a_read_at_any_offset_gives_that_slice(length: int, offset: int, count: int) -> None:
    sealed = seal_bytes(LONG[:length], KEY, BINDING, SeededRandomness(5))
    opened = reader(sealed)
    assert opened.size == length
    assert opened.read_at(offset, count) == LONG[:length][offset : offset + count]


@given(length=LENGTHS)
def test_the_size_is_a_bijection_with_the_geometry(length: int) -> None:
    shape = sealed_format.Geometry.of(sealed_size(length))
    assert shape.plain == length
    assert shape.segments == sealed_format.segment_count(length)
    assert shape.plain_end(shape.segments - 1) == length
    assert shape.sealed_end(shape.segments - 1) == sealed_size(length)


def test_a_read_fetches_only_the_segments_it_needs() -> None:
    sealed = seal_bytes(LONG, KEY, BINDING, SeededRandomness(1))
    requests: list[tuple[int, int]] = []
    opened = reader(sealed, requests)
    assert [length for _, length in requests] == [136, len(sealed) - (96 + 5 * 65536)]
    requests.clear()
    opened.read_at(FIRST + 10, 20)
    assert requests == [(96 + 65536, 65536)]
    requests.clear()
    assert opened.read_at(len(LONG) - 5, 100) == LONG[-5:]
    assert requests == []


def test_a_small_object_is_read_in_one_request() -> None:
    requests: list[tuple[int, int]] = []
    opened = reader(seal_bytes(b"small", KEY, BINDING, SeededRandomness(1)), requests)
    assert opened.read_all() == b"small"
    assert requests == [(0, sealed_size(5))]


def test_long_reads_are_cut_into_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bercail.vault.sealed._WINDOW", 2)
    sealed = seal_bytes(LONG, KEY, BINDING, SeededRandomness(1))
    requests: list[tuple[int, int]] = []
    opened = reader(sealed, requests)
    requests.clear()
    assert opened.read_all() == LONG
    assert max(length for _, length in requests) == 2 * 65536
    for length in (1, 65520, 100_000, 10_000_000):
        assert b"".join(opened.chunks(length)) == LONG
    assert list(reader(seal_bytes(b"", KEY, BINDING, SeededRandomness(1))).chunks()) == []


def test_a_stream_is_sealed_piece_by_piece() -> None:
    pieces = list(seal_chunks([LONG, b"", LONG[:9]], KEY, BINDING, SeededRandomness(2)))
    assert open_bytes(b"".join(pieces), lambda _: KEY, BINDING) == LONG + LONG[:9]
    assert all(pieces)


def test_memory_stays_bounded_whatever_the_length() -> None:
    block = bytes(1 << 20)
    tracemalloc.start()
    try:
        total = sum(
            len(piece)
            for piece in seal_chunks((block for _ in range(40)), KEY, BINDING, SeededRandomness(2))
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == sealed_size(40 << 20)
    assert peak < 8 << 20


def test_one_large_update_is_sealed_at_once() -> None:
    writer = SealingWriter(KEY, BINDING, SeededRandomness(2))
    large = LONG * 5
    assert len(large) > 20 * 65536
    sealed = writer.update(large) + writer.finish()
    assert open_bytes(sealed, lambda _: KEY, BINDING) == large


@pytest.mark.parametrize("step", [1_000, 65_520, 300_000])
def test_what_is_sealed_into_a_room_is_what_update_returns(step: int) -> None:
    one, two = (SealingWriter(KEY, BINDING, SeededRandomness(2)) for _ in range(2))
    room = memoryview(bytearray(step + 2 * 65_536))
    for start in range(0, len(LONG), step):
        piece = LONG[start : start + step]
        ready = two.ready(len(piece))
        written = two.update_into(piece, room)
        assert (bytes(room[:written]), written) == (one.update(piece), ready)
    assert one.finish() == two.finish()


def test_a_room_too_small_is_refused_and_nothing_is_taken() -> None:
    writer = SealingWriter(KEY, BINDING, SeededRandomness(2))
    room = memoryview(bytearray(writer.ready(len(LONG))))
    with pytest.raises(Invalid, match="do not fit"):
        writer.update_into(LONG, room[:-1])
    assert bytes(room) == bytes(len(room))
    written = writer.update_into(LONG, room)
    assert written == len(room)
    assert bytes(room) + writer.finish() == seal_bytes(LONG, KEY, BINDING, SeededRandomness(2))


def test_the_same_bytes_sealed_twice_differ_everywhere() -> None:
    one, two = (seal_bytes(b"same", KEY, BINDING, SystemRandomness()) for _ in range(2))
    assert one[:96] == two[:96]
    assert one[97:129] != two[97:129]
    assert one[136:] != two[136:]


@pytest.mark.parametrize("length", [0, 1, 65_479, 65_480, 65_481, 131_000])
def test_an_object_sealed_in_one_go_is_the_one_sealed_as_it_arrives(length: int) -> None:
    one, two = (SealingWriter(KEY, BINDING, SeededRandomness(2)) for _ in range(2))
    assert one.at_once(LONG[:length]) == two.update(LONG[:length]) + two.finish()
    with pytest.raises(Invalid, match="already sealed"):
        one.at_once(b"more")
    begun = SealingWriter(KEY, BINDING, SeededRandomness(2))
    begun.update(b"a beginning")
    with pytest.raises(Invalid, match="begun already"):
        begun.at_once(b"more")


def test_a_finished_writer_takes_nothing_more() -> None:
    writer = SealingWriter(KEY, BINDING, SeededRandomness(2))
    writer.finish()
    with pytest.raises(Invalid, match="already sealed"):
        writer.update(b"more")
    with pytest.raises(Invalid, match="already sealed"):
        writer.finish()


def test_an_object_too_long_for_the_counter_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed_format, "MAX_SEGMENTS", 2)
    writer = SealingWriter(KEY, BINDING, SeededRandomness(2))
    with pytest.raises(Invalid, match="too long"):
        writer.update(LONG)


def test_impossible_reads_and_sizes_are_invalid() -> None:
    opened = reader(seal_bytes(b"small", KEY, BINDING, SeededRandomness(1)))
    with pytest.raises(Invalid, match="outside"):
        opened.read_at(-1, 1)
    with pytest.raises(Invalid, match="outside"):
        opened.read_at(0, -1)
    with pytest.raises(Invalid, match="never end"):
        list(opened.chunks(0))
    with pytest.raises(Invalid, match="negative"):
        sealed_size(-1)
