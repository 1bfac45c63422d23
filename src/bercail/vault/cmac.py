"""AES-256-CMAC (NIST SP 800-38B, RFC 4493) of many short messages at once.

All messages of a batch have the same length, so each AES pass runs over every message in one
call: tens of millions of messages a second on one core.
"""

from __future__ import annotations

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
from numpy.typing import NDArray

BLOCK = 16
_POLYNOMIAL = 0x87
_TOP = 1 << 127

Bytes = NDArray[np.uint8]


class BatchCmac:
    """CMAC under one 256-bit key, of up to `rows` messages at once; for one thread at a time.

    Electronic codebook mode serves only as the bare block function that SP 800-38B is built on.
    """

    def __init__(self, key: bytes, rows: int) -> None:
        cipher = Cipher(algorithms.AES256(key), modes.ECB())  # noqa: S305  # the bare block function
        self._encrypt: CipherContext = cipher.encryptor()
        self.whole = _double(self._encrypt.update(bytes(BLOCK)))
        self.padded = _double(self.whole)
        self._state = np.empty((rows, 2), dtype=np.uint64)
        # One block more than needed: the library asks for it.
        self._coded = np.empty((rows + 1, 2), dtype=np.uint64)

    def of(self, messages: Bytes, length: int) -> Bytes:
        """The tags, shape (n, 16), of `messages`, shape (blocks, n, 16): first blocks first.

        Every message has `length` bytes, which end in its last block, and only zeros after them.
        The tags stand until the next call.
        """
        count = messages.shape[1]
        state, coded = self._state[:count], self._coded[:count]
        room = _bytes(self._coded[: count + 1])
        blocks = messages.view(np.uint64)
        for nth, given in enumerate(blocks, start=1):
            block = given
            if nth > 1:
                block = np.bitwise_xor(block, coded, out=state)
            if nth == len(blocks):
                for half, mask in enumerate(self._last_mask(length)):
                    np.bitwise_xor(block[:, half], mask, out=state[:, half])
                block = state
            self._encrypt.update_into(_bytes(block), room)
        return coded.view(np.uint8)

    def _last_mask(self, length: int) -> NDArray[np.uint64]:
        """What the last block is combined with: its subkey, and the padding where it is short."""
        short = length % BLOCK
        if length and not short:
            return np.frombuffer(self.whole, dtype=np.uint64)
        mask = bytearray(self.padded)
        mask[short] ^= 0x80
        return np.frombuffer(mask, dtype=np.uint64)


def _bytes(words: NDArray[np.uint64]) -> memoryview:
    return words.reshape(-1).view(np.uint8).data


def _double(block: bytes) -> bytes:
    """Multiplication by x in GF(2^128), as SP 800-38B, 6.1 defines its subkeys."""
    number = int.from_bytes(block, "big")
    shifted = (number << 1) & (2 * _TOP - 1)
    return (shifted ^ (_POLYNOMIAL if number & _TOP else 0)).to_bytes(BLOCK, "big")
