"""Départements: their codes, and how many thousand people live there.

Rounded from the census of 2021 (INSEE); only the proportions matter.
"""

from __future__ import annotations

import numpy as np

from bercail.ingest.synth.draws import Floats, Ints, hashed
from bercail.ingest.synth.profile import SynthProfile

_POPULATION = """
01 663 02 525 03 334 04 166 05 141 06 1104 07 331 08 268 09 154 10 311 11 378 12 279
13 2056 14 701 15 144 16 351 17 661 18 300 19 239 2A 161 2B 184 21 535 22 606 23 115
24 413 25 547 26 521 27 598 28 430 29 921 30 756 31 1435 32 192 33 1654 34 1201 35 1098
36 217 37 613 38 1284 39 259 40 422 41 328 42 768 43 227 44 1457 45 685 46 175 47 331
48 77 49 823 50 494 51 564 52 170 53 305 54 732 55 181 56 768 57 1049 58 202 59 2611
60 829 61 276 62 1461 63 663 64 692 65 230 66 488 67 1152 68 768 69 1892 70 233 71 549
72 566 73 442 74 841 75 2133 76 1256 77 1438 78 1457 79 375 80 568 81 392 82 263 83 1095
84 563 85 695 86 439 87 372 88 360 89 334 90 139 91 1314 92 1635 93 1669 94 1415 95 1257
971 384 972 361 973 287 974 871 976 300
"""
_WORDS = tuple(word for line in _POPULATION.splitlines() for word in line.split())

CODES: tuple[str, ...] = tuple(_WORDS[0::2])
WEIGHTS: Floats = np.array([float(count) for count in _WORDS[1::2]])
ABROAD = "99"
COMMUNES = 300

# A commune of rank r gets a share like 1/(r + 3): a few towns, many villages.
COMMUNE_WEIGHTS: Floats = np.array([1.0 / (rank + 3.0) for rank in range(COMMUNES)])

# How ORG_AFF_BEN begins: general scheme 01C, mutual sections 01M (or 91 to 99), self-employed 03,
# agricultural 02 (HDH, SNDS documentation, history of the data: schemes and years present); the
# third letter of the last two is made up. Shares by number of persons in 2018 (SpF, 2020).
SCHEMES = ("01C", "01M", "03A", "02A")
_OTHERS = np.cumsum([7.07, 4.42, 3.19]) / (7.07 + 4.42 + 3.19)

OVERSEAS = np.array([len(code) == 3 for code in CODES])
CORSICA = np.array([code in ("2A", "2B") for code in CODES])


def residence_code(code: str) -> str:
    """The three characters of BEN_RES_DPT: `075`, `02A`, `974`."""
    return code.rjust(3, "0")


def birth_place(
    departement: Ints, commune: Ints, abroad: Ints, group: int
) -> tuple[list[str], Ints]:
    """The two characters of the département and the commune number in a NIR.

    Overseas, the third character of the département opens the commune
    (97 + 4xx); births abroad carry 99 and a country number. `group`, 0 to 2,
    names communes and countries that no other group has, except overseas.
    """
    names = [*(code[:2] for code in CODES), ABROAD]
    place = np.where(abroad > 0, len(CODES), departement)
    third = np.array([int(code[2]) if len(code) == 3 else 0 for code in CODES])[departement]
    number = np.where(third > 0, third * 100 + commune % 100, commune + COMMUNES * group)
    country = np.minimum(commune, COMMUNES - 1) if group else commune
    number = np.where(abroad > 0, 100 + country + COMMUNES * group, number)
    return [names[index] for index in place], number


def offices() -> list[str]:
    """The offices of every scheme, each scheme with those of all départements."""
    return [f"{scheme}{residence_code(code)}000" for scheme in SCHEMES for code in CODES]


def scheme(profile: SynthProfile, person: Ints) -> Ints:
    """The position in SCHEMES of each person's scheme; a function of the person alone."""
    drawn = hashed(person, 25 + profile.stream)
    rate = profile.rate("other-schemes")
    if not rate:
        return np.zeros(len(person), dtype=np.int64)
    place = 1 + np.searchsorted(_OTHERS, drawn / rate)
    return np.where(drawn < rate, np.minimum(place, len(SCHEMES) - 1), 0)
