"""The drugs of the catalogue as arrays: pools by ATC class, prices, rates."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc
from attrs import frozen

from bercail.catalogue import Registry
from bercail.ingest.synth.diabetes import A10, LARGE_PACK
from bercail.ingest.synth.draws import Draws, Flags, Ints

# Natures of the pharmacy lines (IR_NAT_V) and their rate: 65, 30, 15 and 100 %.
NATURES = np.array([3313, 3312, 3341, 3311])
RATES = np.array([65, 30, 15, 100])


@frozen(kw_only=True, eq=False)
class Drugs:
    """One item for each drug that has an ATC code."""

    cip13: Ints
    cip7: Ints
    atc: tuple[str, ...]
    large: Flags
    price: Ints
    nature: Ints
    antidiabetic: Flags

    def pool(self, atc: str) -> Ints:
        """The drugs of a class, the most used first.

        Raises:
            ValueError: the catalogue has no drug of this class.
        """
        found = [place for place, code in enumerate(self.atc) if code.startswith(atc)]
        if not found:
            raise ValueError(f"no drug of class {atc}")
        # A fixed shuffle by code, so that the ranks do not follow the launch dates.
        return np.array(sorted(found, key=lambda place: int(self.cip7[place]) * 7919 % 10_007))


def draw_drugs(registry: Registry) -> Drugs:
    """The drugs of the catalogue that have an ATC code, with an invented price."""
    table = registry.drugs()
    table = table.filter(pc.is_valid(table["atc"]))
    cip7 = table["cip7"].to_numpy()
    mixed = cip7.astype(np.int64) * 2_654_435_761 % 1_000_003
    atc = tuple(str(code) for code in table["atc"].to_pylist())
    units = np.nan_to_num(table["units_per_pack"].to_numpy()).astype(np.int64)
    antidiabetic = np.array([code.startswith(A10) for code in atc])
    share = mixed % 100
    rate = np.select([share < 78, share < 90, share < 96], [0, 1, 2], default=3)
    return Drugs(
        cip13=table["cip13"].to_numpy(),
        cip7=cip7,
        atc=atc,
        large=units >= LARGE_PACK,
        price=150 + mixed % 2800,
        nature=np.where(antidiabetic, 0, rate),
        antidiabetic=antidiabetic,
    )


def usual(draws: Draws, pool: Ints, size: int) -> Ints:
    """A drug of the pool for each, the first ones more often than the last."""
    return pool[draws.pick(1.0 / (np.arange(len(pool)) + 2.0), size)]
