"""Bandwidth by day and by night, and what a step says of its pace."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta, timezone
from pathlib import Path

import pytest

from bercail.cli import door
from bercail.foundation import FixedClock, Invalid
from bercail.hosting import Bandwidth
from bercail.hosting.migration.pace import Pace
from bercail.hosting.migration.pool import Gauge
from bercail.storage import Limit
from bercail.testing.moving import MovingWorld

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)


def test_the_night_goes_over_midnight() -> None:
    one = Bandwidth(day=5, night=9, zone=UTC)
    hours = {hour: one.at(NOON.replace(hour=hour)) for hour in range(24)}
    assert [hour for hour, limit in hours.items() if limit == 9] == [*range(7), 20, 21, 22, 23]


def test_a_night_within_one_day_and_another_time_zone() -> None:
    zone = timezone(timedelta(hours=2))
    one = Bandwidth(day=5, night=None, night_from=time(12, 0), night_until=time(15, 0), zone=zone)
    assert one.at(NOON) is None
    assert one.at(NOON - timedelta(hours=3)) == 5
    assert one.at(NOON + timedelta(hours=1)) == 5


@pytest.mark.parametrize(
    ("text", "amount"),
    [("50MB", 50_000_000), ("800 KiB", 819_200), ("7", 7), ("2GB/s", 2_000_000_000)],
)
def test_amounts_are_read(text: str, amount: int) -> None:
    parsed = Bandwidth.parse(text, None)
    assert parsed is not None
    assert (parsed.day, parsed.night) == (amount, None)


@pytest.mark.parametrize("text", ["", "fast", "0", "0MB", "-3", "5 TB", "1.5MB"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="not an amount"):
        Bandwidth.parse(None, text)


@pytest.mark.parametrize("window", ["20-7", "20:00", "25:00-07:00", "20:00-07:61"])
def test_what_is_no_window_is_refused(window: str) -> None:
    with pytest.raises(Invalid, match="not a window"):
        Bandwidth.parse("1MB", None, window)


def test_no_limit_is_none() -> None:
    assert Bandwidth.parse(None, None) is None


def test_a_night_that_is_none_is_refused_even_where_nothing_is_limited() -> None:
    with pytest.raises(Invalid, match="`25:00-99`"):
        Bandwidth.parse(None, None, "25:00-99")


def test_a_copy_is_paced_by_the_limit_of_the_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[tuple[int | None, int]] = []

    def take(self: Limit, count: int) -> None:
        taken.append((self.bytes_per_second, count))

    monkeypatch.setattr(Limit, "take", take)
    world = MovingWorld(tmp_path)
    world.fill({"a": b"x" * 1000})
    service = world.service()
    service.survey()
    service.plan()
    assert world.clock.now().hour == 9
    service.copy(bandwidth=Bandwidth(day=10**9, night=7, zone=UTC))
    assert taken == [(10**9, 1000)]
    world.clock = FixedClock(MIDNIGHT)
    world.fill({"a": b"x" * 2000})
    service = world.service()
    service.survey()
    service.plan()
    service.copy(bandwidth=Bandwidth(day=7, night=10**9, zone=UTC))
    assert taken[1:] == [(10**9, 2000)]


def test_who_waits_for_the_limit_is_let_go_when_the_run_stops() -> None:
    limit = Limit(1)
    gauge = Gauge(limit)
    gauge.move(1000)
    gauge.stop()
    limit.take(1000)
    assert limit.bytes_per_second is None


def test_the_rate_is_that_of_the_last_half_minute() -> None:
    clock = [0.0]
    pace = Pace(lambda: clock[0])
    assert pace.step("copy", 0, 1000).left is None
    for second in range(1, 61):
        clock[0] = float(second)
        step = pace.step("copy", second * (1 if second <= 30 else 10), 1000)
    # 10 a second since a while, and a jump at second 31 that the window still holds.
    assert step.rate == pytest.approx((600 - 30) / 30)
    assert step.left == pytest.approx(400 / step.rate)
    assert step.as_dict() == {
        "step": "copy",
        "done": 600,
        "total": 1000,
        "per_second": 19,
        "seconds_left": 21,
    }
    assert step.shown.endswith("0:00:21 left")


def test_progress_as_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with door.progress(True, "json") as report:
        report("copy", 0, 10)
        report("copy", 5, 10)
        report("copy", 10, 10)
        report("prove", 10, 10)
        report("prove", 10, 10)
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(one["step"], one["done"]) for one in told] == [
        ("copy", 0),
        ("copy", 10),
        ("prove", 10),
    ]
