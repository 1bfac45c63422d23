"""Pseudonyms in three functions: clear identity -> level 1 -> level 2 -> project.

Each is AES-256-CMAC under its own key, written in 17 characters. They are deterministic, cannot
be inverted without the secret, and differ by level, by label and by secret, as the SNDS security
referential asks (order of 6 May 2024, 6.1 to 6.4). The layout and what the functions cannot do
are in `docs/reference/formats/pseudonyms.md`.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bercail.foundation import Invalid, Secret
from bercail.vault import pseudonym_text
from bercail.vault.binding import encode_parts
from bercail.vault.cmac import BLOCK, BatchCmac
from bercail.vault.keys import KEY_SIZE, derive
from bercail.vault.pseudonym_text import WIDTH

LONGEST_IDENTITY = 47
"""Bytes of UTF-8 that an identity may have: with its first byte, three blocks."""

_ROWS = 1 << 13
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
    starts, sizes, data = _buffers(texts)
    _require(texts, sizes, (sizes >= 1) & (sizes <= LONGEST_IDENTITY), "1 to 47 bytes long")
    out = np.empty(len(sizes) * WIDTH, dtype=np.uint8)
    for at in range(0, len(sizes), _ROWS):
        here = slice(at, at + _ROWS)
        part = out[at * WIDTH : (at + _ROWS) * WIDTH]
        pseudonym_text.encode(_identity_tags(cmac, data, starts[here], sizes[here]), part)
    return _array(out, texts)


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
    return BatchCmac(derive(secret, salt=b"", info=info))


def _again(secret: Secret, name: str, pseudonyms: pa.Array[Any], label: str) -> pa.StringArray:
    """A pseudonym of a pseudonym: 11 bytes in one block."""
    cmac = _function(secret, name, label)
    texts = _texts(pseudonyms)
    starts, sizes, data = _buffers(texts)
    _require(texts, sizes, sizes == WIDTH, f"{WIDTH} characters long")
    given = data[starts[0] : starts[0] + len(starts) * WIDTH] if len(starts) else data[:0]
    out = np.empty(len(starts) * WIDTH, dtype=np.uint8)
    for at in range(0, len(starts), _ROWS):
        part = slice(at * WIDTH, (at + _ROWS) * WIDTH)
        (head, body, tail), bad = pseudonym_text.decode(given[part])
        if bad is not None:
            sound = np.ones(len(starts), dtype=np.bool_)
            sound[at : at + _ROWS] = ~bad
            _require(texts, sizes, sound, "made of A to Z and 2 to 7 only")
        messages = _pseudonym_messages(head, body, tail)
        pseudonym_text.encode(cmac.of(messages, BLOCK), out[part])
    return _array(out, texts)


def _pseudonym_messages(
    head: pseudonym_text.Words, body: pseudonym_text.Words, tail: pseudonym_text.Words
) -> NDArray[np.uint8]:
    """One block for each pseudonym: its kind, four zero bytes, then its 85 bits on 11 bytes."""
    blocks = np.empty((len(head), 2), dtype=">u8")
    blocks[:, 0] = (head >> np.uint64(16)) | np.uint64(_PSEUDONYM << 56)
    rest = head << np.uint64(48)
    rest |= body << np.uint64(8)
    rest |= tail << np.uint64(3)
    blocks[:, 1] = rest
    return blocks.view(np.uint8).reshape(-1, BLOCK)


def _identity_tags(
    cmac: BatchCmac,
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    sizes: NDArray[np.int64],
) -> NDArray[np.uint8]:
    """The codes, shape (n, 16), of identities of any sizes, one size at a time."""
    tags = np.empty((len(starts), BLOCK), dtype=np.uint8)
    present = np.flatnonzero(np.bincount(sizes)).tolist()
    for size in present:
        alone = len(present) == 1
        chosen = slice(None) if alone else np.flatnonzero(sizes == size)
        length = size + 1
        width = -(-length // BLOCK) * BLOCK
        messages = np.zeros((len(starts[chosen]), width), dtype=np.uint8)
        messages[:, 0] = _IDENTITY
        if alone:
            # Null rows are dropped beforehand, so identities of one size follow without a gap.
            first = int(starts[0])
            row = np.dtype(
                {"names": ["id"], "formats": [f"V{size}"], "offsets": [1], "itemsize": width}
            )
            dense = data[first : first + len(starts) * size]
            messages.reshape(-1).view(row)["id"] = dense.view(f"V{size}")
        else:
            messages[:, 1:length] = data[starts[chosen][:, None] + np.arange(size)]
        tags[chosen] = cmac.of(messages, length)
    return tags


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


def _buffers(
    texts: pa.StringArray,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]:
    """Starts, sizes and bytes of the values that are not null."""
    dense = texts.drop_null()
    _, offsets, data = dense.buffers()
    if len(dense) == 0 or offsets is None:
        empty = np.empty(0, dtype=np.int64)
        return empty, empty, np.empty(0, dtype=np.uint8)
    bounds = np.frombuffer(
        memoryview(offsets), dtype=np.int32, count=len(dense) + 1, offset=4 * dense.offset
    )
    starts = bounds[:-1].astype(np.int64)
    sizes = np.diff(bounds).astype(np.int64)
    held = np.frombuffer(memoryview(data), dtype=np.uint8) if data else np.empty(0, dtype=np.uint8)
    return starts, sizes, held


def _require(
    texts: pa.StringArray, sizes: NDArray[np.int64], sound: NDArray[np.bool_], expected: str
) -> None:
    """Raise Invalid with the row of the first value that is not sound; never with the value."""
    if sound.all():
        return
    nth = int(np.flatnonzero(~sound)[0])
    valid = np.asarray(pc.is_valid(texts).to_numpy(zero_copy_only=False), dtype=np.bool_)
    row = int(np.flatnonzero(valid)[nth])
    raise Invalid(
        f"Row {row} of the identifiers ({int(sizes[nth])} bytes) is not {expected}.",
        remedy="Set the row apart or make it null before pseudonymising.",
    )


def _array(characters: NDArray[np.uint8], texts: pa.Array[Any]) -> pa.StringArray:
    """The pseudonyms as an Arrow array, null where `texts` is null."""
    count = len(texts)
    offsets = np.zeros(count + 1, dtype=np.int32)
    validity = None
    if texts.null_count:
        valid = np.asarray(pc.is_valid(texts).to_numpy(zero_copy_only=False), dtype=np.bool_)
        np.cumsum(valid, out=offsets[1:])
        offsets *= WIDTH
        validity = pa.py_buffer(np.packbits(valid, bitorder="little").data)
    else:
        offsets[:] = np.arange(0, (count + 1) * WIDTH, WIDTH, dtype=np.int32)
    return pa.StringArray.from_buffers(
        count,
        pa.py_buffer(offsets.data),
        pa.py_buffer(characters.data),
        validity,
        texts.null_count,
    )
