"""Secrets as a type that does not print."""

from __future__ import annotations

import hmac
from typing import NoReturn


class Secret:
    """Bytes that never show themselves in a log, a traceback or a `repr`.

    `reveal()` is the one way to the bytes, so every use can be found by
    searching for the word. A secret is neither hashable nor picklable.
    """

    __slots__ = ("_value",)
    __hash__ = None  # type: ignore[assignment]  # a secret is no dictionary key

    def __init__(self, value: bytes) -> None:
        if not value:
            raise ValueError("a secret cannot be empty")
        self._value = bytes(value)

    def reveal(self) -> bytes:
        """The bytes themselves, for the moment of use."""
        return self._value

    def __len__(self) -> int:
        return len(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value, other._value)

    def __repr__(self) -> str:
        return "Secret(hidden)"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled")
