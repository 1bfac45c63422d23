"""A few threads over a long list of tasks: bounded, watched, stopped as one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from bercail.storage import Limit

Task = TypeVar("Task")
Result = TypeVar("Result")

TICK_SECONDS = 0.2
AHEAD = 16
"""Tasks per thread that are taken from the list at once, so that none waits for the next."""
_HANDFUL_SECONDS = 0.01


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
    """Do `work` on every task in `threads` threads; a few tasks per thread wait for their turn.

    `on_result` and `on_tick` run in the calling thread, the latter at least
    five times a second. The first exception of any task stops all the others
    and comes through; results that came before it have been handed over.
    """
    crew = _Crew(work, threads)
    queue = iter(tasks)
    try:
        while True:
            for task in islice(queue, threads * AHEAD - crew.flying):
                crew.give(task)
            if not crew.flying:
                return
            for outcome in sorted(crew.take(), key=_failed):
                if isinstance(outcome, _Failure):
                    raise outcome.error
                on_result(outcome)
            on_tick()
    except BaseException:
        gauge.stop()
        crew.drop()
        raise
    finally:
        crew.dismiss()


class _Failure:
    """What a task raised."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class _Crew(Generic[Task, Result]):
    """Threads that work off a queue. `flying` tasks were given and not taken back."""

    def __init__(self, work: Callable[[Task], Result], threads: int) -> None:
        self._work = work
        self._todo: SimpleQueue[Task | None] = SimpleQueue()
        self._done: SimpleQueue[Result | _Failure] = SimpleQueue()
        self.flying = 0
        self._threads = [
            threading.Thread(target=self._serve, name=f"migration_{number}")
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def give(self, task: Task) -> None:
        """Have a task done."""
        self.flying += 1
        self._todo.put(task)

    def take(self) -> list[Result | _Failure]:
        """What is done by now; none after a fifth of a second without any."""
        if self.flying > len(self._threads) * AHEAD // 2:
            # To wake up for each small object costs more than what is done with its outcome.
            time.sleep(_HANDFUL_SECONDS)
        taken: list[Result | _Failure] = []
        try:
            taken.append(self._done.get(timeout=TICK_SECONDS))
            while True:
                taken.append(self._done.get_nowait())
        except Empty:
            self.flying -= len(taken)
            return taken

    def drop(self) -> None:
        """Forget what nobody has begun."""
        try:
            while True:
                self._todo.get_nowait()
        except Empty:
            return

    def dismiss(self) -> None:
        """Let everybody go home once what they are doing is done."""
        for _ in self._threads:
            self._todo.put(None)
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        while (task := self._todo.get()) is not None:
            try:
                self._done.put(self._work(task))
            except BaseException as error:  # noqa: BLE001  # it is raised where the tasks come from
                self._done.put(_Failure(error))


def _failed(outcome: object) -> bool:
    """Sort the finished before the failed, so that no finished work is lost."""
    return isinstance(outcome, _Failure)
