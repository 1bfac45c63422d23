"""Sealed objects where one segment ends and the next begins, and what each read asks for."""

from __future__ import annotations

import pytest

from bercail.foundation import Invalid, Missing, Secret, SeededRandomness, Unproven
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
SEGMENT = 65536
LONG = bytes(i * 7 % 251 for i in range(5 * NEXT))
STARTS = [0, FIRST, FIRST + NEXT, FIRST + 2 * NEXT, FIRST + 3 * NEXT, FIRST + 4 * NEXT]


class Watched:
    """A sealed object in memory that notes each read of the host and each question for the key."""

    def __init__(self, plain: bytes) -> None:
        self.sealed = seal_bytes(plain, KEY, BINDING, SeededRandomness(4))
        self.reads: list[tuple[int, int]] = []
        self.asked = 0
        self.gone = False
        self.reader = SealedReader(self._read, len(self.sealed), self._key, BINDING)

    def _read(self, offset: int, length: int) -> bytes:
        self.reads.append((offset, length))
        return self.sealed[offset : offset + length]

    def _key(self, _: bytes) -> DataKey:
        if self.gone:
            raise Missing("It was destroyed.", remedy="Begin a new epoch.")
        self.asked += 1
        return KEY

    def forget(self) -> None:
        self.reads.clear()
        self.asked = 0


@pytest.mark.parametrize("first", range(6))
@pytest.mark.parametrize("last", range(6))
@pytest.mark.parametrize(("before", "after"), [(0, 0), (7, 0), (0, 9), (7, 9), (-5, -3)])
def test_a_read_from_any_segment_to_any_other(
    first: int, last: int, before: int, after: int
) -> None:
    begin, end = max(0, STARTS[first] - before), STARTS[last] + after
    opened = Watched(LONG).reader
    assert opened.read_at(begin, max(0, end - begin)) == LONG[begin : max(begin, end)]


def test_a_read_within_the_last_segment_of_many() -> None:
    opened = Watched(LONG).reader
    assert opened.read_at(len(LONG) - 30, 12) == LONG[-30:-18]
    assert opened.read_at(len(LONG) - 1, 1) == LONG[-1:]


def test_nothing_asked_for_is_nothing_read() -> None:
    watched = Watched(LONG)
    watched.forget()
    for offset in (0, 10, FIRST, len(LONG), len(LONG) + 1):
        assert watched.reader.read_at(offset, 0) == b""
    assert watched.reader.read_at(len(LONG), 10) == b""
    assert (watched.reads, watched.asked) == ([], 0)


