"""Ctrl-C and other signals, which end a job between two steps and never in the middle of one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from headrace.runtime.process.signals import obeyed

_ELSEWHERE: set[Interrupts] = set()
"""Those of jobs in other threads than the main one, which alone gets signals and passes them on."""


class Interrupts:
    """A flag that a signal sets: the user wants the job to end.

    Python raises `KeyboardInterrupt` wherever it happens to be, a process half registered or a
    folder half moved. A flag, asked for between steps, leaves no such gaps.
    """

    def __init__(self) -> None:
        self._listener: Callable[[], None] | None = None
        self._requested = False

    def check(self) -> None:
        """Raise `KeyboardInterrupt` if a signal has come in."""
        if self._requested:
            raise KeyboardInterrupt

    def tell(self, listener: Callable[[], None]) -> None:
        """Call `listener` inside the signal handler, to wake a loop that waits."""
        self._listener = listener

    def _handle(self, signum: int, frame: object) -> None:
        for each in (self, *_ELSEWHERE):
            each._request()

    def _request(self) -> None:
        self._requested = True
        if self._listener is not None:
            self._listener()

    @contextmanager
    def caught(self) -> Iterator[Interrupts]:
        """Catch the signals; outside the main thread, those that it catches meanwhile."""
        if threading.current_thread() is not threading.main_thread():
            _ELSEWHERE.add(self)
            try:
                yield self
            finally:
                _ELSEWHERE.discard(self)
            return
        before = {each: signal.signal(each, self._handle) for each in obeyed()}
        try:
            yield self
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)
        self.check()  # too late for this job, but not for the caller's next step
