"""Threads that transfer bytes without keeping the program from ending, and their progress."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent import futures
from concurrent.futures import FIRST_EXCEPTION, Future
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeVar, cast

from headrace.terminal.progress import View, WithView, default_view, share
from headrace.terminal.units import size

T = TypeVar("T")
THREADS = 16
"""Requests at a time: enough to use a line whose latency is tens of milliseconds."""
LOOK_SECONDS = 0.1
"""Interval at which the waiting thread checks for an interrupt and shows the progress."""


class _Task(NamedTuple):
    future: Future[Any]
    call: Callable[[], Any]


class DaemonExecutor(futures.Executor):
    """A thread pool of daemons.

    When the interpreter ends, it waits for the standard library's pool, so a connection on which
    no data arrives would keep a program running that has been told to stop.
    """

    def __init__(self, max_workers: int) -> None:
        self._max_workers = max_workers
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call a function in one of the threads."""
        future: Future[Any] = Future()
        self._tasks.put(_Task(future, lambda: fn(*args, **kwargs)))
        with self._lock:
            if len(self._threads) < self._max_workers:
                self._threads.append(threading.Thread(target=self._work, daemon=True))
                self._threads[-1].start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the threads after what has been submitted, or cancel what is waiting."""
        if cancel_futures:
            self._cancel_waiting()
        for _ in self._threads:
            self._tasks.put(None)
        if wait:
            self.join(None)

    def join(self, seconds: float | None) -> None:
        """Wait for the threads to end, at most so many seconds."""
        deadline = None if seconds is None else time.monotonic() + seconds
        for thread in self._threads:
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        while task := self._tasks.get():
            if not task.future.set_running_or_notify_cancel():
                continue
            try:
                task.future.set_result(task.call())
            except BaseException as exc:  # raised again where the result is asked for
                task.future.set_exception(exc)

    def _cancel_waiting(self) -> None:
        with suppress(Empty):
            while task := self._tasks.get_nowait():
                task.future.cancel()


def interruptible(call: Callable[[], T], check: Callable[[], None]) -> T:
    """Return the result of a call, or end before it if the user wants to.

    Args:
        call: A call that may never return.
        check: Raises if the user wants an end; the call then goes on in its thread.
    """
    executor = DaemonExecutor(1)
    answer = executor.submit(call)
    executor.shutdown(wait=False)
    wait([answer], check)
    return cast(T, answer.result())


def wait(
    running: Iterable[Future[Any]],
    check: Callable[[], None],
    show: Callable[[], None] = lambda: None,
) -> None:
    """Wait for all futures, or for the first that fails.

    Args:
        running: The futures.
        check: Raises if the user wants an end.
        show: Called at each interval, to show the progress.

    Raises:
        BaseException: The error of the first that failed, or of `check`.
    """
    left = set(running)
    while left:
        check()
        done, left = futures.wait(left, timeout=LOOK_SECONDS, return_when=FIRST_EXCEPTION)
        for future in done:
            future.result()
        show()


@dataclass(frozen=True)
class Transferred:
    """The progress of a transfer."""

    verb: str
    bytes: int
    of: int
    seconds: float

    def __str__(self) -> str:
        """Return it as text: ``downloading 1.2 GB of 3 GB, 80 MB/s, 40 %, about 22 s left``."""
        words = [f"{self.verb} {size(self.bytes)} of {size(self.of)}"]
        if self.seconds > 0:
            words.append(f"{size(self.bytes / self.seconds)}/s")
        if self.of:
            words += share(min(1.0, self.bytes / self.of), self.seconds)
        return ", ".join(words)


class Meter(WithView):
    """Shows the progress of a transfer; many threads count its bytes.

    Args:
        verb: Begins the text, as in ``downloading``.
        of: Bytes in all.
        view: Shows the progress; default: as stderr allows.
        clock: Returns seconds since any fixed moment.
    """

    def __init__(
        self,
        verb: str,
        of: int,
        view: View | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(view or default_view(clock))
        self._verb = verb
        self._of = of
        self._clock = clock
        self._began = clock()
        self._done = 0
        self._lock = threading.Lock()

    def add(self, count: int) -> None:
        """Add to the bytes that have arrived; bytes that have to be sent again are subtracted."""
        with self._lock:
            self._done += count

    def show(self) -> None:
        """Show the current progress."""
        state = Transferred(self._verb, self._done, self._of, self._clock() - self._began)
        self._view.show(state)
