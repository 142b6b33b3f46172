"""Messages to whoever started a job: how far it is, and why it failed.

Progress goes to standard output, in lines that a program reads as easily as a person.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

_BYTES = 1024
PREFIX = "progress"
_SECONDS = 1.0


def tell(root: Path, message: str) -> None:
    """Leave the reason where SageMaker looks for it: the first KB becomes ``ExitMessage``.

    Args:
        root: What stands in for ``/opt/ml``.
        message: Why the job failed.
    """
    path = root / "output" / "message"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        cut = message.encode()[:_BYTES].decode(errors="ignore")
        path.write_text(cut, encoding="utf-8")
    except OSError as error:
        print(f"{path}: cannot be written ({error.strerror})", file=sys.stderr)


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
