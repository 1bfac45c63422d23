"""How much a parser may do before it gives up: the only guard against files made to exhaust."""

from __future__ import annotations

from attrs import field, frozen, validators

_COUNT = validators.ge(1)


@frozen(kw_only=True)
class Limits:
    """Bounds of one inspection, over the file and all that is unpacked from it.

    `size`: bytes of the file. `text`: bytes of text, more than anybody reads. `unpacked`: bytes
    that archives, pages and images may grow to together; `ratio`: bytes out for each byte in.
    `entries`: members of archives together. `depth`: containers inside containers. `cells`: of
    tables. `characters`: of the cells of a workbook together. `elements`: of a markup document,
    and members of a JSON document.
    """

    size: int = field(default=16 * 1024 * 1024, validator=_COUNT)
    text: int = field(default=4 * 1024 * 1024, validator=_COUNT)
    unpacked: int = field(default=32 * 1024 * 1024, validator=_COUNT)
    ratio: int = field(default=200, validator=_COUNT)
    entries: int = field(default=1_000, validator=_COUNT)
    depth: int = field(default=3, validator=_COUNT)
    cells: int = field(default=500_000, validator=_COUNT)
    characters: int = field(default=4 * 1024 * 1024, validator=_COUNT)
    elements: int = field(default=200_000, validator=_COUNT)


LIMITS = Limits()
"""The bounds of the house."""


class TooMuchError(Exception):
    """A bound was reached; `bound` is its name in `Limits`."""

    def __init__(self, bound: str) -> None:
        super().__init__(bound)
        self.bound = bound


class Budget:
    """What is left of the bounds of one inspection."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.limits = limits
        self._left = {
            "unpacked": limits.unpacked,
            "entries": limits.entries,
            "cells": limits.cells,
            "characters": limits.characters,
            "elements": limits.elements,
        }

    def left(self, bound: str) -> int:
        """How much of `bound` is left."""
        return self._left[bound]

    def take(self, bound: str, many: int = 1) -> None:
        """Use up `many` of `bound`; raises TooMuchError when they are not there."""
        if many > self._left[bound]:
            raise TooMuchError(bound)
        self._left[bound] -= many

    def enter(self, depth: int) -> None:
        """Raise TooMuchError when a container stands too deep inside others."""
        if depth > self.limits.depth:
            raise TooMuchError("depth")
