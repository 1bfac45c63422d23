"""One way to write a value down, so that its digest means something.

Canonical JSON follows RFC 8785 for the types used here: strings, integers,
booleans, null, lists and objects with string keys. Floats are refused:
two writers may print them differently.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime
from typing import Any

_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
# What is no float and holds none; most values are of these.
_PLAIN = frozenset({str, int, bool, type(None)})


def canonical_json(value: Any) -> bytes:
    """`value` as canonical JSON in UTF-8.

    Raises:
        TypeError: for floats, bytes, or any type that JSON does not have.
    """
    _refuse_floats(value)
    return _ENCODER.encode(value).encode("utf-8")


def _refuse_floats(value: Any) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError("object keys must be strings")
            if type(item) not in _PLAIN:
                _refuse_floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            if type(item) not in _PLAIN:
                _refuse_floats(item)
    elif isinstance(value, float):
        raise TypeError("a float has no canonical form; write it as a string or as an integer")


def sha256_hex(data: bytes | memoryview) -> str:
    """SHA-256 of `data` in lower-case hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def to_iso(moment: datetime) -> str:
    """`moment` as `2026-11-21T22:46:15.000000Z` (ISO 8601, UTC, microseconds)."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def from_iso(text: str) -> datetime:
    """The moment written by `to_iso`; raises ValueError for anything else."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def date_from_iso(text: str) -> date:
    """The day written `2026-11-21`; raises ValueError for anything else."""
    return date.fromisoformat(text)
