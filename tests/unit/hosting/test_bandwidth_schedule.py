"""A schedule of the week limits a copy, and may change while it runs."""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bercail.cli.migrate import app
from bercail.foundation import Invalid
from bercail.hosting import ScheduleFile
from bercail.hosting.migration.bandwidth_schedule import read_schedule
from bercail.hosting.migration.copy_desk import copy_pending
from bercail.storage import Limit
from bercail.testing.moving import MovingWorld

HEAD = 'format = "bercail-bandwidth-schedule/1"\nzone = "Europe/Paris"\n'
WORKING = """
[[window]]
days = ["mon", "tue", "wed", "thu", "fri"]
from = "07:00"
until = "20:00"
limit = "50MB"
"""
NIGHT = """
[[window]]
days = ["sun"]
from = "22:00"
until = "05:00"
limit = "800 KiB"
"""
# 22 November 2026 is a Sunday; Paris is an hour ahead of UTC then.
SUNDAY = datetime(2026, 11, 22, tzinfo=UTC)


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def at(hours: float) -> datetime:
    """So many hours after the Sunday began in Paris."""
    return SUNDAY + timedelta(hours=hours - 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "schedule.toml"


def test_windows_by_weekday_in_their_zone(path: Path) -> None:
    one = read_schedule(written(path, HEAD + 'otherwise = "2GB"\n' + WORKING + NIGHT))
    assert one.at(at(12)) == 2_000_000_000, "a Sunday at noon"
    assert one.at(at(21.99)) == 2_000_000_000
    assert (one.at(at(22)), one.at(at(28.99))) == (819_200, 819_200), "over midnight"
    assert one.at(at(29)) == 2_000_000_000, "Monday, five o'clock"
    assert (one.at(at(31)), one.at(at(43.99))) == (50_000_000, 50_000_000)
    assert one.at(at(44)) == 2_000_000_000
    assert one.at(at(46)) == 2_000_000_000, "a Monday evening is no Sunday evening"


def test_the_first_window_decides_and_none_is_no_limit(path: Path) -> None:
    always = '[[window]]\ndays = ["sun"]\nfrom = "00:00"\nuntil = "00:00"\nlimit = "none"\n' + NIGHT
    one = read_schedule(written(path, HEAD + 'otherwise = "7"\n' + always))
    assert [one.at(at(hours)) for hours in (0, 12, 23)] == [None, None, None]
    assert one.at(at(-0.1)) == 7
    # A window of a whole day ends where it began; what began on Sunday evening goes on.
    assert one.at(at(26)) == 819_200


def test_summer_time_is_followed(path: Path) -> None:
    one = read_schedule(written(path, HEAD + WORKING))
    winter, summer = datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 7, 6, tzinfo=UTC)
    for day, first in ((winter, 6), (summer, 5)):
        assert one.at(day + timedelta(hours=first)) == 50_000_000
        assert one.at(day + timedelta(hours=first, minutes=-1)) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "its format is"),
        ('format = "bercail-bandwidth-schedule/2"', "its format is"),
        ("format = [", "not TOML"),
        (HEAD + "limit = 5\n", "unknown keys: limit"),
        (HEAD.replace("Europe/Paris", "Europe/Nowhere"), "its zone `Europe/Nowhere`"),
        (HEAD.replace("Europe/Paris", "../etc/passwd"), "its zone"),
        ('format = "bercail-bandwidth-schedule/1"', "its zone `None`"),
        (HEAD + "window = 5\n", "no list"),
        (HEAD + WORKING.replace("limit", "speed"), "window 1 has not exactly"),
        (HEAD + WORKING + NIGHT.replace('"sun"', '"sunday"'), "the days of window 2"),
        (HEAD + WORKING.replace('"mon", "tue", "wed", "thu", "fri"', ""), "the days of window 1"),
        (
            HEAD + WORKING.replace("50MB", "0"),
            "`limit` of window 1: The bandwidth `0` is not",
        ),
        (HEAD + WORKING.replace("07:00", "7"), "`from` of window 1: The text `7` is not a time"),
        (
            HEAD + WORKING.replace("20:00", "24:00"),
            "`until` of window 1: The text `24:00` is not",
        ),
        (HEAD + 'otherwise = "much"\n', "`otherwise`: The bandwidth `much` is not an amount"),
        (HEAD + WORKING * 101, "at most 100"),
        (HEAD + "#" * 70_000, "larger than"),
    ],
)
def test_what_is_no_schedule_is_refused_with_the_place(path: Path, text: str, said: str) -> None:
    with pytest.raises(Invalid) as refusal:
        ScheduleFile(written(path, text))
    assert said in refusal.value.message


def test_an_absent_file_is_refused_at_the_start(path: Path) -> None:
    with pytest.raises(Invalid, match="cannot be read"):
        ScheduleFile(path)


def test_a_change_is_followed_and_a_wrong_one_is_not(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = ScheduleFile(written(path, HEAD + 'otherwise = "1MB"\n'))
    assert file.at(SUNDAY) == 1_000_000
    written(path, HEAD + 'otherwise = "12MB"\n')
    assert file.at(SUNDAY) == 12_000_000
    with caplog.at_level(logging.WARNING):
        written(path, HEAD + 'otherwise = "fast"\n')
        assert [file.at(SUNDAY), file.at(SUNDAY)] == [12_000_000, 12_000_000]
        path.unlink()
        assert [file.at(SUNDAY), file.at(SUNDAY)] == [12_000_000, 12_000_000]
    assert len(caplog.records) == 2, "each wrong state is told once"
    other = written(path.with_suffix(".new"), HEAD + 'otherwise = "none"\n')
    other.replace(path)
    assert file.at(SUNDAY) is None


def test_a_file_written_over_in_place_with_as_many_bytes_is_seen(path: Path) -> None:
    file = ScheduleFile(written(path, HEAD + 'otherwise = "1MB"\n'))
    written(path, HEAD + 'otherwise = "2MB"\n')
    later = path.stat().st_mtime_ns + 1_000_000
    os.utime(path, ns=(later, later))
    assert file.at(SUNDAY) == 2_000_000


def test_a_copy_goes_on_at_the_new_pace(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes: list[int | None] = []
    change = Limit.change

    def noted(self: Limit, rate: int | None) -> None:
        changes.append(rate)
        change(self, rate)

    monkeypatch.setattr(Limit, "change", noted)
    world = MovingWorld(tmp_path)
    world.fill(dict.fromkeys("abcd", b"x" * 100))
    service = world.service()
    service.survey()
    service.plan()
    file = ScheduleFile(written(path, HEAD + 'otherwise = "1GB"\n'))

    def progress(*_: object) -> None:
        written(path, HEAD + 'otherwise = "2 GiB"\n')

    with service.ground.table() as table:
        report = copy_pending(
            table,
            service.ground,
            threads=1,
            sleep=lambda _: None,
            progress=progress,
            bandwidth=file,
        )
    assert report.carried.objects == 4
    assert (changes[0], changes[-1]) == (1_000_000_000, 2 << 30)


def test_the_command_takes_one_way_of_limiting(path: Path) -> None:
    written(path, HEAD)
    answer = CliRunner().invoke(
        app, ["copy", "--schedule", str(path), "--limit-day", "5MB"], catch_exceptions=True
    )
    assert isinstance(answer.exception, Invalid)
    assert "said twice" in answer.exception.message
