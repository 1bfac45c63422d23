"""Which main diagnosis a stay may have, by sex and age, and in which group it falls.

Frequencies are the true numbers of stays by ICD-10 code in the catalogue; the
rules below only keep a birth for a newborn and a delivery for a woman. Group
codes have the shape of a GHM and the right major category; only those of
sessions, deliveries, births and errors are real ones.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen

from bercail.catalogue import Registry
from bercail.ingest.synth.draws import Draws, Floats, Ints

SESSIONS = ("Z491", "Z511", "Z512", "Z5100", "Z5101", "Z513")
NEWBORN, OBSTETRIC, MALE, FEMALE, OLD, YOUNG, GENERAL = range(7)
DIALYSIS_GROUP, CHEMOTHERAPY_GROUP = "28Z04Z", "28Z07Z"
TRANSFUSION_GROUP = "28Z14Z"
DELIVERY_GROUP, BIRTH_GROUP = "14Z14A", "15M05A"
ERROR_GROUP = "90Z00Z"

_MALE = ("C60", "C61", "C62", "N40", "N41", "N42", "N43", "N44", "N45", "N47")
_FEMALE = (*(f"N{n}" for n in range(70, 99)), "C51", "C52", "C53", "C54", "C55", "C56", "D25")
_OLD = ("F0", "G30", "H25", "H26", "I48", "I50", "I63", "I70", "J44", "M16", "M17", "S72", "R296")
_YOUNG = ("J21", "J35", "H65", "Q", "P", "A08", "J45")
# ICD-10 chapter letter -> major diagnostic category.
_CATEGORY = {
    "A": "18", "B": "18", "C": "17", "D": "16", "E": "10", "F": "19", "G": "01", "H": "02",
    "I": "05", "J": "04", "K": "06", "L": "09", "M": "08", "N": "11", "O": "14", "P": "15",
    "Q": "15", "R": "23", "S": "08", "T": "21", "Z": "23",
}  # fmt: skip


@frozen(kw_only=True, eq=False)
class Diagnoses:
    """ICD-10 codes with their weight, pool and group stem."""

    code: tuple[str, ...]
    weight: Floats
    pool: Ints
    stem: tuple[str, ...]

    def place(self, code: str) -> int:
        """The position of a code; raises ValueError when it is not there."""
        return self.code.index(code)

    def pick(self, draws: Draws, pools: tuple[int, ...], size: int) -> Ints:
        """A code from these pools for each, as often as in the true stays."""
        chosen = np.where(np.isin(self.pool, pools), self.weight, 0.0)
        return draws.pick(chosen, size)


def _pool(code: str) -> int:
    if code.startswith("Z38"):
        return NEWBORN
    if code.startswith(("O", "Z35", "Z39")):
        return OBSTETRIC
    for pool, prefixes in ((MALE, _MALE), (FEMALE, _FEMALE), (OLD, _OLD), (YOUNG, _YOUNG)):
        if code.startswith(prefixes):
            return pool
    return GENERAL


def draw_diagnoses(registry: Registry) -> Diagnoses:
    """The codes of the catalogue with their weights; sessions weigh nothing here.

    Sessions are repeated stays of a few persons, and are drawn person by person.
    """
    table = registry.stays_by_diagnosis()
    codes = tuple(str(code) for code in table["icd10"].to_pylist())
    weight = table["stays"].to_numpy().astype(np.float64)
    weight[[place for place, code in enumerate(codes) if code.startswith(SESSIONS)]] = 0.0
    stems = tuple(
        f"{_CATEGORY.get(code[0], '23')}{'CM'[int(code[1]) % 2 if code[1].isdigit() else 1]}"
        f"{1 + sum(map(ord, code)) % 60:02d}"
        for code in codes
    )
    pool = np.array([_pool(code) for code in codes])
    return Diagnoses(code=codes, weight=weight, pool=pool, stem=stems)
