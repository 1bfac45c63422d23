"""Seventeen characters for 85 bits, and back, many rows at once.

The alphabet is RFC 4648 base 32 (`A` to `Z`, `2` to `7`). A row is two words of 40 bits, each
spread over eight lanes of one byte, and one lane of its own for the last five bits. Every step
is one numpy pass over a block that stays in the processor's cache, so no Python code runs per row
and no step allocates.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bercail.vault.cmac import BLOCK, Bytes

WIDTH = 17
"""Characters of a pseudonym, five bits each: the first 85 bits of the 128-bit code."""

_SPREAD = (
    (0x000000FFFFF00000, (1 << 12) - 1),
    (0x000FFC00000FFC00, (1 << 6) - 1),
    (0x03E003E003E003E0, (1 << 3) - 1),
)
"""For each halving of the lanes: the upper halves, and the factor whose product, added, moves them.

Adding `x * (2^k - 1)` to a word that holds `x` moves `x` up by `k` bits: one step fewer than
masking both halves.
"""
_GATHER = (
    (0x001F001F001F001F, (1 << 3) - 1),
    (0x00001FF800001FF8, (1 << 6) - 1),
    (0x000000001FFFFE00, (1 << 12) - 1),
)
"""The way back: the lower halves move up to the upper ones, so the 40 bits end `_GATHERED` up."""
_GATHERED = 21
_A, _BEFORE_A, _LAST_LETTER = np.uint8(ord("A")), np.uint8(ord("A") - 1), np.uint8(25)
_DIGITS = np.uint8(ord("2") - 26)
_APART = np.uint8(ord("A") - (ord("2") - 26))
_FIVE_BITS = 31


def _u(number: int) -> np.uint64:
    return np.uint64(number)


def _words(data: Bytes, stride: int, offsets: tuple[int, ...]) -> list[NDArray[np.uint64]]:
    """For each offset, the big-endian words that stand there in every row of `stride` bytes."""
    rows = len(data) // stride
    return [np.ndarray((rows,), ">u8", data, offset, (stride,)) for offset in offsets]


class TextBlock:
    """Room to convert `rows` pseudonyms at once, again and again; for one thread at a time."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self._lanes = np.empty(rows * WIDTH, dtype=np.uint8)
        self._moved = np.empty(rows * WIDTH, dtype=np.uint8)
        self._flags = np.empty(rows * WIDTH, dtype=np.bool_)
        self._marks = np.empty(rows * WIDTH, dtype=np.bool_)
        self._words = self._lanes[: rows * BLOCK].view(np.uint64).reshape(2, rows)
        self._moved_words = self._moved[: rows * BLOCK].view(np.uint64).reshape(2, rows)
        self._tail = self._lanes[rows * BLOCK :]

    def encode(self, tags: Bytes, out: Bytes) -> None:
        """Write the first 85 bits of `tags`, shape (rows, 16), as rows x 17 characters."""
        words = self._words
        for word, column in zip(words, _words(tags.reshape(-1), BLOCK, (0, 5)), strict=True):
            word[:] = column
        words >>= _u(24)
        np.right_shift(tags[:, 10], np.uint8(3), out=self._tail)
        self._move(_SPREAD)
        digits = self._flags.view(np.uint8)
        np.greater(self._lanes, _LAST_LETTER, out=self._flags)
        digits *= _APART
        self._lanes += _A
        self._lanes -= digits
        for word, column in zip(words, _words(out, WIDTH, (0, 8)), strict=True):
            column[:] = word
        out[WIDTH - 1 :: WIDTH] = self._tail

    def decode(self, text: Bytes, messages: Bytes) -> NDArray[np.bool_] | None:
        """Read rows x 17 characters into `messages`, shape (rows, 16).

        Bytes 5 to 15 receive the 85 bits, the last three bits being zero; bytes 2 to 4 become
        zero, and bytes 0 and 1 stay as they are. The answer is None when every row is well formed,
        else says which are not; `messages` then holds nothing of use.
        """
        words, lanes = self._words, self._lanes
        for word, column in zip(words, _words(text, WIDTH, (0, 8)), strict=True):
            word[:] = column
        self._tail[:] = text[WIDTH - 1 :: WIDTH]
        np.greater(lanes, _BEFORE_A, out=self._flags)
        letters = self._moved
        np.multiply(self._flags.view(np.uint8), _APART, out=letters)
        lanes -= _DIGITS
        lanes -= letters
        # Below 32, a lane came from a letter exactly when it is 25 or less.
        np.greater(lanes, _LAST_LETTER, out=self._marks)
        self._marks ^= self._flags
        if lanes.max(initial=0) > _FIVE_BITS or not self._marks.all():
            return self._malformed()
        self._move(_GATHER)
        words >>= _u(_GATHERED)
        # Each word comes with three zero bytes before its five; those of the second go first,
        # so that the end of the first takes their place.
        first, second = _words(messages.reshape(-1), BLOCK, (2, 7))
        second[:] = words[1]
        first[:] = words[0]
        np.left_shift(self._tail, np.uint8(3), out=messages[:, BLOCK - 1])
        return None

    def _move(self, steps: tuple[tuple[int, int], ...]) -> None:
        for mask, factor in steps:
            np.bitwise_and(self._words, _u(mask), out=self._moved_words)
            self._moved_words *= _u(factor)
            self._words += self._moved_words

    def _malformed(self) -> NDArray[np.bool_]:
        wrong = ~self._marks | (self._lanes > _FIVE_BITS)
        body = wrong[: self.rows * BLOCK].reshape(2, self.rows, 8)
        return np.asarray(body.any(axis=(0, 2)) | wrong[self.rows * BLOCK :], dtype=np.bool_)
