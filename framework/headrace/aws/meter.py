"""How far a transfer is: counted by many threads, shown by one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from headrace.terminal.progress import View, default_view, share
from headrace.terminal.units import size


@dataclass(frozen=True)
class Transferred:
    """How far a transfer is."""

    verb: str
    bytes: int
    of: int
    seconds: float

    def __str__(self) -> str:
        """For people: ``downloading 1.2 GB of 3 GB, 80 MB/s, 40 %, about 22 s left``."""
        words = [f"{self.verb} {size(self.bytes)} of {size(self.of)}"]
        if self.seconds > 0:
            words.append(f"{size(self.bytes / self.seconds)}/s")
        if self.of:
            words += share(min(1.0, self.bytes / self.of), self.seconds)
        return ", ".join(words)


class Meter:
    """Counts the bytes of a transfer.

    Args:
        verb: What is being done, as in ``downloading``.
        of: Bytes in all.
        view: Who shows it; default: as stderr allows.
        clock: Seconds from anywhere on.
    """

    def __init__(
        self,
        verb: str,
        of: int,
        view: View | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._verb = verb
        self._of = of
        self._view = view or default_view(clock)
        self._clock = clock
        self._began = clock()
        self._done = 0
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._view.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._view.close()

    def add(self, count: int) -> None:
        """So many bytes more, or fewer: what has to be sent again was not there yet."""
        with self._lock:
            self._done += count

    def show(self) -> None:
        """Hand the present state to the view."""
        state = Transferred(self._verb, self._done, self._of, self._clock() - self._began)
        self._view.show(state)
