"""Pseudonyms in three functions: clear identity -> level 1 -> level 2 -> project.

Each is AES-256-CMAC under its own key, written in 17 characters. They are deterministic, cannot
be inverted without the secret, and differ by level, by label and by secret, as the SNDS security
referential asks (order of 6 May 2024, 6.1 to 6.4). The layout and what the functions cannot do
are in `docs/reference/formats/pseudonyms.md`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen
from numpy.typing import NDArray

from bercail.foundation import Invalid, Secret
from bercail.vault.binding import encode_parts
from bercail.vault.cmac import BLOCK, BatchCmac, Bytes
from bercail.vault.keys import KEY_SIZE, derive
from bercail.vault.pseudonym_text import WIDTH, TextBlock

LONGEST_IDENTITY = 47
"""Bytes of UTF-8 that an identity may have: with its first byte, three blocks."""

_ROWS = 3 << 12
"""Rows worked on at once: few enough to stay in the cache, enough to make numpy's calls rare."""
_MOST_ROWS = (2**31 - 1) // WIDTH
_IDENTITY = 0x01
_PSEUDONYM = 0x02


def level_one(secret: Secret, identifiers: pa.Array[Any], label: str = "") -> pa.StringArray:
    """The level 1 pseudonyms of clear identities of 1 to 47 bytes; null stays null.

    Runs at the data holder, with the holder's secret (32 bytes at least). `label` separates
    systems: two labels give unrelated pseudonyms.

    Raises:
        Invalid: an identity that is empty or too long; the message gives its row, from 0.
    """
    cmac = _function(secret, "level-1", label)
    texts = _texts(identifiers)
    values = _values(texts)
    if values.size is None or not 1 <= values.size <= LONGEST_IDENTITY:
        sizes = values.sizes(0, values.count)
        sound = (sizes >= 1) & (sizes <= LONGEST_IDENTITY)
        _require(texts, values, sound, "1 to 47 bytes long")
    tags = _one_size(cmac, values) if values.size else _many_sizes(cmac, values)
    return _written(tags, values.count, texts)


def level_two(secret: Secret, pseudonyms: pa.Array[Any], label: str = "") -> pa.StringArray:
    """The level 2 pseudonyms of level 1 pseudonyms; null stays null.

    Runs at the platform, with the platform's secret, which the data holder never has.

    Raises:
        Invalid: a value that is not 17 characters of the alphabet; the message gives its row.
    """
    return _again(secret, "level-2", pseudonyms, label)


def project(secret: Secret, pseudonyms: pa.Array[Any], label: str = "") -> pa.StringArray:
    """The pseudonyms of one project from those of the platform; null stays null.

    With the project's own secret, so that two projects cannot compare their persons.

    Raises:
        Invalid: a value that is not 17 characters of the alphabet; the message gives its row.
    """
    return _again(secret, "project", pseudonyms, label)


def _function(secret: Secret, name: str, label: str) -> BatchCmac:
    if len(secret) < KEY_SIZE:
        raise Invalid(
            f"A pseudonym secret has {len(secret)} bytes, fewer than {KEY_SIZE}.",
            remedy="Take it from the key table.",
        )
    info = encode_parts("bercail pseudonym v1", name, label)
    return BatchCmac(derive(secret, salt=b"", info=info), _ROWS)


def _again(secret: Secret, name: str, pseudonyms: pa.Array[Any], label: str) -> pa.StringArray:
    """A pseudonym of a pseudonym: 11 bytes in one block."""
    cmac = _function(secret, name, label)
    texts = _texts(pseudonyms)
    values = _values(texts)
    if values.size != WIDTH:
        sound = values.sizes(0, values.count) == WIDTH
        _require(texts, values, sound, f"{WIDTH} characters long")
    return _written(_pseudonym_tags(cmac, values, texts), values.count, texts)


def _written(tags: Iterator[Bytes], count: int, texts: pa.StringArray) -> pa.StringArray:
    """The pseudonyms of `count` codes, which come in blocks of `_ROWS`."""
    out = np.empty(count * WIDTH, dtype=np.uint8)
    block = TextBlock(min(count, _ROWS))
    for at, codes in zip(range(0, count, _ROWS), tags, strict=True):
        if len(codes) != block.rows:
            block = TextBlock(len(codes))
        block.encode(codes, out[at * WIDTH : (at + len(codes)) * WIDTH])
    return _array(out, texts)


