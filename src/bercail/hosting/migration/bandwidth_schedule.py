"""How fast a copy may go, hour by hour of the week: a file that may change while it runs.

    format = "bercail-bandwidth-schedule/1"
    zone = "Europe/Paris"
    otherwise = "none"

    [[window]]
    days = ["mon", "tue", "wed", "thu", "fri"]
    from = "07:00"
    until = "20:00"
    limit = "50MB"

The first window that holds a moment decides; `otherwise` where none does.
"""

from __future__ import annotations

import logging
import threading
import tomllib
from collections.abc import Callable, Mapping
from datetime import datetime, time
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from attrs import field, frozen, validators

from bercail.foundation import Invalid
from bercail.hosting.migration.bandwidth import amount, clock_time

FORMAT = "bercail-bandwidth-schedule/1"
MOST_WINDOWS = 100
MOST_BYTES = 64 * 1024
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_KEYS = {"format", "zone", "otherwise", "window"}
_WINDOW_KEYS = {"days", "from", "until", "limit"}
_LOG = logging.getLogger(__name__)
Value = TypeVar("Value")


@frozen(kw_only=True)
class Window:
    """From `begin` to `end` on the days (0 is Monday) on which it begins; over midnight where
    `end` is not the later. `limit` is bytes a second, None for no limit."""

    days: frozenset[int]
    begin: time
    end: time
    limit: int | None

    def holds(self, local: datetime) -> bool:
        """Whether `local`, a moment in the schedule's zone, is inside."""
        clock, today = local.time(), local.weekday()
        if self.begin < self.end:
            return today in self.days and self.begin <= clock < self.end
        yesterday = (today - 1) % 7
        return (today in self.days and clock >= self.begin) or (
            yesterday in self.days and clock < self.end
        )


@frozen(kw_only=True)
class Schedule:
    """Windows in the order in which they are asked, and the limit outside all of them."""

    zone: ZoneInfo
    windows: tuple[Window, ...] = field(validator=validators.max_len(MOST_WINDOWS))
    otherwise: int | None = None

    def at(self, moment: datetime) -> int | None:
        """The limit at `moment` (with a time zone), in bytes a second; None for no limit."""
        local = moment.astimezone(self.zone)
        for window in self.windows:
            if window.holds(local):
                return window.limit
        return self.otherwise


class ScheduleFile:
    """The schedule in the file `path`, read again whenever the file changes.

    A file that becomes wrong, or is away, while a copy runs changes nothing: what was last
    right stays in force, and a warning says so once. Used by one thread or several.

    Raises, on making it:
        Invalid: the file is no schedule.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        self._seen = _state_of(path)
        self._schedule = read_schedule(path)

    def at(self, moment: datetime) -> int | None:
        """The limit at `moment`, as the file says now."""
        with self._lock:
            self._look()
            return self._schedule.at(moment)

    def _look(self) -> None:
        now = _state_of(self._path)
        if now == self._seen:
            return
        self._seen = now
        try:
            self._schedule = read_schedule(self._path)
        except Invalid as refusal:
            _LOG.warning("%s The schedule read before stays in force.", refusal.message)


def read_schedule(path: Path) -> Schedule:
    """The schedule in the file `path`.

    Raises:
        Invalid: it cannot be read, or is no schedule; with the place in it.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1)
        if len(text) > MOST_BYTES:
            raise _wrong(path, f"it is larger than {MOST_BYTES} bytes")
        data = tomllib.loads(text.decode("utf-8"))
    except OSError as error:
        raise _wrong(path, f"it cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise _wrong(path, f"it is not TOML ({error})") from None
    if data.get("format") != FORMAT:
        raise _wrong(path, f"its format is `{data.get('format')}`, not `{FORMAT}`")
    if odd := set(data) - _KEYS:
        raise _wrong(path, f"it has unknown keys: {', '.join(sorted(odd))}")
    windows = data.get("window", [])
    if not isinstance(windows, list) or len(windows) > MOST_WINDOWS:
        raise _wrong(path, f"`window` is no list of at most {MOST_WINDOWS}")
    return Schedule(
        zone=_zone(path, data.get("zone")),
        windows=tuple(_window(path, n, one) for n, one in enumerate(windows, start=1)),
        otherwise=_read(path, "`otherwise`", _limit, data.get("otherwise", "none")),
    )


def _window(path: Path, number: int, data: Mapping[str, Any]) -> Window:
    if not isinstance(data, dict) or set(data) != _WINDOW_KEYS:
        keys = ", ".join(sorted(_WINDOW_KEYS))
        raise _wrong(path, f"window {number} has not exactly the keys {keys}")
    days = data["days"]
    if not isinstance(days, list) or not days or not set(map(str, days)) <= set(_DAYS):
        raise _wrong(path, f"the days of window {number} are not some of {', '.join(_DAYS)}")
    return Window(
        days=frozenset(_DAYS.index(day) for day in days),
        begin=_read(path, f"`from` of window {number}", clock_time, str(data["from"])),
        end=_read(path, f"`until` of window {number}", clock_time, str(data["until"])),
        limit=_read(path, f"`limit` of window {number}", _limit, data["limit"]),
    )


def _read(path: Path, key: str, read: Callable[[Any], Value], told: object) -> Value:
    """What `read` makes of the value of `key`, told with the file where it is wrong."""
    try:
        return read(told)
    except Invalid as error:
        raise _wrong(path, f"{key}: {error.message.rstrip('.')}") from None


def _limit(text: object) -> int | None:
    return None if text == "none" else amount(str(text))


def _zone(path: Path, name: object) -> ZoneInfo:
    try:
        return ZoneInfo(str(name))
    except (OSError, ValueError, LookupError):
        raise _wrong(path, f"its zone `{name}` is not known on this machine") from None


def _state_of(path: Path) -> tuple[int, int, int] | None:
    """What changes with every writing of a file, be it replaced or written over."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _wrong(path: Path, why: str) -> Invalid:
    return Invalid(
        f"The file `{path}` is no bandwidth schedule: {why}.",
        remedy="See docs/reference/bandwidth-schedule.md for its form.",
    )
