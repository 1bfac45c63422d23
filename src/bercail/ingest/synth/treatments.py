"""How often each class of drugs is used, by age, and how it is dispensed.

Orders of magnitude in the spirit of Open Medic (CNAM): users per thousand
persons in a year by ten-year age group (0-9 to 90 and over), users among women
for one among men, dispensings for one user in a year. They are rounded, and
serve to give tables with large cells and with cells of a few persons.
"""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class Treatment:
    """One ATC class. `lasting` treatments follow the person's monthly visits."""

    atc: str
    users: tuple[float, ...]
    women: float
    yearly: float
    lasting: bool


_LASTING = """
C09   0 0 3 15 55 140 260 370 420 350        0.9  5
C10AA 0 0 1 6 35 100 200 280 250 120         0.75 5
C07   0 1 4 10 30 70 130 210 260 230         1.0  5
C08   0 0 1 5 22 60 110 170 200 170          0.9  5
C03   0 0 1 4 12 30 60 120 220 280           1.1  5
B01   0 1 4 8 20 60 130 240 330 330          0.75 5
N06A  0 10 35 60 85 100 95 105 150 190       2.0  5
N03   4 8 15 22 32 40 42 45 45 40            1.1  5
N04   0 0 1 2 4 8 15 30 40 30                1.0  6
H03   0 2 12 25 42 60 75 85 90 90            5.0  4
G03A  0 60 200 130 90 20 0 0 0 0             99   3
L04   0.5 1 3 4 5 6 7 6 3 1                  1.0  5
L02   0 0 0 0.5 2 5 12 20 25 20              1.0  4
M04   0 0 0 2 8 20 40 60 60 40               0.35 4
M05   0 0 0 0 2 8 25 50 60 40                6.0  4
G04   0 0 1 2 8 30 90 170 200 150            0.15 5
C01   0 0 1 2 5 15 40 90 150 160             0.8  5
N05A  1 4 10 18 22 25 24 22 30 40            0.9  6
J05A  0 0.5 2 3 5 5 2 1 0.2 0                0.5  6
L01   0 0.2 0.5 1 2 4 7 9 6 2                1.1  6
"""

_OCCASIONAL = """
A02   15 30 90 130 170 220 280 340 380 350           1.15 1.6
N02B  250 250 330 370 400 420 430 450 480 480        1.15 1.3
J01   330 250 260 270 270 260 260 270 280 280        1.15 1.1
R03   60 40 35 40 45 60 75 90 90 70                  1.0  2
R06   110 140 120 120 115 110 100 90 80 60           1.3  1.1
N05B  3 15 50 80 110 135 140 160 210 240             1.6  2
M01   90 150 210 230 240 230 170 110 60 30           1.1  1.1
H02   110 60 70 80 90 95 100 100 90 70               1.15 1.1
A03   20 40 70 70 70 70 65 60 55 45                  1.4  1.1
A11   100 30 20 20 25 40 60 90 120 130               1.4  1.3
S01   90 50 45 45 50 65 90 140 170 150               1.1  1.3
D07   60 50 45 45 45 50 55 60 60 50                  1.0  1.2
J07   250 60 15 10 12 20 120 260 300 320             1.0  1.0
B03   10 20 40 50 35 25 25 40 60 60                  2.2  1.3
R05   60 30 30 30 30 30 30 25 20 15                  1.1  1.0
P01   4 3 5 5 4 4 3 1 0.5 0                          1.0  1.0
J02   1 2 5 5 5 5 4 3 2 1                            1.5  1.1
G01   0 10 25 22 15 8 4 2 1 0                        99   1.1
"""

# Among treated diabetics: ATC class, share of users (type 2, type 1), for packs.
ANTIDIABETICS: tuple[tuple[str, float, float], ...] = (
    ("A10BA02", 0.62, 0.05),
    ("A10BB", 0.18, 0.0),
    ("A10BH", 0.10, 0.0),
    ("A10BD", 0.14, 0.0),
    ("A10BX", 0.12, 0.0),
    ("A10AE", 0.16, 0.55),
    ("A10AB", 0.07, 0.60),
    ("A10AD", 0.05, 0.12),
)

# Persons treated for diabetes, per thousand, by ten-year age group; scaled so
# that about 5 % of a French population meets the definition in a year.
DIABETES = (0.6, 2.5, 4.0, 9.0, 25.0, 62.0, 115.0, 165.0, 165.0, 110.0)
DIABETES_MEN = 1.2
TYPE_ONE = (1.0, 0.97, 0.75, 0.35, 0.15, 0.07, 0.04, 0.03, 0.02, 0.01)


def _parsed(line: str, *, lasting: bool) -> Treatment:
    words = line.split()
    return Treatment(
        atc=words[0],
        users=tuple(float(word) for word in words[1:11]),
        women=float(words[11]),
        yearly=float(words[12]),
        lasting=lasting,
    )


TREATMENTS: tuple[Treatment, ...] = (
    *(_parsed(line, lasting=True) for line in _LASTING.strip().splitlines()),
    *(_parsed(line, lasting=False) for line in _OCCASIONAL.strip().splitlines()),
)
