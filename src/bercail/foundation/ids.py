"""Identifiers of things, drawn from a source of randomness that is an argument."""

from __future__ import annotations

import hashlib
import os
from typing import Protocol

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


class Randomness(Protocol):
    """Where random bytes come from."""

    def take(self, count: int) -> bytes:
        """`count` random bytes."""
        ...


class SystemRandomness:
    """The operating system's generator; the only one fit for keys."""

    def take(self, count: int) -> bytes:
        """`count` bytes from the kernel."""
        return os.urandom(count)


class SeededRandomness:
    """A repeatable stream (SHA-256 in counter mode) for tests; never for keys."""

    def __init__(self, seed: int) -> None:
        self._seed = str(seed).encode()
        self._counter = 0

    def take(self, count: int) -> bytes:
        """The next `count` bytes of the stream."""
        out = b""
        while len(out) < count:
            out += hashlib.sha256(self._seed + self._counter.to_bytes(8, "big")).digest()
            self._counter += 1
        return out[:count]


def new_id(prefix: str, randomness: Randomness) -> str:
    """A name such as `permit-7k3m...`: `prefix`, a hyphen, 80 random bits in base 32."""
    number = int.from_bytes(randomness.take(10), "big")
    digits = []
    for _ in range(16):
        number, digit = divmod(number, 32)
        digits.append(_ALPHABET[digit])
    return f"{prefix}-{''.join(digits)}"
