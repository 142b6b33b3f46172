"""Lines on standard output that tell how far the work is; a program reads them as easily."""

from __future__ import annotations

import sys
import time

PREFIX = "progress"
_SECONDS = 1.0


class Progress:
    """Prints at most one line a second: ``progress rows=250000 bytes=40000000 of=163000000``.

    Args:
        of: Bytes of all input files on disk.
    """

    def __init__(self, of: int) -> None:
        self._of = of
        self._before = 0
        self._now = 0
        self._file: object = None
        self._rows = 0
        self._last = time.monotonic()

    def advance(self, file: object, consumed: int, rows: int) -> None:
        """Note that a file has been read up to there, and how many rows that gave."""
        if file != self._file:
            self._before += self._now
            self._file = file
        self._now = consumed
        self._rows += rows
        if time.monotonic() - self._last >= _SECONDS:
            self.show()

    def show(self) -> None:
        """Print a line now."""
        self._last = time.monotonic()
        done = min(self._before + self._now, self._of)
        print(f"{PREFIX} rows={self._rows} bytes={done} of={self._of}", file=sys.stdout, flush=True)
