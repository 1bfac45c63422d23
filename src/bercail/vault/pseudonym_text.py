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
_HIGH = np.uint64(0x80 * _LANES)
_LETTERS = np.uint64(ord("A") * _LANES)
_TO_DIGITS = np.uint64(ord("A") - (ord("2") - 26))
_FROM_26 = np.uint64((128 - 26) * _LANES)
_FROM_A = np.uint64((128 - ord("A")) * _LANES)
_DIGITS = np.uint64((ord("2") - 26) * _LANES)
_BEYOND_31 = np.uint64(0xE0 * _LANES)
_SEVEN_LETTERS = np.uint64(ord("A") * (_LANES - 1))
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
    words = tags.view(">u8")
    parts: Words = np.empty((3, len(tags)), dtype=np.uint64)
    head, body, tail = parts
    head[:] = words[:, 0]
    tail[:] = words[:, 1]
    np.left_shift(head, _u(16), out=body)
    body |= tail >> _u(48)
    body &= _40_BITS
    head >>= _u(24)
    tail >>= _u(43)
    tail &= _u(31)
    _spread(parts[:2])
    _characters(parts)
    text = out.view(_TEXT)
    text["head"], text["body"], text["tail"] = head, body, tail


def decode(text: NDArray[np.uint8]) -> tuple[Words, NDArray[np.bool_] | None]:
    """Read n x 17 characters as words of 40, 40 and 5 bits, shape (3, n).

    The second answer is None when every row is well formed, else says which are not.
    """
    rows = text.view(_TEXT)
    parts: Words = np.empty((3, len(rows)), dtype=np.uint64)
    for part, name in zip(parts, ("head", "body", "tail"), strict=True):
        part[:] = rows[name]
    # The seven empty lanes of the last word read as `A`, which is zero.
    parts[2] |= _SEVEN_LETTERS
    letter = parts + _FROM_A
    letter &= _HIGH
    parts -= _DIGITS
    parts -= (letter >> _u(7)) * _TO_DIGITS
    # Sound lanes are below 32, and from 26 on exactly when they were no letter. Sound lanes neither
    # carry nor borrow, so the lowest wrong lane of a word is always seen.
    wrong = parts + _FROM_26
    wrong ^= letter
    np.invert(wrong, out=wrong)
    wrong &= _HIGH
    wrong |= parts & _BEYOND_31
    bad = np.asarray(wrong.any(axis=0), dtype=np.bool_) if wrong.any() else None
    _gather(parts[:2])
    return parts, bad
