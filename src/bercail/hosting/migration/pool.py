"""A few threads over a long list of tasks: bounded, watched, stopped as one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

from bercail.storage import Limit

Task = TypeVar("Task")
Result = TypeVar("Result")

TICK_SECONDS = 0.2


class Stopped(Exception):
    """Raised inside a worker when the run is being stopped."""


class Gauge:
    """Bytes moved so far by all workers, and the signal to stop; shared between threads.

    With `limit`, whoever moves bytes waits until they may pass.
    """

    def __init__(self, limit: Limit | None = None) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._moved = 0

    @property
    def moved(self) -> int:
        """Bytes counted so far."""
        with self._lock:
            return self._moved

    def move(self, count: int) -> None:
        """Count bytes (negative to take them back); raises `Stopped` once the run stops."""
        if self._stop.is_set():
            raise Stopped
        if self._limit is not None and count > 0:
            self._limit.take(count)
        with self._lock:
            self._moved += count

    def stop(self) -> None:
        """Make every worker stop at its next piece, also those who wait for their turn."""
        self._stop.set()
        if self._limit is not None:
            self._limit.change(None)


def run_bounded(
    tasks: Iterable[Task],
    work: Callable[[Task], Result],
    *,
    threads: int,
    gauge: Gauge,
    on_result: Callable[[Result], None],
    on_tick: Callable[[], None],
) -> None:
    """Do `work` on every task in `threads` threads, at most two tasks per thread in flight.

    `on_result` and `on_tick` run in the calling thread, the latter at least
    five times a second. The first exception of any task stops all the others
    and comes through; results that came before it have been handed over.
    """
    queue = iter(tasks)
    flying: set[Future[Result]] = set()
    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="migration") as executor:
        try:
            while True:
                for task in islice(queue, threads * 2 - len(flying)):
                    flying.add(executor.submit(work, task))
                if not flying:
                    return
                done, flying = wait(flying, timeout=TICK_SECONDS, return_when=FIRST_COMPLETED)
                for future in sorted(done, key=_failed):
                    on_result(future.result())
                on_tick()
        except BaseException:
            gauge.stop()
            executor.shutdown(wait=True, cancel_futures=True)
            raise


def _failed(future: Future[Result]) -> bool:
    """Sort the finished before the failed, so that no finished work is lost."""
    return future.exception() is not None
