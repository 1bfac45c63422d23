"""What earlier deliveries make one expect."""

from __future__ import annotations

import pytest

from bercail.ingest.delivery import Delivery, DeliveryFile
from bercail.ingest.volumes import PastDelivery, level_of, volume_findings

STEADY = (40_000, 41_000, 39_500, 40_400, 40_800)


def delivery(period: str, rows: int, *, system: str = "DCIR", corrects: str = "") -> Delivery:
    file = DeliveryFile(table="ER_PRS_F", name="prs.csv", rows=rows, size=1, sha256="0" * 64)
    return Delivery(
        name=f"{system}_{period}",
        holder="CNAM",
        system=system,
        period=period,
        identifiers="level-1",
        files=(file,),
        corrects=corrects,
    )


def past(period: str, rows: int = 40_000, system: str = "DCIR") -> PastDelivery:
    name = f"{system}_{period}"
    return PastDelivery(name=name, system=system, period=period, rows={"ER_PRS_F": rows})


def found(one: Delivery, *before: PastDelivery) -> list[tuple[str, str, int]]:
    findings = volume_findings(one, {"ER_PRS_F": "ER_PRS_F"}, before)
    return [(f.check, f.level, f.count) for f in findings]


@pytest.mark.parametrize(
    ("rows", "level"),
    [
        (40_200, ""),
        (55_000, ""),
        (75_000, "warning"),
        (12_000, "warning"),
        (4_000, "error"),
        (0, "error"),
        (400_000, "error"),
    ],
)
def test_far_from_the_band_is_told_and_very_far_keeps_out(rows, level):
    assert level_of(rows, STEADY) == level


def test_a_flux_that_runs_dry_is_told_and_comes_in():
    falling = (46_000, 45_000, 44_000, 43_000, 9_400, 3_700, 2_100, 1_200, 800)
    for place in range(4, len(falling)):
        assert level_of(falling[place], falling[:place]) in ("", "warning")


def test_few_deliveries_and_few_lines_decide_nothing():
    assert level_of(1, (40_000, 40_000, 40_000)) == ""
    assert level_of(0, (200, 210, 190, 205)) == "warning"


def test_one_odd_month_does_not_widen_the_band():
    assert level_of(4_000, (*STEADY, 400_000, *STEADY)) == "error"


def test_a_month_that_never_came_is_an_error_in_a_series_only():
    assert found(delivery("2024-02", 5), past("2023-12")) == [("missing-period", "error", 1)]
    assert found(delivery("2024-02", 5), past("2024-01")) == []
    assert found(delivery("2024-02", 5), past("2024-03")) == []
    assert found(delivery("2024-02", 5)) == []
    register = past("2023-06", system="BEN")
    assert found(delivery("2024-02", 5, system="BEN"), register) == []
    assert found(delivery("2024", 5, system="MCO"), past("2021", system="MCO")) == [
        ("missing-period", "error", 2)
    ]


def test_a_volume_tells_how_many_lines_are_amiss_and_a_correction_is_held_against_the_others():
    months = [past(f"2023-{n:02}", rows) for n, rows in enumerate(STEADY, 1)]
    assert found(delivery("2023-06", 1_000), *months) == [("unexpected-volume", "error", 39_400)]
    correction = delivery("2023-06", 1_000, corrects="DCIR_2023-05")
    assert found(correction, *months) == [("unexpected-volume", "error", 39_200)]


def test_a_gap_after_a_flux_that_ran_dry_is_only_told():
    months = [past(f"2023-{n:02}") for n in range(1, 11)]
    late = past("2023-11", 900)
    assert found(delivery("2024-01", 5), *months)[0] == ("missing-period", "error", 2)
    assert found(delivery("2024-01", 5), *months, late)[0] == ("missing-period", "warning", 1)
