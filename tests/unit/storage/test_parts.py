"""Cutting streams into parts loses and adds nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bercail.foundation import Invalid
from bercail.storage import parts

_PIECES = st.lists(st.binary(max_size=25), max_size=12)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART", 10)


@given(pieces=_PIECES)
def test_parts_are_full_but_the_last(pieces: list[bytes]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "PART", 10)
        cut = list(parts.in_parts(pieces))
    assert b"".join(cut) == b"".join(pieces)
    assert all(len(part) == 10 for part in cut[:-1])
    assert all(0 < len(part) <= 10 for part in cut)


@given(pieces=_PIECES)
def test_what_fits_in_a_part_is_gathered_whole(pieces: list[bytes]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "PART", 40)
        whole, rest = parts.gathered(iter(pieces))
        joined = b"".join(rest) if whole is None else whole
    assert joined == b"".join(pieces)
    assert (whole is None) == (len(joined) > 40)


def test_a_stream_is_not_drawn_further_than_needed(small_parts: None) -> None:
    drawn: list[int] = []

    def pieces() -> Iterator[bytes]:
        for number in range(100):
            drawn.append(number)
            yield b"12345678"

    whole, _ = parts.gathered(pieces())
    assert whole is None
    assert drawn == [0, 1]


def test_an_object_too_large_for_any_host_is_refused(
    small_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "MOST_PARTS", 3)
    counted = parts.Counted([b"1234567890", b"", b"1234567890", b"1234567890", b"1"])
    with pytest.raises(Invalid):
        list(counted)
    kept = parts.Counted([b"12", b"", b"3"])
    assert list(kept) == [b"12", b"3"]
    assert kept.size == 3
