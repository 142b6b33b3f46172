"""Lines on standard output that tell how far the work is; a program reads them as easily."""

from __future__ import annotations

import time

PREFIX = "progress"
_SECONDS = 1.0


class Progress:
    """Prints at most one line a second: ``progress rows=250000 bytes=40000000 of=163000000``.

    Args:
        of: Bytes of all input files on disk.
        passes: How often they are read.
    """

    def __init__(self, of: int, passes: int = 1) -> None:
        self._pass = of
        self._of = of * passes
        self._before = 0
        self._done = 0
        self._rows = 0
        self._last = time.monotonic()

    def advance(self, done: int, rows: int) -> None:
        """Note how many bytes this pass has read so far, and how many rows the last ones gave."""
        self._done = self._before + done
        self._rows += rows
        if time.monotonic() - self._last >= _SECONDS:
            self.show()

    def next_pass(self) -> None:
        """Note that the files have been read once more."""
        self._before += self._pass

    def show(self) -> None:
        """Print a line now."""
        self._last = time.monotonic()
        print(f"{PREFIX} rows={self._rows} bytes={self._done} of={self._of}", flush=True)