def _pseudonym_tags(cmac: BatchCmac, values: _Values, texts: pa.StringArray) -> Iterator[Bytes]:
    """The codes of pseudonyms: their kind, four zero bytes, then their 85 bits on 11 bytes."""
    messages = np.zeros((1, min(values.count, _ROWS), BLOCK), dtype=np.uint8)
    messages[:, :, 0] = _PSEUDONYM
    block = TextBlock(messages.shape[1])
    for at in range(0, values.count, _ROWS):
        rows = min(_ROWS, values.count - at)
        if rows != block.rows:
            block = TextBlock(rows)
        text = values.data[values.start + at * WIDTH : values.start + (at + rows) * WIDTH]
        bad = block.decode(text, messages[0, :rows])
        if bad is not None:
            sound = np.ones(values.count, dtype=np.bool_)
            sound[at : at + rows] = ~bad
            _require(texts, values, sound, "made of A to Z and 2 to 7 only")
        yield cmac.of(messages[:, :rows], BLOCK)


def _one_size(cmac: BatchCmac, values: _Values) -> Iterator[Bytes]:
    """The codes of identities that all have the same size: they follow without a gap."""
    size = values.size or 0
    room = _blank(size, min(values.count, _ROWS))
    for at in range(0, values.count, _ROWS):
        messages = room[:, : values.count - at]
        start = values.start + at * size
        for piece in _pieces(size):
            piece.into(messages)[:] = piece.of(values.data, start, size, messages.shape[1])
        yield cmac.of(messages, size + 1)


def _many_sizes(cmac: BatchCmac, values: _Values) -> Iterator[Bytes]:
    """The codes of identities of any sizes, one size at a time within a block."""
    for at in range(0, values.count, _ROWS):
        starts, sizes = values.bounds[at : min(at + _ROWS, values.count)], values.sizes(at, _ROWS)
        tags = np.empty((len(starts), BLOCK), dtype=np.uint8)
        for size in np.flatnonzero(np.bincount(sizes)).tolist():
            chosen = np.flatnonzero(sizes == size)
            messages = _blank(size, len(chosen))
            here = starts[chosen].astype(np.int64)
            for piece in _pieces(size):
                windows = piece.of(values.data, 0, 1, len(values.data) - size + 1)
                piece.into(messages)[:] = windows[here]
            tags[chosen] = cmac.of(messages, size + 1)
        yield tags


