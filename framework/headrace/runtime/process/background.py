"""Parts are written in the background: some threads, and no more rows in memory than they need."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Semaphore
from typing import Any, TypeVar

W = TypeVar("W")
P = TypeVar("P")

_IN_HAND = 2
"""Parts whose rows may be in memory; more would only take room."""
_SETTLING = 4
"""Further parts that may be waiting for the disk alone."""


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
