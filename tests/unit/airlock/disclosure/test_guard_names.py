"""What the guard reads in names: the numbers of a band, the order of states of the lake."""

from __future__ import annotations

import pytest

from bercail.airlock.disclosure.guard.ages import is_before
from bercail.airlock.disclosure.guard.bands import band_of


@pytest.mark.parametrize(
    ("code", "band"),
    [
        ("0-39", (0, 40)),
        ("40-49 ans", (40, 50)),
        ("<5", (0, 5)),
        ("<=5", (0, 6)),
        (">5", (6, 10**10)),
        ("7", (7, 8)),
        ("10-5", None),
        ("A10", None),
        ("unknown", None),
    ],
)
def test_a_band_is_read(code: str, band: tuple[int, int] | None) -> None:
    assert band_of(code) == band


@pytest.mark.parametrize(
    ("one", "other", "before"),
    [
        ("9", "10", True),
        ("T@99", "T@100", True),
        ("T@100", "T@99", False),
        ("A@9+T@99", "A@9+T@100", True),
        ("A@9+T@99", "A@8+T@100", None),
        ("A@9", "T@100", None),
        ("abc", "abd", None),
        ("v1", "v2", True),
        ("T@1", "T@1", None),
    ],
)
def test_states_of_the_lake_are_ordered_as_numbers(one: str, other: str, before) -> None:
    assert is_before(one, other) is before
