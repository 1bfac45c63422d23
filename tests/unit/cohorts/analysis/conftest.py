"""Published data that several tests use; numbers are facts, each with where it is printed."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

# Freireich et al., Blood 1963;21:699-716: weeks of remission, 6-mercaptopurine and placebo, as
# printed by Cox, J R Stat Soc B 1972;34:187-220, table 1, and Kleinbaum and Klein 2012, p. 27.
SIX_MP = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
SIX_MP_EVENT = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
WEEKS = np.array([*SIX_MP, *PLACEBO], dtype=np.float64)
RELAPSE = np.array([*SIX_MP_EVENT, *([1] * 21)], dtype=np.bool_)
ARM = np.array(["6-MP"] * 21 + ["placebo"] * 21)

# Down syndrome by mother's age (under 20, 20-24, ... 40 and over) and birth order (1 to 4, 5 and
# more), Michigan 1950-1964: Fleiss, Statistical methods for rates and proportions, 2nd ed. 1981,
# table 14.4, p. 249. The standard is all birth orders together.
DOWN_CASES = np.array(
    [
        [107, 141, 60, 40, 39, 25],
        [25, 150, 110, 84, 82, 39],
        [3, 71, 114, 103, 108, 75],
        [1, 26, 64, 89, 137, 96],
        [0, 8, 63, 112, 262, 295],
    ],
    dtype=np.float64,
)
DOWN_BIRTHS = np.array(
    [
        [230061, 329449, 114920, 39487, 14208, 3052],
        [72202, 326701, 208667, 83228, 28466, 5375],
        [15050, 175702, 207081, 117300, 45026, 8660],
        [2293, 68800, 132424, 98301, 46075, 9834],
        [327, 30666, 123419, 149919, 104088, 34392],
    ],
    dtype=np.float64,
)

# Coronary deaths of British doctors by age (35-44 to 75-84), smokers then others: Doll and Hill
# 1966, as printed by Breslow and Day, volume II, IARC 1987, p. 112, and
# Frome, Biometrics 1983;39:665-674.
DOCTOR_DEATHS = np.array([32, 104, 206, 186, 102, 2, 12, 28, 28, 31], dtype=np.float64)
DOCTOR_YEARS = np.array(
    [52407, 43248, 28612, 12663, 5317, 18790, 10673, 5710, 2585, 1462], dtype=np.float64
)
DOCTOR_AGES = ["35-44", "45-54", "55-64", "65-74", "75-84"] * 2
DOCTOR_SMOKES = [1] * 5 + [0] * 5

# Acute coronary events per month in Sicily, January 2002 to November 2006, and the standardised
# population: Lopez Bernal, Cummins, Gasparrini, Int J Epidemiol 2017;46:348-355, supplement.
SICILY_EVENTS = np.array(
    [
        728,
        659,
        791,
        734,
        757,
        726,
        760,
        740,
        720,
        814,
        795,
        858,
        887,
        766,
        851,
        769,
        781,
        756,
        766,
        752,
        765,
        831,
        879,
        928,
        914,
        808,
        937,
        840,
        916,
        828,
        845,
        818,
        860,
        839,
        887,
        886,
        831,
        796,
        833,
        820,
        877,
        758,
        767,
        738,
        781,
        843,
        850,
        908,
        1021,
        859,
        976,
        888,
        962,
        838,
        810,
        876,
        843,
        936,
        912,
    ],
    dtype=np.float64,
)
SICILY_POPULATION = np.array(
    [
        379875.3,
        376495.5,
        377040.8,
        377116.4,
        377383.4,
        374113.1,
        379513.3,
        376295.5,
        374653.2,
        378485.6,
        375955.5,
        378349.7,
        376762.4,
        379032.3,
        379360.4,
        376162,
        377972.4,
        381830.7,
        379888.6,
        380872.2,
        380966.9,
        381240.4,
        382104.9,
        381802.7,
        381656.3,
        383680,
        383504.2,
        386462.9,
        383783.1,
        380836.8,
        383483,
        380906.2,
        382926.8,
        384052.4,
        384449.6,
        383428.4,
        388153.2,
        388373.2,
        386470.1,
        386033.2,
        383686.4,
        385509.3,
        385901.9,
        386516.6,
        388436.5,
        383255.2,
        390148.7,
        385874.9,
        391613.6,
        391750.4,
        394005.6,
        391364.9,
        391664.6,
        389022.3,
        391878.5,
        388575.3,
        392989,
        390018.8,
        390712.3,
    ],
    dtype=np.float64,
)

# Packs of cigarettes sold per person in California, 1970 to 2000: Abadie, Diamond, Hainmueller,
# J Am Stat Assoc 2010;105:493-505; the tax came in 1989.
CIGARETTES = np.array(
    [
        123,
        121,
        123.5,
        124.4,
        126.7,
        127.1,
        128,
        126.4,
        126.1,
        121.9,
        120.2,
        118.6,
        115.4,
        110.8,
        104.8,
        102.8,
        99.7,
        97.5,
        90.1,
        82.4,
        77.8,
        68.7,
        67.5,
        63.4,
        58.6,
        56.4,
        54.5,
        53.8,
        52.3,
        47.2,
        41.6,
    ],
    dtype=np.float64,
)

# Influenza in a school in Pennsylvania, from 27 April 2009: Cauchemez et al., PNAS 2011;108:2825,
# the data `Flu2009` of EpiEstim; with its serial interval (Cori et al. 2013, web appendix).
FLU_2009 = np.array(
    [
        1,
        1,
        0,
        2,
        5,
        3,
        3,
        3,
        6,
        2,
        5,
        9,
        13,
        12,
        13,
        11,
        12,
        6,
        6,
        6,
        3,
        1,
        0,
        2,
        0,
        0,
        0,
        0,
        2,
        0,
        2,
        0,
    ],
    dtype=np.float64,
)
FLU_INTERVAL = np.array(
    [0.0, 0.233, 0.359, 0.198, 0.103, 0.053, 0.027, 0.014, 0.007, 0.003, 0.002, 0.001]
)

# Ten children with aseptic meningitis in Oxford, days of age at admission and at MMR vaccination,
# observed from day 366 to 730: Whitaker, Farrington, Spiessens, Musonda, Stat Med 2006;25:1768.
MENINGITIS = [398, 413, 449, 455, 472, 474, 485, 524, 700, 399]
MMR = [458, 392, 429, 433, 432, 395, 470, 496, 428, 716]


@pytest.fixture(scope="session")
def published() -> SimpleNamespace:
    """The data above by name."""
    return SimpleNamespace(**{k.lower(): v for k, v in globals().items() if k.isupper()})