def test_the_key_is_asked_for_once_a_read_and_once_a_window(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bercail.vault.sealed._WINDOW", 2)
    watched = Watched(LONG)
    assert watched.asked == 1
    watched.forget()
    watched.reader.read_at(3, 5)
    assert (len(watched.reads), watched.asked) == (1, 1)
    watched.forget()
    assert watched.reader.read_all() == LONG
    # Five full segments by twos; the last one was proven when the reader was made.
    assert watched.reads == [
        (136, 2 * SEGMENT - 40),
        (96 + 2 * SEGMENT, 2 * SEGMENT),
        (96 + 4 * SEGMENT, SEGMENT),
    ]
    assert watched.asked == 3
    watched.gone = True
    with pytest.raises(Missing):
        watched.reader.read_at(0, 1)


def test_four_mebibytes_are_fetched_at_a_time() -> None:
    watched = Watched(bytes(70 * NEXT))
    watched.forget()
    assert watched.reader.read_all() == bytes(70 * NEXT)
    assert [length for _, length in watched.reads] == [64 * SEGMENT - 40, 6 * SEGMENT]


def test_an_object_of_one_whole_segment_is_read_in_one_request() -> None:
    watched = Watched(LONG[:FIRST])
    assert watched.reads == [(0, 96 + SEGMENT)]
    assert watched.reader.read_all() == LONG[:FIRST]
    assert len(Watched(LONG[: FIRST + 1]).reads) == 2


def test_pieces_are_cut_between_segments() -> None:
    opened = Watched(LONG).reader
    sizes = [FIRST, NEXT, NEXT, NEXT, NEXT, 40]
    assert [len(piece) for piece in opened.chunks(1)] == sizes
    assert [len(piece) for piece in opened.chunks(NEXT)] == sizes
    assert [len(piece) for piece in opened.chunks(2 * NEXT)] == [FIRST + NEXT, 2 * NEXT, NEXT + 40]
    assert [len(piece) for piece in opened.chunks(2 * NEXT - 1)] == sizes
    whole = Watched(bytes(70 * NEXT)).reader
    assert [len(piece) for piece in whole.chunks()] == [64 * NEXT - 40, 6 * NEXT + 40]


def test_a_piece_of_several_mebibytes_is_sealed_once_and_in_order() -> None:
    large = LONG * 9
    assert len(large) > 2 << 20
    pieces = list(seal_chunks([large, LONG], KEY, BINDING, SeededRandomness(2)))
    assert b"".join(pieces) == seal_bytes(large + LONG, KEY, BINDING, SeededRandomness(2))
    longest = max(map(len, pieces))
    assert (1 << 20) - SEGMENT < longest < (1 << 20) + 2 * SEGMENT


def test_the_counter_of_segments_ends_where_it_must(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed_format, "MAX_SEGMENTS", 2)
    plain = LONG[: FIRST + NEXT]
    sealed = seal_bytes(plain, KEY, BINDING, SeededRandomness(2))
    assert open_bytes(sealed, lambda _: KEY, BINDING) == plain
    writer = SealingWriter(KEY, BINDING, SeededRandomness(2))
    writer.update(LONG[: FIRST + NEXT + 1])
    with pytest.raises(Invalid, match="at most 2\\^32 segments"):
        writer.finish()
    with pytest.raises(Unproven, match="No sealed object has"):
        sealed_format.Geometry.of(len(sealed) + 17)


@pytest.mark.parametrize(
    "size",
    [
        *(0, 1, 95, 96, 97, 136, 151),
        *(96 + SEGMENT + 1, 96 + SEGMENT + 16, 96 + 2 * SEGMENT + 16),
        96 + (1 << 32) * SEGMENT + 17,
    ],
)
def test_lengths_that_no_writer_gives(size: int) -> None:
    with pytest.raises(Unproven) as caught:
        sealed_format.Geometry.of(size)
    assert caught.value.rule == "sealed-length"


@pytest.mark.parametrize(
    ("size", "plain", "segments"),
    [
        (152, 0, 1),
        (153, 1, 1),
        (96 + SEGMENT, FIRST, 1),
        (96 + SEGMENT + 17, FIRST + 1, 2),
        (96 + 2 * SEGMENT, FIRST + NEXT, 2),
        (96 + (1 << 32) * SEGMENT, FIRST + ((1 << 32) - 1) * NEXT, 1 << 32),
    ],
)
def test_the_shortest_and_the_longest_of_each_count(size: int, plain: int, segments: int) -> None:
    shape = sealed_format.Geometry.of(size)
    assert (shape.plain, shape.segments) == (plain, segments)
    assert sealed_size(plain) == size


@pytest.mark.parametrize("place", [*range(16), 96])
def test_every_byte_that_says_the_format_is_looked_at(place: int) -> None:
    sealed = bytearray(seal_bytes(b"rows", KEY, BINDING, SeededRandomness(2)))
    sealed[place] ^= 1
    with pytest.raises(Unproven) as caught:
        open_bytes(bytes(sealed), lambda _: KEY, BINDING)
    rule = "magic" if place < 8 else "version" if place < 10 else "suite"
    assert caught.value.rule == f"sealed-{rule}"


def test_a_preamble_is_read_from_the_front_of_a_longer_text() -> None:
    sealed = seal_bytes(b"rows", KEY, BINDING, SeededRandomness(2))
    assert sealed_format.parse_preamble(sealed) == sealed_format.parse_preamble(sealed[:136])


@pytest.mark.parametrize("first", [1, 40, FIRST - 1, FIRST, FIRST + 1, FIRST + NEXT - 1])
@pytest.mark.parametrize("more", [0, 1, 39, 40, 41])
@pytest.mark.parametrize("segments", [1, 2])
def test_two_pieces_that_meet_anywhere_near_an_edge(first: int, more: int, segments: int) -> None:
    plain = LONG[: FIRST + segments * NEXT - more]
    writer = SealingWriter(KEY, BINDING, SeededRandomness(2))
    sealed = writer.update(plain[:first]) + writer.update(plain[first:]) + writer.finish()
    assert sealed == seal_bytes(plain, KEY, BINDING, SeededRandomness(2))
    assert open_bytes(sealed, lambda _: KEY, BINDING) == plain
