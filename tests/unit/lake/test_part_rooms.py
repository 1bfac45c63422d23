"""Rooms for sealed parts: filled from the front, and the same memory again."""

from __future__ import annotations

import pytest

from bercail.lake import part_rooms
from bercail.lake.part_rooms import PartRooms


def test_a_room_is_filled_from_its_front() -> None:
    room = PartRooms(10).take()
    room.free[:3] = b"abc"
    room.size += 3
    room.add(b"de")
    assert (bytes(room.filled), len(room.free)) == (b"abcde", 5)


def test_what_does_not_fit_is_an_error_and_changes_nothing() -> None:
    room = PartRooms(4).take()
    room.add(b"abc")
    with pytest.raises(ValueError, match="different structures"):
        room.add(b"de")
    assert bytes(room.filled) == b"abc"


def test_a_room_given_back_is_empty_and_is_the_next_one() -> None:
    rooms = PartRooms(4)
    first, second = rooms.take(), rooms.take()
    first.add(b"one")
    second.add(b"two")
    rooms.give_back(first)
    again = rooms.take()
    assert again is first
    assert (bytes(again.filled), bytes(second.filled)) == (b"", b"two")


def test_elsewhere_than_on_linux_there_are_rooms_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_rooms.sys, "platform", "darwin")
    room = PartRooms(4).take()
    room.add(b"abcd")
    assert bytes(room.filled) == b"abcd"