def _blank(size: int, rows: int) -> Bytes:
    """Messages of identities of `size` bytes, shape (blocks, rows, 16), still to be filled in."""
    messages = np.zeros((1 + size // BLOCK, rows, BLOCK), dtype=np.uint8)
    messages[0, :, 0] = _IDENTITY
    return messages


@frozen(kw_only=True)
class _Piece:
    """What one block of a message takes of its identity."""

    block: int
    source: int
    offset: int
    width: int

    def of(self, data: Bytes, start: int, step: int, count: int) -> NDArray[np.void]:
        """The piece of the values that begin at `start` and every `step` bytes after."""
        return _strided(data, self.width, start + self.source, step, count)

    def into(self, messages: Bytes) -> NDArray[np.void]:
        """Its place in each of `messages`, shape (blocks, n, 16)."""
        place = messages[self.block]
        return _strided(place, self.width, self.offset, BLOCK, len(place))


def _strided(data: Bytes, width: int, start: int, step: int, count: int) -> NDArray[np.void]:
    # Copied as opaque bytes: numpy copies numbers that are not aligned more slowly.
    return np.ndarray((count,), f"V{width}", data, start, (step,))


def _pieces(size: int) -> list[_Piece]:
    """The pieces of an identity of `size` bytes, which stands after the first byte."""
    ends = [(at, max(1, at), min(size + 1, at + BLOCK)) for at in range(0, size + 1, BLOCK)]
    return [
        _Piece(block=at // BLOCK, source=first - 1, offset=first - at, width=stop - first)
        for at, first, stop in ends
    ]


def _texts(array: pa.Array[Any]) -> pa.StringArray:
    """The array as plain strings, whatever Arrow type holds its text."""
    kind = array.type
    if pa.types.is_string(kind):
        texts = cast("pa.StringArray", array)
    elif (
        pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_null(kind)
        or pa.types.is_dictionary(kind)
    ):
        texts = cast("pa.StringArray", array.cast(pa.string()))
    else:
        raise Invalid(
            f"Identifiers are text, not `{kind}`.",
            remedy="Read the column as text; leading zeros are lost otherwise.",
        )
    if len(texts) > _MOST_ROWS:
        raise Invalid(
            f"An array of {len(texts)} identifiers is too long for one call.",
            remedy=f"Give at most {_MOST_ROWS} rows at a time.",
        )
    return texts


@frozen(kw_only=True, eq=False)
class _Values:
    """The values of an array that are not null: where each begins, and the bytes of all."""

    bounds: NDArray[np.int32]
    data: Bytes
    size: int | None
    """The bytes of every value, when they all have as many."""

    @property
    def count(self) -> int:
        return len(self.bounds) - 1

    @property
    def start(self) -> int:
        return int(self.bounds[0])

    def sizes(self, at: int, rows: int) -> NDArray[np.int32]:
        """The bytes of `rows` values from the value `at`, or of as many as there are."""
        return np.diff(self.bounds[at : at + rows + 1])


def _values(texts: pa.StringArray) -> _Values:
    dense = texts.drop_null() if texts.null_count else texts
    _, offsets, data = dense.buffers()
    if len(dense) == 0 or offsets is None:
        nothing = np.empty(0, dtype=np.uint8)
        return _Values(bounds=np.zeros(1, dtype=np.int32), data=nothing, size=None)
    bounds = np.frombuffer(
        memoryview(offsets), dtype=np.int32, count=len(dense) + 1, offset=4 * dense.offset
    )
    held = np.frombuffer(memoryview(data), dtype=np.uint8) if data else np.empty(0, dtype=np.uint8)
    return _Values(bounds=bounds, data=held, size=_common_size(bounds))


def _common_size(bounds: NDArray[np.int32]) -> int | None:
    """The bytes of each value, when all have the same number; looked at block by block."""
    count = len(bounds) - 1
    size, rest = divmod(int(bounds[-1]) - int(bounds[0]), count)
    if rest:
        return None
    for at in range(0, count, _ROWS):
        here = bounds[at : at + _ROWS + 1]
        if (here[1:] - here[:-1] != size).any():
            return None
    return size


def _require(
    texts: pa.StringArray, values: _Values, sound: NDArray[np.bool_], expected: str
) -> None:
    """Raise Invalid with the row of the first value that is not sound; never with the value."""
    if sound.all():
        return
    nth = int(np.flatnonzero(~sound)[0])
    valid = np.asarray(pc.is_valid(texts).to_numpy(zero_copy_only=False), dtype=np.bool_)
    row = int(np.flatnonzero(valid)[nth])
    raise Invalid(
        f"Row {row} of the identifiers ({int(values.sizes(nth, 1)[0])} bytes) is not {expected}.",
        remedy="Set the row apart or make it null before pseudonymising.",
    )


def _array(characters: Bytes, texts: pa.StringArray) -> pa.StringArray:
    """The pseudonyms as an Arrow array, null where `texts` is null."""
    count = len(texts)
    validity = None
    if texts.null_count:
        valid = np.asarray(pc.is_valid(texts).to_numpy(zero_copy_only=False), dtype=np.bool_)
        offsets = np.zeros(count + 1, dtype=np.int32)
        np.cumsum(valid, out=offsets[1:])
        validity = pa.py_buffer(np.packbits(valid, bitorder="little").data)
    else:
        offsets = np.arange(count + 1, dtype=np.int32)
    offsets *= WIDTH
    return pa.StringArray.from_buffers(
        count,
        pa.py_buffer(offsets.data),
        pa.py_buffer(characters.data),
        validity,
        texts.null_count,
    )
