"""The threads of a job: a pool whose results come in order, one that writes parts, and a worker."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Semaphore
from typing import Any, TypeVar

T = TypeVar("T")
W = TypeVar("W")
P = TypeVar("P")

_IN_HAND = 2
"""Parts whose rows may be in memory; more would only take room."""
_SETTLING = 4
"""Further parts that may be waiting for the disk alone."""
_UNFINISHED = 8
"""Tasks that may be waiting, each with some rows in memory: enough to go on reading while
scikit-learn is being imported."""


def in_order(
    function: Callable[..., T], arguments: Iterable[tuple[object, ...]], threads: int
) -> Iterator[T]:
    """Call a function in a pool of threads, its results in the order of its arguments.

    At most ``threads + 1`` calls are ahead of the result that is being used, whatever the input's
    size. An error surfaces in its place, be it the function's or the arguments', as if there was
    one thread.
    """
    with ThreadPoolExecutor(threads, "worker") as pool:
        ahead: deque[Future[T]] = deque()
        try:
            for future in _submitted(pool, function, arguments):
                ahead.append(future)
                if len(ahead) > threads:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def _submitted(
    pool: ThreadPoolExecutor, function: Callable[..., T], arguments: Iterable[tuple[object, ...]]
) -> Iterator[Future[T]]:
    """Yield the calls on their way; an error in the arguments becomes the last one's."""
    try:
        for each in arguments:
            yield pool.submit(function, *each)
    except Exception as error:
        failed: Future[T] = Future()
        failed.set_exception(error)
        yield failed


class Background:
    """The threads that write parts; who brings one waits while too many have rows in memory."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_IN_HAND + _SETTLING, "parts")
        self._room = Semaphore(_IN_HAND)
        self._unfinished: list[Future[Any]] = []

    def submit(self, write: Callable[[], W], settle: Callable[[W], P]) -> Future[P]:
        """Write a part as soon as there is room for it.

        Args:
            write: Writes it, and forgets its rows.
            settle: Gets what `write` gave, and waits for the disk; what it gives is the result.

        Raises:
            DataError: An earlier part could not be written.
        """
        self._room.acquire()
        for part in self._unfinished:
            if part.done():
                part.result()
        self._unfinished = [part for part in self._unfinished if not part.done()]
        future = self._pool.submit(self._both, write, settle)
        self._unfinished.append(future)
        return future

    def _both(self, write: Callable[[], W], settle: Callable[[W], P]) -> P:
        try:
            written = write()
        finally:
            self._room.release()
        return settle(written)

    def close(self) -> None:
        """Let those end that have begun; the others are not written."""
        self._pool.shutdown(cancel_futures=True)


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
