"""How long to wait for a host that cannot serve now: for all workers of a run together."""

from __future__ import annotations

import threading
from collections.abc import Callable

from bercail.foundation import Unavailable

# A host that does not answer is asked again; each request has short retries of its own below.
MOST_ATTEMPTS = 6
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 60.0


class Patience:
    """Pauses of a half, 2, 8, 32 and 60 seconds, or longer where the host asks for longer.

    One is shared by the workers of a run: a host that says it is busy (429, 503) to one of
    them is left alone by all. `asked` gives the seconds that a host which was just busy asks
    for (its Retry-After), or None; `sleep` takes seconds, `now` gives monotonic ones.
    """

    def __init__(
        self,
        *,
        sleep: Callable[[float], None],
        now: Callable[[], float],
        asked: Callable[[], float | None] = lambda: None,
    ) -> None:
        self._sleep, self._now, self._asked = sleep, now, asked
        self._lock = threading.Lock()
        self._until = 0.0

    def before(self) -> None:
        """Wait while the host wants to be left alone."""
        with self._lock:
            left = self._until - self._now()
        if left > 0:
            self._sleep(left)

    def after(self, attempt: int, error: Unavailable) -> None:
        """Wait after failed attempt number `attempt`, from 1.

        Raises:
            Unavailable: `error` itself, when that was the last.
        """
        if attempt >= MOST_ATTEMPTS:
            raise error
        pause = min(FIRST_PAUSE * 4 ** (attempt - 1), LONGEST_PAUSE)
        pause = max(pause, self._asked() or 0.0)
        with self._lock:
            self._until = max(self._until, self._now() + pause)
        self._sleep(pause)
