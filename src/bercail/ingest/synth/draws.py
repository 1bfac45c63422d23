"""Seeded draws: one independent stream for each subject.

A stream is named, so that a change in one subject leaves the draws of the
others as they were.
"""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class Draws:
    """A repeatable stream of draws, by seed and name."""

    def __init__(self, seed: int, name: str) -> None:
        self._rng = np.random.Generator(np.random.PCG64([seed, zlib.crc32(name.encode())]))

    def uniform(self, size: int) -> Floats:
        """`size` numbers in [0, 1)."""
        return self._rng.random(size)

    def chance(self, probability: Floats | float, size: int) -> Flags:
        """True with the probability given, one for each item."""
        return np.asarray(self._rng.random(size) < probability)

    def between(self, low: Ints | int, high: Ints | int, size: int) -> Ints:
        """Whole numbers from `low` to `high`, both included."""
        width = np.asarray(high) - np.asarray(low) + 1
        return np.asarray(low + np.floor(self._rng.random(size) * width), dtype=np.int64)

    def pick(self, weights: npt.ArrayLike, size: int) -> Ints:
        """Positions in `weights`, each as often as its weight says."""
        edges = np.cumsum(np.asarray(weights, dtype=np.float64))
        place = np.searchsorted(edges, self._rng.random(size) * edges[-1], side="right")
        return np.asarray(np.minimum(place, len(edges) - 1), dtype=np.int64)

    def counts(self, mean: Floats) -> Ints:
        """Poisson counts, one for each mean."""
        return self._rng.poisson(mean).astype(np.int64)

    def shuffled(self, items: Ints) -> Ints:
        """The same items in another order."""
        return self._rng.permutation(items)


def hashed(items: Ints, salt: int) -> Floats:
    """A number in [0, 1) that depends on the item and the salt alone."""
    mixed = (items.astype(np.uint64) + np.uint64(salt)) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return np.asarray((mixed >> np.uint64(11)) / float(1 << 53))


def rank_in_group(keys: Ints) -> Ints:
    """The place of each item among those of equal key, from 0, in the order given."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    first = np.r_[True, ordered[1:] != ordered[:-1]] if len(keys) else np.zeros(0, bool)
    starts = np.maximum.accumulate(np.where(first, np.arange(len(keys)), 0))
    ranks = np.empty(len(keys), dtype=np.int64)
    ranks[order] = np.arange(len(keys)) - starts
    return ranks


def expand(counts: Ints) -> tuple[Ints, Ints]:
    """For counts [2, 0, 1]: owners [0, 0, 2] and places [0, 1, 0]."""
    owners = np.repeat(np.arange(len(counts)), counts)
    starts = np.cumsum(counts) - counts
    return owners, np.arange(int(counts.sum())) - starts[owners]
