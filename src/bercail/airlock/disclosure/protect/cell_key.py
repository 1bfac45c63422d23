"""Cell-key noise for counts that the public may ask for themselves.

The method of the Australian Bureau of Statistics (Fraser and Wooton, 2005; Thompson, Broadfoot
and Elazar, 2013), also used by the Office for National Statistics. Each person has a secret
record key; the keys of the persons of a cell are added modulo 2^32, which gives the same cell
key, and so the same noise, to the same persons however they were asked for. The noise is drawn
from a table of probabilities of greatest entropy (Giessing, 2016): unbiased, of a given
variance, never below zero, and never a published 1 to `hidden`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from attrs import field, frozen, validators
from scipy.optimize import linprog, minimize

from bercail.airlock.disclosure.tables.typed import KEYS
from bercail.foundation import Invalid, Secret

Noise = tuple[tuple[int, float], ...]
"""Changes with their probabilities, smallest change first."""


@frozen(kw_only=True)
class NoiseTable:
    """The shape of the noise: its variance, its greatest size, and what is never published.

    A count from `2 * most` up shares the noise of that count. A true zero stays zero.
    """

    variance: float = field(default=4.0, validator=validators.gt(0))
    most: int = field(default=10, validator=validators.ge(2))
    hidden: int = field(default=4, validator=validators.ge(0))

    def __attrs_post_init__(self) -> None:
        if self.hidden >= self.most or self.variance >= self.most**2:
            raise Invalid(
                "The noise is too narrow for its variance or for what it must hide. / "
                "Le bruit est trop étroit pour sa variance ou pour ce qu'il doit cacher.",
                remedy="Use a greater `most`. / Employez un `most` plus grand.",
                rule="cell-key",
            )

    def noise(self, count: int) -> Noise:
        """The changes that `count` may get, with their probabilities."""
        if count < 0:
            raise Invalid(
                "A count is not negative. / Un effectif n'est pas négatif.",
                remedy="Correct the count. / Corrigez l'effectif.",
                rule="cell-key",
            )
        return ((0, 1.0),) if count == 0 else _noise(self, min(count, 2 * self.most))

    def published(self, count: int, cell_key: int) -> int:
        """`count` with the noise that `cell_key` (0 to 2^32 - 1) picks."""
        point = (cell_key % KEYS + 0.5) / KEYS
        reached = 0.0
        noise = self.noise(count)
        for change, share in noise:
            reached += share
            if point < reached:
                return count + change
        return count + noise[-1][0]


def record_key(secret: Secret, person: str) -> int:
    """The secret key of a person, 0 to 2^32 - 1; the same as long as the secret is."""
    with_name = b"bercail cell key\x00" + person.encode()
    digest = hmac.new(secret.reveal(), with_name, hashlib.sha256).digest()
    return int.from_bytes(digest[:4], "big")


def cell_key(record_keys: Iterable[int]) -> int:
    """The key of a cell from those of its distinct persons, in any order."""
    return sum(record_keys) % KEYS


@lru_cache(maxsize=1024)
def _noise(table: NoiseTable, count: int) -> Noise:
    allowed = np.array(
        [
            change
            for change in range(-table.most, table.most + 1)
            if count + change == 0 or count + change > table.hidden
        ],
        dtype=float,
    )
    variance = max(table.variance, _least_variance(allowed) * (1 + 1e-6))
    shares = _greatest_entropy(allowed, variance)
    return tuple((int(change), float(share)) for change, share in zip(allowed, shares, strict=True))


def _least_variance(changes: np.ndarray) -> float:
    """The least variance of an unbiased noise over `changes`; small counts need more."""
    found = linprog(
        changes**2,
        A_eq=np.vstack((np.ones(len(changes)), changes)),
        b_eq=np.array([1.0, 0.0]),
        bounds=(0, None),
        method="highs",
    )
    if found.status != 0:
        raise Invalid(
            "No unbiased noise fits a small count. / "
            "Aucun bruit sans biais ne convient à un petit effectif.",
            remedy="Hide fewer counts, or use a greater `most`. / "
            "Cachez moins d'effectifs, ou employez un `most` plus grand.",
            rule="cell-key",
        )
    return float(found.fun or 0.0)


def _greatest_entropy(changes: np.ndarray, variance: float) -> np.ndarray:
    """Probabilities exp(a + b v + c v^2) with mean 0 and the given variance.

    The exponential form is that of the greatest entropy; b and c minimise its dual, which is
    convex. A last projection makes both moments exact.
    """
    moments = np.vstack((changes, changes**2 - variance))

    def dual(weights: np.ndarray) -> tuple[float, np.ndarray]:
        exponents = weights @ moments
        largest = exponents.max()
        raw = np.exp(exponents - largest)
        return float(largest + np.log(raw.sum())), moments @ raw / raw.sum()

    found = minimize(dual, np.zeros(2), jac=True, method="BFGS", options={"gtol": 1e-10})
    exponents = found.x @ moments
    shares = np.exp(exponents - exponents.max())
    shares /= shares.sum()
    exact = np.vstack((np.ones(len(changes)), moments))
    target = np.array([1.0, 0.0, 0.0])
    weighted = exact * shares
    correction = np.linalg.lstsq(weighted @ exact.T, target - exact @ shares, rcond=None)[0]
    shares = np.maximum(shares * (1 + correction @ exact), 0.0)
    return np.asarray(shares / shares.sum())
