"""One thread that does what it is given, in that order, while others go on."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

_UNFINISHED = 8
"""Tasks that may be waiting, each with some rows in memory: enough to go on reading while
scikit-learn is being imported."""


class Worker:
    """Runs tasks one after the other; an error ends in whoever gives the next one.

    Attributes:
        seconds: Time that all tasks took so far.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "evaluation")
        self._unfinished: deque[Future[None]] = deque()
        self.seconds = 0.0

    def do(self, task: Callable[[], None]) -> None:
        """Have a task done, soon; waits if too many are before it."""
        while len(self._unfinished) >= _UNFINISHED:
            self._unfinished.popleft().result()
        self._unfinished.append(self._pool.submit(self._timed, task))

    def finish(self, task: Callable[[], T]) -> T:
        """Have the last task done and wait for what it gives."""
        while self._unfinished:
            self._unfinished.popleft().result()
        return self._pool.submit(self._timed, task).result()

    def close(self) -> None:
        """Let the task end that has begun; the others are not done."""
        self._pool.shutdown(cancel_futures=True)

    def _timed(self, task: Callable[[], T]) -> T:
        started = time.monotonic()
        try:
            return task()
        finally:
            self.seconds += time.monotonic() - started
