"""How fast a copy may go, by day and by night."""

from __future__ import annotations

import re
from datetime import datetime, time, tzinfo

from attrs import field, frozen

from bercail.foundation import Invalid

_AMOUNT = re.compile(r"(\d{1,9})\s*(B|kB|KB|MB|GB|KiB|MiB|GiB)?(?:/s)?")
_UNITS = {
    None: 1,
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
}
_CLOCK = re.compile(r"(\d\d):(\d\d)")


@frozen(kw_only=True)
class Bandwidth:
    """Bytes a second by day and by night, None for no limit.

    The night goes from `night_from` to `night_until` (over midnight where the first is the
    later) in `zone`, or in the time zone of this machine. What counts is every byte read,
    from the source or from the target; a byte copied is read once.
    """

    day: int | None = None
    night: int | None = None
    night_from: time = field(factory=lambda: time(20, 0))
    night_until: time = field(factory=lambda: time(7, 0))
    zone: tzinfo | None = None

    @classmethod
    def parse(
        cls, day: str | None, night: str | None, window: str = "20:00-07:00"
    ) -> Bandwidth | None:
        """From texts such as `50MB`, `1 GiB` and `20:00-07:00`; None when neither limits.

        Raises:
            Invalid: for a text that is no amount, or no window.
        """
        begin, end = _window(window)
        if day is None and night is None:
            return None
        return cls(day=_limit(day), night=_limit(night), night_from=begin, night_until=end)

    def at(self, moment: datetime) -> int | None:
        """The limit at `moment` (with a time zone), in bytes a second."""
        clock = moment.astimezone(self.zone).time()
        if self.night_from <= self.night_until:
            dark = self.night_from <= clock < self.night_until
        else:
            dark = clock >= self.night_from or clock < self.night_until
        return self.night if dark else self.day


def _limit(text: str | None) -> int | None:
    return None if text is None else amount(text)


def amount(text: str) -> int:
    """Bytes a second from a text such as `50MB`.

    Raises:
        Invalid: for a text that is no amount, or zero.
    """
    found = _AMOUNT.fullmatch(text.strip())
    count = int(found[1]) * _UNITS[found[2]] if found else 0
    if not count:
        raise Invalid(
            f"The bandwidth `{text}` is not an amount.",
            remedy="Write bytes a second, for instance `50MB` or `800 KiB`; at least 1.",
        )
    return count


def _window(text: str) -> tuple[time, time]:
    begin, _, end = text.partition("-")
    try:
        return clock_time(begin), clock_time(end)
    except Invalid:
        raise Invalid(
            f"The night `{text}` is not a window.", remedy="Write it as `20:00-07:00`."
        ) from None


def clock_time(text: str) -> time:
    """The time of day from a text such as `07:30`.

    Raises:
        Invalid: for a text that is none.
    """
    found = _CLOCK.fullmatch(text.strip())
    try:
        if found is None:
            raise ValueError
        return time(int(found[1]), int(found[2]))
    except ValueError:
        raise Invalid(
            f"The text `{text}` is not a time of day.", remedy="Write it as `07:30`."
        ) from None
