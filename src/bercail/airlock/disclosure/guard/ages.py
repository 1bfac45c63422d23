"""Which of two states of the lake came first, as far as their names say so."""

from __future__ import annotations

import re

_DIGITS = re.compile(r"(\d+)")

Numbers = dict[tuple[str, ...], tuple[int, ...]]


def is_before(one: str, other: str) -> bool | None:
    """Whether the snapshot `one` came before `other`; None when their names do not say.

    A name is `TABLE@id` for each table, joined by `+`. Ids are ordered as numbers, table by
    table; when some went up and others down, or the tables differ, nothing is known.
    """
    first, second = _numbers(one), _numbers(other)
    if first.keys() != second.keys() or one == other:
        return None
    up = any(first[table] < second[table] for table in first)
    down = any(first[table] > second[table] for table in first)
    return None if up == down else up


def _numbers(snapshot: str) -> Numbers:
    """The number of each part by the words around it; a part without a number is its own words."""
    found: Numbers = {}
    for part in snapshot.split("+"):
        table, mark, name = part.rpartition("@")
        pieces = _DIGITS.split(name)
        numbers = tuple(int(piece) for piece in pieces[1::2])
        found[(table + mark, *pieces[::2])] = numbers
    return found
