"""Seventeen characters for 85 bits, and back, many rows at once.

The alphabet is RFC 4648 base 32 (`A` to `Z`, `2` to `7`). Eight characters are handled in one
64-bit word, lane by lane, so no Python code runs per row.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WIDTH = 17
"""Characters of a pseudonym."""
BITS = 85
"""Bits that they carry: the first 85 of the 128-bit code."""

Words = NDArray[np.uint64]

_TEXT = np.dtype(
    {
        "names": ["head", "body", "tail"],
        "formats": [">u8", ">u8", "u1"],
        "offsets": [0, 8, 16],
        "itemsize": WIDTH,
    }
)
_LANES = 0x0101010101010101
_FIVE = np.uint64(0x1F * _LANES)
_HIGH = np.uint64(0x80 * _LANES)
_LETTERS = np.uint64(ord("A") * _LANES)
_TO_DIGITS = np.uint64(ord("A") - (ord("2") - 26))
_FROM_26 = np.uint64((128 - 26) * _LANES)
_FROM_A = np.uint64((128 - ord("A")) * _LANES)
_DIGITS = np.uint64((ord("2") - 26) * _LANES)
_40_BITS = np.uint64((1 << 40) - 1)
_HALVES = (
    (12, 0x000FFFFF00000000, 0x00000000000FFFFF),
    (6, 0x03FF000003FF0000, 0x000003FF000003FF),
    (3, 0x1F001F001F001F00, 0x001F001F001F001F),
)
"""For each halving of the lanes: how far the upper half moves, and where both then lie."""


def _u(number: int) -> np.uint64:
    return np.uint64(number)


def _characters(values: Words) -> Words:
    """Each 5-bit lane as its character, in place."""
    beyond = values + _FROM_26
    beyond &= _HIGH
    beyond >>= _u(7)
    beyond *= _TO_DIGITS
    values += _LETTERS
    values -= beyond
    return values


def _spread(numbers: Words) -> Words:
    """The 40 low bits of each word as eight 5-bit lanes, in place."""
    for shift, upper, lower in _HALVES:
        moved = numbers << _u(shift)
        moved &= _u(upper)
        numbers &= _u(lower)
        numbers |= moved
    return numbers


def _gather(lanes: Words) -> Words:
    """Eight 5-bit lanes of each word as 40 low bits, in place."""
    for shift, upper, lower in reversed(_HALVES):
        moved = lanes & _u(upper)
        moved >>= _u(shift)
        lanes &= _u(lower)
        lanes |= moved
    return lanes


def encode(tags: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
    """Write the first 85 bits of `tags`, shape (n, 16), as n x 17 characters into `out`."""
    text = out.view(_TEXT)
    words = tags.view(">u8")
    early: Words = words[:, 0].astype(np.uint64)
    late: Words = words[:, 1].astype(np.uint64)
    middle = early << _u(16)
    middle |= late >> _u(48)
    middle &= _40_BITS
    early >>= _u(24)
    late >>= _u(43)
    late &= _u(31)
    text["head"] = _characters(_spread(early))
    text["body"] = _characters(_spread(middle))
    text["tail"] = _characters(late)


def decode(text: NDArray[np.uint8]) -> tuple[Words, Words, Words, NDArray[np.bool_]]:
    """Read n x 17 characters as words of 40, 40 and 5 bits, and say which rows are malformed."""
    rows = text.view(_TEXT)
    out: list[Words] = []
    bad = np.zeros(len(rows), dtype=np.bool_)
    for name in ("head", "body", "tail"):
        written: Words = rows[name].astype(np.uint64)
        lanes = _u(0xFF if name == "tail" else 0xFF * _LANES)
        values = written + _FROM_A
        values &= _HIGH
        values >>= _u(7)
        values *= _TO_DIGITS
        np.subtract(written, values, out=values)
        values -= _DIGITS
        values &= _FIVE & lanes
        # Written again, only characters of the alphabet come out as they went in.
        again = _characters(values.copy())
        again &= lanes
        bad |= again != written
        out.append(values if name == "tail" else _gather(values))
    return out[0], out[1], out[2], bad
