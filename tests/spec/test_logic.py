"""Three-valued logic: unknown is neither true nor false."""

from __future__ import annotations

from bercail.cohorts import persons
from bercail.testing.small_snds import SmallSnds

# Year of birth 1950 makes `a` true, 1960 false; an unknown year leaves it unknown.
BIRTHS = {"t": 1950, "f": 1960, "u": None}
A = persons.birth_year == 1950


def _three() -> SmallSnds:
    data = SmallSnds()
    for name, birth in BIRTHS.items():
        data.person(name, birth=birth)
    return data


TABLE = [
    (A, {"t": True, "f": False, "u": None}),
    (~A, {"t": False, "f": True, "u": None}),
    (A & True, {"t": True, "f": False, "u": None}),
    (A & False, {"t": False, "f": False, "u": False}),
    (A | True, {"t": True, "f": True, "u": True}),
    (A | False, {"t": True, "f": False, "u": None}),
    (A & A, {"t": True, "f": False, "u": None}),
    (A == False, {"t": False, "f": True, "u": None}),  # noqa: E712  # the language's own ==
    (persons.birth_year != 1950, {"t": False, "f": True, "u": None}),
    (persons.birth_year < 1960, {"t": True, "f": False, "u": None}),
    (persons.birth_year >= 1960, {"t": False, "f": True, "u": None}),
    (persons.birth_year.is_in([1950, 1951]), {"t": True, "f": False, "u": None}),
    (A.is_known(), {"t": True, "f": True, "u": False}),
    (A.if_unknown(True), {"t": True, "f": False, "u": True}),
    (A.choose("yes", "else"), {"t": "yes", "f": "else", "u": "else"}),
    (persons.birth_year.if_unknown(0), {"t": 1950, "f": 1960, "u": 0}),
]


def test_truth_table(columns_of_values) -> None:
    answers = columns_of_values(_three(), [expression for expression, _ in TABLE])
    assert answers == [expected for _, expected in TABLE]
