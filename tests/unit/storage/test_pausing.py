"""Retry-After in seconds and as a date, by the host's own clock; nonsense asks for nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from bercail.storage import Location, open_store
from bercail.storage.pausing import LONGEST, pause_asked, seconds

DATE = "Sun, 22 Nov 2026 06:00:00 GMT"


@pytest.mark.parametrize(
    ("after", "date", "wait"),
    [
        ("37", None, 37),
        (" 0 ", None, 0),
        ("86400", None, LONGEST),
        ("Sun, 22 Nov 2026 06:00:41 GMT", DATE, 41),
        ("Sun, 22 Nov 2026 05:00:00 GMT", DATE, 0),
        ("Sun, 22 Nov 2026 09:00:00 GMT", DATE, LONGEST),
        ("Sun, 22 Nov 2026 06:00:41 GMT", None, None),
        ("Sun, 22 Nov 2026 06:00:41 GMT", "yesterday", None),
        ("Sun, 22 Nov 2026 06:00:41 GMT", "Sun, 22 Nov 2026 06:00:00 -0000", None),
        ("soon", DATE, None),
        ("-5", DATE, None),
        ("1.5", DATE, None),
        ("", DATE, None),
        (None, DATE, None),
    ],
)
def test_what_a_header_asks_for(after: str | None, date: str | None, wait: float | None) -> None:
    told = {"retry-after": after, "date": date}
    assert seconds({name: value for name, value in told.items() if value is not None}) == wait


def test_memory_and_a_folder_ask_for_nothing(tmp_path: Path) -> None:
    places = (Location.parse("memory:pausing"), Location.folder(tmp_path))
    assert pause_asked(*(open_store(place) for place in places)) is None
